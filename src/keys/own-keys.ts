// The public part of our own signing keys, for reading our own tokens: what is published, and nothing that was revoked. Read again when the
// published set is another.

import type { KeySource } from '../core/outside.ts';
import { readKeySet } from './jwk-set.ts';
import { createPinnedKeys } from './pinned-keys.ts';
import type { KeysStatus } from './status.ts';

type PublishedSet = { readonly keys: readonly object[] };

export interface OwnKeys extends KeySource {
  /** From now on these are ours; before that nobody knows. */
  follow(published: () => PublishedSet): void;
  status(): KeysStatus;
}

export function createOwnKeys(): OwnKeys {
  let published: (() => PublishedSet) | undefined;
  let read: { readonly of: PublishedSet; readonly keys: Promise<KeySource> } | undefined;

  return Object.freeze({
    follow(from: () => PublishedSet) {
      published = from;
    },
    async find(header: Parameters<KeySource['find']>[0]) {
      const set = published?.();
      if (!set) return { found: 'unavailable' as const, retryAfterSeconds: 1 };
      if (read?.of !== set) read = { of: set, keys: keysOf(set) };
      return (await read.keys).find(header);
    },
    status: () => STATUS,
  });
}

const STATUS: KeysStatus = Object.freeze({
  keys: 0,
  fetchedAtSeconds: undefined,
  failures: 0,
  lastProblem: undefined,
  state: 'fresh',
});

async function keysOf(set: PublishedSet): Promise<KeySource> {
  const keys = await readKeySet(JSON.stringify(set), { use: 'sig', algorithms: ['ES256', 'RS256'] });
  if (!keys.ok) throw new Error(`our own published keys cannot be read: they ${keys.problem}`);
  return createPinnedKeys(keys.keys);
}
