// The public key in one JWK (RFC 7517 §4, RFC 7518 §6), whoever wrote it: refuses symmetric and private keys, weak RSA and malformed EC
// keys, which jose partly takes, by arithmetic on bounded texts and before anything is imported. Gives
// the public members only. What a key is for, and which algorithms it serves, its reader judges.

import type { JsonObject } from '../core/json.ts';
import { RSA_BITS_MIN, RSA_EXPONENT_MAX } from '../core/limits-outside.ts';
import type { SignatureAlgorithm } from '../core/outside.ts';
import { decodeBase64url } from './base64url.ts';
import { hasRocaFingerprint } from './roca.ts';

/** The members that RFC 7638 §3.2 hashes, and no others. */
export type KeyMaterialJwk = RsaMaterial | EcMaterial;

export interface RsaMaterial {
  readonly kty: 'RSA';
  readonly n: string;
  readonly e: string;
}

export interface EcMaterial {
  readonly kty: 'EC';
  readonly crv: string;
  readonly x: string;
  readonly y: string;
}

const PRIVATE_MEMBERS: readonly string[] = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

/** RFC 7518 §3.4: a curve has one algorithm. Coordinates have the full length (§6.2.1.2). */
const CURVES: ReadonlyMap<string, { readonly alg: SignatureAlgorithm; readonly bytes: number }> = new Map([
  ['P-256', { alg: 'ES256', bytes: 32 }],
  ['P-384', { alg: 'ES384', bytes: 48 }],
  ['P-521', { alg: 'ES512', bytes: 66 }],
]);

/** Why an element can be no public key of anybody, whatever it is for. Says member names only, never a value. */
export function keyProblem(jwk: JsonObject): string | undefined {
  const { kty } = jwk;
  if (kty === 'oct') return 'is a symmetric key: it can forge what it verifies';
  if (kty !== 'RSA' && kty !== 'EC') return 'has an unknown kty';
  const exposed = PRIVATE_MEMBERS.find((member) => Object.hasOwn(jwk, member));
  return exposed === undefined ? undefined : `publishes the private member ${exposed}: whoever read it can forge`;
}

/** The key of a JWK that has no `keyProblem`, or why it is none. `rsaBitsMax` bounds the cost of an RSA key. */
export const publicMaterial = (jwk: JsonObject, rsaBitsMax: number): KeyMaterialJwk | string =>
  jwk.kty === 'RSA' ? rsaMaterial(jwk, rsaBitsMax) : ecMaterial(jwk);

/** Whether a key of this type can have made signatures of this algorithm. */
export const suits = (material: KeyMaterialJwk, algorithm: SignatureAlgorithm): boolean =>
  material.kty === 'EC' ? algorithm === CURVES.get(material.crv)?.alg : !algorithm.startsWith('ES');

function rsaMaterial(jwk: JsonObject, bitsMax: number): RsaMaterial | string {
  const { n, e } = jwk;
  if (typeof n !== 'string' || typeof e !== 'string') return 'lacks n or e';
  // Two hexadecimal digits hold eight bits; a longer text is refused before anything is computed with it.
  if (n.length > bitsMax / 4) return `has a modulus over ${bitsMax} bits`;
  const modulus = readInteger(n);
  const exponent = e.length <= 16 ? readInteger(e) : undefined;
  if (modulus === undefined || exponent === undefined) return 'has an n or e that is no base64url integer';
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS_MIN) return `has a modulus under ${RSA_BITS_MIN} bits`;
  if (bits > bitsMax) return `has a modulus over ${bitsMax} bits`;
  if (modulus % 2n === 0n) return 'has an even modulus';
  // With e = 1 a signature is its own message; an even e is no exponent; a huge one only costs time.
  if (exponent < 3n || exponent % 2n === 0n || exponent > BigInt(RSA_EXPONENT_MAX)) return 'has an unsafe exponent';
  if (hasRocaFingerprint(modulus)) return 'has a modulus that can be factored (ROCA)';
  return { kty: 'RSA', n, e };
}

function readInteger(text: string): bigint | undefined {
  const bytes = decodeBase64url(text);
  if (bytes === undefined || bytes.length === 0) return undefined;
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

/** Lengths only: that the point lies on its curve is checked by the import. */
function ecMaterial(jwk: JsonObject): EcMaterial | string {
  const { crv, x, y } = jwk;
  const curve = typeof crv === 'string' ? CURVES.get(crv) : undefined;
  if (typeof crv !== 'string' || curve === undefined) return 'has an unknown crv';
  if (typeof x !== 'string' || typeof y !== 'string') return 'lacks x or y';
  if (decodeBase64url(x)?.length !== curve.bytes || decodeBase64url(y)?.length !== curve.bytes)
    return 'has a coordinate of the wrong length';
  return { kty: 'EC', crv, x, y };
}
