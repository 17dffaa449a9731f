// `exchequer revoke token|chain|subject|actor|client|key WHAT`: ends what was issued so far (docs/incidents.md). A token is named by its jti or
// its handle, or piped in, and is never an argument: arguments stay in the shell's history. Exit codes as of `block`.

import { Argument, type Command } from 'commander';
import { handleOf } from '../../parsing/token-handle.ts';
import { readClaims } from './explain-input.ts';
import { commandedBy, exitOf, type IncidentTools, sayRefused, showEnded } from './incident-tools.ts';
import { showRevoked } from './keys.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export interface RevokeTools {
  /** The broker that listens there. */
  at(broker: BrokerPlace): IncidentTools;
  /** What is piped in, or undefined where it is more than that. Rejects where it cannot be read. */
  readInput(bytesMax: number): Promise<Uint8Array | undefined>;
}

interface Flags {
  readonly config?: string;
  readonly control?: string;
  readonly json?: true;
  readonly why: string;
}

const WHATS = ['token', 'chain', 'subject', 'actor', 'client', 'key'];

/** Adds the verb to the program. */
export function registerRevoke(program: Command, terminal: Terminal, tools: RevokeTools): void {
  withPlace(program.command('revoke'))
    .description('end what was issued so far')
    .addArgument(new Argument('<what>', 'chain: the token and everything that was made of it').choices(WHATS))
    .argument(
      '<of>',
      'a name, a client, a kid; of a token its jti or handle, or - for the token itself on standard input',
    )
    .requiredOption('--why <text>', 'for the record, and for whoever asks why they are refused')
    .option('--json', 'as JSON')
    .action((what: string, of: string, flags: Flags) =>
      exitOf(terminal, () => revoke(terminal, tools, { what, of, flags })),
    );
}

interface Asked {
  readonly what: string;
  readonly of: string;
  readonly flags: Flags;
}

async function revoke(terminal: Terminal, tools: RevokeTools, { what, of, flags }: Asked): Promise<ExitCode> {
  const { why, json, ...place } = flags;
  const broker = tools.at(brokerPlace(place, terminal.env));
  const order = { why, by: commandedBy(terminal.env) };
  if (what === 'key') {
    return showRevoked(terminal, await broker.revokeKey(of, order), json);
  }
  const isOfToken = what === 'token' || what === 'chain';
  if (isOfToken && of.includes('.')) {
    // It is not repeated: what is printed is kept too.
    terminal.err(
      `that looks like a token, and is in the shell's history now: pipe it in, \`exchequer revoke ${what} - < file\``,
    );
    return 2;
  }
  const token = isOfToken && of === '-' ? await readToken(tools.readInput) : undefined;
  const answered = await broker.revoke({ what, of: token?.handle ?? of, ...order });
  if (!answered.ok) return sayRefused(terminal, answered);
  const { report } = answered;
  const ends = Math.min(report.offlineUntilSeconds, token?.expiresAtSeconds ?? Number.POSITIVE_INFINITY);
  return showEnded(terminal, { ...report, offlineUntilSeconds: ends }, { json, next: nextOf(what, of) });
}

/** What it does not end. */
function nextOf(what: string, of: string): readonly string[] {
  if (what === 'token') return ['what was made of it goes on: `revoke chain` ends that too'];
  if (what === 'chain') return [];
  const asWhat = { subject: 'about it', actor: 'in which it acts' }[what] ?? 'that it asked for';
  return [
    `ended: everything ${asWhat} that was issued by now`,
    `new exchanges stay possible, with credentials of its own from now on: \`exchequer block ${of}\` ends those too`,
  ];
}

/** The handle of a token that nobody verifies: the operator says that it is one. */
async function readToken(
  readInput: RevokeTools['readInput'],
): Promise<{ readonly handle: string; readonly expiresAtSeconds: number | undefined }> {
  const read = await readClaims({ tokenFile: '-' }, readInput);
  const { iss, jti, exp } = read?.claims ?? {};
  if (typeof iss !== 'string' || typeof jti !== 'string' || jti === '')
    throw new Error('the token has no jti, and nothing else names it: revoke its subject');
  return { handle: handleOf(iss, jti), expiresAtSeconds: typeof exp === 'number' ? exp : undefined };
}
