// What the development set-up needs beside its configuration: a certificate for localhost, and for each platform a throw-away
// key with its public half where the configuration looks for it. Everything is made once, on this machine.

import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, importPKCS8, SignJWT } from 'jose';
import { mintServerCertificate } from './certificates.ts';
import type { Claims } from './platforms.ts';

interface Platform {
  readonly name: 'github' | 'cluster' | 'mesh';
  readonly alg: 'RS256' | 'ES256';
  /** The file that holds its public keys, as the configuration names it. */
  readonly file: string;
  readonly use: 'sig' | 'jwt-svid';
}

const PLATFORMS: readonly Platform[] = [
  { name: 'github', alg: 'RS256', file: 'github.json', use: 'sig' },
  { name: 'cluster', alg: 'RS256', file: 'cluster.json', use: 'sig' },
  { name: 'mesh', alg: 'ES256', file: 'bundle.json', use: 'jwt-svid' },
];

const secretFile = (directory: string, name: string): string => join(directory, `${name}.pem`);

/** Fills a directory, unless it is filled already. */
export async function makeMaterial(directory: string): Promise<void> {
  if (existsSync(join(directory, 'tls.key'))) return;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const platform of PLATFORMS) await makePlatform(directory, platform);
  const tls = await mintServerCertificate(['localhost', '127.0.0.1']);
  writeFileSync(join(directory, 'ca.crt'), tls.ca);
  writeFileSync(join(directory, 'tls.crt'), tls.cert);
  writeFileSync(join(directory, 'tls.key'), tls.key, { mode: 0o600 });
}

async function makePlatform(directory: string, platform: Platform): Promise<void> {
  const pair =
    platform.alg === 'RS256'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: `${platform.name}-1`, use: platform.use };
  writeFileSync(join(directory, platform.file), `${JSON.stringify({ keys: [jwk] }, null, 2)}\n`);
  const file = secretFile(directory, platform.name);
  writeFileSync(file, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  chmodSync(file, 0o600);
}

/** A token as this platform would issue it. */
export async function mintToken(directory: string, name: Platform['name'], claims: Claims): Promise<string> {
  const platform = PLATFORMS.find((candidate) => candidate.name === name);
  if (!platform) throw new Error(`no platform ${name}`);
  const key = await importPKCS8(readFileSync(secretFile(directory, name), 'utf8'), platform.alg);
  return new SignJWT(claims).setProtectedHeader({ alg: platform.alg, kid: `${name}-1`, typ: 'JWT' }).sign(key);
}
