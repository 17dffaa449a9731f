// Exchanges at a fixed rate, each judged by what was published when it was sent and when it was answered. A root has four moments: when
// its publication began and was told, and when its removal began and was told. Between the middle two it must prove its SVIDs, outside
// of the outer two it must not, and in between either answer is right.

import { setTimeout } from 'node:timers/promises';

/** One time for which a root is published, in ms of performance.now. */
interface Period {
  /** From when on it may prove, and from when on it must. */
  readonly mayFromMs: number;
  mustFromMs: number;
  mustUntilMs: number;
  mayUntilMs: number;
}

/** One root, and when it was published. Each moment is told by whoever changes what an origin says. */
export interface Root {
  readonly periods: readonly Period[];
  publishing(): void;
  published(): void;
  removing(): void;
  removed(): void;
}

export function createRoot(): Root {
  const periods: Period[] = [];
  const never = Number.POSITIVE_INFINITY;
  const change = (moment: 'mustFromMs' | 'mustUntilMs' | 'mayUntilMs') => () => {
    const period = periods.at(-1);
    if (period) period[moment] = performance.now();
  };
  return {
    periods,
    publishing: () =>
      void periods.push({ mayFromMs: performance.now(), mustFromMs: never, mustUntilMs: never, mayUntilMs: never }),
    published: change('mustFromMs'),
    removing: change('mustUntilMs'),
    removed: change('mayUntilMs'),
  };
}

/** What one request presented, and how it ended. */
export interface Sent {
  readonly root: Root;
  readonly way: string;
  readonly sentMs: number;
  readonly answeredMs: number;
  /** `200`, the OAuth error, or the code of a connection that broke. */
  readonly ended: string;
}

export type Expected = 'granted' | 'refused' | 'either';

export function expectedOf({ root: { periods }, sentMs, answeredMs }: Sent): Expected {
  if (periods.some(({ mustFromMs, mustUntilMs }) => sentMs >= mustFromMs && answeredMs <= mustUntilMs))
    return 'granted';
  const outside = periods.every(({ mayFromMs, mayUntilMs }) => answeredMs < mayFromMs || sentMs > mayUntilMs);
  return outside ? 'refused' : 'either';
}

export interface Tally {
  readonly count: number;
  /** By way and what was expected, such as `jwt granted`. */
  readonly by: Readonly<Record<string, number>>;
  /** Those that ended otherwise than they had to. */
  readonly wrong: readonly (Sent & { readonly expected: Expected })[];
  /** What refusals ended with. */
  readonly refusals: Readonly<Record<string, number>>;
}

export function tallyOf(all: readonly Sent[]): Tally {
  const by: Record<string, number> = {};
  const refusals: Record<string, number> = {};
  const wrong: (Sent & { expected: Expected })[] = [];
  for (const one of all) {
    const expected = expectedOf(one);
    const key = `${one.way} ${expected}`;
    by[key] = (by[key] ?? 0) + 1;
    const granted = one.ended === '200';
    if (!granted) refusals[one.ended] = (refusals[one.ended] ?? 0) + 1;
    if (expected !== 'either' && granted !== (expected === 'granted')) wrong.push({ ...one, expected });
  }
  return { count: all.length, by, wrong, refusals };
}

/** One way to ask: what it presents now, and how to present it. */
export interface Way {
  readonly name: string;
  /** What the request of this number presents; undefined where there is nothing to present yet. */
  next(number: number): { readonly root: Root; readonly send: () => Promise<string> } | undefined;
}

const TICK_MS = 5;

/** Sends by each way in turn until `until`, whether or not those before were answered. */
export async function watchedLoad(
  perSecond: number,
  ways: readonly Way[],
  until: Promise<unknown>,
): Promise<readonly Sent[]> {
  let ended = false;
  const end = (): void => {
    ended = true;
  };
  void until.then(end, end);
  const answers: Promise<Sent>[] = [];
  const begun = performance.now();
  for (let number = 0; !ended; ) {
    const due = Math.ceil(((performance.now() - begun) / 1_000) * perSecond);
    for (; number < due; number += 1) {
      const way = ways[number % ways.length];
      const shown = way?.next(Math.floor(number / ways.length));
      if (way && shown) answers.push(answered(way.name, shown));
    }
    await setTimeout(TICK_MS);
  }
  return Promise.all(answers);
}

async function answered(way: string, { root, send }: NonNullable<ReturnType<Way['next']>>): Promise<Sent> {
  const sentMs = performance.now();
  const ended = await send().catch((error: NodeJS.ErrnoException) => String(error.code ?? error.message));
  return { root, way, sentMs, answeredMs: performance.now(), ended };
}
