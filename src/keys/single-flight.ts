// One piece of work at a time, however many ask for it, with one bounded wait: everybody who joins waits until the work is
// done, or until KEYS_WAIT_MS after it began. One timer and one promise serve all of them, so a flood that arrives while an
// origin hangs costs neither memory nor waiting (F-3, F-9), and nobody's leaving ends the work for others (F-12). Whoever joins
// may say how many may wait already, so that those who wait do not take the place of those who need not (F-10).

import { KEYS_WAIT_MS } from '../core/limits.ts';

export interface Flight {
  pending(): boolean;
  /**
   * Begins the work unless it is under way. Resolves when it is done or the wait is over, at once where `waitersMax` wait
   * already, and never rejects.
   */
  join(work: () => Promise<void>, waitersMax?: number): Promise<void>;
  /** Ends all waiting. */
  close(): void;
}

export function openFlight(): Flight {
  let waited: PromiseWithResolvers<void> | undefined;
  let waiters = 0;
  let timer: NodeJS.Timeout | undefined;

  function begin(work: () => Promise<void>): PromiseWithResolvers<void> {
    const wait = Promise.withResolvers<void>();
    waited = wait;
    timer = setTimeout(wait.resolve, KEYS_WAIT_MS);
    timer.unref();
    const end = () => {
      waited = undefined;
      waiters = 0;
      clearTimeout(timer);
      wait.resolve();
    };
    // The work reports its own faults; here it only ends.
    work().then(end, end);
    return wait;
  }

  return Object.freeze({
    pending: () => waited !== undefined,
    join(work: () => Promise<void>, waitersMax = Number.POSITIVE_INFINITY) {
      if (waiters >= waitersMax) return Promise.resolve();
      const { promise } = waited ?? begin(work);
      waiters += 1;
      return promise;
    },
    close() {
      clearTimeout(timer);
      waited?.resolve();
    },
  });
}
