// Runs a real broker for the demo, in a folder of its own that is gone afterwards, on ports that are free: `exchequer serve`, or the one
// that may fetch from loopback. The configuration is the development set-up's own; ports, the place of the records, and what a
// part of the demo says differ.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeMaterial } from './material.ts';

const ROOT = join(import.meta.dirname, '../../../..');
const MAIN = join(ROOT, 'src/main.ts');
const ON_LOOPBACK = join(import.meta.dirname, 'serve-on-loopback.ts');
const READY_MS = 20_000;

export interface DemoBroker {
  readonly issuer: string;
  readonly port: number;
  readonly ca: string;
  /** The folder that holds the platforms' throw-away keys. */
  readonly material: string;
  /** Runs a verb of the command line and gives what it printed. */
  run(...verb: readonly string[]): string;
  stop(): Promise<void>;
}

export interface BrokerOptions {
  /** May fetch from loopback addresses, which no configuration permits. */
  readonly onLoopback?: boolean;
  /** Changes the configuration, and fills its folder. */
  readonly prepare?: (config: string, folder: string) => Promise<string>;
}

/** Starts it, and resolves once it listens. */
export async function startBroker({ onLoopback = false, prepare }: BrokerOptions = {}): Promise<DemoBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-demo-'));
  const [port, observePort] = [await freePort(), await freePort()];
  cpSync(join(ROOT, 'config'), folder, { recursive: true, filter: (path) => !/\/(dev|state)$/.test(path) });
  const file = join(folder, 'exchequer.yaml');
  const config = readFileSync(file, 'utf8')
    .replaceAll(':8443', `:${port}`)
    .replaceAll(':9464', `:${observePort}`)
    .replace('audit: { to: stdout }', 'audit: { to: ./audit.jsonl }');
  const material = join(folder, 'dev');
  await makeMaterial(material);
  writeFileSync(file, prepare ? await prepare(config, folder) : config);

  const program = onLoopback ? [ON_LOOPBACK, file] : [MAIN, 'serve', '--config', file];
  // A dozen verbs start after it: what one has compiled, the next need not.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(folder, 'compiled') };
  const child = spawn(process.execPath, program, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  await listening(child);
  return Object.freeze({
    issuer: `https://localhost:${port}`,
    port,
    ca: readFileSync(join(material, 'ca.crt'), 'utf8'),
    material,
    run(...verb: readonly string[]) {
      const environment = {
        ...env,
        EXCHEQUER_CONFIG: file,
        EXCHEQUER_CONTROL: join(folder, 'state/control.sock'),
      };
      const ran = spawnSync(process.execPath, [MAIN, ...verb], { env: environment, cwd: folder, encoding: 'utf8' });
      return ran.stdout + ran.stderr;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

function listening(child: ChildProcess): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said: string[] = [];
  const timer = setTimeout(() => reject(new Error(`the broker did not start in time:\n${said.join('')}`)), READY_MS);
  child.stderr?.on('data', (chunk: Buffer) => {
    said.push(chunk.toString());
    if (said.join('').includes('(public)')) resolve();
  });
  child.once('exit', (code) => reject(new Error(`the broker ended with ${code}:\n${said.join('')}`)));
  return promise.finally(() => clearTimeout(timer));
}

/** A port of this machine that nobody listens on just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
