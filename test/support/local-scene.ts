// A pod that has its credentials by way of `exchequer run`: a broker in the test's process with clouds on loopback, the pod's projected token in
// a file, and the real command line in a process of its own, which starts a script with an unmodified SDK.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint } from './broker.ts';
import { type CloudBroker, startCloudBroker } from './cloud-broker.ts';

const ROOT = join(import.meta.dirname, '../..');
const MAIN = join(ROOT, 'src/main.ts');

export interface Ran {
  /** The exit status, or the signal that ended it. */
  readonly status: number | string;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly ended: Promise<Ran>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** What it has said so far. */
  readonly said: () => Omit<Ran, 'status'>;
  /** Waits until it has said something. */
  until(holds: (said: Omit<Ran, 'status'>) => boolean): Promise<void>;
}

export interface LocalScene extends AsyncDisposable, CloudBroker {
  readonly folder: string;
  /** The file of the broker's authority. */
  readonly ca: string;
  /** The kubelet writes a new token of the pod. */
  project(serviceaccount?: string): Promise<string>;
  /** A command line of ours, in the pod's environment; undefined removes a variable. */
  start(line: readonly string[], env?: Readonly<Record<string, string | undefined>>): Running;
  run(line: readonly string[], env?: Readonly<Record<string, string | undefined>>): Promise<Ran>;
  /** A script alone, beside ours. */
  runScript(text: string, env?: Readonly<Record<string, string | undefined>>): Promise<Ran>;
  /** The broker goes away for good. */
  stopBroker(): Promise<void>;
  /** The file of a cloud's authority, for NODE_EXTRA_CA_CERTS. */
  authorityOf(cloud: 'aws' | 'google' | 'entra'): string;
}

/** Behind the flags of `run`: a script of a module, in place of a program. */
export const script = (text: string): readonly string[] => [
  '--',
  process.execPath,
  '--input-type=module',
  '--eval',
  text,
];

export async function startLocalScene(options: Parameters<typeof startCloudBroker>[0] = {}): Promise<LocalScene> {
  const clouds = await startCloudBroker(options);
  const { broker } = clouds;
  const folder = mkdtempSync(join(tmpdir(), 'local-'));
  const place = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const ca = place('ca.crt', broker.ca);
  const token = place('token', '');
  async function project(serviceaccount = 'api'): Promise<string> {
    const claims = JSON.stringify(kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()));
    const named = claims.replace('"name":"api"', `"name":"${serviceaccount}"`).replace(':api"', `:${serviceaccount}"`);
    const minted = await mint(broker, 'cluster', JSON.parse(named), { typ: undefined });
    writeFileSync(token, minted);
    return minted;
  }
  await project();
  const authorityOf: LocalScene['authorityOf'] = (cloud) => place(`${cloud}.crt`, clouds[cloud].ca);
  const own = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    HOME: folder,
    EXCHEQUER_BROKER: broker.issuer,
    EXCHEQUER_CA: ca,
    EXCHEQUER_TOKEN_FILE: token,
    NODE_EXTRA_CA_CERTS: authorityOf('aws'),
  };
  const start: LocalScene['start'] = (line, env = {}) => startProcess([MAIN, ...line], { ...own, ...env });
  return {
    ...clouds,
    folder,
    ca,
    project,
    start,
    run: (line, env) => start(line, env).ended,
    runScript: (text, env = {}) => startProcess(script(text).slice(2), { ...own, ...env }).ended,
    authorityOf,
    stopBroker: () => broker.broker.stop('test'),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true });
      await clouds[Symbol.asyncDispose]();
    },
  };
}

const WAIT_MS = 20_000;

function startProcess(line: readonly string[], env: Readonly<Record<string, string | undefined>>): Running {
  const child = spawn(process.execPath, [...line], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    said.err += String(chunk);
  });
  let over = false;
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      resolve({ status: code ?? signal ?? 'unknown', ...said });
    });
  });
  return {
    ended,
    kill: (signal) => void child.kill(signal),
    said: () => ({ ...said }),
    async until(holds) {
      for (const deadline = Date.now() + WAIT_MS; !holds(said); await new Promise((go) => setTimeout(go, 20)))
        if (over || Date.now() > deadline) throw new Error(`it said: ${said.out}\n${said.err}`);
    },
  };
}
