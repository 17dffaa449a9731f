// What the development set-up needs beside its configuration: a certificate for localhost, and for each platform a throw-away
// key with its public half where the configuration looks for it. Everything is made once, on this machine.

import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exportJWK, importPKCS8, SignJWT } from 'jose';
import { mintServerCertificate } from './certificates.ts';
import type { Claims } from './platforms.ts';
import { bundleEntry, type Credential, mintRoot, mintSvid } from './trust-domain.ts';

const TRUST_DOMAIN = 'prod.example';

/** Whose keys are here: platforms, and `people`, the issuer at which people log in. */
export type PlatformName = 'github' | 'cluster' | 'mesh' | 'people';

interface Platform {
  readonly name: PlatformName;
  readonly alg: 'RS256' | 'ES256';
  /** The file that holds its public keys, as the configuration names it. */
  readonly file: string;
  readonly use: 'sig' | 'jwt-svid';
  readonly typ?: string;
}

const PLATFORMS: readonly Platform[] = [
  { name: 'github', alg: 'RS256', file: 'github.json', use: 'sig' },
  { name: 'cluster', alg: 'RS256', file: 'cluster.json', use: 'sig' },
  { name: 'mesh', alg: 'ES256', file: 'bundle.json', use: 'jwt-svid' },
  { name: 'people', alg: 'ES256', file: 'people.json', use: 'sig', typ: 'at+jwt' },
];

const ROOT = 'mesh-root.crt';
const ROOT_KEY = 'mesh-root.key';

const secretFile = (directory: string, name: string): string => join(directory, `${name}.pem`);

/** Fills a directory with what it lacks: one that an earlier version filled has everything but what is new. */
export async function makeMaterial(directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lacking = PLATFORMS.filter(({ name }) => !existsSync(secretFile(directory, name)));
  for (const platform of lacking) await makePlatform(directory, platform);
  if (existsSync(join(directory, ROOT_KEY))) return;
  const root = await mintRoot(TRUST_DOMAIN);
  writeFileSync(join(directory, ROOT), root.cert);
  writeFileSync(join(directory, 'bundle.json'), bundleWith(directory, [root]));
  const tls = await mintServerCertificate(['localhost', '127.0.0.1']);
  writeFileSync(join(directory, 'ca.crt'), tls.ca);
  writeFileSync(join(directory, 'tls.crt'), tls.cert);
  writeFileSync(join(directory, 'tls.key'), tls.key, { mode: 0o600 });
  // Last: where it is, the rest is.
  writeFileSync(join(directory, ROOT_KEY), root.key, { mode: 0o600 });
}

/** The trust domain's bundle: its JWT key as it stands in the directory, and these roots. */
export function bundleWith(directory: string, roots: readonly Pick<Credential, 'cert'>[]): string {
  const { keys } = JSON.parse(readFileSync(join(directory, 'bundle.json'), 'utf8'));
  const jwtKeys = keys.filter(({ use }: { readonly use: string }) => use === 'jwt-svid');
  return `${JSON.stringify({ keys: [...jwtKeys, ...roots.map(bundleEntry)] }, null, 2)}\n`;
}

/** The root that the directory's bundle begins with. */
export const rootOf = (directory: string): Credential => ({
  cert: readFileSync(join(directory, ROOT), 'utf8'),
  key: readFileSync(join(directory, ROOT_KEY), 'utf8'),
});

/** An X.509-SVID by that root. */
export const mintCertificate = (directory: string, id: string): Promise<Credential> => mintSvid(rootOf(directory), id);

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
export async function mintToken(directory: string, name: PlatformName, claims: Claims): Promise<string> {
  const platform = PLATFORMS.find((candidate) => candidate.name === name);
  if (!platform) throw new Error(`no platform ${name}`);
  const key = await importPKCS8(readFileSync(secretFile(directory, name), 'utf8'), platform.alg);
  const header = { alg: platform.alg, kid: `${name}-1`, typ: platform.typ ?? 'JWT' };
  return new SignJWT(claims).setProtectedHeader(header).sign(key);
}
