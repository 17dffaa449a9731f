// Our signing keys in memory, indexed as signing and publishing need them, and the published JWK Set (RFC 7517 §5), made once
// for each change. Public members only: what is published is what key-material.ts names.

import type { JsonObject } from '../core/json.ts';
import type { SigningAlgorithm } from '../core/ports.ts';
import type { StoredKey } from './key-files.ts';
import { currentKey, type KeyRecord, keyState, nextKey } from './ring.ts';

export interface KeyMemory {
  all(): readonly StoredKey[];
  find(kid: string): StoredKey | undefined;
  /** Throws where it is unknown. */
  get(kid: string): StoredKey;
  ring(algorithm: SigningAlgorithm): readonly KeyRecord[];
  /** The key that signs. The next one does in the moment between a revocation and its being written down. */
  current(algorithm: SigningAlgorithm): StoredKey | undefined;
  published(): { readonly keys: readonly JsonObject[] };
  put(key: StoredKey): void;
  remove(kid: string): void;
  /** These are all there are. Says which are new, and which are none any more. */
  replace(found: readonly StoredKey[]): { readonly learned: readonly string[]; readonly dropped: readonly string[] };
}

const ORDER = { current: 0, next: 1, retired: 2 } as const;

export function createKeyMemory(stored: readonly StoredKey[]): KeyMemory {
  const keys = new Map(stored.map((key) => [key.record.kid, key]));
  const ring = (algorithm: SigningAlgorithm) =>
    sorted.map((key) => key.record).filter((key) => key.algorithm === algorithm);
  const signing = (algorithm: SigningAlgorithm) => {
    const record = currentKey(ring(algorithm)) ?? nextKey(ring(algorithm));
    return record && keys.get(record.kid);
  };

  let sorted: readonly StoredKey[];
  let published: { readonly keys: readonly JsonObject[] };
  let current: { readonly ES256: StoredKey | undefined; readonly RS256: StoredKey | undefined };
  const changed = (): void => {
    sorted = Object.freeze([...keys.values()].sort(byAlgorithmAndState));
    published = Object.freeze({ keys: Object.freeze(sorted.map((key) => key.material.publicJwk)) });
    current = { ES256: signing('ES256'), RS256: signing('RS256') };
  };
  changed();

  return Object.freeze({
    all: () => sorted,
    find: (kid: string) => keys.get(kid),
    get: (kid: string) => {
      const key = keys.get(kid);
      if (!key) throw new Error(`there is no signing key ${kid}`);
      return key;
    },
    ring,
    current: (algorithm: SigningAlgorithm) => current[algorithm],
    published: () => published,
    put: (key: StoredKey) => {
      keys.set(key.record.kid, key);
      changed();
    },
    remove: (kid: string) => {
      keys.delete(kid);
      changed();
    },
    replace: (found: readonly StoredKey[]) => {
      const kids = new Set(found.map(({ record }) => record.kid));
      const learned = [...kids].filter((kid) => !keys.has(kid));
      const dropped = [...keys.keys()].filter((kid) => !kids.has(kid));
      if (found.every((key) => keys.get(key.record.kid) === key) && dropped.length === 0) return { learned, dropped };
      keys.clear();
      for (const key of found) keys.set(key.record.kid, key);
      changed();
      return { learned, dropped };
    },
  });
}

const byAlgorithmAndState = ({ record: a }: StoredKey, { record: b }: StoredKey): number =>
  (a.algorithm < b.algorithm ? -1 : Number(a.algorithm > b.algorithm)) ||
  ORDER[keyState(a)] - ORDER[keyState(b)] ||
  b.createdAtSeconds - a.createdAtSeconds ||
  (a.kid < b.kid ? -1 : 1);
