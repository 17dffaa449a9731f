// A configuration in a folder of its own, for verbs that only look at files: throw-away keys of platforms, a certificate, policies.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { createPlatformKey } from '../../src/adapters/cli/demo/platforms.ts';

export interface OfflineFolder {
  /** The configuration. */
  readonly config: string;
  readonly path: (file: string) => string;
  readonly write: (file: string, text: string) => void;
  readonly remove: () => void;
}

/** `yaml`: exchequer.yaml from `trust` on; keys stand in `KIND.json` for github, gitlab, cluster and mesh. */
export async function offlineFolder(yaml: string, policies: Readonly<Record<string, string>>): Promise<OfflineFolder> {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-offline-'));
  const path = (file: string): string => join(folder, file);
  const write = (file: string, text: string): void => writeFileSync(path(file), text);
  mkdirSync(path('policies'));
  const { cert, key } = await mintServerCertificate(['localhost']);
  write('tls.crt', cert);
  write('tls.key', key);
  for (const name of ['github', 'gitlab', 'cluster']) await writeKey(write, name, 'RS256', 'sig');
  await writeKey(write, 'mesh', 'ES256', 'jwt-svid');
  for (const [file, text] of Object.entries(policies)) write(join('policies', file), text);
  write('exchequer.yaml', `${HEAD}${yaml}`);
  return {
    config: path('exchequer.yaml'),
    path,
    write,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const HEAD = `
issuer: https://sts.example
listen: { address: "127.0.0.1:8443", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:9464" }
control: { socket: ./control.sock }
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: ./audit.jsonl, sync: false }
policies: [./policies]
`;

async function writeKey(write: OfflineFolder['write'], name: string, alg: string, use: 'sig' | 'jwt-svid') {
  const { jwk } = await createPlatformKey(alg, use);
  write(`${name}.json`, JSON.stringify({ keys: [jwk] }));
}
