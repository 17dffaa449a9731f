// What is claimed, in memory, with its end. Forgets only what has ended, a little at a time, and remembers up to which end it
// may have forgotten: a clock that steps back must not find a spent credential unknown (F-30, A-63).

import type { ClaimChange } from './journal-line.ts';

export interface Claim {
  readonly decision: string;
  readonly untilSeconds: number;
  /** Settles when the claim is durable; undefined once it is. */
  written: Promise<void> | undefined;
  /** Settles when the claim has been given back, or stays. */
  releasing: Promise<void> | undefined;
}

export interface ClaimTable {
  get(key: string): Claim | undefined;
  set(key: string, claim: Claim): void;
  /** Removes exactly this claim: never one that took its place. */
  remove(key: string, claim: Claim): void;
  /** Removes a claim that has ended. */
  forget(key: string, claim: Claim): void;
  /** Looks at up to so many claims, where it stopped last time, and forgets those that ended before now. */
  sweep(nowSeconds: number, count: number): void;
  /** A claim that ends here or before may have been forgotten. */
  forgottenUntilSeconds(): number;
  size(): number;
  /** Takes over what a journal tells. */
  replay(change: ClaimChange): void;
  /** Everything that is durably claimed; may be walked while claims come and go. */
  changes(): Generator<ClaimChange>;
}

export function createClaimTable(): ClaimTable {
  const claims = new Map<string, Claim>();
  let sweeper = claims.entries();
  let forgottenUntilSeconds = 0;

  const forget = (key: string, claim: Claim): void => {
    claims.delete(key);
    forgottenUntilSeconds = Math.max(forgottenUntilSeconds, claim.untilSeconds);
  };

  return Object.freeze({
    get: (key: string) => claims.get(key),
    set: (key: string, claim: Claim) => {
      claims.set(key, claim);
    },
    remove: (key: string, claim: Claim) => {
      if (claims.get(key) === claim) claims.delete(key);
    },
    forget,
    sweep: (nowSeconds: number, count: number) => {
      for (let looked = 0; looked < count; looked += 1) {
        const { value, done } = sweeper.next();
        if (done) {
          sweeper = claims.entries();
          return;
        }
        const [key, claim] = value;
        if (claim.untilSeconds < nowSeconds && !claim.written && !claim.releasing) forget(key, claim);
      }
    },
    forgottenUntilSeconds: () => forgottenUntilSeconds,
    size: () => claims.size,
    replay: (change: ClaimChange) => {
      if (change.change === 'forget') {
        forgottenUntilSeconds = Math.max(forgottenUntilSeconds, change.untilSeconds);
        return;
      }
      const { key, decision } = change;
      if (change.change === 'claim')
        claims.set(key, { decision, untilSeconds: change.untilSeconds, written: undefined, releasing: undefined });
      else if (claims.get(key)?.decision === decision) claims.delete(key);
    },
    *changes(): Generator<ClaimChange> {
      for (const [key, { decision, untilSeconds, written }] of claims)
        if (!written) yield { change: 'claim', key, decision, untilSeconds };
    },
  });
}
