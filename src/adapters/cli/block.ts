// `exchequer block ID`, `blocks`, `unblock ID`: cuts an identity off, in whatever role or chain it stands, from now until it is lifted. Exit 0
// in force everywhere, 1 nothing to lift, 2 it means nobody, 3 not known to be in force (docs/incidents.md).

import { type Command, InvalidArgumentError } from 'commander';
import { durationSeconds } from '../../parsing/duration.ts';
import {
  aboutOf,
  commandedBy,
  exitOf,
  type IncidentTools,
  type LiftedReport,
  sayRefused,
  showEnded,
  unreachedText,
} from './incident-tools.ts';
import { type BrokerPlace, brokerPlace, withPlace } from './place.ts';
import { escaped, jsonLine } from './shown.ts';
import { instant, table } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

interface Flags {
  readonly config?: string;
  readonly control?: string;
  readonly json?: true;
}

/** Adds the verbs to the program. */
export function registerBlock(
  program: Command,
  terminal: Terminal,
  toolsOf: (broker: BrokerPlace) => IncidentTools,
): void {
  const at = (flags: Flags): IncidentTools => toolsOf(brokerPlace(flags, terminal.env));
  withPlace(program.command('block'))
    .description('refuse an identity, in every role and chain, from now until it is lifted')
    .argument(
      '<identity>',
      'a SPIFFE ID or <source>:<name>, as records have it, or a client; * at the end is everything below',
    )
    .requiredOption('--why <text>', 'for the record, and for whoever asks why they are refused')
    .option('--for <duration>', 'end by itself: 90m, 24h, 7d', duration)
    .option('--json', 'as JSON')
    .action((identity: string, { why, for: seconds, ...flags }: Flags & { why: string; for?: number }) =>
      exitOf(terminal, async () => {
        const answered = await at(flags).block({ identity, why, seconds, by: commandedBy(terminal.env) });
        if (!answered.ok) return sayRefused(terminal, answered);
        const ids = answered.report.ended.map(({ withdrawal }) => withdrawal.id);
        const next = [
          'nothing more is issued to it, through it, or about it, and no token in whose chain it stands is taken',
          ...ids.map((id) => `exchequer unblock ${id} lifts it`),
        ];
        return showEnded(terminal, answered.report, { json: flags.json, next });
      }),
    );
  withPlace(program.command('blocks'))
    .description('blocks and revocations in force')
    .option('--json', 'as JSON')
    .action((flags: Flags) => exitOf(terminal, () => list(terminal, at(flags), flags.json)));
  withPlace(program.command('unblock'))
    .description('lift a block')
    .argument('<id>', 'the id of the block, or the identity as it was blocked')
    .option('--why <text>', 'for the record')
    .option('--json', 'as JSON')
    .action((which: string, { why, ...flags }: Flags & { why?: string }) =>
      exitOf(terminal, async () => {
        const by = commandedBy(terminal.env);
        const answered = await at(flags).unblock({ which, by, ...(why === undefined ? {} : { why }) });
        return answered.ok ? showLifted(terminal, answered.report, flags.json) : sayRefused(terminal, answered);
      }),
    );
}

function duration(value: string): number {
  const read = durationSeconds.safeParse(value);
  // Commander prints the message and ends with its own usage error.
  if (!read.success) throw new InvalidArgumentError('It must be a duration such as 90m, 24h or 7d.');
  return read.data;
}

async function list(terminal: Terminal, tools: IncidentTools, json: true | undefined): Promise<ExitCode> {
  const withdrawals = await tools.withdrawals();
  if (json) {
    terminal.out(jsonLine({ withdrawals }));
    return 0;
  }
  const rows = withdrawals.map((one) => [
    one.id,
    one.kind === 'block' ? 'block' : `revoke ${one.what}`,
    aboutOf(one),
    instant(one.atSeconds),
    one.untilSeconds === undefined ? 'lifted' : instant(one.untilSeconds),
    one.why,
  ]);
  if (rows.length === 0) terminal.err('nobody is blocked, and no revocation is in force');
  else for (const line of table(['ID', 'WHAT', 'OF', 'SINCE', 'UNTIL', 'WHY'], rows)) terminal.out(line);
  return 0;
}

function showLifted(terminal: Terminal, report: LiftedReport, json: true | undefined): ExitCode {
  if (json) terminal.out(jsonLine(report));
  else
    for (const { withdrawal } of report.lifted)
      terminal.out(
        escaped(
          `lifted  ${aboutOf(withdrawal)}  ${withdrawal.id}, since ${instant(withdrawal.atSeconds)}: ${withdrawal.why}`,
        ),
      );
  const unreached = [...new Set(report.lifted.flatMap((one) => one.unreached))];
  for (const line of unreachedText(unreached)) terminal.err(escaped(line));
  return unreached.length > 0 ? 3 : 0;
}
