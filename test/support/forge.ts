// A signer without manners: any bytes as header and payload, any signature, any key, where a JOSE library would refuse to write
// them. For attacks only; well-formed tokens come from the platforms' own shapes.

import { constants, createHash, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto';

export type Json = Readonly<Record<string, unknown>>;

export interface Forge {
  readonly alg: string;
  readonly kid: string;
  /** The public half, as it would be published. */
  readonly jwk: Json;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** A signed token; texts and bytes are taken as they are, objects written as JSON, undefined header members left out. */
  token(payload: Json | string | Uint8Array, header?: Json | string, signature?: (input: string) => Uint8Array): string;
  signature(input: string): Buffer;
}

const KEYS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  RS256short: () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  ES256K: () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
} as const;

/** A key of this kind under this `kid`; `published` adds to or replaces members of its public JWK. */
export function createForge(kind: keyof typeof KEYS, kid: string, published: Json = {}): Forge {
  const { publicKey, privateKey } = KEYS[kind]();
  const alg = kind === 'RS256short' ? 'RS256' : kind;
  const jwk = defined({ ...publicKey.export({ format: 'jwk' }), kid, ...published });
  const signature = (input: string): Buffer =>
    sign(kind === 'EdDSA' ? null : kind === 'ES384' ? 'sha384' : 'sha256', Buffer.from(input), {
      key: privateKey,
      dsaEncoding: 'ieee-p1363',
    });
  return Object.freeze({
    alg,
    kid,
    jwk,
    publicKey,
    privateKey,
    signature,
    token(payload: Json | string | Uint8Array, header: Json | string = {}, signed = signature) {
      const head = typeof header === 'string' ? header : JSON.stringify({ alg, kid, typ: 'JWT', ...header });
      const input = `${b64(head)}.${b64(payload)}`;
      return `${input}.${b64(signed(input))}`;
    },
  });
}

export const setOf = (...keys: readonly Json[]): string => JSON.stringify({ keys });

/** base64url of bytes, of a text, or of an object's JSON. */
export const b64 = (value: Json | string | Uint8Array): string =>
  Buffer.from(value instanceof Uint8Array ? value : typeof value === 'string' ? value : JSON.stringify(value)).toString(
    'base64url',
  );

/** The DER prefix of a SHA-256 DigestInfo, with its NULL parameters. */
export const SHA256_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');

/** An RSA signature over a block of our own making, where the standard knows only one (RFC 8017 §9.2). */
export function rsaBlock(forge: Forge, make: (digest: Buffer, bytes: number) => Buffer): (input: string) => Uint8Array {
  return (input) => {
    const block = make(createHash('sha256').update(input).digest(), 256);
    return privateEncrypt({ key: forge.privateKey, padding: constants.RSA_NO_PADDING }, block);
  };
}

const defined = (object: Json): Json =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
