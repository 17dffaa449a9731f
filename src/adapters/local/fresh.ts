// One credential kept fresh: had before anybody asks, replaced in the background when half of its life is over (at most one question to the
// broker at a time, F-54), served while the broker is away as long as it is valid, and dropped when the broker refuses another. Never gives
// out one that has ended, asks at growing pauses where the answer was no, and keeps nothing outside this process.

import {
  LOCAL_ANSWER_MS,
  LOCAL_LEFT_SECONDS_MIN,
  LOCAL_REFRESH_JITTER,
  LOCAL_REFRESH_SECONDS_MIN,
  LOCAL_REFRESH_SHARE,
  LOCAL_REFUSED_SECONDS_MAX,
  LOCAL_REFUSED_SECONDS_MIN,
  LOCAL_RETRY_SECONDS_MAX,
  LOCAL_RETRY_SECONDS_MIN,
} from '../../core/limits-local.ts';
import type { Clock, RandomBytes } from '../../core/ports.ts';

/** What one question to the broker gave. */
export type Fetched<T> =
  | { readonly had: 'credential'; readonly value: T; readonly endsAtSeconds: number }
  /** The broker's word; printable. */
  | { readonly had: 'refusal'; readonly sentence: string }
  /** Nobody's word: what was in the way; printable. */
  | { readonly had: 'nothing'; readonly problem: string };

export type Served<T> =
  | { readonly ok: true; readonly value: T; readonly endsAtSeconds: number; readonly leftSeconds: number }
  | {
      readonly ok: false;
      readonly why: 'refused' | 'unavailable';
      readonly sentence: string;
      readonly retryAfterSeconds: number;
    };

/** Calls back once, after so many milliseconds, unless the function that it gives is called before. */
export type After = (milliseconds: number, work: () => void) => () => void;

export interface FreshParts<T> {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly after: After;
  /** Asks the broker, with the workload's own credential as it is now. Never called twice at once. */
  readonly fetch: () => Promise<Fetched<T>>;
  /** Replaces it before anybody asks; else only when somebody does. */
  readonly ahead: boolean;
  /** Told when what is served is another than before, for people. Must not throw. */
  readonly onChange?: ((now: State, why: string) => void) | undefined;
}

/** `stale`: the last one is still good, and no other could be had. */
export type State = 'served' | 'stale' | 'refused' | 'unavailable';

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

interface Held<T> {
  readonly value: T;
  readonly endsAtSeconds: number;
}

interface Failure {
  readonly why: 'refused' | 'unavailable';
  readonly sentence: string;
}

const NOT_YET: Failure = { why: 'unavailable', sentence: 'the broker has not answered yet' };

export function createFresh<T>(parts: FreshParts<T>): Fresh<T> {
  const { clock, after } = parts;
  let held: Held<T> | undefined;
  let failure: Failure | undefined;
  let failures = 0;
  let state: State | undefined;
  let dueAtSeconds = 0;
  let flight: Promise<void> | undefined;
  let cancel: (() => void) | undefined;
  let closed = false;

  const leftSeconds = (one: Held<T>): number => one.endsAtSeconds - clock.nowSeconds();

  function refresh(): Promise<void> {
    flight ??= ask().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  async function ask(): Promise<void> {
    const fetched = await parts.fetch().catch(() => FAULT);
    if (closed) return;
    note(fetched);
    cancel?.();
    if (parts.ahead) cancel = after((dueAtSeconds - clock.nowSeconds()) * 1_000, () => void refresh());
  }

  function note(fetched: Fetched<T>): void {
    const read = isOver(fetched) ? OVER : fetched;
    if (read.had === 'credential') {
      held = read;
      failure = undefined;
      failures = 0;
      dueAtSeconds = clock.nowSeconds() + refreshAfter(leftSeconds(read), parts.randomBytes);
      return become('served', '');
    }
    failures += 1;
    // What the broker refuses now must not be had from here any longer.
    if (read.had === 'refusal') held = undefined;
    failure =
      read.had === 'refusal'
        ? { why: 'refused', sentence: read.sentence }
        : { why: 'unavailable', sentence: read.problem };
    dueAtSeconds = clock.nowSeconds() + retryAfter(failure.why, failures, parts.randomBytes);
    become(held && failure.why === 'unavailable' ? 'stale' : failure.why, failure.sentence);
  }

  function become(next: State, why: string): void {
    if (state !== undefined && state !== next) parts.onChange?.(next, why);
    state = next;
  }

  const isOver = (fetched: Fetched<T>): boolean =>
    fetched.had === 'credential' && fetched.endsAtSeconds - clock.nowSeconds() < LOCAL_LEFT_SECONDS_MIN;

  function now(): Extract<Served<T>, { ok: true }> | undefined {
    if (!held || leftSeconds(held) < LOCAL_LEFT_SECONDS_MIN) return undefined;
    return { ok: true, ...held, leftSeconds: Math.floor(leftSeconds(held)) };
  }

  const served = (): Served<T> =>
    now() ?? {
      ok: false,
      ...(failure ?? NOT_YET),
      retryAfterSeconds: Math.max(1, Math.ceil(dueAtSeconds - clock.nowSeconds())),
    };

  /** Ends with the question on its way, or after LOCAL_ANSWER_MS. */
  const landed = (): Promise<void> =>
    new Promise((resolve) => {
      const give = after(LOCAL_ANSWER_MS, resolve);
      void flight?.then(() => {
        give();
        resolve();
      });
    });

  return Object.freeze({
    async start() {
      await refresh();
      return served();
    },
    async current() {
      // Also where a timer should have asked: a machine that slept has late ones.
      if (!closed && clock.nowSeconds() >= dueAtSeconds) void refresh();
      if (!now() && flight) await landed();
      return served();
    },
    serves: () => now() !== undefined,
    close() {
      closed = true;
      held = undefined;
      cancel?.();
    },
  } satisfies Fresh<T>);
}

const FAULT = { had: 'nothing', problem: 'a fault while asking the broker' } as const;
const OVER = {
  had: 'nothing',
  problem: 'what the broker gave has ended already: the clocks of this machine and the broker differ',
} as const;

/** From 0 to 1. */
const chance = (randomBytes: RandomBytes): number => (randomBytes(1)[0] ?? 0) / 256;

const refreshAfter = (lifeSeconds: number, randomBytes: RandomBytes): number =>
  Math.max(LOCAL_REFRESH_SECONDS_MIN, lifeSeconds * (LOCAL_REFRESH_SHARE + LOCAL_REFRESH_JITTER * chance(randomBytes)));

/** Up to a fifth sooner, so that the pods of one deployment do not ask at once. */
function retryAfter(why: Failure['why'], failures: number, randomBytes: RandomBytes): number {
  const [min, max] =
    why === 'refused'
      ? [LOCAL_REFUSED_SECONDS_MIN, LOCAL_REFUSED_SECONDS_MAX]
      : [LOCAL_RETRY_SECONDS_MIN, LOCAL_RETRY_SECONDS_MAX];
  return Math.min(min * 2 ** Math.min(failures - 1, 16), max) * (1 - chance(randomBytes) / 5);
}
