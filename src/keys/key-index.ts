// One immutable set of verification keys, ready to be asked. A set is replaced whole and never changed, so every verdict
// comes from one consistent set (F-8). A key serves only its own algorithm and its own `kid` (RFC 8725 §3.1, JB-01).

import { KEYS_TRIED_MAX } from '../core/limits-outside.ts';
import type { KeySource, VerificationKey } from '../core/outside.ts';

export type KeyHeader = Parameters<KeySource['find']>[0];

export interface KeyIndex {
  readonly size: number;
  /** The keys that may have signed under this header, at most KEYS_TRIED_MAX; empty where none fits. */
  find(header: KeyHeader): readonly VerificationKey[];
}

/** Indexes keys by algorithm, and by algorithm and `kid`. A key without `kid` never answers to one. */
export function createKeyIndex(keys: readonly VerificationKey[]): KeyIndex {
  const byAlgorithm = Map.groupBy(keys, (key) => key.alg);
  const byName = Map.groupBy(
    keys.filter((key) => key.kid !== undefined),
    (key) => `${key.alg} ${key.kid}`,
  );
  return Object.freeze({
    size: keys.length,
    find(header: KeyHeader) {
      const fitting =
        header.kid === undefined ? byAlgorithm.get(header.alg) : byName.get(`${header.alg} ${header.kid}`);
      return (fitting ?? []).slice(0, KEYS_TRIED_MAX);
    },
  });
}
