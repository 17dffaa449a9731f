// What is known of one credential: the last that was had, or why there is none, and when the next is due. Drops what the broker refuses another
// of, and never gives out one that has ended. Asks nobody and starts no timer.

import {
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

/** `stale`: the last one is still good, and no other could be had. */
export type State = 'served' | 'stale' | 'refused' | 'unavailable';

export interface HeldParts {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told when what is served is another than before, for people. Must not throw. */
  readonly onChange?: ((now: State, why: string) => void) | undefined;
}

export interface Held<T> {
  /** Takes in what a question gave. */
  note(fetched: Fetched<T>): void;
  /** The credential, if there is one that is good. */
  good(): Extract<Served<T>, { ok: true }> | undefined;
  served(): Served<T>;
  /** Seconds to the next question; 0 or less where it is due. */
  dueInSeconds(): number;
  drop(): void;
}

interface Credential<T> {
  readonly value: T;
  readonly endsAtSeconds: number;
}

interface Failure {
  readonly why: 'refused' | 'unavailable';
  readonly sentence: string;
}

const NOT_YET: Failure = { why: 'unavailable', sentence: 'the broker has not answered yet' };
const OVER = {
  had: 'nothing',
  problem: 'what the broker gave has ended already: the clocks of this machine and the broker differ',
} as const;

export function createHeld<T>({ clock, randomBytes, onChange }: HeldParts): Held<T> {
  let held: Credential<T> | undefined;
  let failure: Failure | undefined;
  let failures = 0;
  let state: State | undefined;
  let dueAtSeconds = 0;

  const left = (one: Credential<T>): number => one.endsAtSeconds - clock.nowSeconds();
  const dueInSeconds = (): number => dueAtSeconds - clock.nowSeconds();

  function good(): Extract<Served<T>, { ok: true }> | undefined {
    if (!held || left(held) < LOCAL_LEFT_SECONDS_MIN) return undefined;
    const { value, endsAtSeconds } = held;
    return { ok: true, value, endsAtSeconds, leftSeconds: Math.floor(left(held)) };
  }

  function become(next: State, why: string): void {
    if (state !== undefined && state !== next) onChange?.(next, why);
    state = next;
  }

  function fail(next: Failure): void {
    failures = failure?.why === next.why ? failures + 1 : 1;
    failure = next;
    dueAtSeconds = clock.nowSeconds() + retryAfter(next.why, failures, randomBytes);
    become(good() ? 'stale' : next.why, next.sentence);
  }

  function note(fetched: Fetched<T>): void {
    const read = fetched.had === 'credential' && left(fetched) < LOCAL_LEFT_SECONDS_MIN ? OVER : fetched;
    switch (read.had) {
      case 'credential':
        held = read;
        failure = undefined;
        dueAtSeconds = clock.nowSeconds() + refreshAfter(left(read), randomBytes);
        become('served', '');
        break;
      case 'refusal':
        // What the broker refuses now must not be had from here any longer.
        held = undefined;
        fail({ why: 'refused', sentence: read.sentence });
        break;
      case 'nothing':
        fail({ why: 'unavailable', sentence: read.problem });
    }
  }

  const served = (): Served<T> =>
    good() ?? { ok: false, ...(failure ?? NOT_YET), retryAfterSeconds: Math.max(1, Math.ceil(dueInSeconds())) };

  return Object.freeze({
    note,
    good,
    served,
    dueInSeconds,
    drop() {
      held = undefined;
    },
  } satisfies Held<T>);
}

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
