// One credential kept fresh: had before anybody asks, replaced in the background when half of its life is over (at most one question to the
// broker at a time, F-54), served while the broker is away as long as it is valid, and dropped when the broker refuses another. Never gives
// out one that has ended, asks at growing pauses where the answer was no, and keeps nothing outside this process.

import { LOCAL_ANSWER_MS } from '../../core/limits-local.ts';
import { createHeld, type Fetched, type HeldParts, type Served } from './held.ts';

/** Calls back once, after so many milliseconds, unless the function that it gives is called before. */
export type After = (milliseconds: number, work: () => void) => () => void;

export interface FreshParts<T> extends HeldParts {
  readonly after: After;
  /** Asks the broker, with the workload's own credential as it is now. Never called twice at once. */
  readonly ask: () => Promise<Fetched<T>>;
  /** Replaces it before anybody asks; else only when somebody does. */
  readonly ahead: boolean;
}

/** Calls may overlap. Nothing of it rejects. */
export interface Fresh<T> {
  /** Asks for the first one, and gives what came of it, however long that takes. */
  start(): Promise<Served<T>>;
  /** What there is now, or within LOCAL_ANSWER_MS. */
  current(): Promise<Served<T>>;
  /** Whether there is one now. */
  serves(): boolean;
  close(): void;
}

const FAULT = { had: 'nothing', problem: 'a fault while asking the broker' } as const;

export function createFresh<T>(parts: FreshParts<T>): Fresh<T> {
  const { after } = parts;
  const held = createHeld<T>(parts);
  let flight: Promise<void> | undefined;
  let cancel: (() => void) | undefined;
  let closed = false;

  function refresh(): Promise<void> {
    flight ??= askOnce().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function askOnce(): Promise<void> {
    const fetched = await parts.ask().catch(() => FAULT);
    if (closed) return;
    held.note(fetched);
    cancel?.();
    if (parts.ahead) cancel = after(held.dueInSeconds() * 1_000, () => void refresh());
  }

  /** Ends with the question on its way, or after LOCAL_ANSWER_MS. */
  const landed = (): Promise<void> =>
    new Promise((resolve) => {
      const giveUp = after(LOCAL_ANSWER_MS, resolve);
      void flight?.then(() => {
        giveUp();
        resolve();
      });
    });

  return Object.freeze({
    async start() {
      await refresh();
      return held.served();
    },
    async current() {
      // Also where a timer should have asked: a machine that slept has late ones.
      if (!closed && held.dueInSeconds() <= 0) void refresh();
      if (!held.good() && flight) await landed();
      return held.served();
    },
    serves: () => held.good() !== undefined,
    close() {
      closed = true;
      held.drop();
      cancel?.();
    },
  } satisfies Fresh<T>);
}
