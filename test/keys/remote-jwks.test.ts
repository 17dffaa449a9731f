// Keys of a remote issuer under every fault of its origin: F-1 to F-12, F-28, attacks, rows KB-13, SB-03.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { KEYS_WAIT_MS, KEYS_WAITERS_MAX } from '../../src/core/limits.ts';
import {
  KEYS_COOLDOWN_SECONDS,
  KEYS_REFRESH_SECONDS,
  KEYS_STALE_SECONDS_MAX,
  KEYS_TRIED_MAX,
} from '../../src/core/limits-outside.ts';
import type { OutboundAnswer } from '../../src/core/outside.ts';
import { type FakeOrigin, freezeTime, openFakeOrigin, REFUSED } from './fake-origin.ts';
import { publicJwk, setOf } from './public-jwk.ts';

let ONE = '';
let TWO = '';
let BOTH = '';
beforeAll(async () => {
  const [one, two] = await Promise.all([publicJwk('ES256', 'one'), publicJwk('ES256', 'two')]);
  ONE = setOf(one);
  TWO = setOf(two);
  BOTH = setOf(one, two);
});
beforeEach(freezeTime);
afterEach(() => {
  vi.useRealTimers();
});

const ask = (origin: FakeOrigin, kid: string | undefined) => origin.keys.find({ alg: 'ES256', kid });
const seconds = (count: number) => vi.advanceTimersByTime(count * 1000);
const found = (...kids: string[]) => ({ found: kids.map((kid) => expect.objectContaining({ kid })) });

/** An origin that has been asked once, and answered so. */
async function warm(text = ONE, options: Parameters<typeof openFakeOrigin>[0] = {}): Promise<FakeOrigin> {
  const origin = openFakeOrigin(options);
  origin.says(text);
  const fetched = origin.nextEvent();
  origin.keys.start();
  await fetched;
  return origin;
}

/** Lets a background fetch that is due run to its end. */
async function dueAfter(origin: FakeOrigin, count: number) {
  const event = origin.nextEvent();
  seconds(count);
  return event;
}

describe('an origin that answers', () => {
  it('gives its keys by kid, and is asked with a capped body', async () => {
    const origin = await warm(BOTH);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    expect(await ask(origin, 'two')).toEqual(found('two'));
    expect(origin.requests).toEqual([
      { url: 'https://keys.example/jwks', bytesMax: 524_288, accept: 'application/jwk-set+json, application/json' },
    ]);
    expect(origin.keys.status()).toEqual({
      keys: 2,
      fetchedAtSeconds: 1_790_000_000,
      failures: 0,
      lastProblem: undefined,
      state: 'fresh',
    });
  });

  it('is asked once by 500 requests at a cold start (F-12)', async () => {
    const origin = openFakeOrigin();
    origin.says(ONE);
    const answers = await Promise.all(Array.from({ length: 500 }, () => ask(origin, 'one')));
    expect(answers.every((answer) => Array.isArray(answer.found))).toBe(true);
    expect(origin.requests).toHaveLength(1);
  });

  it('gives a token without kid the keys of its algorithm, a few at most (A-9, SJ-04)', async () => {
    const many = await Promise.all(
      Array.from({ length: KEYS_TRIED_MAX + 1 }, (_, index) => publicJwk('ES256', `k${index}`)),
    );
    const origin = await warm(setOf(await publicJwk('RS256', 'rsa'), ...many));
    const answer = await ask(origin, undefined);
    expect(Array.isArray(answer.found) && answer.found.map(({ alg }) => alg)).toEqual(
      Array(KEYS_TRIED_MAX).fill('ES256'),
    );
    expect(await origin.keys.find({ alg: 'RS256', kid: undefined })).toEqual(found('rsa'));
  });

  it('gives no key to another algorithm than its own (A-3, JB-01)', async () => {
    const origin = await warm(ONE);
    expect(await origin.keys.find({ alg: 'RS256', kid: 'one' })).toEqual({ found: 'none' });
  });

  it.each(['__proto__', 'constructor', '../../etc/passwd', 'one\u0000', ''])('has no key %j (A-8)', async (kid) =>
    expect(await ask(await warm(), kid)).toEqual({ found: 'none' }),
  );

  it('is asked again in the background, never later than the interval and spread below it (F-7, F-55)', async () => {
    const late = await warm();
    await dueAfter(late, KEYS_REFRESH_SECONDS);
    expect(late.requests).toHaveLength(2);
    const early = await warm(ONE, { randomBytes: (count) => new Uint8Array(count).fill(255) });
    seconds(KEYS_REFRESH_SECONDS * 0.8);
    expect(early.requests).toHaveLength(1);
    await dueAfter(early, KEYS_REFRESH_SECONDS * 0.01);
    expect(early.requests).toHaveLength(2);
  });

  it('keeps its imported keys while its set stays the same, and says whether it changed', async () => {
    const origin = await warm();
    const before = await ask(origin, 'one');
    expect(await dueAfter(origin, KEYS_REFRESH_SECONDS)).toMatchObject({ kind: 'fetched', changed: false });
    const again = await ask(origin, 'one');
    expect(Array.isArray(again.found) && again.found[0]).toBe(Array.isArray(before.found) && before.found[0]);
    origin.says(TWO);
    expect(await dueAfter(origin, KEYS_REFRESH_SECONDS)).toMatchObject({ kind: 'fetched', changed: true });
  });
});

describe('rotation', () => {
  it('takes a new key when a token bears it, and waits for nothing else (F-7)', async () => {
    const origin = await warm(ONE);
    seconds(KEYS_COOLDOWN_SECONDS);
    origin.says(BOTH);
    expect(await ask(origin, 'two')).toEqual(found('two'));
    expect(origin.requests).toHaveLength(2);
  });

  it('drops a removed key with the next fetch (F-7)', async () => {
    const origin = await warm(BOTH);
    origin.says(TWO);
    await dueAfter(origin, KEYS_REFRESH_SECONDS);
    expect(await ask(origin, 'one')).toEqual({ found: 'none' });
    expect(await ask(origin, 'two')).toEqual(found('two'));
  });

  it('never mixes two sets: while a fetch is under way the old one answers whole (F-8)', async () => {
    const origin = await warm(ONE);
    const next = Promise.withResolvers<string>();
    origin.says(next.promise);
    const fetched = dueAfter(origin, KEYS_REFRESH_SECONDS);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    next.resolve(TWO);
    await fetched;
    expect(await ask(origin, 'one')).toEqual({ found: 'none' });
  });

  it('to an empty set is honoured: nothing can be proved any more (SB-03, F-5)', async () => {
    const origin = await warm(ONE);
    origin.says('{"keys":[]}');
    expect(await dueAfter(origin, KEYS_REFRESH_SECONDS)).toMatchObject({ kind: 'fetched', keys: 0 });
    expect(await ask(origin, 'one')).toEqual({ found: 'none' });
    expect(origin.keys.status()).toMatchObject({ keys: 0, state: 'fresh' });
  });

  it('to a poisoned set reports every key that is not taken, and takes no disputed one (F-11)', async () => {
    const origin = await warm(ONE);
    const disputed = setOf(
      JSON.parse(ONE).keys[0],
      { ...JSON.parse(TWO).keys[0], kid: 'one' },
      { kty: 'oct', k: 'AA' },
    );
    origin.says(disputed);
    expect(await dueAfter(origin, KEYS_REFRESH_SECONDS)).toMatchObject({
      ignored: [{ index: 0 }, { index: 1 }, { index: 2 }],
    });
    expect(await ask(origin, 'one')).toEqual({ found: 'none' });
    origin.says(ONE);
    await dueAfter(origin, KEYS_REFRESH_SECONDS);
    expect(await ask(origin, 'one')).toEqual(found('one'));
  });
});

describe('a flood of unknown kids', () => {
  it('causes one fetch in each cooldown, however many tokens there are (F-9, A-186, KB-13)', async () => {
    const origin = await warm();
    for (let second = 0; second < 5 * KEYS_COOLDOWN_SECONDS; second += 1) {
      await Promise.all(Array.from({ length: 200 }, (_, index) => ask(origin, `${second}-${index}`)));
      seconds(1);
    }
    expect(origin.requests.length).toBeLessThanOrEqual(1 + 5);
    expect(await ask(origin, 'one')).toEqual(found('one'));
  });

  it('is answered none where the whole set is known (F-9)', async () => {
    const origin = await warm();
    expect(await ask(origin, 'x')).toEqual({ found: 'none' });
    expect(origin.requests).toHaveLength(1);
    seconds(KEYS_COOLDOWN_SECONDS);
    expect(await ask(origin, 'x')).toEqual({ found: 'none' });
    expect(origin.requests).toHaveLength(2);
  });

  it('causes no more fetches while every one of them fails (F-10, A-186)', async () => {
    // Never started: no fetch in the background blurs the count.
    const origin = openFakeOrigin();
    for (let second = 0; second < 5 * KEYS_COOLDOWN_SECONDS; second += 1) {
      await Promise.all(Array.from({ length: 200 }, (_, index) => ask(origin, `${second}-${index}`)));
      seconds(1);
    }
    expect(origin.requests).toHaveLength(5);
  });

  it('leaves nothing behind: no timer, no promise for each (F-9, F-40)', async () => {
    const origin = await warm();
    origin.says(new Promise<string>(() => undefined));
    seconds(KEYS_COOLDOWN_SECONDS);
    const waiting = Promise.all(Array.from({ length: 1000 }, (_, index) => ask(origin, `${index}`)));
    // One for the wait that all share, and the one of the next background fetch.
    expect(vi.getTimerCount()).toBe(2);
    vi.advanceTimersByTime(KEYS_WAIT_MS);
    expect(new Set((await waiting).map(({ found }) => found))).toEqual(new Set(['unavailable']));
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('an origin that is down', () => {
  const broken: [string, OutboundAnswer | string][] = [
    ['refuses connections (F-1)', REFUSED],
    ['answers 500 (F-5)', { ok: false, problem: 'status', detail: '500' }],
    ['answers 429 (F-5)', { ok: false, problem: 'status', detail: '429' }],
    ['has a bad certificate (F-15)', { ok: false, problem: 'tls', detail: 'CERT_HAS_EXPIRED' }],
    ['sends too much (F-6, A-187)', { ok: false, problem: 'too_large', detail: 'more than 524288 bytes' }],
    ['sends gzip (F-6, A-187)', { ok: false, problem: 'encoding', detail: 'a compressed body' }],
    ['points at the metadata service (A-38, A-188)', { ok: false, problem: 'redirect', detail: 'to another origin' }],
    ['is too slow (F-4)', { ok: false, problem: 'timeout', detail: 'no answer within 5000 ms' }],
    ['does not resolve (F-14)', { ok: false, problem: 'network', detail: 'ENOTFOUND' }],
    ['is a captive portal (A-188)', '<html><form action="/login"></form></html>'],
    ['sends nothing (F-5)', ''],
    ['sends {} (F-5)', '{}'],
    ['sends half a set (F-5)', '{"keys":[{"kty":"EC"'],
    ['sends bytes that are no UTF-8', { ok: true, body: Uint8Array.of(0xff, 0xfe) }],
  ];

  it.each(broken)('and %s keeps its last good keys, visibly', async (_title, answer) => {
    const origin = await warm();
    origin.says(answer);
    expect(await dueAfter(origin, KEYS_REFRESH_SECONDS)).toMatchObject({
      kind: 'fetch_failed',
      failures: 1,
      keysKept: 1,
    });
    expect(await ask(origin, 'one')).toEqual(found('one'));
    expect(origin.keys.status()).toMatchObject({ keys: 1, failures: 1, state: 'stale' });
    expect(origin.keys.status().lastProblem).not.toContain('form');
    // And recovery.
    origin.says(TWO);
    expect(await dueAfter(origin, KEYS_COOLDOWN_SECONDS)).toMatchObject({ kind: 'fetched' });
    expect(origin.keys.status()).toMatchObject({ failures: 0, lastProblem: undefined, state: 'fresh' });
    expect(await ask(origin, 'two')).toEqual(found('two'));
  });

  it('keeps them for a day and no longer (F-1)', async () => {
    const origin = await warm();
    origin.says(REFUSED);
    for (let spent = 0; spent < KEYS_STALE_SECONDS_MAX; spent += KEYS_REFRESH_SECONDS) seconds(KEYS_REFRESH_SECONDS);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    seconds(1);
    expect(await ask(origin, 'one')).toMatchObject({ found: 'unavailable' });
    expect(origin.keys.status()).toMatchObject({ keys: 0, state: 'missing' });
  });

  it('is not said to lack a key: nobody knows, so the caller may try again (F-3)', async () => {
    const origin = await warm();
    origin.says(REFUSED);
    seconds(KEYS_COOLDOWN_SECONDS);
    const unavailable = { found: 'unavailable', retryAfterSeconds: 1 };
    expect(await ask(origin, 'two')).toEqual(unavailable);
    expect(await ask(origin, 'two')).toEqual(unavailable);
    expect(origin.requests).toHaveLength(2);
    origin.says(BOTH);
    await dueAfter(origin, 1);
    expect(await ask(origin, 'two')).toEqual(found('two'));
  });

  it('holds a request for a second at most, and later ones not at all (F-3)', async () => {
    const origin = await warm();
    origin.says(new Promise<string>(() => undefined));
    seconds(KEYS_COOLDOWN_SECONDS);
    const held = ask(origin, 'two');
    vi.advanceTimersByTime(KEYS_WAIT_MS);
    expect(await held).toEqual({ found: 'unavailable', retryAfterSeconds: 1 });
    // No time passes here, and the answer comes all the same.
    expect(await ask(origin, 'three')).toEqual({ found: 'unavailable', retryAfterSeconds: 1 });
    expect(await ask(origin, 'one')).toEqual(found('one'));
    expect(origin.requests).toHaveLength(2);
  });

  it('at a cold start leaves the source without keys, says when to come back, and is found again in time (F-2)', async () => {
    const origin = openFakeOrigin();
    const failed = origin.nextEvent();
    origin.keys.start();
    expect(await failed).toMatchObject({ kind: 'fetch_failed', failures: 1, keysKept: 0 });
    expect(await ask(origin, 'one')).toEqual({ found: 'unavailable', retryAfterSeconds: 1 });
    expect(origin.keys.status()).toMatchObject({ keys: 0, fetchedAtSeconds: undefined, state: 'missing' });
    for (const pause of [1, 2, 4, 8, 10, 10]) {
      const before = origin.requests.length;
      vi.advanceTimersByTime(pause * 1000 - 1);
      expect(origin.requests).toHaveLength(before);
      const event = origin.nextEvent();
      vi.advanceTimersByTime(1);
      await event;
      expect(origin.requests).toHaveLength(before + 1);
    }
    expect(await ask(origin, 'one')).toEqual({ found: 'unavailable', retryAfterSeconds: KEYS_COOLDOWN_SECONDS });
    origin.says(ONE);
    await dueAfter(origin, 10);
    expect(await ask(origin, 'one')).toEqual(found('one'));
  });

  // The pause began when the fetch ended, so an origin that came back while one hung on it was found after 15 s.
  it('that hangs is asked again ten seconds after it was last asked, however long that took (F-2)', async () => {
    const origin = openFakeOrigin();
    const hung = 5_000;
    origin.says(() => new Promise((resolve) => setTimeout(() => resolve(REFUSED), hung)));
    origin.keys.start();
    for (const pause of [1, 1, 1, 3, 5, 5]) {
      const event = origin.nextEvent();
      vi.advanceTimersByTime(hung);
      await event;
      const before = origin.requests.length;
      vi.advanceTimersByTime(pause * 1000 - 1);
      expect(origin.requests).toHaveLength(before);
      vi.advanceTimersByTime(1);
      expect(origin.requests).toHaveLength(before + 1);
    }
    origin.keys.close();
  });

  // Those who waited filled the places of requests in work, and tokens under known kids were shed.
  it(`lets ${KEYS_WAITERS_MAX} requests wait for a kid, and tells the next at once to come again (F-10)`, async () => {
    const origin = await warm();
    origin.says(new Promise<string>(() => undefined));
    seconds(KEYS_COOLDOWN_SECONDS);
    const ended: string[] = [];
    for (let index = 0; index < KEYS_WAITERS_MAX; index += 1)
      void ask(origin, `k${index}`).then(() => ended.push('waited'));
    expect(await ask(origin, 'one too many')).toEqual({ found: 'unavailable', retryAfterSeconds: 1 });
    expect(ended).toEqual([]);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    vi.advanceTimersByTime(KEYS_WAIT_MS);
    await setImmediate();
    expect(ended).toHaveLength(KEYS_WAITERS_MAX);
  });

  it('is not judged by a wall clock that jumps (F-28, F-29)', async () => {
    const origin = await warm();
    origin.says(REFUSED);
    vi.setSystemTime(Date.now() + 10 * KEYS_STALE_SECONDS_MAX * 1000);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    vi.setSystemTime(0);
    expect(await ask(origin, 'one')).toEqual(found('one'));
  });
});

describe('closing', () => {
  it('ends all fetching and waiting, and what is known still answers', async () => {
    const origin = await warm();
    origin.says(new Promise<string>(() => undefined));
    seconds(KEYS_COOLDOWN_SECONDS);
    const held = ask(origin, 'two');
    origin.keys.close();
    expect(await held).toMatchObject({ found: 'unavailable' });
    expect(vi.getTimerCount()).toBe(0);
    expect(await ask(origin, 'one')).toEqual(found('one'));
    origin.keys.start();
    expect(origin.requests).toHaveLength(2);
  });

  it('drops an answer that comes too late', async () => {
    const origin = openFakeOrigin();
    const late = Promise.withResolvers<OutboundAnswer>();
    origin.says(late.promise);
    origin.keys.start();
    origin.keys.close();
    late.resolve(REFUSED);
    await setImmediate();
    expect(origin.events).toEqual([]);
    expect(origin.keys.status()).toMatchObject({ failures: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });
});
