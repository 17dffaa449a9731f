// A person on a laptop: verbs of the command line, each in a process of its own, in a folder and without a variable of ours; and
// `exchequer dev` beside them.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { runProgram } from './program.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const READY_MS = 20_000;

export interface Typed {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const environment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EXCHEQUER_')));

/** Runs one command line in a folder, to its end. */
export const typed = (folder: string, ...words: readonly string[]): Promise<Typed> =>
  new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...words], { cwd: folder, env: environment() }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: out.trim(), err: err.trim() }),
    );
  });

/** The same in this process, on a configuration: for verbs that end, where many of them run. */
export async function typedHere(config: string, ...words: readonly string[]): Promise<Typed> {
  const { out, err, exits } = await runProgram([...words, '--config', config]);
  return { code: exits.at(-1) ?? 0, out: out.join('\n'), err: err.join('\n') };
}

export interface Dev {
  readonly child: ChildProcess;
  readonly said: () => string;
  /** A path that it told: `CA`, `control`, `records`. */
  readonly place: (name: string) => string;
  /** Ends it, however it is, with what it left. */
  end(): Promise<void>;
}

/** Starts `exchequer dev` in a folder, and resolves once it has said what to try. */
export async function startDev(folder: string, port: number, ...flags: readonly string[]): Promise<Dev> {
  const words = ['dev', '--port', String(port), ...flags];
  const child = spawn(process.execPath, [MAIN, ...words], { cwd: folder, env: environment() });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const place = (name: string) => new RegExp(`^${name} +(.+)$`, 'm').exec(said)?.[1] ?? '';
  const dev: Dev = {
    child,
    said: () => said,
    place,
    async end() {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
      if (place('CA') !== '') rmSync(dirname(place('CA')), { recursive: true, force: true });
    },
  };
  const deadline = Date.now() + READY_MS;
  while (!said.includes('explain --last')) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await dev.end();
      throw new Error(`dev did not start: ${said}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return dev;
}

/** A port of this machine that nobody listens on just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const closed = once(server, 'close');
  server.close();
  await closed;
  return typeof address === 'object' && address ? address.port : 0;
}
