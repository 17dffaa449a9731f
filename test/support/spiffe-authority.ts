// A small authority of one SPIFFE trust domain for tests: it mints X.509-SVIDs good and bad, signs JWT-SVIDs, writes its bundle in
// JSON and PEM, and rotates its roots. Keys are made at run time; validity is counted from the real clock, which TLS reads.

import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const PURPOSES = { client: ExtendedKeyUsage.clientAuth, server: ExtendedKeyUsage.serverAuth };
const DAY_MS = 86_400_000;

export interface SvidOptions {
  /** Instead of the one SPIFFE ID: whatever URIs the leaf is to have. */
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Extended key usages; both unless said. */
  readonly purposes?: readonly ('client' | 'server')[];
  /** Signs by a key of its own instead of the authority's. */
  readonly selfSigned?: boolean;
  /** Puts an intermediate authority between root and leaf, and into the chain. */
  readonly intermediate?: boolean;
}

/** An X.509-SVID with its key. PEM for TLS, DER for whoever judges; the leaf first, without the root. */
export interface X509Svid {
  readonly id: string;
  readonly cert: string;
  readonly key: string;
  readonly ders: readonly Uint8Array[];
}

export interface SpiffeAuthority {
  readonly trustDomain: string;
  /** The full ID of a workload. */
  id(path: string): string;
  /** An SVID by the newest root. */
  mintSvid(path: string, options?: SvidOptions): Promise<X509Svid>;
  /** A JWT-SVID by the newest key. */
  signJwt(path: string, audience: string, nowSeconds: number, claims?: object, header?: object): Promise<string>;
  /** The bundle as it is now: every root and key that has not been retired, with the sequence of the last change. */
  bundleJson(members?: object): string;
  bundlePem(): string;
  /** DER of the roots, oldest first: as the Workload API streams them. */
  rootDers(): readonly Uint8Array[];
  /** The JWT keys alone, as the Workload API streams them. */
  jwks(): string;
  /** `kid` of the newest JWT key. */
  kid(): string;
  sequence(): number;
  /** Adds a root and a JWT key, which sign from now on; the old ones stay in the bundle. */
  rotate(): Promise<void>;
  /** Takes everything but the newest root and key out of the bundle. */
  retire(): void;
}

interface Root {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export async function openSpiffeAuthority(trustDomain: string): Promise<SpiffeAuthority> {
  let roots: readonly Root[] = [await makeRoot(trustDomain)];
  let jwtKeys: readonly PlatformKey[] = [await createPlatformKey('ES256', 'jwt-svid')];
  let sequence = 1;
  const id = (path: string) => `spiffe://${trustDomain}${path}`;
  const newest = <T>(list: readonly T[]): T => list.at(-1) as T;
  const jwkOf = ({ certificate }: Root) => ({
    ...publicJwk(certificate),
    use: 'x509-svid',
    x5c: [base64(certificate)],
  });

  return {
    trustDomain,
    id,
    mintSvid: (path, options = {}) => mintSvid(newest(roots), id(path), options),
    signJwt: (path, audience, nowSeconds, claims = {}, header = {}) =>
      newest(jwtKeys).sign(
        { sub: id(path), aud: [audience], iat: nowSeconds, exp: nowSeconds + 300, ...claims },
        { ...header },
      ),
    bundleJson: (members = {}) =>
      JSON.stringify({
        keys: [...roots.map(jwkOf), ...jwtKeys.map(({ jwk }) => jwk)],
        spiffe_sequence: sequence,
        ...members,
      }),
    bundlePem: () => roots.map(({ certificate }) => `${certificate.toString('pem')}\n`).join(''),
    rootDers: () => roots.map(({ certificate }) => new Uint8Array(certificate.rawData)),
    jwks: () => JSON.stringify({ keys: jwtKeys.map(({ jwk: { use: _, ...standard } }) => standard) }),
    kid: () => newest(jwtKeys).kid,
    sequence: () => sequence,
    async rotate() {
      const [root, key] = await Promise.all([makeRoot(trustDomain), createPlatformKey('ES256', 'jwt-svid')]);
      roots = [...roots, root];
      jwtKeys = [...jwtKeys, key];
      sequence += 1;
    },
    retire() {
      roots = [newest(roots)];
      jwtKeys = [newest(jwtKeys)];
      sequence += 1;
    },
  };
}

const makeKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const serial = (): string => Buffer.from(webcrypto.getRandomValues(new Uint8Array(8)).fill(1, 0, 1)).toString('hex');
const base64 = (certificate: X509Certificate): string => Buffer.from(certificate.rawData).toString('base64');
const uri = (value: string) => ({ type: 'url' as const, value });

function validity({ notBefore, notAfter }: SvidOptions = {}) {
  const now = Date.now();
  return { notBefore: notBefore ?? new Date(now - DAY_MS), notAfter: notAfter ?? new Date(now + DAY_MS) };
}

async function makeRoot(trustDomain: string): Promise<Root> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(),
    serialNumber: serial(),
    name: `O=${trustDomain}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new SubjectAlternativeNameExtension([uri(`spiffe://${trustDomain}`)]),
    ],
  });
  return { certificate, keys };
}

async function makeIntermediate(root: Root): Promise<Root> {
  const keys = await makeKeys();
  const certificate = await X509CertificateGenerator.create({
    ...validity(),
    serialNumber: serial(),
    subject: 'O=Intermediate',
    issuer: root.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: root.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [new BasicConstraintsExtension(true, 0, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
  });
  return { certificate, keys };
}

async function mintSvid(root: Root, id: string, options: SvidOptions): Promise<X509Svid> {
  const { uris = [id], dnsNames = [], selfSigned = false, intermediate = false } = options;
  const usages = (options.purposes ?? ['server', 'client']).map((purpose) => PURPOSES[purpose]);
  const keys = await makeKeys();
  const signer = intermediate ? await makeIntermediate(root) : root;
  const leaf = await X509CertificateGenerator.create({
    ...validity(options),
    serialNumber: serial(),
    subject: 'O=Workload',
    issuer: selfSigned ? 'O=Workload' : signer.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: selfSigned ? keys.privateKey : signer.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      new SubjectAlternativeNameExtension([
        ...uris.map(uri),
        ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
      ]),
    ],
  });
  const chain = intermediate ? [leaf, signer.certificate] : [leaf];
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    id,
    cert: chain.map((one) => `${one.toString('pem')}\n`).join(''),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, '$1\n').trimEnd()}\n-----END PRIVATE KEY-----\n`,
    ders: chain.map((one) => new Uint8Array(one.rawData)),
  };
}

/** Of a P-256 key: its point, uncompressed, is the end of its SubjectPublicKeyInfo. */
function publicJwk(certificate: X509Certificate) {
  const point = Buffer.from(certificate.publicKey.rawData).subarray(-64);
  const [x, y] = [point.subarray(0, 32), point.subarray(32)].map((half) => half.toString('base64url'));
  return { kty: 'EC', crv: 'P-256', x, y };
}
