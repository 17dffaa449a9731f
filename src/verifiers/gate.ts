// How often and how many at once a source asks somebody else about credentials: what callers cause must not become a flood of our own
// (F-18). Whoever is not let in is told that the answer cannot be had now; nothing waits here.

import type { Clock } from '../core/ports.ts';

export interface GateParts {
  readonly clock: Clock;
  readonly perSecondMax: number;
  readonly atOnceMax: number;
}

/** Lets so many in each second, and so many at once; whoever is let in gets the function that leaves. */
export function createGate({ clock, perSecondMax, atOnceMax }: GateParts): () => (() => void) | undefined {
  let atOnce = 0;
  let left = perSecondMax;
  let countedAtMs = clock.elapsedMs();
  return () => {
    const nowMs = clock.elapsedMs();
    const gained = ((nowMs - countedAtMs) / 1_000) * perSecondMax;
    left = Math.min(perSecondMax, left + gained);
    countedAtMs = nowMs;
    if (atOnce >= atOnceMax || left < 1) return undefined;
    left -= 1;
    atOnce += 1;
    return () => {
      atOnce -= 1;
    };
  };
}
