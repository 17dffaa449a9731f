// One JWK of a set (RFC 7517 §4, RFC 7518 §6): is it a public key that may verify for us, and under which algorithms? Refuses
// symmetric and private keys, foreign uses and operations, weak RSA and malformed EC keys, which jose partly takes (A-12 to
// What a key may do is decided here, by the origin's own word and ours; a token's header decides nothing.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { KID_BYTES_MAX } from '../core/limits.ts';
import { RSA_BITS_MAX, RSA_BITS_MIN, RSA_EXPONENT_MAX } from '../core/limits-outside.ts';
import type { SignatureAlgorithm } from '../core/outside.ts';
import { decodeBase64url } from '../parsing/base64url.ts';
import { hasRocaFingerprint } from './roca.ts';

/** What the reader of a set asks of its keys. */
export interface KeyDemands {
  /**
   * `sig`: `use` absent or `sig`, as OpenID providers write it. `jwt-svid`: exactly that, and a `kid` (SJ-10, SB-04).
   * `jwt-bundle`: the same, or no `use`: the Workload API streams bundles of JWT keys alone, and SPIRE leaves `use` out there.
   */
  readonly use: 'sig' | 'jwt-svid' | 'jwt-bundle';
  /** Algorithms of the source, its preferred one first. */
  readonly algorithms: readonly SignatureAlgorithm[];
}

/** A key that may verify. `material` holds the public members only; `identity` is equal for equal keys. */
export interface UsableJwk {
  readonly kid: string | undefined;
  readonly algorithms: readonly SignatureAlgorithm[];
  readonly material: RsaMaterial | EcMaterial;
  readonly identity: string;
}

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

/** Judges one element of `keys`: a usable key, or why it is not one. Says member names only, never a value. */
export function judgeJwk(element: Json, demands: KeyDemands): UsableJwk | string {
  if (!isJsonObject(element)) return 'is not an object';
  const problem = keyProblem(element) ?? purposeProblem(element, demands.use);
  if (problem !== undefined) return problem;
  const { kty, kid } = element;
  if (kid === undefined && demands.use !== 'sig') return 'has no kid';
  if (kid !== undefined && !isKid(kid)) return 'has a kid that is no text, empty or too long';

  const material = kty === 'RSA' ? rsaMaterial(element) : ecMaterial(element);
  if (typeof material === 'string') return material;
  const algorithms = algorithmsOf(material, element.alg, demands);
  if (algorithms.length === 0) return 'has no algorithm that this source takes';
  return { kid, algorithms, material, identity: JSON.stringify([material, algorithms]) };
}

/** Why an element can be no public key of anybody, whatever it is for. */
export function keyProblem(element: JsonObject): string | undefined {
  const { kty } = element;
  if (kty === 'oct') return 'is a symmetric key: it can forge what it verifies';
  if (kty !== 'RSA' && kty !== 'EC') return 'has an unknown kty';
  const exposed = PRIVATE_MEMBERS.find((member) => Object.hasOwn(element, member));
  return exposed === undefined ? undefined : `publishes the private member ${exposed}: whoever read it can forge`;
}

const isKid = (kid: Json): kid is string =>
  typeof kid === 'string' && kid.length > 0 && Buffer.byteLength(kid) <= KID_BYTES_MAX;

/** RFC 7517 §4.2 and §4.3: a key says what it is for, and both members must agree with verifying. */
function purposeProblem(jwk: JsonObject, wanted: KeyDemands['use']): string | undefined {
  const { use, key_ops: operations } = jwk;
  const named = wanted === 'jwt-bundle' ? 'jwt-svid' : wanted;
  if (use !== named && !(use === undefined && wanted !== 'jwt-svid')) return `has a use other than ${named}`;
  if (operations === undefined) return undefined;
  return Array.isArray(operations) && operations.includes('verify') ? undefined : 'has key_ops without verify';
}

function rsaMaterial(jwk: JsonObject): RsaMaterial | string {
  const { n, e } = jwk;
  if (typeof n !== 'string' || typeof e !== 'string') return 'lacks n or e';
  // Two hexadecimal digits hold eight bits; a longer text is refused before anything is computed with it.
  if (n.length > RSA_BITS_MAX / 4) return `has a modulus over ${RSA_BITS_MAX} bits`;
  const modulus = readInteger(n);
  const exponent = e.length <= 16 ? readInteger(e) : undefined;
  if (modulus === undefined || exponent === undefined) return 'has an n or e that is no base64url integer';
  const bits = modulus.toString(2).length;
  if (bits < RSA_BITS_MIN) return `has a modulus under ${RSA_BITS_MIN} bits`;
  if (bits > RSA_BITS_MAX) return `has a modulus over ${RSA_BITS_MAX} bits`;
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

/**
 * What a key may verify. Its own `alg` is final, and must suit its type. Without one, a curve names the algorithm. An RSA key
 * without `alg` serves one padding only, that of the first RSA algorithm of the source (RFC 8725 §3.2: no mixing of PS and
 * RS); except in SPIFFE bundles, whose keys never state `alg` and whose closed list is the binding (SJ-03).
 */
function algorithmsOf(
  material: RsaMaterial | EcMaterial,
  stated: Json | undefined,
  demands: KeyDemands,
): readonly SignatureAlgorithm[] {
  const suited = demands.algorithms.filter((algorithm) =>
    material.kty === 'EC' ? algorithm === CURVES.get(material.crv)?.alg : !algorithm.startsWith('ES'),
  );
  if (stated !== undefined) return suited.filter((algorithm) => algorithm === stated);
  if (material.kty === 'EC' || demands.use !== 'sig') return suited;
  const padding = suited[0]?.slice(0, 2) ?? '';
  return suited.filter((algorithm) => algorithm.startsWith(padding));
}
