#!/usr/bin/env node
// The process: arguments, signals, the clock, the random source, the three streams. Nothing else in the project touches them
// (test/architecture.test.ts). A setting that switches certificate checks off for the whole process is refused here.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { CommanderError } from 'commander';
import type { ProgramEnded, Programs } from './adapters/cli/run.ts';
import type { ExitCode, Terminal } from './adapters/cli/terminal.ts';
import { createProgram, type Signals } from './compose-cli.ts';
import type { BrokerWorld } from './compose-state.ts';
import { RANDOM_PAGE_BYTES } from './core/limits.ts';

const VERSION = '0.1.0';

/** Whoever reads has seen enough (`| head`): a quiet end. Listened for at the first line only: `serve` has another use for this pipe. */
function stdout(): NodeJS.WriteStream {
  if (process.stdout.listenerCount('error') === 0)
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      // A verb that had not come to its answer has not found out.
      process.exit(process.exitCode ?? 3);
    });
  return process.stdout;
}

const terminal: Terminal = {
  out: (line) => void stdout().write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
  env: process.env,
  exit: (code: ExitCode) => {
    process.exitCode = code;
  },
};

/** Random bytes, drawn from the system a page at a time: a request needs sixteen. No byte is given twice. */
function createRandomBytes(): (count: number) => Uint8Array {
  let page = randomBytes(RANDOM_PAGE_BYTES);
  let used = 0;
  return (count) => {
    if (count > RANDOM_PAGE_BYTES) return randomBytes(count);
    if (used + count > RANDOM_PAGE_BYTES) {
      page = randomBytes(RANDOM_PAGE_BYTES);
      used = 0;
    }
    used += count;
    return page.subarray(used - count, used);
  };
}

const world: BrokerWorld = {
  clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() },
  randomBytes: createRandomBytes(),
  env: process.env,
  version: VERSION,
  log: { write: (text) => void process.stderr.write(text) },
};

const signals: Signals = {
  onSignal({ stop, reload }) {
    let stops = 0;
    for (const signal of ['SIGTERM', 'SIGINT'])
      process.on(signal, () => {
        stops += 1;
        if (stops === 1) stop();
        // Whoever asks twice does not want to wait.
        else process.exit(1);
      });
    process.on('SIGHUP', reload);
  },
};

/** Those that end, reload or ask a program. The other ones the system sends to all of a terminal's programs by itself, or to none. */
const PASSED_ON: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];
/** What the keys of a terminal send is sent to the program as well. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];

const programs: Programs = {
  run: ([file = '', ...args], env) =>
    new Promise((resolve) => {
      const child = spawn(file, args, { stdio: 'inherit', env });
      for (const signal of PASSED_ON)
        process.on(signal, () => void (process.stdin.isTTY && OF_TERMINALS.includes(signal) ? 0 : child.kill(signal)));
      // A signal that cannot be sent is an error as well, and ends nothing.
      child.on('error', (error: NodeJS.ErrnoException) => {
        if (child.pid === undefined) resolve({ ended: 'not_started', code: error.code ?? 'it failed' });
      });
      child.once('exit', (status, signal) => resolve(endOf(status, signal)));
    }),
  leave: (status) => process.exit(status),
};

const endOf = (status: number | null, signal: NodeJS.Signals | null): ProgramEnded =>
  signal === null ? { ended: 'status', status: status ?? 1 } : { ended: 'signal', number: constants.signals[signal] };

if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
  terminal.err('NODE_TLS_REJECT_UNAUTHORIZED=0 switches certificate checks off for everything: refused');
  process.exit(2);
}

try {
  await createProgram(world, terminal, { ...signals, ...programs }).parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) {
    terminal.err(error instanceof Error ? error.message : String(error));
    process.exitCode = 3;
  }
}
