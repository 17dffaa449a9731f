// A cloud that throttles, hangs, breaks off or says no, before a whole broker: told within the deadline, recorded once, never half a
// credential, nothing spent for nothing, and nobody else touched (F-50 to F-54).

import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  CLOUD_AT_ONCE_MAX,
  CLOUD_ATTEMPTS_MAX,
  CLOUD_MS,
  CLOUD_RETRY_SECONDS,
  CLOUD_WAITING_MAX,
} from '../../src/core/limits-cloud.ts';
import type { Answer } from '../support/broker.ts';
import { ACCOUNT, type CloudScene, openCloudScene } from '../support/cloud-scene.ts';
import { type Misbehaviour, REGION_DISABLED, THROTTLED, WITHOUT_SESSION_TOKEN } from '../support/fake-aws.ts';
import { operatorOf } from '../support/operator.ts';
import { FLOOR_MS, measured, report } from './load.ts';

vi.setConfig({ testTimeout: 60_000 });

const TOO_MANY = 'exchequer_cloud_calls_total{cloud="aws",target="api",outcome="too_many"}';
/** What the machine adds on top of a deadline. */
const LATE_MS = 500 + FLOOR_MS;

describe('a cloud in trouble', () => {
  let scene: CloudScene;
  beforeAll(async () => {
    scene = await openCloudScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());
  beforeEach(() => {
    scene.aws.misbehave = undefined;
    scene.aws.next.length = 0;
    scene.later();
  });

  const asked = () => scene.aws.asked.length;
  async function timed(asking: () => Promise<Answer>) {
    const started = performance.now();
    const answer = await asking();
    return { answer, tookMs: performance.now() - started };
  }
  /** Everything that is of one credential, and may leave only whole. */
  const leaks = (answer: Answer): readonly string[] =>
    scene.aws.sessions
      .flatMap(({ accessKeyId, secretAccessKey, sessionToken }) => [accessKeyId, secretAccessKey, sessionToken])
      .filter((secret) =>
        [answer.text, scene.broker.logged(), JSON.stringify(scene.record())].some((text) => text.includes(secret)),
      );
  const expectUnavailable = (answer: Answer, problem: string, retryAfter = CLOUD_RETRY_SECONDS) => {
    expect([answer.status, answer.body.error, answer.headers['retry-after']]).toEqual([
      503,
      'temporarily_unavailable',
      String(retryAfter),
    ]);
    expect(scene.record()).toMatchObject({
      outcome: 'refused',
      reason: 'cloud_unavailable',
      evidence: { cloud: 'aws', target: 'api', problem },
    });
    expect(leaks(answer)).toEqual([]);
  };

  describe('that throttles', () => {
    it('F-50 is asked again, so often and no longer, and the caller is told to come again', async () => {
      scene.aws.misbehave = THROTTLED;
      const before = { asked: asked(), records: scene.broker.records().length };
      const { answer, tookMs } = await timed(async () => scene.ask(await scene.pod()));
      expectUnavailable(answer, 'Throttling');
      expect(asked() - before.asked).toBe(CLOUD_ATTEMPTS_MAX);
      expect(scene.broker.records().length - before.records).toBe(1);
      expect(tookMs).toBeLessThan(CLOUD_MS + LATE_MS);
      expect(await scene.metric('exchequer_cloud_calls_total{cloud="aws",target="api",outcome="busy"}')).toBe(
        CLOUD_ATTEMPTS_MAX,
      );
    });

    it('F-50 gives after all, once it has time', async () => {
      scene.aws.next.push(THROTTLED, { status: 503, code: 'ServiceUnavailable' });
      expect((await scene.ask(await scene.pod())).status).toBe(200);
      expect(scene.record()).toMatchObject({ outcome: 'granted' });
    });

    it('F-50 says how long to wait: longer than the deadline is handed on at once, less is waited for', async () => {
      const before = asked();
      scene.aws.next.push({ status: 429, code: 'Throttling', retryAfter: '17' });
      const { answer, tookMs } = await timed(async () => scene.ask(await scene.pod()));
      expectUnavailable(answer, 'Throttling', 17);
      expect([asked() - before, tookMs < 1_000]).toEqual([1, true]);

      scene.aws.next.push({ status: 429, code: 'Throttling', retryAfter: '1' });
      const waited = await timed(async () => scene.ask(await scene.pod()));
      expect(waited.answer.status).toBe(200);
      expect(waited.tookMs).toBeGreaterThan(1_000);
    });

    it('F-50 throttles one account: whoever asks for another is served as ever, also while hundreds wait', async () => {
      scene.aws.misbehave = (form) => (form.get('RoleArn')?.includes(ACCOUNT) ? 'hang' : undefined);
      const full = CLOUD_AT_ONCE_MAX + CLOUD_WAITING_MAX;
      const tokens = await Promise.all(Array.from({ length: full + 40 }, (_, at) => scene.pod(`sa-${at}`)));
      const before = asked();
      const many = tokens.map((token) => timed(() => scene.ask(token)));
      await vi.waitFor(async () => expect(await scene.metric(TOO_MANY)).toBe(40), { timeout: 4_000, interval: 100 });
      const sessions = scene.aws.asked.slice(before).map((form) => form.get('RoleSessionName'));
      expect(new Set(sessions).size).toBe(CLOUD_AT_ONCE_MAX);
      const others: number[] = [];
      for (let at = 0; at < 20; at += 1) {
        const { answer, tookMs } = await timed(async () => scene.ask(await scene.pod(`sa-${at}`), 'batch'));
        expect(answer.status).toBe(200);
        others.push(tookMs);
      }
      const all = await Promise.all(many);
      expect(new Set(all.map(({ answer }) => answer.status))).toEqual(new Set([503]));
      const waiting = measured(
        {},
        all.map(({ tookMs }) => tookMs),
      );
      const served = measured({}, others);
      report('F-50 one account hangs', { waiting, served });
      // Their connections, two hundred of them in this one process, took their time too.
      expect(waiting.max).toBeLessThan(CLOUD_MS + 3_000);
      expect(served.max).toBeLessThan(1_500);
    });
  });

  describe('whose answer is none', () => {
    it.each<[string, Misbehaviour, string]>([
      ['hangs', 'hang', 'timeout'],
      ['breaks off', 'reset', 'network'],
      ['says half of it', 'truncate', 'unreadable'],
      ['says nothing', 'empty', 'incomplete'],
      ['refuses with 200', 'refuse in 200', 'incomplete'],
      ['answers with JSON', 'json', 'unreadable'],
      ['forgets the session token', WITHOUT_SESSION_TOKEN, 'incomplete'],
      ['answers with a page', { status: 502, text: '<html>Bad gateway</html>' }, 'unreadable'],
    ])(
      'F-51 where it %s: told within the deadline, on record once, and a job may try again with its token',
      async (_, how, problem) => {
        scene.aws.misbehave = how;
        const job = await scene.job();
        const before = scene.broker.records().length;
        const { answer, tookMs } = await timed(() => scene.ask(job));
        report(`F-51 ${JSON.stringify(how)}`, {
          status: answer.status,
          ms: Math.round(tookMs),
          ...(scene.record().evidence as object),
        });
        expect(tookMs).toBeLessThan(CLOUD_MS + LATE_MS);
        expect(scene.broker.records().length - before).toBe(1);
        expect(scene.record().evidence).toMatchObject({ cloud: 'aws', problem });
        expect(answer.status).toBe(503);
        expect(leaks(answer)).toEqual([]);

        scene.aws.misbehave = undefined;
        const again = await scene.ask(job);
        expect(again.status, again.text).toBe(200);
        expect(scene.record()).toMatchObject({ outcome: 'granted' });
        // And now it is spent.
        expect((await scene.ask(job)).body.error).toBe('invalid_request');
      },
    );
  });

  describe('that says no', () => {
    it.each<[string, Misbehaviour]>([
      ['AccessDenied', { status: 403, code: 'AccessDenied' }],
      ['ExpiredTokenException', { status: 400, code: 'ExpiredTokenException' }],
      ['RegionDisabledException', REGION_DISABLED],
      ['PackedPolicyTooLarge', { status: 400, code: 'PackedPolicyTooLarge' }],
      ['InvalidIdentityToken', { status: 400, code: 'InvalidIdentityToken' }],
    ])('F-52 %s: one call, and the same answer each time', async (problem, how) => {
      scene.aws.misbehave = how;
      for (let round = 1; round <= 2; round += 1) {
        const before = asked();
        const answer = await scene.ask(await scene.pod());
        expect([answer.status, answer.body.error, answer.headers['retry-after']]).toEqual([
          400,
          'invalid_target',
          undefined,
        ]);
        expect(asked() - before).toBe(1);
        expect(scene.record()).toMatchObject({ reason: 'cloud_refused', evidence: { cloud: 'aws', problem } });
      }
    });

    it('F-53 by its clock: one call, and a reason that says so', async () => {
      // Nothing that is sent is signed with a key of AWS; a gateway in between may judge clocks nevertheless.
      scene.aws.misbehave = { status: 403, code: 'RequestTimeTooSkewed' };
      const before = asked();
      const answer = await scene.ask(await scene.pod());
      expect([answer.status, answer.body.error, asked() - before]).toEqual([400, 'invalid_target', 1]);
      expect(scene.record().evidence).toMatchObject({ problem: 'RequestTimeTooSkewed' });
    });
  });

  it('F-54 is shown no credential but an assertion, by the key that signs at that moment', async () => {
    const kid = () => decodeProtectedHeader(scene.aws.asked.at(-1)?.get('WebIdentityToken') ?? '').kid;
    expect((await scene.ask(await scene.pod())).status).toBe(200);
    const before = kid();
    expect(before).toBeDefined();
    // The next key may sign once every copy of the published set has it.
    for (let day = 0; day < 3; day += 0.5) scene.later();
    expect(await operatorOf(scene.broker)('keys', 'rotate')).toMatchObject({ exit: 0 });
    expect((await scene.ask(await scene.pod())).status).toBe(200);
    expect(kid()).toBeDefined();
    expect(kid()).not.toBe(before);
    for (const { headers } of scene.aws.seen) expect(headers).not.toHaveProperty('authorization');
  });
});
