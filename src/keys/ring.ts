// The life of our signing keys of one algorithm, as a pure function from what exists to the one step to take next: made,
// published, current, retired, deleted. Every step is one file, so a crash between any two leaves a ring from which the
// same function goes on (F-33). No I/O, no clock, no key material. RFC 8414 / RFC 7517 practice: MD-09, A-198.

import { NUMERIC_DATE_MAX, SIGNING_KEY_RETIRED_SECONDS } from '../core/limits.ts';
import type { SigningAlgorithm } from '../core/ports.ts';

/** What is known about one key beside its material. All times are whole seconds since the epoch. */
export interface KeyRecord {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly createdAtSeconds: number;
  /** Since when it has certainly stood in the published set. */
  readonly publishedAtSeconds?: number | undefined;
  /** It stood in the first set ever published, so nobody can hold a copy without it. */
  readonly inEverySet?: true | undefined;
  readonly currentSinceSeconds?: number | undefined;
  readonly retiredAtSeconds?: number | undefined;
  /** The longest lifetime that was allowed while it signed. */
  readonly longestLifetimeSeconds: number;
}

type KeyState = 'current' | 'next' | 'retired';

export type RingStep =
  | { readonly step: 'create' }
  | {
      readonly step: 'store';
      readonly what: 'published' | 'activated' | 'retired' | 'lengthened';
      readonly key: KeyRecord;
    }
  | { readonly step: 'delete'; readonly key: KeyRecord };

export interface RingDemands {
  readonly nowSeconds: number;
  readonly rotateEverySeconds: number;
  readonly publishAheadSeconds: number;
  /** The longest lifetime that may be signed from now on. */
  readonly longestLifetimeSeconds: number;
  /** A current key that must be replaced, whatever its age. */
  readonly replace?: string | undefined;
}

export function keyState(key: KeyRecord): KeyState {
  if (key.retiredAtSeconds !== undefined) return 'retired';
  return key.currentSinceSeconds === undefined ? 'next' : 'current';
}

/** The key that signs: the one that became current last, where a crash has left two. */
export const currentKey = (ring: readonly KeyRecord[]): KeyRecord | undefined =>
  inState(ring, 'current').sort((a, b) => since(b) - since(a) || byKid(a, b))[0];

/** The key that signs next: the one published first, where there are two. */
export const nextKey = (ring: readonly KeyRecord[]): KeyRecord | undefined => nextKeys(ring)[0];

/** When a key may begin to sign: once every copy of the set that lacks it has run out. Undefined while it is not published. */
export function maySignFromSeconds(key: KeyRecord, publishAheadSeconds: number): number | undefined {
  if (key.inEverySet) return 0;
  return key.publishedAtSeconds === undefined ? undefined : key.publishedAtSeconds + publishAheadSeconds;
}

/** The next step that brings the ring into order, or undefined where it is: one current key, a published next one. */
export function nextStep(ring: readonly KeyRecord[], demands: RingDemands): RingStep | undefined {
  const current = currentKey(ring);
  const [next, spare] = nextKeys(ring);
  if (!current) return next ? activate(next, demands, undefined) : { step: 'create' };
  if (!next) return { step: 'create' };

  const superseded = inState(ring, 'current').find((key) => key !== current);
  if (superseded) return store('retired', { ...superseded, retiredAtSeconds: since(current) });

  const unpublished = [next, spare].find((key) => key && key.publishedAtSeconds === undefined);
  if (unpublished) return store('published', { ...unpublished, publishedAtSeconds: Math.ceil(demands.nowSeconds) });

  const { longestLifetimeSeconds } = demands;
  if (longestLifetimeSeconds > current.longestLifetimeSeconds)
    return store('lengthened', { ...current, longestLifetimeSeconds });

  // A spare is made before the next key moves up, so that a next one is published at all times.
  if (isDue(current, next, demands)) return spare ? activate(next, demands, current) : { step: 'create' };

  const forgotten = inState(ring, 'retired').find((key) => demands.nowSeconds >= keptUntil(key));
  return forgotten && { step: 'delete', key: forgotten };
}

function isDue(current: KeyRecord, next: KeyRecord, demands: RingDemands): boolean {
  const from = maySignFromSeconds(next, demands.publishAheadSeconds);
  if (from === undefined || demands.nowSeconds < from) return false;
  return current.kid === demands.replace || demands.nowSeconds >= since(current) + demands.rotateEverySeconds;
}

/** A clock that stepped back must not make the key before it the newer one. */
function activate(key: KeyRecord, demands: RingDemands, before: KeyRecord | undefined): RingStep {
  const now = Math.floor(demands.nowSeconds);
  const currentSinceSeconds = before ? Math.max(now, since(before) + 1) : now;
  const { longestLifetimeSeconds } = demands;
  return store('activated', { ...key, currentSinceSeconds, longestLifetimeSeconds });
}

const store = (what: 'published' | 'activated' | 'retired' | 'lengthened', key: KeyRecord): RingStep => ({
  step: 'store',
  what,
  key,
});

/** Everything that a retired key signed has expired, and the slack for copies and clocks has passed. */
const keptUntil = (key: KeyRecord): number =>
  (key.retiredAtSeconds ?? Number.POSITIVE_INFINITY) + key.longestLifetimeSeconds + SIGNING_KEY_RETIRED_SECONDS;

const since = (key: KeyRecord): number => key.currentSinceSeconds ?? 0;
const byKid = (a: KeyRecord, b: KeyRecord): number => (a.kid < b.kid ? -1 : 1);

const inState = (ring: readonly KeyRecord[], state: KeyState): KeyRecord[] =>
  ring.filter((key) => keyState(key) === state);

/** The one that is known longest first: a spare made in the same second must not go before it. */
const nextKeys = (ring: readonly KeyRecord[]): KeyRecord[] =>
  inState(ring, 'next').sort(
    (a, b) => knownSince(a) - knownSince(b) || a.createdAtSeconds - b.createdAtSeconds || byKid(a, b),
  );

const knownSince = (key: KeyRecord): number => (key.inEverySet ? 0 : (key.publishedAtSeconds ?? NUMERIC_DATE_MAX));
