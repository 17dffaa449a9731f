// A real Redis of a test's own on loopback: a process that can be killed, stopped and started again, with nothing kept unless the test says
// so. `make test` installs redis-server where it can; where there is none, what needs it is skipped, and says why.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { freePort } from '../../src/adapters/cli/demo/broker.ts';
import type { RedisSettings } from '../../src/core/store-settings.ts';

export interface RedisServer extends AsyncDisposable {
  readonly port: number;
  readonly folder: string;
  /** Asks it, past the broker. */
  readonly admin: Redis;
  signal(signal: NodeJS.Signals): void;
  /** At once, as a power failure does. */
  kill(): Promise<void>;
  /** Again, on the same port and folder. */
  start(): Promise<void>;
}

export interface RedisServerOptions {
  /** Words of the configuration, such as `['--appendonly', 'yes']`. */
  readonly args?: readonly string[];
  /** What `admin` connects with. */
  readonly client?: { readonly username?: string; readonly password?: string; readonly tls?: { readonly ca: string } };
  /** Listens with TLS alone, by these words. */
  readonly tls?: (port: number) => readonly string[];
  /** A configuration file, which a Sentinel demands and writes to. */
  readonly file?: string;
  readonly sentinel?: boolean;
}

const PROGRAM = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => ['redis-server', 'valkey-server'].map((name) => join(folder, name)))
  .find(isProgram);

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const MISSING = 'skipped: there is no redis-server in PATH (`make test` says what it could not install)';

/** A suite that needs a real Redis. */
export function describeWithRedis(title: string, suite: () => void): void {
  if (PROGRAM) describe(title, suite);
  else {
    console.warn(`${title}: ${MISSING}`);
    // Nothing else can stand in for it.
    describe.skip(`${title} (${MISSING})`, suite);
  }
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-redis-'));
  const listen = options.tls
    ? ['--port', '0', '--tls-port', String(port), ...options.tls(port)]
    : ['--port', String(port)];
  const quiet = ['--bind', '127.0.0.1', '--dir', folder, '--save', '', '--loglevel', 'warning'];
  const kind = options.sentinel ? ['--sentinel'] : [];
  const words = [...(options.file ? [options.file] : []), ...kind, ...listen, ...quiet, ...(options.args ?? [])];
  const admin = new Redis({
    host: '127.0.0.1',
    port,
    lazyConnect: true,
    retryStrategy: () => 50,
    maxRetriesPerRequest: null,
    ...options.client,
  });
  admin.on('error', () => undefined);
  let child: ChildProcess | undefined;

  const start = async (): Promise<void> => {
    const own = spawn(PROGRAM ?? 'redis-server', [...words], { stdio: 'ignore' });
    child = own;
    const killed = () => own.kill('SIGKILL');
    process.once('exit', killed);
    own.once('exit', () => process.removeListener('exit', killed));
    await Promise.race([
      admin.ping(),
      once(own, 'exit').then(() => {
        throw new Error(`redis-server ended at its start: ${words.join(' ')}`);
      }),
    ]);
  };
  const kill = async (): Promise<void> => {
    const own = child;
    child = undefined;
    if (!own || own.exitCode !== null || own.signalCode !== null) return;
    own.kill('SIGKILL');
    await once(own, 'exit');
  };

  await start();
  return {
    port,
    folder,
    admin,
    signal: (signal) => void child?.kill(signal),
    kill,
    start,
    async [Symbol.asyncDispose]() {
      admin.disconnect();
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** How a broker reaches a Redis on loopback. */
export const standalone = (port: number, change: Partial<RedisSettings> = {}): RedisSettings => ({
  reach: { kind: 'standalone', address: { host: '127.0.0.1', port }, database: 0 },
  tls: false,
  ca: undefined,
  username: undefined,
  passwordFile: undefined,
  prefix: 'test',
  replicas: 0,
  ...change,
});
