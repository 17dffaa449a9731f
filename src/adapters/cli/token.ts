// `exchequer token TARGET`: finds the credential of where it runs and exchanges it at the broker. The token alone goes to stdout,
// everything else to stderr; with `--dry-run` it only asks, and stdout has what a token would be like. Exit 0 a token (or would be),
// 1 refused, 2 usage, 3 could not find out. Never prints the credential.

import type { Command } from 'commander';
import {
  type CallerFlags,
  type CallerTools,
  type Ended,
  type FoundCaller,
  findCaller,
  withCaller,
} from './broker-caller.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import type { Answered } from './token-broker.ts';
import type { Source } from './token-places.ts';

interface Flags extends CallerFlags {
  readonly scope?: string;
  readonly dryRun?: true;
  readonly json?: true;
}

/** Adds the verb to the program. */
export function registerToken(program: Command, terminal: Terminal, tools: CallerTools): void {
  withCaller(program.command('token'))
    .description('exchange the credential of where this runs for a token')
    .argument('<target>', 'the name of the target, or its address')
    .option('--scope <scopes>', "scopes, with spaces between them; else the target's default")
    .option('--dry-run', 'only ask: nothing is issued, and the credential is not spent')
    .option('--json', 'the whole answer as JSON')
    .action(async (target: string, flags: Flags) => {
      const { exit, says } = await run(terminal, tools, { target, flags });
      for (const line of says) terminal.err(line);
      terminal.exit(exit);
    });
}

interface Wanted {
  readonly target: string;
  readonly flags: Flags;
}

async function run(terminal: Terminal, tools: CallerTools, wanted: Wanted): Promise<Ended> {
  const { target, flags } = wanted;
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return found;
  const order = { target, scope: flags.scope };
  const answered = await (flags.dryRun ? found.caller.askWhether(order) : found.caller.ask(order));
  return show(terminal, answered, wanted, found);
}

function show(terminal: Terminal, answered: Answered, { target, flags }: Wanted, { says, source }: FoundCaller): Ended {
  switch (answered.answer) {
    case 'token':
      terminal.out(flags.json ? jsonLine(answered.whole) : answered.token);
      return { exit: 0, says };
    case 'would_grant': {
      const scopes = answered.scope === undefined ? '' : ` with ${answered.scope}`;
      const line = `would grant ${target}${scopes} for ${answered.seconds} s`;
      terminal.out(flags.json ? jsonLine(answered.whole) : shown(line));
      return { exit: 0, says: [...says, ...unspent(source)] };
    }
    case 'refused':
      return { exit: 1, says: [...says, answered.sentence, ...(answered.hints ?? [])] };
    case 'unknown':
      return { exit: 3, says: [...says, answered.problem] };
  }
}

/** What was made for this question alone lives on: nobody else may find it. */
const unspent = (source: Source | undefined): readonly string[] =>
  source?.how === 'request' || source?.how === 'socket' || source?.how === 'aws'
    ? ['nothing was issued, and the credential made for this is not spent: it stays good until it expires']
    : [];
