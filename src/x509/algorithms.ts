// The signature algorithms and keys that are taken: RSA of 2048 to 8192 bits with PKCS #1 v1.5 or PSS, ECDSA on P-256, P-384 and
// P-521, each with SHA-2. Algorithm identifiers are compared whole, parameters included, so that nothing in them goes unread.
// SHA-1, MD5, DSA, smaller and other curves are refused, and so is EdDSA, which this broker leaves out everywhere.

import { constants, type KeyObject, verify } from 'node:crypto';
import { RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MAX } from '../core/limits-outside.ts';
import { type Element, readBytes, sequenceIn, sequenceOf } from './der.ts';

export interface SignatureAlgorithm {
  readonly key: 'rsa' | 'ec';
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Of PSS; PKCS #1 v1.5 otherwise. */
  readonly saltBytes?: number;
}

/** A short element in hex. */
const tlv = (tag: string, ...parts: readonly string[]): string => {
  const body = parts.join('');
  return `${tag}${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
};
const NULL = '0500';
const RSA = (last: string): string => tlv('06', `2a864886f70d0101${last}`);
const SHA2 = (last: string): string => tlv('06', `60864801650304020${last}`);

const HASHES = [
  { hash: 'sha256', bytes: 32, id: '1', ecdsa: '02', rsa: '0b' },
  { hash: 'sha384', bytes: 48, id: '2', ecdsa: '03', rsa: '0c' },
  { hash: 'sha512', bytes: 64, id: '3', ecdsa: '04', rsa: '0d' },
] as const;

/** RSASSA-PSS as RFC 4055 §3.1 has it for certificates: MGF1 and salt by the same hash. */
const pss = (hash: string, saltBytes: number): string =>
  tlv(
    '30',
    RSA('0a'),
    tlv(
      '30',
      tlv('a0', hash),
      tlv('a1', tlv('30', RSA('08'), hash)),
      tlv('a2', tlv('02', saltBytes.toString(16).padStart(2, '0'))),
    ),
  );

/** By the DER of the whole AlgorithmIdentifier, hex. RFC 4055 §2.1 and §5: a NULL parameter may be left out. */
const SIGNATURES: ReadonlyMap<string, SignatureAlgorithm> = new Map(
  HASHES.flatMap(({ hash, bytes, id, ecdsa, rsa }): [string, SignatureAlgorithm][] => [
    [tlv('30', tlv('06', `2a8648ce3d0403${ecdsa}`)), { key: 'ec', hash }],
    [tlv('30', RSA(rsa), NULL), { key: 'rsa', hash }],
    [tlv('30', RSA(rsa)), { key: 'rsa', hash }],
    [pss(tlv('30', SHA2(id), NULL), bytes), { key: 'rsa', hash, saltBytes: bytes }],
    [pss(tlv('30', SHA2(id)), bytes), { key: 'rsa', hash, saltBytes: bytes }],
  ]),
);

const RSA_KEY = tlv('30', RSA('01'), NULL);
const EC = tlv('06', '2a8648ce3d0201');
/** By AlgorithmIdentifier, the bytes of an uncompressed point (RFC 5480 §2.2: the form everyone must take). */
const CURVES: ReadonlyMap<string, number> = new Map([
  [tlv('30', EC, tlv('06', '2a8648ce3d030107')), 65],
  [tlv('30', EC, tlv('06', '2b81040022')), 97],
  [tlv('30', EC, tlv('06', '2b81040023')), 133],
]);

/** The algorithm, or undefined where it is none of ours. */
export const signatureAlgorithm = (identifier: Element): SignatureAlgorithm | undefined =>
  SIGNATURES.get(identifier.whole.toString('hex'));

/** Whether a subject's key is of a kind and size that is taken. `key` is the same key as OpenSSL reads it. */
export function keyAccepted(info: Element, key: KeyObject): boolean {
  const [identifier, bits] = sequenceIn(info);
  const algorithm = identifier?.whole.toString('hex') ?? '';
  if (algorithm !== RSA_KEY) {
    const point = readBytes(bits);
    return CURVES.get(algorithm) === point.length && point[0] === 4;
  }
  // OpenSSL reads the key's own SEQUENCE and does not look behind it.
  sequenceOf(readBytes(bits));
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  return (
    modulusLength >= RSA_BITS_MIN &&
    modulusLength <= RSA_BITS_MAX &&
    publicExponent >= 3n &&
    publicExponent % 2n === 1n &&
    publicExponent <= BigInt(RSA_EXPONENT_MAX)
  );
}

/** By curve; measured, OpenSSL has fast code for P-256 only. RSA by its bits: 0.02 ms for 2048, 0.6 ms for 8192. */
const CURVE_MICROSECONDS: ReadonlyMap<string, number> = new Map([
  ['prime256v1', 80],
  ['secp384r1', 620],
  ['secp521r1', 1_600],
]);

/** About how long one signature by this key takes to check. Callers add it up, and stop. */
export function signatureMicroseconds({ asymmetricKeyDetails }: KeyObject): number {
  const { namedCurve = '', modulusLength = RSA_BITS_MAX } = asymmetricKeyDetails ?? {};
  return CURVE_MICROSECONDS.get(namedCurve) ?? Math.round((600 * modulusLength ** 2) / RSA_BITS_MAX ** 2);
}

/** Whether `key` signed these bytes. */
export function signedBy(
  key: KeyObject,
  { algorithm, bytes, signature }: { algorithm: SignatureAlgorithm; bytes: Uint8Array; signature: Uint8Array },
): boolean {
  if (key.asymmetricKeyType !== algorithm.key) return false;
  const { hash, saltBytes } = algorithm;
  const padding = saltBytes === undefined ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_PSS_PADDING;
  const how = algorithm.key === 'ec' ? { key } : { key, padding, ...(saltBytes && { saltLength: saltBytes }) };
  return verify(hash, bytes, how, signature);
}
