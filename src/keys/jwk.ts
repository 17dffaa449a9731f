// One JWK of a set (RFC 7517 §4): is it a public key that may verify for us, and under which algorithms? Refuses foreign uses and
// operations, and what parsing/public-jwk.ts refuses of any key. What a key may do is decided here, by the origin's own
// word and ours; a token's header decides nothing.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { KID_BYTES_MAX } from '../core/limits.ts';
import { RSA_BITS_MAX } from '../core/limits-outside.ts';
import type { SignatureAlgorithm } from '../core/outside.ts';
import { type KeyMaterialJwk, keyProblem, publicMaterial, suits } from '../parsing/public-jwk.ts';

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
  readonly material: KeyMaterialJwk;
  readonly identity: string;
}

/** Judges one element of `keys`: a usable key, or why it is not one. Says member names only, never a value. */
export function judgeJwk(element: Json, demands: KeyDemands): UsableJwk | string {
  if (!isJsonObject(element)) return 'is not an object';
  const problem = keyProblem(element) ?? purposeProblem(element, demands.use);
  if (problem !== undefined) return problem;
  const { kid } = element;
  if (kid === undefined && demands.use !== 'sig') return 'has no kid';
  if (kid !== undefined && !isKid(kid)) return 'has a kid that is no text, empty or too long';

  const material = publicMaterial(element, RSA_BITS_MAX);
  if (typeof material === 'string') return material;
  const algorithms = algorithmsOf(material, element.alg, demands);
  if (algorithms.length === 0) return 'has no algorithm that this source takes';
  return { kid, algorithms, material, identity: JSON.stringify([material, algorithms]) };
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

/**
 * What a key may verify. Its own `alg` is final, and must suit its type. Without one, a curve names the algorithm. An RSA key
 * without `alg` serves one padding only, that of the first RSA algorithm of the source (RFC 8725 §3.2: no mixing of PS and
 * RS); except in SPIFFE bundles, whose keys never state `alg` and whose closed list is the binding (SJ-03).
 */
function algorithmsOf(
  material: KeyMaterialJwk,
  stated: Json | undefined,
  demands: KeyDemands,
): readonly SignatureAlgorithm[] {
  const suited = demands.algorithms.filter((algorithm) => suits(material, algorithm));
  if (stated !== undefined) return suited.filter((algorithm) => algorithm === stated);
  if (material.kty === 'EC' || demands.use !== 'sig') return suited;
  const padding = suited[0]?.slice(0, 2) ?? '';
  return suited.filter((algorithm) => algorithm.startsWith(padding));
}
