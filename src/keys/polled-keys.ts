// The keys of one remote origin: fetched in the background, refetched for a `kid` that is not known, and kept while the origin
// is down (F-1 to F-13). Whoever presents tokens can cause one fetch in each cooldown and no more, failed ones counted too
// and waits KEYS_WAIT_MS at most. A set is read whole before it replaces the one before it; a text that cannot be
// read replaces nothing. Not knowing is never answered as "no such key": that is `unavailable`, for the caller to try again.

import { KEYS_WAITERS_MAX } from '../core/limits.ts';
import { KEYS_REFRESH_SECONDS, KEYS_RETRY_SECONDS_MIN } from '../core/limits-outside.ts';
import type { KeySource, KeysFound } from '../core/outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import type { Authorities, AuthoritiesFound } from '../x509/authorities.ts';
import { createHeldKeys, type HeldKeys, type ReadKeys } from './held-keys.ts';
import type { KeyHeader } from './key-index.ts';
import { openFlight } from './single-flight.ts';
import type { KeysEvent, KeysStatus } from './status.ts';

export interface PolledKeysParts {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Fetches and reads the whole set. Gives `before` back as it is where nothing has changed. */
  readonly read: (before: ReadKeys | undefined) => Promise<ReadKeys | { readonly problem: string }>;
  /** How long the last good set serves; undefined: until it is replaced. */
  readonly staleSecondsMax: number | undefined;
  /** The longest pause after a failed fetch. */
  readonly retrySecondsMax: number;
  /** Told of every fetch, after it has taken effect. Must not throw. */
  readonly onEvent?: ((event: KeysEvent) => void) | undefined;
}

export interface PolledKeys extends KeySource {
  /** Those of the set that serves; empty where sets of this kind have none. */
  readonly authorities: Authorities;
  status(): KeysStatus;
  /** Fetches now, and from then on in the background until `close`. */
  start(): void;
  /** Ends all fetching; what is known goes on being answered to requests still in work. */
  close(): void;
}

export function createPolledKeys(parts: PolledKeysParts): PolledKeys {
  const flight = openFlight();
  const held = createHeldKeys(parts.clock, parts.staleSecondsMax);
  let timer: NodeJS.Timeout | undefined;
  let dueAtMs = Number.POSITIVE_INFINITY;
  let started = false;
  let closed = false;

  async function refresh(): Promise<void> {
    const begunAtMs = parts.clock.elapsedMs();
    const fetched = await parts.read(held.current()).catch(() => ({ problem: 'a fault while reading it' }));
    if (closed) return;
    const event = held.note(fetched);
    if (started) schedule(parts.clock.elapsedMs() - begunAtMs);
    parts.onEvent?.(event);
  }

  function schedule(tookMs: number): void {
    clearTimeout(timer);
    const pauseMs = pauseAfter(held, tookMs, parts);
    dueAtMs = parts.clock.elapsedMs() + pauseMs;
    timer = setTimeout(() => flight.join(refresh), pauseMs);
    timer.unref();
  }

  async function find(header: KeyHeader): Promise<KeysFound> {
    const known = held.current()?.index.find(header) ?? [];
    if (known.length > 0) return { found: known };
    if (!closed && (flight.pending() || held.cooldownMs() === 0)) await flight.join(refresh, waitersMax(held));
    const found = held.current()?.index.find(header) ?? [];
    return found.length > 0 ? { found } : missing();
  }

  /** "None fits" is said only of a set that was fetched whole since, or within the cooldown before. */
  function missing(): Exclude<KeysFound, { found: readonly unknown[] }> {
    if (!flight.pending() && held.current() && held.failures() === 0) return { found: 'none' };
    return unavailable();
  }

  function unavailable() {
    const pauseMs = flight.pending() ? 0 : Math.min(held.cooldownMs(), dueAtMs - parts.clock.elapsedMs());
    return unknownFor(pauseMs);
  }

  const authorities: Authorities = Object.freeze({ current: () => authoritiesOf(held.current()) ?? unavailable() });

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

  return Object.freeze({ find, authorities, status: held.status, start, close });
}

const authoritiesOf = (set: ReadKeys | undefined): AuthoritiesFound | undefined =>
  set && { found: set.authorities ?? [] };

const unknownFor = (pauseMs: number) =>
  ({ found: 'unavailable', retryAfterSeconds: Math.max(1, Math.ceil(pauseMs / 1000)) }) as const;

const secondsToNext = (held: HeldKeys, retrySecondsMax: number): number =>
  held.failures() === 0
    ? (held.current()?.refreshHintSeconds ?? KEYS_REFRESH_SECONDS)
    : retrySeconds(held.failures(), retrySecondsMax);

/** Everybody may wait for the first fetch (F-12). Later, waiting must not take the place of what can be served (F-10). */
const waitersMax = (held: HeldKeys): number =>
  held.failures() === 0 && !held.current() ? Number.POSITIVE_INFINITY : KEYS_WAITERS_MAX;

/** A fetch that failed counts into the pause after it: one that hung must not delay the return of its origin (F-2). */
function pauseAfter(held: HeldKeys, tookMs: number, { retrySecondsMax, randomBytes }: PolledKeysParts): number {
  const pauseMs = jittered(secondsToNext(held, retrySecondsMax), randomBytes) * 1000;
  return held.failures() === 0 ? pauseMs : Math.max(pauseMs - tookMs, Math.min(pauseMs, KEYS_RETRY_SECONDS_MIN * 1000));
}

/** Doubles from failure to failure, up to its limit: an origin that returns is noticed within that time (F-2). */
const retrySeconds = (failures: number, secondsMax: number): number =>
  Math.min(KEYS_RETRY_SECONDS_MIN * 2 ** Math.min(failures - 1, 16), secondsMax);

/** Up to a fifth sooner and never later, so that many sources do not ask at once and no key outlives its interval (F-7). */
const jittered = (seconds: number, randomBytes: RandomBytes): number => seconds * (1 - (randomBytes(1)[0] ?? 0) / 1280);
