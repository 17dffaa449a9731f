// The keys of one remote issuer: fetched in the background, refetched for a `kid` that is not known, and kept while the origin
// is down (F-1 to F-13). Whoever presents tokens can cause one fetch in each cooldown and no more, failed ones counted too
// and waits KEYS_WAIT_MS at most. A set is read whole before it replaces the one before it; a text that cannot be
// read replaces nothing. Not knowing is never answered as "no such key": that is `unavailable`, for the caller to try again.

import { createHash } from 'node:crypto';
import {
  KEYS_COOLDOWN_SECONDS,
  KEYS_REFRESH_SECONDS,
  KEYS_RETRY_SECONDS_MIN,
  KEYS_WAITERS_MAX,
} from '../core/limits.ts';
import type { Clock, KeySource, KeysFound, RandomBytes } from '../core/ports.ts';
import { type FetchParts, fetchKeySet } from './discovery.ts';
import { createHeldKeys, type HeldKeys, type ReadKeys } from './held-keys.ts';
import type { KeyDemands } from './jwk.ts';
import { readKeySet } from './jwk-set.ts';
import { createKeyIndex, type KeyHeader } from './key-index.ts';
import { openFlight } from './single-flight.ts';
import type { KeysEvent, KeysStatus } from './status.ts';

export interface RemoteKeysParts extends FetchParts, KeyDemands {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told of every fetch, after it has taken effect. Must not throw. */
  readonly onEvent?: (event: KeysEvent) => void;
}

export interface RemoteKeys extends KeySource {
  status(): KeysStatus;
  /** Fetches now, and from then on in the background until `close`. */
  start(): void;
  /** Ends all fetching; what is known goes on being answered to requests still in work. */
  close(): void;
}

export function createRemoteKeys(parts: RemoteKeysParts): RemoteKeys {
  const flight = openFlight();
  const held = createHeldKeys(parts.clock);
  let timer: NodeJS.Timeout | undefined;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let started = false;
  let closed = false;

  async function refresh(): Promise<void> {
    const begunAtMs = parts.clock.elapsedMs();
    const fetched = await read(parts, held.current()).catch(() => ({ problem: 'key set: a fault while reading it' }));
    if (closed) return;
    const event = held.note(fetched);
    if (started) schedule(parts.clock.elapsedMs() - begunAtMs);
    parts.onEvent?.(event);
  }

  function schedule(tookMs: number): void {
    clearTimeout(timer);
    const pauseMs = pauseAfter(held.failures(), tookMs, parts.randomBytes);
    dueAtMs = parts.clock.elapsedMs() + pauseMs;
    timer = setTimeout(() => flight.join(refresh), pauseMs);
    timer.unref();
  }

  async function find(header: KeyHeader): Promise<KeysFound> {
    const known = held.current()?.index.find(header) ?? [];
    if (known.length > 0) return { found: known };
    if (!closed && (flight.pending() || held.cooldownMs() === 0)) await flight.join(refresh, waitersMax(held));
    const found = held.current()?.index.find(header) ?? [];
    if (found.length > 0) return { found };
    return missing();
  }

  /** "None fits" is said only of a set that was fetched whole since, or within the cooldown before. */
  function missing(): KeysFound {
    if (flight.pending()) return { found: 'unavailable', retryAfterSeconds: 1 };
    if (held.current() && held.failures() === 0) return { found: 'none' };
    const pauseMs = Math.min(held.cooldownMs(), dueAtMs - parts.clock.elapsedMs());
    return { found: 'unavailable', retryAfterSeconds: Math.max(1, Math.ceil(pauseMs / 1000)) };
  }

  function start(): void {
    if (started || closed) return;
    started = true;
    flight.join(refresh);
  }

  function close(): void {
    closed = true;
    clearTimeout(timer);
    flight.close();
  }

  return Object.freeze({ find, status: held.status, start, close });
}

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

/** Everybody may wait for the first fetch (F-12). Later, waiting must not take the place of what can be served (F-10). */
const waitersMax = (held: HeldKeys): number =>
  held.failures() === 0 && !held.current() ? Number.POSITIVE_INFINITY : KEYS_WAITERS_MAX;

/** A fetch that failed counts into the pause after it: one that hung must not delay the return of its origin (F-2). */
function pauseAfter(failures: number, tookMs: number, randomBytes: RandomBytes): number {
  const pauseMs = jittered(failures === 0 ? KEYS_REFRESH_SECONDS : retrySeconds(failures), randomBytes) * 1000;
  return failures === 0 ? pauseMs : Math.max(pauseMs - tookMs, Math.min(pauseMs, KEYS_RETRY_SECONDS_MIN * 1000));
}

/** Doubles from failure to failure, up to the cooldown: an origin that returns is noticed within that time (F-2). */
const retrySeconds = (failures: number): number =>
  Math.min(KEYS_RETRY_SECONDS_MIN * 2 ** Math.min(failures - 1, 16), KEYS_COOLDOWN_SECONDS);

/** Up to a fifth sooner and never later, so that many sources do not ask at once and no key outlives its interval (F-7). */
const jittered = (seconds: number, randomBytes: RandomBytes): number => seconds * (1 - (randomBytes(1)[0] ?? 0) / 1280);
