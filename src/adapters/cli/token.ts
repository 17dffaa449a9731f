// `exchequer token TARGET`: finds the credential of where it runs and exchanges it at the broker. The token alone goes to stdout,
// everything else to stderr; with `--dry-run` it only asks, and stdout has what a token would be like. Exit 0 a token (or would be),
// 1 refused, 2 usage, 3 could not find out. With `--out` the token goes to a file (token-out.ts). Never prints the credential.

import type { Command } from 'commander';
import {
  type CallerFlags,
  type CallerOrder,
  type CallerTools,
  type Ended,
  type FoundCaller,
  findCaller,
  withCaller,
} from './broker-caller.ts';
import { jsonLine, shown } from './shown.ts';
import type { Terminal } from './terminal.ts';
import type { Answered } from './token-broker.ts';
import { fileMode, keepFresh, type OutOrder, type OutTools, writeOnce } from './token-out.ts';
import type { Source } from './token-places.ts';

interface Flags extends CallerFlags {
  readonly scope?: string;
  readonly dryRun?: true;
  readonly json?: true;
  readonly out?: string;
  readonly watch?: true;
  readonly mode?: string;
}

export interface TokenVerbTools extends CallerTools {
  readonly out: OutTools;
}

/** Adds the verb to the program. */
export function registerToken(program: Command, terminal: Terminal, tools: TokenVerbTools): void {
  withCaller(program.command('token'))
    .description('exchange the credential of where this runs for a token')
    .argument('<target>', 'the name of the target, or its address')
    .option('--scope <scopes>', "scopes, with spaces between them; else the target's default")
    .option('--dry-run', 'only ask: nothing is issued, and the credential is not spent')
    .option('--out <file>', 'write it to this file, whole or not at all, instead of to stdout')
    .option('--watch', 'with --out: keep the file fresh, until SIGTERM')
    .option('--mode <octal>', "with --out: the file's permissions; else 600")
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

async function run(terminal: Terminal, tools: TokenVerbTools, wanted: Wanted): Promise<Ended> {
  const { target, flags } = wanted;
  const wrong = outProblem(flags);
  if (wrong !== undefined) return { exit: 2, says: [wrong] };
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return found;
  const order = { target, scope: flags.scope };
  if (flags.out !== undefined) return toFile(terminal, tools.out, flags, { found, file: flags.out, order });
  const answered = await (flags.dryRun ? found.caller.askWhether(order) : found.caller.ask(order));
  return show(terminal, answered, wanted, found);
}

function outProblem({ out, watch, mode, dryRun }: Flags): string | undefined {
  if (out === undefined) {
    if (watch) return '--watch needs --out, the file that it keeps fresh';
    return mode === undefined ? undefined : '--mode is for --out';
  }
  if (dryRun) return '--dry-run has no token for --out';
  return mode === undefined || fileMode(mode) !== undefined
    ? undefined
    : '--mode must be octal, and let nobody but the owner write: 600, 640, 644, 400, 440 or 444';
}

async function toFile(
  terminal: Terminal,
  tools: OutTools,
  flags: Flags,
  { found, file, order }: { readonly found: FoundCaller; readonly file: string; readonly order: CallerOrder },
): Promise<Ended> {
  for (const line of found.says) terminal.err(line);
  const out: OutOrder = {
    file,
    mode: fileMode(flags.mode ?? '600') ?? 0o600,
    ask: () => found.caller.ask(order),
    textOf: ({ token, whole }) => (flags.json ? jsonLine(whole) : token),
  };
  return flags.watch ? keepFresh(tools, out, terminal.err) : writeOnce(tools, out);
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
