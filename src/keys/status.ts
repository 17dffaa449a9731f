// What an origin of keys says about itself, for readiness, metrics and logs: counts, times and problems. Never a key, and
// never a byte of what the origin answered.

import type { IgnoredKey } from './jwk-set.ts';

export interface KeysStatus {
  /** Verification keys in use; a key that may serve several algorithms counts once for each. */
  readonly keys: number;
  /** X.509 authorities in use; trust bundles only. */
  readonly authorities?: number;
  /** Wall time of the last fetch that succeeded; undefined before the first, and for keys that are never fetched. */
  readonly fetchedAtSeconds: number | undefined;
  /** Fetches that failed since the last one that succeeded. */
  readonly failures: number;
  readonly lastProblem: string | undefined;
  /** `stale`: the last good keys serve although the origin does not answer. `missing`: tokens of this origin are refused as 503. */
  readonly state: 'fresh' | 'stale' | 'missing';
}

/** What happened at an origin. At most one event for each fetch, so bounded by the cooldown. */
export type KeysEvent =
  | {
      readonly kind: 'fetched';
      readonly keys: number;
      readonly ignored: readonly IgnoredKey[];
      readonly changed: boolean;
    }
  | { readonly kind: 'fetch_failed'; readonly problem: string; readonly failures: number; readonly keysKept: number };
