// A Redis that is not there, is killed, hangs, drags, is full, or is cut off from one broker of two: every question is answered or refused
// within a quarter of a second, nothing is queued, nothing passes unasked, and it goes on by itself (F-19 to F-22, F-26, F-27).

import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { freePort } from '../../src/adapters/cli/demo/broker.ts';
import { REDIS_ANSWER_MS } from '../../src/core/limits-store.ts';
import type { Spending } from '../../src/core/ports.ts';
import type { RedisStore } from '../../src/stores/redis-store.ts';
import { asSubject, block } from '../contract/withdrawal-store.ts';
import { describeWithRedis, type RedisServer, standalone, startRedis } from '../support/redis-server.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { answerMs, beginLongAgo, openReplica, type Replica, type ReplicaOptions, ready } from './replicas.ts';

vi.setConfig({ testTimeout: 60_000 });

const now = () => Date.now() / 1_000;
const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });
const ALICE = asSubject('people:alice');

/** What a claim came to, and how long that took. */
async function claimed(store: RedisStore, jti: string): Promise<{ readonly outcome: string; readonly tookMs: number }> {
  const started = performance.now();
  const outcome = await store.claim(spent(jti), `by-${jti}`, now() + 300).catch((error: Error) => error.name);
  return { outcome, tookMs: performance.now() - started };
}

/** Claims at a rate, for a while or until something is done. */
async function claimsWhile(store: RedisStore, name: string, during: Promise<unknown>) {
  let over = false;
  void during.finally(() => {
    over = true;
  });
  const claims: ReturnType<typeof claimed>[] = [];
  for (let number = 0; !over; number += 1) {
    claims.push(claimed(store, `${name}-${number}`));
    await setTimeout(5);
  }
  return Promise.all(claims);
}

const worst = (all: readonly { readonly tookMs: number }[]): number => Math.max(...all.map(({ tookMs }) => tookMs));
const outcomes = (all: readonly { readonly outcome: string }[]) =>
  new Set(all.map(({ outcome }) => (outcome.startsWith('by-') ? 'claimed' : outcome)));

describeWithRedis('a shared store in trouble', () => {
  let server: RedisServer;
  let opened: Replica[];
  const open = async (name: string, port = server.port, options: ReplicaOptions = {}): Promise<Replica> => {
    const replica = await openReplica(standalone(port), name, options);
    opened.push(replica);
    return replica;
  };

  beforeEach(async () => {
    opened = [];
    server = await startRedis();
    await beginLongAgo(server.admin, 'test');
  });
  afterEach(async () => {
    await Promise.all(opened.map(({ store }) => store.close()));
    await server[Symbol.asyncDispose]();
  });

  it('F-19 opens without Redis, refuses everything at once, hangs nowhere, and follows soon after Redis comes', async () => {
    const port = await freePort();
    const { store, told } = await open('a', port, { eager: true });
    for (const jti of ['1', '2', '3']) {
      const { outcome, tookMs } = await claimed(store, jti);
      expect(outcome).toBe('StoreUnavailable');
      expect(tookMs).toBeLessThan(answerMs() - REDIS_ANSWER_MS);
      await setTimeout(100);
    }
    expect(store.healthy()).toBe(false);
    expect(() => store.against(ALICE, now())).toThrow('what is blocked and revoked is not known');
    await expect(store.add(block('B1', 'people:alice'))).rejects.toThrow('what is blocked and revoked is not known');
    await setTimeout(1_000);
    expect(told().filter((event) => event === 'redis_problem')).toHaveLength(1);

    await using proxy = await openTcpProxy(server.port, port);
    expect(proxy.port).toBe(port);
    const started = performance.now();
    await ready(store);
    expect(performance.now() - started).toBeLessThan(2_000);
    expect((await claimed(store, '1')).outcome).toBe('by-1');
  });

  it('F-20 answers nobody without a check while Redis is dead, each within 250 ms, and is back within seconds of its return', async () => {
    const { store, told } = await open('a');
    expect((await claimed(store, 'before')).outcome).toBe('by-before');
    await server.kill();
    const dead = await claimsWhile(store, 'dead', setTimeout(1_500));
    expect(outcomes(dead)).toEqual(new Set(['StoreUnavailable']));
    expect(worst(dead)).toBeLessThan(answerMs());
    expect(() => store.against(ALICE, now())).toThrow('what is blocked and revoked is not known');
    expect(told()).toContain('feed_silent');

    await server.start();
    const started = performance.now();
    await ready(store);
    expect(performance.now() - started).toBeLessThan(5_000);
    expect((await claimed(store, 'after')).outcome).toBe('by-after');
  });

  it('F-21 does the same while Redis hangs, keeps no queue, and writes nothing late when it goes on', async () => {
    const { store } = await open('a');
    await store.add(block('B1', 'people:alice'));
    expect((await claimed(store, 'before')).outcome).toBe('by-before');
    server.signal('SIGSTOP');
    const before = process.memoryUsage().heapUsed;
    const hung = await claimsWhile(store, 'hung', setTimeout(3_000));
    expect(outcomes(hung)).toEqual(new Set(['StoreUnavailable']));
    expect(worst(hung)).toBeLessThan(answerMs());
    for (let number = 0; number < 20_000; number += 1) void claimed(store, `flood-${number}`);
    await setTimeout(300);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 1_048_576);

    server.signal('SIGCONT');
    await ready(store);
    expect((await claimed(store, 'after')).outcome).toBe('by-after');
    await setTimeout(300);
    // What was sent before it hung is read now, too late: none of it is spent by a request that was refused.
    expect(await server.admin.keys('test:spent:*')).toHaveLength(2);
    expect(store.against(ALICE, now())?.id).toBe('B1');
  });

  it('F-22 is bounded while Redis takes half a second for everything, and closes again when it is quick', async () => {
    await using proxy = await openTcpProxy(server.port);
    const { store, told } = await open('a', proxy.port);
    proxy.be(500);
    const slow = await claimsWhile(store, 'slow', setTimeout(3_000));
    expect(outcomes(slow)).toEqual(new Set(['StoreUnavailable']));
    expect(worst(slow)).toBeLessThan(answerMs());
    const last = slow.slice(-100);
    expect(worst(last), 'after a second nobody waits any more').toBeLessThan(answerMs() - REDIS_ANSWER_MS);
    await expect(store.claim(spent('asked'), 'D1', now() + 300)).rejects.toThrow('it is not asked until it answers');
    expect(store.healthy()).toBe(false);
    expect(told()).toContain('feed_silent');

    proxy.be('open');
    await ready(store);
    expect((await claimed(store, 'after')).outcome).toBe('by-after');
  });

  it('F-26 issues nothing while Redis has no memory left, and goes on when it has', async () => {
    const { store } = await open('a');
    await server.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await server.admin.config('SET', 'maxmemory', '1');
    const full = await claimsWhile(store, 'full', setTimeout(1_500));
    expect(outcomes(full)).toEqual(new Set(['StoreUnavailable']));
    expect(worst(full)).toBeLessThan(answerMs());
    await expect.poll(() => store.healthy()).toBe(false);
    await server.admin.config('SET', 'maxmemory', '0');
    await ready(store);
    expect((await claimed(store, 'after')).outcome).toBe('by-after');
  });

  it('F-27 stops the one broker that is cut off, by itself, before a block is answered that names it; others go on', async () => {
    await using proxy = await openTcpProxy(server.port);
    const [near, far] = await Promise.all([open('near'), open('far', proxy.port)]);
    expect(await near.store.add(block('B0', 'people:bob'))).toEqual({ unreached: [] });
    // A third has crashed just now: nobody can tell it from one that is cut off.
    await server.admin.hset('{test:withdrawals}:replicas', 'crashed', '17 0');
    proxy.be('deaf');
    // It may issue for up to a second more: that is why the answer waits for longer.
    expect(far.store.against(ALICE, now())).toBeUndefined();
    const started = performance.now();
    let stoppedMs = Number.POSITIVE_INFINITY;
    const stopping = vi
      .waitFor(() => expect(() => far.store.against(ALICE, now())).toThrow('is not known'), {
        timeout: 5_000,
        interval: 5,
      })
      .then(() => {
        stoppedMs = performance.now() - started;
      });
    const answer = await near.store.add(block('B1', 'people:alice'));
    const answeredMs = performance.now() - started;
    expect([...answer.unreached].sort()).toEqual(['crashed', 'far']);
    await stopping;
    expect(stoppedMs).toBeLessThan(1_100);
    expect(answeredMs).toBeGreaterThan(stoppedMs + 1_000);
    expect(answeredMs).toBeLessThan(7_000);
    expect((await claimed(near.store, 'near')).outcome).toBe('by-near');
    expect((await claimed(far.store, 'far')).outcome).toBe('StoreUnavailable');

    proxy.be('open');
    await ready(far.store);
    expect(far.store.against(ALICE, now())?.id, 'it has the block before it issues again').toBe('B1');
    expect((await near.store.lift('B1'))?.unreached).not.toContain('far');
    expect(far.store.against(ALICE, now())).toBeUndefined();
  });

  it('F-32 knows by either clock that it was stopped: what was withdrawn meanwhile counts before anything is issued', async () => {
    let [elapsedMs, seconds] = [0, 0];
    const clocks = { now: () => now() + seconds, elapsedMs: () => performance.now() + elapsedMs };
    const { store } = await open('a', server.port, clocks);
    expect(store.against(ALICE, now())).toBeUndefined();
    elapsedMs = 1_000;
    expect(() => store.against(ALICE, now())).toThrow('is not known');
    await ready(store);
    expect(store.against(ALICE, now())).toBeUndefined();
    // A machine that was suspended may not have moved the clock that only grows.
    seconds = 600;
    expect(() => store.against(ALICE, now())).toThrow('is not known');
    await ready(store);
    expect(store.against(ALICE, now())).toBeUndefined();
  });

  it('does not wait for a broker that has stopped', async () => {
    const [one, two] = await Promise.all([open('one'), open('two')]);
    await two.store.close();
    const started = performance.now();
    expect(await one.store.add(block('B1', 'people:alice'))).toEqual({ unreached: [] });
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
