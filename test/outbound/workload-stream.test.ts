// One stream that is kept open, on a fake clock: how long it pauses, what it never opens again, and what it gives up (SA-04, F-17).

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  WORKLOAD_FIRST_MESSAGE_MS,
  WORKLOAD_RETRY_MS_MAX,
  WORKLOAD_RETRY_MS_MIN,
  WORKLOAD_STABLE_MS,
} from '../../src/core/limits-outside.ts';
import { keepStream, pauseMs } from '../../src/outbound/workload-stream.ts';

const UNAVAILABLE = 14;
const longest = (count: number) => new Uint8Array(count).fill(255);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** A stream whose other side the test plays. */
function kept(randomBytes = longest) {
  const openings: { at: number; delivered: () => void; lost: (code: number) => void; cancelled: boolean }[] = [];
  const endings: number[] = [];
  const stream = keepStream({
    open(delivered, lost) {
      const opening = { at: Date.now(), delivered, lost, cancelled: false };
      openings.push(opening);
      return () => {
        opening.cancelled = true;
      };
    },
    ended: (code) => endings.push(code),
    clock: { nowSeconds: () => Date.now() / 1000, elapsedMs: () => Date.now() },
    randomBytes,
  });
  const last = () => {
    const opening = openings.at(-1);
    if (!opening) throw new Error('nothing was opened');
    return opening;
  };
  return { stream, openings, endings, last };
}

describe('a stream that is kept open', () => {
  it('pauses twice as long after each failure, up to the cap (SA-04, F-17)', () => {
    const { stream, openings, last } = kept();
    const pauses = [200, 400, 800, 1_500, 1_500];
    expect([pauses[0], pauses.at(-1)]).toEqual([WORKLOAD_RETRY_MS_MIN, WORKLOAD_RETRY_MS_MAX]);
    for (const pause of pauses) {
      last().lost(UNAVAILABLE);
      const count = openings.length;
      vi.advanceTimersByTime(pause - 1);
      expect(openings).toHaveLength(count);
      vi.advanceTimersByTime(1);
      expect(openings).toHaveLength(count + 1);
      expect(stream.state()).toBe('waiting');
    }
    last().delivered();
    expect(stream.state()).toBe('delivering');
  });

  it('scatters its pauses over the upper half (F-17)', () => {
    expect(pauseMs(1, () => new Uint8Array([0]))).toBe(WORKLOAD_RETRY_MS_MIN / 2);
    expect(pauseMs(1, longest)).toBe(WORKLOAD_RETRY_MS_MIN);
    expect(pauseMs(1_000_000, longest)).toBe(WORKLOAD_RETRY_MS_MAX);
  });

  it('opens less than twenty times a second with two others, at the shortest pauses, failing at once (F-17)', () => {
    const { openings, last } = kept((count) => new Uint8Array(count));
    for (let step = 0; step < 10_000; step += 1) {
      if (openings.length > 0 && last().at === Date.now()) last().lost(UNAVAILABLE);
      vi.advanceTimersByTime(1);
    }
    const densest = openings.map(({ at }) => openings.filter((one) => one.at >= at && one.at < at + 1_000).length);
    expect(openings.length).toBeGreaterThan(10);
    expect(Math.max(...densest) * 3).toBeLessThan(20);
  });

  it('gets no shorter pause for a message and a hang-up (F-17)', () => {
    const { openings, last } = kept();
    for (const pause of [200, 400, 800]) {
      last().delivered();
      vi.advanceTimersByTime(WORKLOAD_STABLE_MS - 1);
      last().lost(0);
      const count = openings.length;
      vi.advanceTimersByTime(pause - 1);
      expect(openings).toHaveLength(count);
      vi.advanceTimersByTime(1);
    }
    last().delivered();
    vi.advanceTimersByTime(WORKLOAD_STABLE_MS);
    last().lost(0);
    const count = openings.length;
    vi.advanceTimersByTime(WORKLOAD_RETRY_MS_MIN);
    expect(openings).toHaveLength(count + 1);
  });

  it.each([
    [3, 'refused'],
    [12, 'unimplemented'],
  ])('is never opened again after code %i (SA-02, SA-04)', (code, state) => {
    const { stream, openings, endings, last } = kept();
    last().delivered();
    last().lost(code);
    vi.advanceTimersByTime(86_400_000);
    expect([openings.length, endings, stream.state()]).toEqual([1, [code], state]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is given up and opened again where nothing comes, and left alone once something has', () => {
    const { openings, endings, last } = kept();
    const [first] = openings;
    vi.advanceTimersByTime(WORKLOAD_FIRST_MESSAGE_MS - 1);
    expect(first?.cancelled).toBe(false);
    vi.advanceTimersByTime(1);
    expect([first?.cancelled, endings]).toEqual([true, [4]]);
    vi.advanceTimersByTime(WORKLOAD_RETRY_MS_MIN);
    expect(openings).toHaveLength(2);
    last().delivered();
    vi.advanceTimersByTime(86_400_000);
    expect([openings.length, last().cancelled]).toEqual([2, false]);
  });

  it('leaves no timer and nothing open once it is closed, whatever it was doing', () => {
    const opening = kept();
    opening.stream.close();
    expect(opening.last().cancelled).toBe(true);
    const waiting = kept();
    waiting.last().lost(UNAVAILABLE);
    waiting.stream.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
