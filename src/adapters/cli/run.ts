// `exchequer run --aws TARGET -- cmd args`: starts a program whose unmodified SDKs get credentials from the broker by way of loopback, for as
// long as it runs. Exits with the program's own status (128 + n where a signal ended it; 127 and 126 as a shell where it could not be started);
// before that 1 refused, 2 usage, 3 could not find out, and the program was not started. Says no secret; standard output is the program's.

import type { Command } from 'commander';
import { type Ended, findCaller } from './broker-caller.ts';
import { type FirstAnswer, type LocalFlags, type LocalTools, readOrder, withTargets } from './local-order.ts';
import { environmentFor, googleFile } from './run-environment.ts';
import { escaped } from './shown.ts';
import type { Terminal } from './terminal.ts';

/** How a program came to its end. */
export type ProgramEnded =
  | { readonly ended: 'status'; readonly status: number }
  | { readonly ended: 'signal'; readonly number: number }
  /** `code`: of the system, such as ENOENT. */
  | { readonly ended: 'not_started'; readonly code: string };

export interface Programs {
  /** Runs a program with this process's three streams. Signals that come meanwhile are the program's. Never rejects. */
  run(command: readonly string[], env: Readonly<Record<string, string>>): Promise<ProgramEnded>;
  /** Ends this process with a status of somebody else's. */
  leave(status: number): void;
}

/** Adds the verb to the program. */
export function registerRun(program: Command, terminal: Terminal, tools: LocalTools & Programs): void {
  withTargets(program.command('run'))
    .description('run a program whose cloud SDKs get credentials from the broker: run --aws TARGET -- cmd args')
    .argument('<command...>', 'behind --: the program and its arguments')
    .action(async (command: string[], flags: LocalFlags) => {
      const result = await run(terminal, tools, command, flags);
      for (const line of result.says) terminal.err(line);
      if ('exit' in result) terminal.exit(result.exit);
      else tools.leave(result.status);
    });
}

type Result = Ended | { readonly status: number; readonly says: readonly string[] };

async function run(
  terminal: Terminal,
  tools: LocalTools & Programs,
  command: readonly string[],
  flags: LocalFlags,
): Promise<Result> {
  const order = readOrder(flags);
  if ('problem' in order) return usage(order.problem);
  if (order.aws.length > 1) return usage('--aws stands once: a program has one role');
  const file = order.google && googleFile(terminal.env, tools.exists);
  if (file !== undefined)
    return usage(
      `${escaped(file)} would win over --gcp in Google's libraries: move it away, or set CLOUDSDK_CONFIG to another folder`,
    );
  const found = await findCaller(terminal, tools, flags);
  if ('exit' in found) return found;
  for (const line of found.says) terminal.err(line);
  const serving = tools.serve(order, { caller: found.caller, secrets: {}, ownUser: true, notice: terminal.err });
  try {
    const failed = (await serving.start()).filter((first) => first.answer !== 'served');
    // The broker's word before what could not be had: it needs somebody's hand.
    if (failed.length > 0)
      return { exit: failed.some(({ answer }) => answer === 'refused') ? 1 : 3, says: failed.map(saidOf) };
    await serving.listen(order.port);
    const { env, says } = environmentFor(terminal.env, order, serving.variables());
    for (const line of says) terminal.err(line);
    return statusOf(await tools.run(command, env), command);
  } finally {
    await serving.close();
  }
}

const usage = (text: string): Ended => ({ exit: 2, says: [text] });

/** Why there is nothing for a target. */
export const saidOf = (first: FirstAnswer): string =>
  first.answer === 'served' ? `${escaped(first.target)}: served` : `${escaped(first.target)}: ${first.sentence}`;

function statusOf(ended: ProgramEnded, [name = '']: readonly string[]): Result {
  if (ended.ended === 'status') return { status: ended.status, says: [] };
  if (ended.ended === 'signal') return { status: 128 + ended.number, says: [] };
  const { code } = ended;
  return { status: code === 'ENOENT' ? 127 : 126, says: [`${escaped(name)} could not be started: ${code}`] };
}
