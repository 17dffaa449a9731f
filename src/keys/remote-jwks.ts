// The JWK Set of one remote issuer, by discovery or at a URL: fetched and read whole (polled-keys.ts says when). Its last good
// keys serve for KEYS_STALE_SECONDS_MAX while the issuer is down, and no longer (F-1).

import { createHash } from 'node:crypto';
import { KEYS_COOLDOWN_SECONDS, KEYS_STALE_SECONDS_MAX } from '../core/limits-outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import { type FetchParts, fetchKeySet } from './discovery.ts';
import type { ReadKeys } from './held-keys.ts';
import type { KeyDemands } from './jwk.ts';
import { readKeySet } from './jwk-set.ts';
import { createKeyIndex } from './key-index.ts';
import { createPolledKeys, type PolledKeys } from './polled-keys.ts';
import type { KeysEvent } from './status.ts';

export interface RemoteKeysParts extends FetchParts, KeyDemands {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told of every fetch, after it has taken effect. Must not throw. */
  readonly onEvent?: (event: KeysEvent) => void;
}

export type RemoteKeys = PolledKeys;

export const createRemoteKeys = (parts: RemoteKeysParts): RemoteKeys =>
  createPolledKeys({
    clock: parts.clock,
    randomBytes: parts.randomBytes,
    read: (before) => read(parts, before),
    staleSecondsMax: KEYS_STALE_SECONDS_MAX,
    retrySecondsMax: KEYS_COOLDOWN_SECONDS,
    onEvent: parts.onEvent,
  });

/** Fetches and reads the whole set. `before` is handed back as it is where the text has not changed. */
async function read(parts: RemoteKeysParts, before: ReadKeys | undefined): Promise<ReadKeys | { problem: string }> {
  const text = await fetchKeySet(parts);
  if (!text.ok) return { problem: text.problem };
  const digest = createHash('sha256').update(text.value).digest('hex');
  if (before?.digest === digest) return before;
  const set = await readKeySet(text.value, parts);
  if (!set.ok) return { problem: `key set: ${set.problem}` };
  return { index: createKeyIndex(set.keys), ignored: set.ignored, digest };
}
