// Which requests are in work, so that a reload can answer when every request that entered before it has left: from then on
// nothing leaves under the old state.

import type { Epochs } from './ports.ts';

interface Epoch {
  inside: number;
  ended: boolean;
  readonly emptied: PromiseWithResolvers<void>;
}

/** Requests in work, and `drained`: resolves when everybody who had entered by the time of the call has left. */
export function createEpochs(): Epochs & { drained(): Promise<void> } {
  const begin = (): Epoch => ({ inside: 0, ended: false, emptied: Promise.withResolvers<void>() });
  let current = begin();
  let before: Promise<void> = Promise.resolve();

  return Object.freeze({
    enter() {
      const epoch = current;
      epoch.inside += 1;
      return () => {
        epoch.inside -= 1;
        if (epoch.ended && epoch.inside === 0) epoch.emptied.resolve();
      };
    },
    drained() {
      const epoch = current;
      current = begin();
      epoch.ended = true;
      if (epoch.inside === 0) epoch.emptied.resolve();
      // Two reloads in a row: the second also waits for whoever the first is waiting for.
      before = Promise.all([before, epoch.emptied.promise]).then(() => undefined);
      return before;
    },
  });
}
