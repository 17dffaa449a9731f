// Credentials of AWS from the cache of a running broker: what it spares the cloud, how fast it is, and what ends what it holds.

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FLOOR_MS, measured, quietest, report } from '../../faults/load.ts';
import type { Answer } from '../../support/broker.ts';
import { type CloudScene, openCloudScene } from '../../support/cloud-scene.ts';
import { operatorOf } from '../../support/operator.ts';

vi.setConfig({ testTimeout: 120_000 });

const PODS = 1_000;
const CACHED_P99_MS = 5;

describe('credentials of AWS that are kept', () => {
  let scene: CloudScene;
  beforeAll(async () => {
    scene = await openCloudScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  beforeEach(() => scene.later());

  const asked = () => scene.aws.asked.length;
  const idOf = ({ body }: { readonly body: Record<string, unknown> }): unknown =>
    JSON.parse(String(body.access_token)).AccessKeyId;
  const askedFor = async (token: string, target?: 'api' | 'batch') => {
    const before = asked();
    const answer = await scene.ask(token, target);
    expect(answer.status, answer.text).toBe(200);
    return { answer, calls: asked() - before, record: scene.record() };
  };

  it('A-171 are asked for once by a thousand pods that start at once; each is decided and recorded by itself, and AWS can read our keys meanwhile', async () => {
    const tokens = await Promise.all(Array.from({ length: PODS }, () => scene.pod()));
    expect(new Set(tokens).size).toBe(PODS);
    // Theirs come from a thousand machines; those of a test would keep AWS, which is in this process too, from answering.
    await scene.connect(PODS);
    const before = { asked: asked(), records: scene.broker.records().length };
    const started = performance.now();
    const told = { again: 0 };
    const pods = Promise.all(tokens.map((token) => patiently(scene, token, told)));
    const keys = timedKeys(scene);
    const answers = await pods;
    report('1,000 pods at once', {
      calls: asked() - before.asked,
      toldToComeAgain: told.again,
      ms: Math.round(performance.now() - started),
      keysMs: Math.round(await keys),
    });

    expect(asked() - before.asked).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    const records = scene.broker
      .records()
      .slice(before.records)
      .filter(({ outcome }) => outcome === 'granted');
    expect(records).toHaveLength(PODS);
    const makers = records.filter(({ madeFor }) => madeFor === undefined);
    expect(makers).toHaveLength(1);
    const sharing = records.filter(({ madeFor }) => madeFor === makers[0]?.decision);
    expect(sharing).toHaveLength(PODS - 1);
    expect(new Set(records.map(({ decision }) => decision)).size).toBe(PODS);
    expect(await keys).toBeLessThan(5_000);
  });

  it('come from the cache within milliseconds', async () => {
    const token = await scene.pod();
    await askedFor(token);
    const before = asked();
    const times = await quietest(
      async () => {
        const tookMs: number[] = [];
        for (let round = 0; round < 1_000; round += 1) {
          const started = performance.now();
          expect((await scene.ask(token)).status).toBe(200);
          tookMs.push(performance.now() - started);
        }
        return measured({}, tookMs);
      },
      ({ p99 }) => p99 < CACHED_P99_MS,
    );
    report('from the cache, one after the other', times);
    expect(asked()).toBe(before);
    // A quiet machine keeps the promise for 99 of 100 (what was measured is printed); one that others use too adds to its slowest requests.
    expect(times.p50).toBeLessThan(CACHED_P99_MS);
    expect(times.p99).toBeLessThan(CACHED_P99_MS + FLOOR_MS);
  });

  it('A-161 are shared with no other subject, and for no other target', async () => {
    const first = await askedFor(await scene.pod('api'));
    const again = await askedFor(await scene.pod('api'));
    const other = await askedFor(await scene.pod('api-2'));
    const elsewhere = await askedFor(await scene.pod('api'), 'batch');
    expect([first, again, other, elsewhere].map(({ calls }) => calls)).toEqual([1, 0, 1, 1]);
    expect(idOf(again.answer)).toBe(idOf(first.answer));
    expect(new Set([first, other, elsewhere].map(({ answer }) => idOf(answer))).size).toBe(3);
    expect(again.record).toMatchObject({ madeFor: first.record.decision, session: first.record.session });
  });

  it('A-162 say truly when they end, and how long they have', async () => {
    const first = await askedFor(await scene.pod());
    scene.broker.clock.offsetSeconds += 600;
    const again = await askedFor(await scene.pod());
    expect([first.calls, again.calls]).toEqual([1, 0]);
    const endOf = ({ answer }: typeof first) => JSON.parse(String(answer.body.access_token)).Expiration;
    expect(endOf(again)).toBe(endOf(first));
    expect(again.answer.body.expires_in).toSatisfy((left: number) => left > 2_990 && left <= 3_000);
    expect(again.record.exp).toBe(first.record.exp);
  });

  it('A-172 for two targets at once by one credential are two decisions, and two records', async () => {
    const token = await scene.pod();
    const before = { asked: asked(), records: scene.broker.records().length };
    const both = await Promise.all([scene.ask(token, 'api'), scene.ask(token, 'batch')]);
    expect(both.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(both.map(idOf)).size).toBe(2);
    expect(asked() - before.asked).toBe(2);
    const records = scene.broker.records().slice(before.records);
    expect(records.map(({ target }) => target).toSorted()).toEqual(['api', 'batch']);
    expect(new Set(records.map(({ decision }) => decision)).size).toBe(2);
  });

  it('end when their subject is revoked: whoever comes with a new token gets new ones', async () => {
    const first = await askedFor(await scene.pod());
    const bystander = await askedFor(await scene.pod('bystander'));
    const name = 'cluster:system:serviceaccount:payments:api';
    const old = await scene.pod();
    scene.broker.clock.offsetSeconds += 2;
    expect(await operatorOf(scene.broker)('revoke', 'subject', name, '--why', 'stolen')).toMatchObject({ exit: 0 });
    expect((await scene.ask(old)).status).toBe(400);
    expect(scene.record()).toMatchObject({ reason: 'withdrawn' });
    scene.broker.clock.offsetSeconds += 2;
    const next = await askedFor(await scene.pod());
    expect([first.calls, next.calls, next.record.madeFor]).toEqual([1, 1, undefined]);
    expect(await askedFor(await scene.pod('bystander'))).toMatchObject({
      calls: 0,
      record: { madeFor: bystander.record.decision },
    });
  });

  it('are given to nobody who is blocked', async () => {
    const name = 'cluster:system:serviceaccount:payments:blocked';
    await askedFor(await scene.pod('blocked'));
    const operator = operatorOf(scene.broker);
    expect(await operator('block', name, '--why', 'stolen')).toMatchObject({ exit: 0 });
    expect((await scene.ask(await scene.pod('blocked'))).status).toBe(400);
    expect(await operator('unblock', name, '--why', 'found')).toMatchObject({ exit: 0 });
    expect((await askedFor(await scene.pod('blocked'))).calls).toBe(0);
  });

  it('end with any change of policy', async () => {
    const before = await askedFor(await scene.pod());
    scene.broker.write(
      'policies/more.yaml',
      'rules: [{ name: more, subject: { trust: mesh, sub: spiffe://prod.example/ns/a/sa/b }, allow: [deploy] }]',
    );
    expect(await scene.broker.broker.reload()).toMatchObject({ ok: true });
    const after = await askedFor(await scene.pod());
    expect([before.calls, after.calls]).toEqual([1, 1]);
    expect((await askedFor(await scene.pod())).calls).toBe(0);
  });
});

/** As SDKs ask: a broker that has too much in work says so, and is asked again. */
async function patiently(scene: CloudScene, token: string, told: { again: number }): Promise<Answer> {
  for (;;) {
    const answer = await scene.ask(token);
    if (answer.status !== 503) return answer;
    told.again += 1;
    await setTimeout(Number(answer.headers['retry-after']) * 1_000);
  }
}

/** How long it takes until discovery and keys are there, in milliseconds. */
async function timedKeys({ broker }: CloudScene): Promise<number> {
  const started = performance.now();
  const read = async (url: string) => (await broker.call({ path: new URL(url).pathname })).body;
  const { jwks_uri: jwks } = await read(`${broker.issuer}/.well-known/openid-configuration`);
  expect(await read(String(jwks))).toHaveProperty(['keys', 0, 'kid']);
  return performance.now() - started;
}
