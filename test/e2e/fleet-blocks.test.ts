// Blocks by the command line where two brokers share a Redis: in force in both when one has answered, under load too; and a broker that does
// not answer is named, and grants nothing when it comes back.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { operatorOf } from '../support/operator.ts';
import { describeWithRedis, type RedisServer, startRedis } from '../support/redis-server.ts';
import { type Served, serve } from '../support/served.ts';

const API = 'spiffe://prod.example/ns/payments/sa/api';
const WHY = ['--why', 'stolen'] as const;

let redis: RedisServer;
let closing: (() => Promise<unknown>)[];
beforeEach(async () => {
  redis = await startRedis();
  closing = [];
});
afterEach(async () => {
  for (const close of closing.reverse()) await close();
  await redis[Symbol.asyncDispose]();
});

async function start(folder?: string): Promise<TestBroker> {
  const broker = await startTestBroker({
    ...(folder === undefined ? {} : { folder }),
    config: (yaml) =>
      yaml.replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${redis.port}" } }`),
  });
  return broker;
}
const exchange = async (broker: TestBroker) =>
  (await broker.exchange(await mint(broker, 'mesh', jwtSvid(API, broker.issuer, broker.now())))).status;

describeWithRedis('brokers that share a Redis', () => {
  it('all refuse, once the command has answered at one of them; and all grant again once it is lifted', async () => {
    const [one, two] = [await start(), await start()];
    closing.push(
      () => one.stop(),
      () => two.stop(),
    );
    const token = await mint(two, 'mesh', jwtSvid(API, two.issuer, two.now()));
    const answers: { sent: number; status: number }[] = [];
    const load = { going: true };
    const worker = async () => {
      while (load.going) {
        const sent = performance.now();
        answers.push({ sent, status: (await two.exchange(token)).status });
      }
    };
    const workers = Array.from({ length: 8 }, worker);
    const operator = operatorOf(one);
    for (let round = 0; round < 3; round += 1) {
      await expect.poll(() => answers.at(-1)?.status, { timeout: 5_000 }).toBe(200);
      expect(await operator('block', API, ...WHY)).toMatchObject({ exit: 0 });
      const from = performance.now();
      const after = () => answers.filter(({ sent }) => sent > from);
      await expect.poll(() => after().length, { timeout: 5_000 }).toBeGreaterThan(30);
      expect(after().filter(({ status }) => status === 200)).toEqual([]);
      // Either of them lists it, and lifts it.
      const there = operatorOf(two);
      expect((await there('blocks')).out.join()).toContain(API);
      expect((await there('unblock', API)).exit).toBe(0);
      await expect.poll(() => exchange(one), { timeout: 5_000 }).toBe(200);
    }
    load.going = false;
    await Promise.all(workers);
  }, 60_000);

  it('one that does not answer is named with exit 3, and grants nothing when it goes on', async () => {
    const one = await start();
    closing.push(() => one.stop());
    const folder = mkdtempSync(join(tmpdir(), 'exchequer-test-'));
    const two = await start(folder);
    await two.stop();
    const served: Served = await serve(join(folder, 'exchequer.yaml'));
    closing.push(async () => {
      served.child.kill('SIGKILL');
      await served.ended;
      rmSync(folder, { recursive: true });
    });
    await expect.poll(() => exchange(two), { timeout: 10_000 }).toBe(200);
    served.child.kill('SIGSTOP');
    const { exit, out, err } = await operatorOf(one)('block', API, ...WHY);
    expect([exit, out]).toEqual([3, [expect.stringMatching(`^blocked  ${API}  `)]]);
    expect(err.join('\n')).toMatch(
      /not confirmed by \S+: it has stopped, or issues nothing once it has been cut off for a second/,
    );
    expect(one.records().findLast(({ event }) => event === 'block')).toMatchObject({ unreachedCount: 1 });
    expect(await exchange(one)).toBe(400);
    served.child.kill('SIGCONT');
    const statuses = await Promise.all(Array.from({ length: 20 }, () => exchange(two)));
    expect(statuses.filter((status) => status === 200)).toEqual([]);
    await expect.poll(() => exchange(two), { timeout: 10_000 }).toBe(400);
  }, 60_000);
});
