// The shared store on one Redis: the contract, and what is its own: what is written where, and two replicas that are one.

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { FEED_POLL_MS } from '../../src/core/limits-store.ts';
import type { Spending } from '../../src/core/ports.ts';
import { SCRIPTS } from '../../src/stores/redis-scripts.ts';
import { writeWithdrawalChange } from '../../src/stores/withdrawal-text.ts';
import { noncesContract } from '../contract/nonces.ts';
import { spentStoreContract } from '../contract/spent-store.ts';
import { asSubject, block, revocation, withdrawalStoreContract } from '../contract/withdrawal-store.ts';
import { describeWithRedis, type RedisServer, standalone, startRedis } from '../support/redis-server.ts';
import { beginLongAgo, makerOn, openReplica, patient, type Replica } from './replicas.ts';

const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });
const now = () => Date.now() / 1_000;

describeWithRedis('the shared store', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const maker = makerOn(
    () => standalone(server.port),
    () => server.admin,
  );
  spentStoreContract('a Redis', maker);
  withdrawalStoreContract('a Redis', maker);
  noncesContract('a Redis', async () => {
    await beginLongAgo(server.admin, 'nonces');
    const { store } = await openReplica(standalone(server.port, { prefix: 'nonces' }), 'a');
    return { store, close: () => store.close() };
  });

  describe('as two replicas see it', () => {
    let [a, b]: Replica[] = [];
    let inWork: Promise<void>;
    const stores = () => {
      if (!a || !b) throw new Error('not open');
      return [patient(a.store), patient(b.store)] as const;
    };
    beforeAll(async () => {
      inWork = Promise.resolve();
      await beginLongAgo(server.admin, 'two');
      const settings = standalone(server.port, { prefix: 'two' });
      [a, b] = await Promise.all([openReplica(settings, 'a'), openReplica(settings, 'b', { drained: () => inWork })]);
    });
    afterAll(() => Promise.all(stores().map((store) => store.close())));

    it('gives each of 1,000 credentials to exactly one of two that claim it at once (F-25)', async () => {
      const [one, other] = stores();
      const jtis = Array.from({ length: 1_000 }, (_, index) => `pair-${index}`);
      const answers: (readonly [string, string])[] = [];
      const until = now() + 300;
      for (let from = 0; from < jtis.length; from += 200) {
        const both = (jti: string) =>
          Promise.all([one.claim(spent(jti), `A-${jti}`, until), other.claim(spent(jti), `B-${jti}`, until)]);
        answers.push(...(await Promise.all(jtis.slice(from, from + 200).map(both))));
      }
      const winners = answers.filter(
        ([first, second], index) => first === second && first.endsWith(jtis[index] ?? '?'),
      );
      expect(winners).toHaveLength(1_000);
      expect(new Set(winners.map(([first]) => first.charAt(0))).size, 'each wins some').toBe(2);
    });

    it('gives none of 1,000 credentials twice while connections break again and again (F-25)', async () => {
      const [one, other] = stores();
      const jtis = Array.from({ length: 1_000 }, (_, index) => `torn-${index}`);
      const until = now() + 300;
      const persist = async (store: typeof one, jti: string, decision: string): Promise<string> => {
        for (;;) {
          const answer = await store.claim(spent(jti), decision, until).catch(() => undefined);
          if (answer !== undefined) return answer;
          await setTimeout(20);
        }
      };
      const killing = (async () => {
        for (let round = 0; round < 5; round += 1) {
          await server.admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes');
          await setTimeout(60);
        }
      })();
      const answers: [string, string][] = [];
      for (let from = 0; from < jtis.length; from += 100)
        answers.push(
          ...(await Promise.all(
            jtis
              .slice(from, from + 100)
              .map((jti) => Promise.all([persist(one, jti, `A-${jti}`), persist(other, jti, `B-${jti}`)])),
          )),
        );
      await killing;
      expect(answers.filter(([first, second]) => first === second)).toHaveLength(1_000);
      expect([...(a?.told() ?? []), ...(b?.told() ?? [])]).toContain('redis_problem');
    });

    it('answers a block when the other has it, and nothing that was in work there before can leave', async () => {
      const [one, other] = stores();
      const leaving = Promise.withResolvers<void>();
      inWork = leaving.promise;
      const told: string[] = [];
      const adding = one.add(block('B1', 'people:alice')).then((answer) => told.push(`answered ${answer.unreached}`));
      await expect.poll(() => other.against(asSubject('people:alice'), now())?.id).toBe('B1');
      await setTimeout(2 * FEED_POLL_MS);
      told.push('left');
      leaving.resolve();
      await adding;
      expect(told).toEqual(['left', 'answered ']);
      inWork = Promise.resolve();

      expect(await other.lift('B1')).toEqual({ unreached: [] });
      expect(one.against(asSubject('people:alice'), now())).toBeUndefined();
      expect(one.list(now())).toEqual([]);
    });

    it('answers within a second where nothing is in work', async () => {
      const [one] = stores();
      const started = performance.now();
      expect(await one.add(revocation('R1', 'chain', 'h1', now() + 60))).toEqual({ unreached: [] });
      expect(performance.now() - started).toBeLessThan(1_000);
    });

    it('has the same nonces in both', () => {
      const [one, other] = stores();
      expect(other.accepts(one.current(now()), now())).toBe(true);
      expect(one.current(now())).toBe(other.current(now()));
    });
  });

  describe('in Redis', () => {
    it('keeps a claim until its end and the leeway, under its own prefix, and blocks in one slot', async () => {
      await beginLongAgo(server.admin, 'layout');
      const { store } = await openReplica(standalone(server.port, { prefix: 'layout' }), 'a');
      await store.claim(spent('one'), 'D1', now() + 300);
      await store.add(block('B1', 'people:alice'));
      const keys = await server.admin.keys('*layout*');
      const claims = keys.filter((key) => key.startsWith('layout:spent:'));
      expect(claims).toHaveLength(1);
      const left = await server.admin.pttl(claims[0] ?? '');
      expect(left).toBeGreaterThan((300 + LEEWAY_SECONDS - 5) * 1_000);
      expect(left).toBeLessThanOrEqual((301 + LEEWAY_SECONDS) * 1_000);
      const others = keys.filter((key) => !claims.includes(key));
      expect(others.every((key) => key.startsWith('{layout:withdrawals}:'))).toBe(true);
      expect(await Promise.all(others.map((key) => server.admin.ttl(key)))).toEqual(others.map(() => -1));
      await store.close();
      expect(await server.admin.exists('{layout:withdrawals}:replicas'), 'who stops takes itself off the list').toBe(0);
    });

    it('gives a released claim back to Redis, and leaves nothing', async () => {
      const { store } = await openReplica(standalone(server.port, { prefix: 'layout' }), 'a');
      await store.claim(spent('two'), 'D1', now() + 300);
      await store.release(spent('two'), 'D1');
      expect(await server.admin.keys('layout:spent:*')).toHaveLength(1);
      await store.close();
    });

    it('refuses to claim by a clock that is behind the one of Redis: what has ended there may count here (A-63, F-29)', async () => {
      let behind = 0;
      const clock = () => now() - behind;
      const { store } = await openReplica(standalone(server.port, { prefix: 'layout' }), 'a', { now: clock });
      behind = LEEWAY_SECONDS - 5;
      expect(await store.claim(spent('slow'), 'D1', clock() + 300)).toBe('D1');
      behind = LEEWAY_SECONDS + 5;
      await expect(store.claim(spent('slower'), 'D1', clock() + 300)).rejects.toThrow(
        /the clock of this broker is 35\.\d+ seconds behind that of Redis/,
      );
      await store.close();
    });

    it('takes nothing for a block that another program wrote there', async () => {
      await beginLongAgo(server.admin, 'foreign');
      await server.admin.hset('{foreign:withdrawals}:state', { seq: '1', held: '1' });
      await server.admin.hset('{foreign:withdrawals}:ids', 'B1', '1');
      await server.admin.hset('{foreign:withdrawals}:marks', '1', 'm');
      await server.admin.zadd('{foreign:withdrawals}:log', 1, '1 m rubbish');
      const { store, events } = await openReplica(standalone(server.port, { prefix: 'foreign' }), 'a', { eager: true });
      const reason = 'Redis holds something under our names that is not ours';
      await expect.poll(() => events).toContainEqual({ event: 'redis_problem', reason });
      expect(store.healthy()).toBe(false);
      expect(() => store.against(asSubject('people:alice'), now())).toThrow('what is blocked and revoked is not known');
      await store.close();
    });

    it('reads 25,000 blocks and revocations at a start within seconds, and is not ready before', async () => {
      await beginLongAgo(server.admin, 'many');
      const keys = ['state', 'log', 'ids', 'ends', 'marks', 'replicas'].map((name) => `{many:withdrawals}:${name}`);
      for (let from = 0; from < 25_000; from += 1_000) {
        const words = Array.from({ length: 1_000 }, (_, index) => {
          const withdrawal = block(`B${from + index}`, `people:${from + index}`);
          return [`m${from + index}`, withdrawal.id, '', writeWithdrawalChange({ change: 'withdraw', withdrawal })];
        });
        await server.admin.eval(SCRIPTS.add, keys.length, ...keys, 'long-ago', '25000', ...words.flat());
      }
      const started = performance.now();
      const settings = standalone(server.port, { prefix: 'many' });
      const { store } = await openReplica(settings, 'a', { withdrawalsMax: 25_000 });
      expect(performance.now() - started).toBeLessThan(4_000);
      expect(store.list(now())).toHaveLength(25_000);
      expect(store.against(asSubject('people:24999'), now())?.id).toBe('B24999');
      await expect(store.add(block('B', 'people:one-more'))).rejects.toThrow(
        '25000 blocks and revocations are in force',
      );
      await store.close();
    });
  });
});
