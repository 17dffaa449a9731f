// Makes certificates by a plan that says only what differs from a good chain: root, middle, leaf of one SPIFFE trust domain. Signs
// whatever it is told to. Keys are made once and shared: what a vector is about is never the key, unless it says so.

import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  bits,
  bytes,
  extension,
  flags,
  generalizedTime,
  integer,
  NULL,
  name,
  octets,
  oid,
  type Part,
  sequence,
  TRUE,
  tlv,
  uri,
  utcTime,
} from './encode.ts';

export interface Key {
  /** The DER of the public key. */
  readonly spki: Buffer;
  readonly privateKey: KeyObject;
}

export type KeyName =
  | 'root'
  | 'middle'
  | 'leaf'
  | 'other'
  | 'another'
  | 'p384'
  | 'p521'
  | 'rsa'
  | 'rsa1024'
  | 'p192'
  | 'k256'
  | 'ed25519';
export type Keys = Readonly<Record<KeyName, Key>>;

const ec = (namedCurve: string): Key => keyOf(generateKeyPairSync('ec', { namedCurve }));
const rsa = (modulusLength: number): Key => keyOf(generateKeyPairSync('rsa', { modulusLength }));
const keyOf = (pair: { publicKey: KeyObject; privateKey: KeyObject }): Key => ({
  spki: pair.publicKey.export({ format: 'der', type: 'spki' }),
  privateKey: pair.privateKey,
});

export function makeKeys(): Keys {
  const [root, middle, leaf, other, another] = Array.from({ length: 5 }, () => ec('P-256'));
  if (!root || !middle || !leaf || !other || !another) throw new Error('five keys were made');
  return {
    root,
    middle,
    leaf,
    other,
    another,
    p384: ec('P-384'),
    p521: ec('P-521'),
    rsa: rsa(2048),
    rsa1024: rsa(1024),
    p192: ec('prime192v1'),
    k256: ec('secp256k1'),
    ed25519: keyOf(generateKeyPairSync('ed25519')),
  };
}

const shaRsa = (last: number): Buffer => sequence(oid(`1.2.840.113549.1.1.${last}`), NULL);
const shaEc = (last: number): Buffer => sequence(oid(`1.2.840.10045.4.3.${last}`));
const sha2 = (last: number, ...parameters: readonly Part[]): Buffer =>
  sequence(oid(`2.16.840.1.101.3.4.2.${last}`), ...parameters);
export const pssAlgorithm = (hash: Buffer, mgf: Buffer, salt: number): Buffer =>
  sequence(
    oid('1.2.840.113549.1.1.10'),
    sequence(tlv(0xa0, hash), tlv(0xa1, sequence(oid('1.2.840.113549.1.1.8'), mgf)), tlv(0xa2, integer(salt))),
  );

export interface Algorithm {
  readonly id: Buffer;
  readonly sign: (data: Buffer, key: KeyObject) => Buffer;
}

const by = (id: Buffer, hash: string | null, saltLength?: number): Algorithm => ({
  id,
  sign: (data, key) =>
    sign(hash, data, saltLength === undefined ? key : { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }),
});

export const ALGORITHMS = {
  es256: by(shaEc(2), 'sha256'),
  es384: by(shaEc(3), 'sha384'),
  es512: by(shaEc(4), 'sha512'),
  es1: by(sequence(oid('1.2.840.10045.4.1')), 'sha1'),
  rs256: by(shaRsa(11), 'sha256'),
  rs256bare: by(sequence(oid('1.2.840.113549.1.1.11')), 'sha256'),
  rs384: by(shaRsa(12), 'sha384'),
  rs512: by(shaRsa(13), 'sha512'),
  rs1: by(shaRsa(5), 'sha1'),
  rsMd5: by(shaRsa(4), 'md5'),
  ps256: by(pssAlgorithm(sha2(1, NULL), sha2(1, NULL), 32), 'sha256', 32),
  ps256bare: by(pssAlgorithm(sha2(1), sha2(1), 32), 'sha256', 32),
  ps384: by(pssAlgorithm(sha2(2, NULL), sha2(2, NULL), 48), 'sha384', 48),
  ps512: by(pssAlgorithm(sha2(3, NULL), sha2(3, NULL), 64), 'sha512', 64),
  ps256short: by(pssAlgorithm(sha2(1, NULL), sha2(1, NULL), 20), 'sha256', 20),
  ed25519: by(sequence(oid('1.3.101.112')), null),
} as const satisfies Record<string, Algorithm>;

/** Extensions by name, in this order; undefined leaves one out. */
export interface Extensions {
  readonly basic?: Buffer | undefined;
  readonly usage?: Buffer | undefined;
  readonly purposes?: Buffer | undefined;
  readonly names?: Buffer | undefined;
  readonly constraints?: Buffer | undefined;
  readonly subjectKeyId?: Buffer | undefined;
  readonly authorityKeyId?: Buffer | undefined;
  readonly more?: readonly Buffer[];
}

export interface Plan {
  readonly version?: Buffer;
  readonly serial?: Buffer;
  readonly algorithm?: Algorithm;
  /** Beside the signature, where it is to differ. */
  readonly outer?: Buffer;
  readonly issuer?: Buffer;
  readonly subject?: Buffer;
  readonly notBefore?: Buffer;
  readonly notAfter?: Buffer;
  readonly spki?: Buffer;
  /** Behind the key and before the extensions. */
  readonly tail?: Buffer;
  readonly extensions?: Extensions;
  /** The whole of `[3]`, or nothing of it. */
  readonly bare?: Buffer;
  readonly signer?: Key;
  /** The signature as it stands in the certificate. */
  readonly wrap?: (signature: Buffer) => Buffer;
  /** Changes the finished certificate. */
  readonly spoil?: (der: Buffer) => Buffer;
}

export const purposes = (...last: readonly number[]): Buffer =>
  extension('2.5.29.37', sequence(...last.map((one) => oid(`1.3.6.1.5.5.7.3.${one}`))));
export const usage = (...named: readonly number[]): Buffer => extension('2.5.29.15', flags(...named), true);
export const names = (...general: readonly Buffer[]): Buffer => extension('2.5.29.17', sequence(...general));
export const authority = (pathLength?: number): Buffer =>
  extension('2.5.29.19', sequence(TRUE, ...(pathLength === undefined ? [] : [integer(pathLength)])), true);
export const noAuthority = extension('2.5.29.19', sequence(), true);
export const subjectKeyId = (id: string): Buffer => extension('2.5.29.14', octets(Buffer.from(id)));
export const authorityKeyId = (id: string): Buffer => extension('2.5.29.35', sequence(tlv(0x80, Buffer.from(id))));

export interface Subtrees {
  readonly permitted?: readonly Buffer[];
  readonly excluded?: readonly Buffer[];
}
/** Name constraints; each subtree is a general name, or a name with its range. */
export const constraints = ({ permitted, excluded }: Subtrees, critical = true): Buffer =>
  extension(
    '2.5.29.30',
    sequence(
      ...(permitted ? [tlv(0xa0, ...permitted.map((one) => sequence(one)))] : []),
      ...(excluded ? [tlv(0xa1, ...excluded.map((one) => sequence(one)))] : []),
    ),
    critical,
  );

export function certificate(
  plan: Required<Pick<Plan, 'issuer' | 'subject' | 'notBefore' | 'notAfter' | 'spki' | 'signer'>> & Plan,
): Buffer {
  const { algorithm = ALGORITHMS.es256, extensions = {}, wrap = bits, spoil = (der: Buffer) => der } = plan;
  const { basic, usage, purposes, names, constraints, subjectKeyId, authorityKeyId, more = [] } = extensions;
  const list = [basic, usage, purposes, names, constraints, subjectKeyId, authorityKeyId, ...more].filter(
    (one) => one !== undefined,
  );
  const signedPart = sequence(
    plan.version ?? tlv(0xa0, integer(2)),
    plan.serial ?? integer(4711),
    algorithm.id,
    plan.issuer,
    sequence(plan.notBefore, plan.notAfter),
    plan.subject,
    plan.spki,
    plan.tail ?? bytes(),
    plan.bare ?? tlv(0xa3, sequence(...list)),
  );
  return spoil(
    sequence(signedPart, plan.outer ?? algorithm.id, wrap(algorithm.sign(signedPart, plan.signer.privateKey))),
  );
}

export const ID = 'spiffe://td.example/workload';
export const NAMES = {
  root: name(['O', 'td.example'], ['CN', 'Root']),
  middle: name(['O', 'td.example'], ['CN', 'Middle']),
  leaf: name(['C', 'US'], ['O', 'SPIRE']),
} as const;

export const time = (seconds: number): Buffer =>
  seconds >= Date.UTC(2050) / 1000 ? generalizedTime(seconds) : utcTime(seconds);

/** Makes each certificate of a good chain, but for what a plan says. */
export function createMint(keys: Keys, nowSeconds: number) {
  const authorityOf = (plan: Plan, own: Key, subject: Buffer, signer: Key, issuer: Buffer): Buffer =>
    certificate({
      subject,
      issuer,
      spki: own.spki,
      signer,
      notBefore: time(nowSeconds - 3_600),
      notAfter: time(nowSeconds + 86_400),
      ...plan,
      extensions: {
        basic: authority(),
        usage: usage(5, 6),
        names: names(uri('spiffe://td.example')),
        ...plan.extensions,
      },
    });
  return {
    keys,
    nowSeconds,
    root: (plan: Plan = {}): Buffer => authorityOf(plan, keys.root, NAMES.root, keys.root, NAMES.root),
    middle: (plan: Plan = {}): Buffer => authorityOf(plan, keys.middle, NAMES.middle, keys.root, NAMES.root),
    leaf: (plan: Plan = {}): Buffer =>
      certificate({
        subject: NAMES.leaf,
        issuer: NAMES.middle,
        spki: keys.leaf.spki,
        signer: keys.middle,
        notBefore: time(nowSeconds - 60),
        notAfter: time(nowSeconds + 3_600),
        ...plan,
        extensions: {
          basic: noAuthority,
          usage: usage(0),
          purposes: purposes(1, 2),
          names: names(uri(ID)),
          ...plan.extensions,
        },
      }),
  };
}

export type Mint = ReturnType<typeof createMint>;
