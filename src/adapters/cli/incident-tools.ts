// What the verbs for incidents share: what they ask of the running broker, who says that they do, and how an answer is shown. What the broker
// did goes to stdout; what no command reaches, and what to do next, to stderr.

import { userInfo } from 'node:os';
import type { CloudReach } from '../../core/cloud.ts';
import type { RevokedKey } from '../../core/ports.ts';
import type { Withdrawal } from '../../core/withdrawal.ts';
import { sessionsLeft } from './cloud-reach.ts';
import { escaped, jsonLine } from './shown.ts';
import { instant } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** Why, and who says so. */
export interface OrderedBy {
  readonly why: string;
  readonly by: string | undefined;
}

/** What the broker did, and what it could not reach. */
export interface EndedReport {
  readonly ended: readonly { readonly withdrawal: Withdrawal; readonly already: boolean }[];
  readonly unreached: readonly string[];
  /** False while the trail cannot be written. */
  readonly recorded: boolean;
  /** Until when somebody who verifies offline may take what was issued before, at the latest. */
  readonly offlineUntilSeconds: number;
  /** What clouds gave before goes on there. */
  readonly clouds: readonly CloudReach[];
  readonly notes: readonly string[];
}

export interface LiftedReport {
  readonly lifted: readonly { readonly withdrawal: Withdrawal; readonly unreached: readonly string[] }[];
}

/** `usage`: it means nobody; `absent`: there is no such block. */
export type Answered<Report> =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly is: 'usage' | 'absent'; readonly problem: string };

/** Each rejects where the broker cannot be asked, or could not do it, with an error whose message people may read. */
export interface IncidentTools {
  block(
    order: OrderedBy & { readonly identity: string; readonly seconds: number | undefined },
  ): Promise<Answered<EndedReport>>;
  unblock(order: Partial<OrderedBy> & { readonly which: string }): Promise<Answered<LiftedReport>>;
  revoke(order: OrderedBy & { readonly what: string; readonly of: string }): Promise<Answered<EndedReport>>;
  revokeKey(kid: string, order: OrderedBy): Promise<RevokedKey>;
  withdrawals(): Promise<readonly Withdrawal[]>;
}

/** The account that runs this, and whoever became it by sudo: for the record, and proved by the socket's mode alone. */
export function commandedBy(env: Terminal['env']): string | undefined {
  try {
    const { username, uid } = userInfo();
    const sudo = env.SUDO_USER;
    return `${sudo ? `${sudo} as ` : ''}${username} (uid ${uid})`.slice(0, BY_CHARACTERS_MAX);
  } catch {
    // An account that no file names, as in a container: the broker records the socket.
    return undefined;
  }
}

const BY_CHARACTERS_MAX = 256;

/** Runs a verb; gives its exit code. */
export async function exitOf(terminal: Terminal, run: () => Promise<ExitCode>): Promise<void> {
  try {
    terminal.exit(await run());
  } catch (error) {
    terminal.err(escaped(error instanceof Error ? error.message : 'the broker did not answer'));
    terminal.exit(3);
  }
}

/** Says why there is nothing to show: exit 2 for what means nobody, 1 for what is not there. */
export function sayRefused(
  terminal: Terminal,
  { is, problem }: { readonly is: 'usage' | 'absent'; readonly problem: string },
): ExitCode {
  terminal.err(escaped(problem));
  return is === 'usage' ? 2 : 1;
}

/** Shows what was ended. Exit 3 where a replica may not have it. */
export function showEnded(
  terminal: Terminal,
  report: EndedReport,
  { json, next }: { readonly json: true | undefined; readonly next: readonly string[] },
): ExitCode {
  if (json) terminal.out(jsonLine(report));
  else for (const { withdrawal, already } of report.ended) terminal.out(escaped(endedText(withdrawal, already)));
  const { notes, unreached, recorded } = report;
  const since = Math.max(...report.ended.map(({ withdrawal }) => withdrawal.atSeconds));
  const reached = [reachText(report), ...sessionsLeft(report.clouds, since)];
  const lines = [...notes, ...next, ...reached, ...unrecordedText(recorded), ...unreachedText(unreached)];
  for (const line of lines) terminal.err(escaped(line));
  return unreached.length > 0 ? 3 : 0;
}

const reachText = ({ offlineUntilSeconds }: EndedReport): string =>
  `not reached: resource servers that verify tokens offline may take those issued before until ${instant(offlineUntilSeconds)} at the latest; those that introspect know now`;

export const unrecordedText = (recorded: boolean): readonly string[] =>
  recorded ? [] : ['not on record yet: the audit trail cannot be written. It is written as soon as it can be'];

export const unreachedText = (replicas: readonly string[]): readonly string[] =>
  replicas.length === 0
    ? []
    : [
        `not confirmed by ${replicas.join(', ')}: it has stopped, or issues nothing once it has been cut off for a second; what it had in work may have left`,
      ];

function endedText(withdrawal: Withdrawal, already: boolean): string {
  const verb = withdrawal.kind === 'block' ? 'blocked' : `revoked ${withdrawal.what}`;
  const since = already ? `, since ${instant(withdrawal.atSeconds)}: ${withdrawal.why}` : '';
  return `${already ? 'already ' : ''}${verb}  ${aboutOf(withdrawal)}  ${withdrawal.id}  ${untilText(withdrawal)}${since}`;
}

export const aboutOf = (withdrawal: Withdrawal): string =>
  withdrawal.kind === 'block' ? withdrawal.identity : withdrawal.of;

export const untilText = ({ untilSeconds }: Withdrawal): string =>
  untilSeconds === undefined ? 'until lifted' : `until ${instant(untilSeconds)}`;
