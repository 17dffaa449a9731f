// Requests at a fixed rate, whether or not the ones before were answered: a broker that slows down is not spared, and how long
// one took counts from when it was due. With it, what else the process shows: its event loop's lag and its memory.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';

/** Faults are injected for a few seconds each; a whole run takes a minute. `FAULT_SECONDS=10` makes every load ten times as long. */
export const SCALE = Number(process.env.FAULT_SECONDS ?? 1);

export interface Measured {
  readonly count: number;
  /** Requests by status; 0 for one that had no answer. */
  readonly statuses: Readonly<Record<number, number>>;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Load {
  readonly perSecond: number;
  /** How long, or until something else is done. */
  readonly seconds: number | { readonly until: Promise<unknown> };
  /** Sends the request of this number and gives its status. */
  readonly send: (number: number) => Promise<number>;
}

const TICK_MS = 5;

/** Resolves when the time is up and everything was answered. */
export async function load({ perSecond, seconds, send }: Load): Promise<Measured> {
  const statuses: Record<number, number> = {};
  const tookMs: number[] = [];
  const begun = performance.now();
  const answered: Promise<void>[] = [];
  let total = typeof seconds === 'number' ? Math.round(perSecond * seconds) : Number.POSITIVE_INFINITY;
  let number = 0;
  if (typeof seconds !== 'number')
    void seconds.until.finally(() => {
      total = number;
    });
  while (number < total) {
    const due = Math.min(total, Math.ceil(((performance.now() - begun) / 1_000) * perSecond));
    for (; number < due; number += 1) {
      const dueAtMs = begun + (number / perSecond) * 1_000;
      answered.push(
        send(number)
          .catch(() => 0)
          .then((status) => {
            statuses[status] = (statuses[status] ?? 0) + 1;
            tookMs.push(performance.now() - dueAtMs);
          }),
      );
    }
    await setTimeout(TICK_MS);
  }
  await Promise.all(answered);
  return measured(statuses, tookMs);
}

export function measured(statuses: Record<number, number>, tookMs: readonly number[]): Measured {
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (part: number): number =>
    rounded(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0);
  return { count: sorted.length, statuses, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** What an open-loop client and its timers add on a machine that others use too. */
export const FLOOR_MS = 50;
const WINDOWS_MAX = 3;

/**
 * The first of three windows that stays within its bound, or the last. Whatever else a machine does only ever makes a window worse;
 * what the broker does wrong shows in each of them.
 */
export async function quietest<Value>(
  measure: () => Promise<Value>,
  within: (value: Value) => boolean,
): Promise<Value> {
  for (let window = 1; ; window += 1) {
    const value = await measure();
    if (within(value) || window === WINDOWS_MAX) return value;
  }
}

/** How long the event loop of broker, origin and client together was held up, and by how much their process grew. */
export interface Strain {
  readonly lagP99Ms: number;
  readonly grownMib: number;
}

/** Runs some work and looks at the process meanwhile. */
export async function strained<Value>(work: () => Promise<Value>): Promise<{ value: Value; strain: Strain }> {
  const lag = monitorEventLoopDelay({ resolution: 5 });
  const before = process.memoryUsage.rss();
  let most = before;
  const sampling = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 20);
  lag.enable();
  try {
    const value = await work();
    return {
      value,
      strain: { lagP99Ms: rounded(lag.percentile(99) / 1e6), grownMib: rounded((most - before) / 1_048_576) },
    };
  } finally {
    lag.disable();
    clearInterval(sampling);
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

/** One line for whoever runs the suite: the number behind the promise. */
export const report = (fault: string, numbers: object): void =>
  void process.stdout.write(`${fault}: ${JSON.stringify(numbers)}\n`);
