// Whole brokers on a Redis that is not there, dies under load, or is cut off from one of two: nothing is issued that was not asked about, who
// cannot be served is told so within a quarter of a second, and it goes on by itself (F-19, F-20, F-25, F-27).

import { expect, it, vi } from 'vitest';
import { freePort } from '../../src/adapters/cli/demo/broker.ts';
import { githubPush, jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { describeWithRedis, startRedis } from '../support/redis-server.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { FLOOR_MS, load, quietest, report } from './load.ts';

vi.setConfig({ testTimeout: 60_000 });

/** One audience for all of them: a token is good at each. */
const AUDIENCE = 'https://sts.example';
const API = 'spiffe://prod.example/ns/payments/sa/api';

/** A broker on the Redis at this port; `like` has the keys that its platforms sign with. */
const startOn = (port: number, like?: TestBroker): Promise<TestBroker> =>
  startTestBroker({
    config: (yaml) =>
      yaml
        .replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${port}" } }`)
        .replace('kind: github,', `kind: github, audience: ${AUDIENCE},`),
    ...(like ? { files: { 'github.json': JSON.stringify({ keys: [like.keys.github.jwk] }) } } : {}),
    // A disk that is slow to take a record refuses too: here only Redis is broken.
    world: { stdout: { write: (_bytes, done) => done() } },
  });

const workload = async (broker: TestBroker) => mint(broker, 'mesh', jwtSvid(API, broker.issuer, broker.now()));

async function readyz(broker: TestBroker) {
  const answer = await fetch(`http://127.0.0.1:${broker.observePort}/readyz`);
  return { status: answer.status, body: await answer.json() };
}

const isReady = (broker: TestBroker, ready: boolean): Promise<void> =>
  vi.waitFor(async () => expect((await readyz(broker)).status).toBe(ready ? 200 : 503), {
    timeout: 10_000,
    interval: 20,
  });

async function metric(broker: TestBroker, line: string): Promise<number | undefined> {
  const text = await (await fetch(`http://127.0.0.1:${broker.observePort}/metrics`)).text();
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

describeWithRedis('a broker whose Redis is in trouble', () => {
  it('F-19 starts without it, is alive and not ready, refuses with 503, and is ready within seconds of its coming', async () => {
    await using redis = await startRedis();
    const port = await freePort();
    const broker = await startOn(port);
    try {
      expect((await fetch(`http://127.0.0.1:${broker.observePort}/livez`)).status).toBe(200);
      expect(await readyz(broker)).toMatchObject({ status: 503, body: { checks: { store: 'failed', audit: 'ok' } } });
      const answer = await broker.exchange(await workload(broker));
      expect([answer.status, answer.body.error, answer.headers['retry-after']]).toEqual([
        503,
        'temporarily_unavailable',
        '1',
      ]);
      await using _proxy = await openTcpProxy(redis.port, port);
      await isReady(broker, true);
      expect((await broker.exchange(await workload(broker))).status).toBe(200);
    } finally {
      await broker.stop();
    }
  });

  it('F-20 grants nothing while it is dead, answers each within 250 ms, and grants again within 5 s of its return', async () => {
    await using redis = await startRedis();
    const broker = await startOn(redis.port);
    try {
      await isReady(broker, true);
      const token = await workload(broker);
      const send = async () => (await broker.exchange(token)).status;
      expect(await send()).toBe(200);
      expect(await metric(broker, 'exchequer_store_up')).toBe(1);
      await redis.kill();
      await isReady(broker, false);
      const dead = await quietest(
        () => load({ perSecond: 100, seconds: 1, send }),
        ({ max }) => max < 250,
      );
      report('F-20 dead', dead);
      expect(dead.statuses).toEqual({ 503: dead.count });
      expect(dead.max).toBeLessThan(250 + FLOOR_MS);
      expect(await metric(broker, 'exchequer_store_up')).toBe(0);
      expect(await metric(broker, 'exchequer_store_events_total{event="feed_silent"}')).toBe(1);
      expect(broker.logged()).toContain('nothing is issued: Redis has been silent for a second');

      await redis.start();
      const started = performance.now();
      await isReady(broker, true);
      expect(performance.now() - started).toBeLessThan(5_000);
      expect(await send()).toBe(200);
    } finally {
      await broker.stop();
    }
  });

  it('F-25 F-27 is one of two that take a single-use token once between them, and alone in not being ready when cut off', async () => {
    await using redis = await startRedis();
    await using proxy = await openTcpProxy(redis.port);
    const near = await startOn(redis.port);
    const far = await startOn(proxy.port, near);
    try {
      await Promise.all([isReady(near, true), isReady(far, true)]);
      const tokens = await Promise.all(
        Array.from({ length: 40 }, (_, index) =>
          mint(near, 'github', { ...githubPush(AUDIENCE, near.now()), jti: `job-${index}` }),
        ),
      );
      const statuses = await Promise.all(
        tokens.map((token) =>
          Promise.all([near, far].map(async (broker) => (await broker.exchange(token, { audience: 'deploy' })).status)),
        ),
      );
      for (const pair of statuses) expect(pair.sort()).toEqual([200, 400]);

      proxy.be('deaf');
      await isReady(far, false);
      expect((await far.exchange(await workload(far))).status).toBe(503);
      expect((await readyz(near)).status).toBe(200);
      expect((await near.exchange(await workload(near))).status).toBe(200);
      proxy.be('open');
      await isReady(far, true);
    } finally {
      await Promise.all([near.stop(), far.stop()]);
    }
  });
});
