// SPIFFE bundles in their JSON form (SPIFFE Trust Domain and Bundle §4): a JWK Set with a sequence number and a refresh hint.
// Only `jwt-svid` entries are read; `x509-svid` and anything unknown is left alone (SB-04), and no further member is
// demanded (SB-08). Nothing usable means that nobody of the trust domain can prove anything (SB-03).

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { BUNDLE_REFRESH_SECONDS_MAX, BUNDLE_REFRESH_SECONDS_MIN } from '../core/limits.ts';
import type { SignatureAlgorithm } from '../core/ports.ts';
import { type KeySet, readKeySetObject, readKeys } from './jwk-set.ts';

/** Reads a bundle. Entries of other uses are not listed as ignored: they are there for X.509. Never throws. */
export async function readTrustBundle(text: string, algorithms: readonly SignatureAlgorithm[]): Promise<KeySet> {
  const root = readKeySetObject(text);
  if (!root.ok) return root;
  const set = await readKeys(root.value, { use: 'jwt-svid', algorithms });
  if (!set.ok) return set;
  return {
    ...set,
    ignored: set.ignored.filter(({ index }) => !isX509Entry(root.value, index)),
    ...sequenceOf(root.value.spiffe_sequence),
    ...refreshHintOf(root.value.spiffe_refresh_hint),
  };
}

function isX509Entry(root: JsonObject, index: number): boolean {
  const element: Json | undefined = Array.isArray(root.keys) ? root.keys[index] : undefined;
  return isJsonObject(element) && element.use === 'x509-svid';
}

const isCount = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

const sequenceOf = (value: Json | undefined) => (isCount(value) ? { sequence: value } : {});

/** SB-02: only a hint, so nonsense is no hint, and an extreme one is brought within our limits. */
function refreshHintOf(value: Json | undefined) {
  if (!isCount(value) || value === 0) return {};
  const seconds = Math.min(Math.max(value, BUNDLE_REFRESH_SECONDS_MIN), BUNDLE_REFRESH_SECONDS_MAX);
  return { refreshHintSeconds: seconds };
}
