// AWS's own clients, unmodified, each in a process of its own, as pods and jobs run them: all that they are told is their environment. What they
// print comes back; whether one is there at all is asked once.

import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Place {
  /** A folder that is its home: no configuration of this machine is read. */
  readonly folder: string;
  /** PEM of every authority that it trusts. */
  readonly ca: string;
}

export type Env = Readonly<Record<string, string>>;

/** What a process came to. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function child({ folder, ca }: Place, file: string, args: readonly string[], env: Env): Promise<Ended> {
  const bundle = join(folder, 'child-ca.pem');
  writeFileSync(bundle, ca);
  const own = {
    PATH: process.env.PATH ?? '',
    HOME: folder,
    NODE_EXTRA_CA_CERTS: bundle,
    AWS_CA_BUNDLE: bundle,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_REGION: 'eu-west-1',
    AWS_DEFAULT_REGION: 'eu-west-1',
    ...env,
  };
  try {
    const { stdout, stderr } = await run(file, args, { env: own, cwd: ROOT, timeout: 60_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    if (!(error instanceof Error) || !('stdout' in error) || !('code' in error)) throw error;
    return { code: Number(error.code), out: String(error.stdout), err: String('stderr' in error ? error.stderr : '') };
  }
}

/** A module for Node.js, with the SDK for JavaScript at hand. */
export const javascript = (place: Place, source: string, env: Env): Promise<Ended> =>
  child(place, process.execPath, ['--input-type=module', '--eval', source], env);

export const python = (place: Place, source: string, env: Env): Promise<Ended> =>
  child(place, 'python3', ['-c', source], env);

export const awsCli = (place: Place, args: readonly string[], env: Env): Promise<Ended> =>
  child(place, 'aws', args, env);

const works = (file: string, args: readonly string[]): boolean =>
  spawnSync(file, args, { stdio: 'ignore', timeout: 30_000 }).status === 0;

/** Why a test of boto3, or of the AWS CLI, cannot run here; empty where it can. */
export const withoutBoto3 = (): string => (works('python3', ['-c', 'import boto3']) ? '' : 'python3 has no boto3 here');
export const withoutAwsCli = (): string => (works('aws', ['--version']) ? '' : 'there is no AWS CLI here');
