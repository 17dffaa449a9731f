// The whole command line in the test's process, as main.ts runs it: every verb with its real tools. What it prints is kept.

import { randomBytes } from 'node:crypto';
import { CommanderError } from 'commander';
import type { Programs } from '../../src/adapters/cli/run.ts';
import type { ExitCode } from '../../src/adapters/cli/terminal.ts';
import { createProgram } from '../../src/compose-cli.ts';
import type { BrokerWorld } from '../../src/compose-state.ts';

export interface Said {
  readonly out: readonly string[];
  readonly err: readonly string[];
  readonly exits: readonly ExitCode[];
}

/** The test's own process starts no program and ends by itself. */
export const NO_PROGRAMS: Programs = {
  run: async () => ({ ended: 'not_started', code: 'ENOTSUP' }),
  leave: () => undefined,
};

/** Runs one command line in an environment of its own; `world` in place of what a process has. */
export async function runProgram(
  line: readonly string[],
  env: Readonly<Record<string, string>> = {},
  world: Partial<BrokerWorld> = {},
): Promise<Said> {
  const said = { out: [] as string[], err: [] as string[], exits: [] as ExitCode[] };
  const program = createProgram(
    {
      clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() },
      randomBytes,
      env,
      version: 'test',
      log: { write: () => undefined },
      ...world,
    },
    {
      out: (text) => void said.out.push(text),
      err: (text) => void said.err.push(text),
      env,
      exit: (code) => void said.exits.push(code),
    },
    { onSignal: () => undefined, ...NO_PROGRAMS },
  );
  try {
    await program.parseAsync(['node', 'exchequer', ...line]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
  }
  return said;
}
