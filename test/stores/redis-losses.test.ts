// A Redis that loses what it was told: FLUSHALL, a restart that kept nothing, an eviction, a failover to a copy that lacks the last writes.
// Blocks and revocations are written back from the memory of every replica and never stop counting; what is lost of spent credentials
// is told (F-24), and counted for a failover (F-23).

import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { WITHDRAWN_KEPT_SECONDS } from '../../src/core/limits-delegation.ts';
import { FEED_MARKS_KEPT } from '../../src/core/limits-store.ts';
import type { Spending } from '../../src/core/ports.ts';
import { SCRIPTS } from '../../src/stores/redis-scripts.ts';
import { asSubject, block, revocation } from '../contract/withdrawal-store.ts';
import { describeWithRedis, type RedisServer, standalone, startRedis } from '../support/redis-server.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { beginLongAgo, openReplica, type Replica, type ReplicaOptions, ready } from './replicas.ts';

vi.setConfig({ testTimeout: 60_000 });

const now = () => Date.now() / 1_000;
const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });
const KEYS = ['state', 'log', 'ids', 'ends', 'marks', 'replicas'].map((name) => `{test:withdrawals}:${name}`);

describeWithRedis('a shared store that loses what it held', () => {
  let server: RedisServer;
  let opened: Replica[];
  const open = async (name: string, options: ReplicaOptions = {}, port = server.port): Promise<Replica> => {
    const replica = await openReplica(standalone(port), name, options);
    opened.push(replica);
    return replica;
  };
  const against = ({ store }: Replica, who: string) => store.against(asSubject(who), now())?.id;
  const ids = ({ store }: Replica) =>
    store
      .list(now())
      .map(({ id }) => id)
      .sort();
  const silent = ({ store }: Replica) =>
    vi.waitFor(() => expect(store.healthy()).toBe(false), { timeout: 5_000, interval: 5 });
  const restart = async (): Promise<void> => {
    await server.kill();
    await server.start();
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

  it.each<[string, () => Promise<unknown>]>([
    ['FLUSHALL', () => server.admin.flushall()],
    ['a restart that kept nothing', restart],
    ['the eviction of its state', () => server.admin.del('{test:withdrawals}:state')],
    ['the eviction of its log', () => server.admin.del('{test:withdrawals}:log')],
    ['the eviction of its ids', () => server.admin.del('{test:withdrawals}:ids')],
    ['the eviction of its marks', () => server.admin.del('{test:withdrawals}:marks')],
  ])('F-24 tells of %s, never lets anybody in meanwhile, and has everything back in Redis', async (_what, lose) => {
    const [a, b] = await Promise.all([open('a'), open('b')]);
    await a.store.add(block('B1', 'people:alice'));
    await b.store.add(revocation('R1', 'chain', 'h1', now() + 600));
    await a.store.add(block('B2', 'people:bob'));
    await a.store.lift('B2');

    const seen = new Set<string | undefined>();
    const watch = setInterval(() => {
      for (const replica of [a, b])
        try {
          seen.add(against(replica, 'people:alice'));
        } catch {
          seen.add('refused');
        }
    }, 1);
    await lose();
    await vi.waitFor(
      () => expect([a.told(), b.told()].map((told) => told.includes('store_lost'))).toEqual([true, true]),
      {
        timeout: 10_000,
      },
    );
    await Promise.all([ready(a.store), ready(b.store)]);
    clearInterval(watch);
    expect(seen.has(undefined), 'the block counts all the while').toBe(false);

    for (const replica of [a, b]) expect(ids(replica)).toEqual(['B1', 'R1']);
    expect((await server.admin.hkeys('{test:withdrawals}:ids')).sort()).toEqual(['B1', 'R1']);
    expect(await b.store.add(block('B3', 'people:carol'))).toEqual({ unreached: [] });
    expect([a, b].map((replica) => against(replica, 'people:carol'))).toEqual(['B3', 'B3']);
  });

  it('F-24 has everything for a broker that starts after the loss', async () => {
    const a = await open('a');
    await a.store.add(block('B1', 'people:alice'));
    await server.admin.flushall();
    await vi.waitFor(() => expect(a.told()).toContain('store_restored'));
    const b = await open('b');
    expect(ids(b)).toEqual(['B1']);
    expect(a.store.current(now())).toBe(b.store.current(now()));
  });

  it('F-24 lets what was spent before be spent again, and says so', async () => {
    const { store, told } = await open('a');
    expect(await store.claim(spent('one'), 'D1', now() + 300)).toBe('D1');
    expect(await store.claim(spent('one'), 'D2', now() + 300)).toBe('D1');
    await server.admin.flushall();
    await vi.waitFor(() => expect(told()).toContain('store_lost'));
    await ready(store);
    expect(await store.claim(spent('one'), 'D2', now() + 300)).toBe('D2');
  });

  it('F-24 forgets nothing in a restart of a Redis that writes everything down', async () => {
    await server[Symbol.asyncDispose]();
    server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await beginLongAgo(server.admin, 'test');
    const a = await open('a');
    await a.store.claim(spent('one'), 'D1', now() + 300);
    await a.store.add(block('B1', 'people:alice'));
    await a.store.close();
    await restart();
    const b = await open('b');
    expect(await b.store.claim(spent('one'), 'D2', now() + 300)).toBe('D1');
    expect(against(b, 'people:alice')).toBe('B1');
    expect(b.told()).toEqual(['feed_following']);
  });

  it('F-24 warns of a Redis that may evict, or forget with its process', async () => {
    await server.admin.config('SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru');
    const a = await open('a');
    await vi.waitFor(() => expect(a.events).toContainEqual({ event: 'redis_evicts', policy: 'allkeys-lru' }));
    expect(a.events).toContainEqual({ event: 'redis_not_durable' });
  });

  it('F-23 has back the blocks that a failover lost, and does not take a strange history for its own', async () => {
    const [a, b] = await Promise.all([open('a'), open('b')]);
    await a.store.add(block('B1', 'people:alice'));
    // A copy that stands for the replica that is promoted: it has B1, and not what comes after.
    const copy = await Promise.all(KEYS.map(async (key) => [key, await server.admin.dumpBuffer(key)] as const));
    await a.store.add(block('B2', 'people:bob'));
    await a.store.add(block('B3', 'people:carol'));
    await a.store.lift('B1');
    const pipeline = server.admin.multi().del(...KEYS);
    for (const [key, dump] of copy) if (dump) pipeline.restore(key, 0, dump);
    // Before anybody looks, others write: the history is as long as the one that was lost.
    for (const id of ['B4', 'B5', 'B6']) {
      const change = `block ${id} 1 - people%3A${id} `;
      pipeline.eval(SCRIPTS.add, KEYS.length, ...KEYS, 'long-ago', '100', `m${id}`, id, '', change);
    }
    await pipeline.exec();
    await vi.waitFor(() => expect(a.events).toContainEqual({ event: 'store_lost', what: 'diverged' }));
    await vi.waitFor(() => {
      // B1 was lifted, and that is lost: who is refused by mistake is asked again, who is let in by mistake is not.
      for (const replica of [a, b]) expect(ids(replica)).toEqual(['B1', 'B2', 'B3', 'B4', 'B5', 'B6']);
    });
    const c = await open('c');
    expect(ids(c)).toEqual(['B1', 'B2', 'B3', 'B4', 'B5', 'B6']);
    expect(await c.store.lift('B1')).toEqual({ unreached: [] });
    expect(ids(a)).toEqual(['B2', 'B3', 'B4', 'B5', 'B6']);
  });

  it('writes back what it alone remembers, and nothing that was lifted since', async () => {
    await using proxy = await openTcpProxy(server.port);
    const [near, far] = [await open('near'), await open('far', {}, proxy.port)];
    await near.store.add(block('B1', 'people:alice'));
    await near.store.add(block('B2', 'people:bob'));
    proxy.be('refuse');
    await silent(far);
    await server.admin.flushall();
    await vi.waitFor(() => expect(near.told()).toContain('store_restored'));
    await near.store.lift('B1');
    proxy.be('open');
    await ready(far.store);
    expect(ids(far)).toEqual(['B2']);
    expect(ids(near)).toEqual(['B2']);
  });

  it('reads everything anew after it was away for more changes than Redis remembers, and revives nothing', async () => {
    await using proxy = await openTcpProxy(server.port);
    const [near, far] = [await open('near'), await open('far', {}, proxy.port)];
    await near.store.add(block('B1', 'people:alice'));
    await near.store.add(block('B2', 'people:bob'));
    proxy.be('refuse');
    await silent(far);
    const lift = ['long-ago', 'mark', 'B1', 'lift B1'];
    expect(await server.admin.eval(SCRIPTS.lift, KEYS.length, ...KEYS, ...lift)).toEqual(['ok', '3']);
    for (let from = 0; from < FEED_MARKS_KEPT; from += 500) {
      const adds = Array.from({ length: 500 }, (_, index) => {
        const id = `T${from + index}`;
        return [`m${id}`, id, String(now() + 600), `revoke token ${id} 1 ${Math.ceil(now()) + 600} h${id} `];
      });
      await server.admin.eval(SCRIPTS.add, KEYS.length, ...KEYS, 'long-ago', '100000', ...adds.flat());
    }
    proxy.be('open');
    await ready(far.store);
    expect(far.events).toContainEqual({ event: 'store_lost', what: 'behind' });
    expect(against(far, 'people:alice')).toBeUndefined();
    expect(against(far, 'people:bob')).toBe('B2');
    expect(far.store.list(now())).toHaveLength(FEED_MARKS_KEPT + 1);
    expect(near.store.list(now())).toHaveLength(FEED_MARKS_KEPT + 1);
  });

  it('waits at an empty Redis for others who remember, before it issues anything', async () => {
    await using proxy = await openTcpProxy(server.port);
    const old = await open('old', {}, proxy.port);
    await old.store.add(block('B1', 'people:alice'));
    proxy.be('refuse');
    await server.admin.flushall();
    const young = await openReplica(standalone(server.port), 'young', { eager: true });
    opened.push(young);
    await vi.waitFor(() => expect(young.told()).toContain('store_begun'));
    expect(young.store.healthy()).toBe(false);
    await setTimeout(500);
    expect(young.store.healthy()).toBe(false);
    proxy.be('open');
    await ready(young.store);
    expect(against(young, 'people:alice')).toBe('B1');
  });

  it('drops from Redis what ended an hour ago, and nothing for a broker whose clock is ahead', async () => {
    const a = await open('a');
    await a.store.add(revocation('R1', 'token', 'h1', now() - WITHDRAWN_KEPT_SECONDS + 1));
    await a.store.add(revocation('R2', 'token', 'h2', now() + 600));
    await a.store.add(block('B1', 'people:alice'));
    await open('ahead', { now: () => now() + 365 * 86_400 });
    const held = async () => (await server.admin.hkeys('{test:withdrawals}:ids')).sort();
    await vi.waitFor(async () => expect(await held()).toEqual(['B1', 'R2']), { timeout: 5_000 });
    expect(await server.admin.zcard('{test:withdrawals}:log')).toBe(2);
    await setTimeout(500);
    expect(await held()).toEqual(['B1', 'R2']);
    expect(a.store.against({ parties: [], tokens: ['h2'], ancestors: [] }, now())?.id).toBe('R2');
  });
});
