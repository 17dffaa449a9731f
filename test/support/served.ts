// A broker as operators run it: `node src/main.ts serve` in a process of its own, on the folder of a configuration that
// test/support/broker.ts wrote. For what only a process shows: signals, kills, limits, exit codes.

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const READY_MS = 20_000;

export interface Served {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly stderr: () => string;
  /** Resolves with the exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Runs a verb of the command line in its own process; `shell` goes before it, such as a limit. */
export function spawnVerb(verb: readonly string[], env: Record<string, string> = {}, shell?: string): Served {
  const environment = { ...process.env, ...env };
  const command = [process.execPath, MAIN, ...verb];
  const child = shell
    ? spawn('bash', ['-c', `${shell}; exec "$@"`, 'bash', ...command], {
        env: environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    : spawn(process.execPath, command.slice(1), { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stdout?.resume();
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  return { child, pid: child.pid ?? 0, stderr: () => said, ended };
}

/** Serves a configuration, and resolves once it listens. */
export async function serve(config: string, shell?: string): Promise<Served> {
  const served = spawnVerb(['serve', '--config', config], {}, shell);
  const deadline = Date.now() + READY_MS;
  let code: number | string | undefined;
  void served.ended.then((ended) => {
    code = ended;
  });
  while (!served.stderr().includes('(public)')) {
    if (code !== undefined || Date.now() > deadline) throw new Error(`it did not serve (${code}): ${served.stderr()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return served;
}
