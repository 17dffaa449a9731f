// A JWK Set (RFC 7517 §5) of another party, read as hostile text: bounded, strict, and every key judged by itself, so that one
// bad key never takes the good ones with it. A text that is no key set is a problem and never an empty set; an
// empty set is one, and then nothing of that origin can be proved (SB-03).

import { setImmediate } from 'node:timers/promises';
import { importJWK } from 'jose';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { KEY_SET_BYTES_MAX, KEY_SET_KEYS_MAX, KEYS_IMPORTED_AT_ONCE_MAX } from '../core/limits-outside.ts';
import type { SignatureAlgorithm, VerificationKey } from '../core/outside.ts';
import { readJson } from '../parsing/json.ts';
import { judgeJwk, type KeyDemands, type UsableJwk } from './jwk.ts';

/** An element of `keys` that is not used: its place in the array, and why, without any of its values. */
export interface IgnoredKey {
  readonly index: number;
  readonly why: string;
  /** An entry of a bundle for a use that is not ours, which somebody else may know (SB-04). */
  readonly foreign?: true;
}

export type KeySet =
  | {
      readonly ok: true;
      readonly keys: readonly VerificationKey[];
      readonly ignored: readonly IgnoredKey[];
    }
  | { readonly ok: false; readonly problem: string };

/** Reads a JWK Set. Never throws; says what is wrong without a byte of the text. */
export async function readKeySet(text: string, demands: KeyDemands): Promise<KeySet> {
  const root = readKeySetObject(text);
  return root.ok ? readKeys(root.value, demands) : root;
}

/** The object of a JWK Set, before its keys are looked at. Integers of a member named `wide` may be beyond 2^53 (json.ts). */
export function readKeySetObject(
  text: string,
  options: { readonly wide?: string } = {},
): { readonly ok: true; readonly value: JsonObject } | { readonly ok: false; readonly problem: string } {
  if (text.length > KEY_SET_BYTES_MAX || Buffer.byteLength(text) > KEY_SET_BYTES_MAX)
    return { ok: false, problem: `is larger than ${KEY_SET_BYTES_MAX} bytes` };
  const read = readJson(text, options);
  if (!read.ok) return { ok: false, problem: `is not acceptable JSON (${read.problem})` };
  if (!isJsonObject(read.value)) return { ok: false, problem: 'is not a JSON object' };
  return { ok: true, value: read.value };
}

/** The usable keys among `keys`; the order of the set is kept. */
export async function readKeys(root: JsonObject, demands: KeyDemands): Promise<KeySet> {
  const elements = root.keys;
  if (!Array.isArray(elements)) return { ok: false, problem: 'has no array `keys`' };
  if (elements.length > KEY_SET_KEYS_MAX) return { ok: false, problem: `has more than ${KEY_SET_KEYS_MAX} keys` };

  const judged = elements.map((element) => judgeJwk(element, demands));
  const disputed = disputedKids(judged);
  const keys: VerificationKey[] = [];
  const ignored: IgnoredKey[] = [];
  const seen = new Set<string>();
  for (const [index, jwk] of judged.entries()) {
    if (typeof jwk === 'string') {
      ignored.push({ index, why: jwk });
    } else if (jwk.kid !== undefined && disputed.has(jwk.kid)) {
      ignored.push({ index, why: 'shares its kid with a different key' });
    } else if (!seen.has(nameOf(jwk))) {
      seen.add(nameOf(jwk));
      const imported = await importKey(jwk);
      // Importing blocks, so the largest set would hold up everybody else for a tenth of a second (F-6).
      if (keys.length >= KEYS_IMPORTED_AT_ONCE_MAX) await setImmediate();
      if (imported === undefined) ignored.push({ index, why: 'is not a valid public key' });
      else keys.push(...imported);
    }
  }
  return { ok: true, keys: Object.freeze(keys), ignored: Object.freeze(ignored) };
}

/** A key that is in the set twice counts once. */
const nameOf = (jwk: UsableJwk): string => JSON.stringify([jwk.kid ?? null, jwk.identity]);

/** `kid` values that different keys claim: nobody can say which is the right one, so neither is. */
function disputedKids(judged: readonly (UsableJwk | string)[]): ReadonlySet<string> {
  const owners = new Map<string, string>();
  const disputed = new Set<string>();
  for (const jwk of judged) {
    if (typeof jwk === 'string' || jwk.kid === undefined) continue;
    if ((owners.get(jwk.kid) ?? jwk.identity) !== jwk.identity) disputed.add(jwk.kid);
    owners.set(jwk.kid, jwk.identity);
  }
  return disputed;
}

/** One verification key for each algorithm; undefined where the material is no key, as for a point that is off its curve. */
async function importKey(jwk: UsableJwk): Promise<readonly VerificationKey[] | undefined> {
  try {
    return await Promise.all(jwk.algorithms.map((alg) => importFor(jwk, alg)));
  } catch {
    return undefined;
  }
}

async function importFor(jwk: UsableJwk, alg: SignatureAlgorithm): Promise<VerificationKey> {
  // Only the public material is handed over: jose would refuse `use: jwt-svid`, and `ext` and `key_ops` are decided.
  const key = await importJWK({ ...jwk.material }, alg);
  if (key instanceof Uint8Array) throw new Error('a symmetric key passed the checks');
  return Object.freeze({ kid: jwk.kid, alg, key });
}
