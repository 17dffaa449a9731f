// What is known of one remote key set or bundle: the last good one, and how the fetches went. Kept while its origin is down, up
// to its limit, and then forgotten (F-1). Ages are measured on the monotonic clock: no jump of wall time makes keys immortal
// or drops them all at once (F-28, F-29).

import { KEYS_COOLDOWN_SECONDS } from '../core/limits-outside.ts';
import type { Clock } from '../core/ports.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { IgnoredKey } from './jwk-set.ts';
import type { KeyIndex } from './key-index.ts';
import type { KeysEvent, KeysStatus } from './status.ts';

/** One set as it was read: immutable, and replaced whole. */
export interface ReadKeys {
  readonly index: KeyIndex;
  readonly ignored: readonly IgnoredKey[];
  /** SHA-256 of the text, so that an unchanged set keeps its imported keys. */
  readonly digest: string;
  /** Trust bundles only. */
  readonly authorities?: readonly Certificate[];
  /** Trust bundles only: how long until it asks to be fetched again. */
  readonly refreshHintSeconds?: number;
}

export interface HeldKeys {
  /** The last good set, or undefined before the first and when it has grown too old to be believed. */
  current(): ReadKeys | undefined;
  /** Notes how a fetch ended. */
  note(fetched: ReadKeys | { readonly problem: string }): KeysEvent;
  /** Fetches that failed since the last good one. */
  failures(): number;
  /** How long from now until whoever presents tokens may cause a fetch again; counted from the end of the last, good or bad. */
  cooldownMs(): number;
  status(): KeysStatus;
}

/** `staleSecondsMax`: how old a set may grow; undefined: until it is replaced. */
export function createHeldKeys(clock: Clock, staleSecondsMax: number | undefined): HeldKeys {
  const ageMsMax = (staleSecondsMax ?? Number.POSITIVE_INFINITY) * 1000;
  let held: (ReadKeys & { readonly atMs: number; readonly atSeconds: number }) | undefined;
  let endedAtMs: number | undefined;
  let failures = 0;
  let lastProblem: string | undefined;

  function current() {
    if (held && clock.elapsedMs() - held.atMs > ageMsMax) held = undefined;
    return held;
  }

  function note(fetched: ReadKeys | { readonly problem: string }): KeysEvent {
    endedAtMs = clock.elapsedMs();
    if ('problem' in fetched) {
      failures += 1;
      lastProblem = fetched.problem;
      return { kind: 'fetch_failed', problem: fetched.problem, failures, keysKept: current()?.index.size ?? 0 };
    }
    const changed = held?.digest !== fetched.digest;
    held = Object.freeze({ ...fetched, atMs: endedAtMs, atSeconds: clock.nowSeconds() });
    failures = 0;
    lastProblem = undefined;
    return { kind: 'fetched', keys: fetched.index.size, ignored: fetched.ignored, changed };
  }

  function cooldownMs(): number {
    if (endedAtMs === undefined) return 0;
    return Math.max(0, endedAtMs + KEYS_COOLDOWN_SECONDS * 1000 - clock.elapsedMs());
  }

  function status(): KeysStatus {
    const kept = current();
    const state = kept === undefined ? 'missing' : failures === 0 ? 'fresh' : 'stale';
    const keys = kept?.index.size ?? 0;
    const authorities = kept?.authorities && { authorities: kept.authorities.length };
    return Object.freeze({ keys, ...authorities, fetchedAtSeconds: kept?.atSeconds, failures, lastProblem, state });
  }

  return Object.freeze({ current, note, failures: () => failures, cooldownMs, status });
}
