// How clouds are asked: how often, how long, how many at once, and what a caller is told. The clock and its timers are the test's own.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { AskCloud, CloudAttempt, CloudCall } from '../../src/core/cloud-ports.ts';
import {
  CLOUD_AT_ONCE_MAX,
  CLOUD_ATTEMPT_MS,
  CLOUD_ATTEMPTS_MAX,
  CLOUD_GRACE_MS,
  CLOUD_MS,
  CLOUD_PAUSE_MS_MAX,
  CLOUD_RETRY_SECONDS,
  CLOUD_RETRY_SECONDS_MAX,
  CLOUD_WAITING_MAX,
} from '../../src/core/limits-cloud.ts';
import { createAskCloud } from '../../src/issuers/ask-cloud.ts';

const ASKED = { cloud: 'aws', account: '111122223333', target: 'payments-aws' } as const;
const GIVEN: CloudAttempt<string> = { ok: true, value: 'a credential' };
const failed = (again: 'never' | 'busy' | 'failed', more: { problem?: string; retryAfterSeconds?: number } = {}) =>
  ({ ok: false, problem: 'Throttling', again, ...more }) as const satisfies CloudAttempt<string>;
const unavailable = (problem: string, retryAfterSeconds: number) => ({
  ok: false,
  refusal: { reason: 'cloud_unavailable', cloud: 'aws', target: 'payments-aws', problem, retryAfterSeconds },
});
const never = () => new Promise<never>(() => undefined);

/** An attempt that gives these answers, one after the other, and the last one for ever; and when it was made. */
function scripted(...answers: readonly (CloudAttempt<string> | 'hang')[]) {
  const madeAtMs: number[] = [];
  const deadlinesMs: number[] = [];
  const attempt = async (deadlineMs: number): Promise<CloudAttempt<string>> => {
    const answer = answers[Math.min(madeAtMs.length, answers.length - 1)] ?? GIVEN;
    madeAtMs.push(performance.now());
    deadlinesMs.push(deadlineMs);
    return answer === 'hang' ? never() : answer;
  };
  return { attempt, madeAtMs, deadlinesMs };
}

describe('a cloud that is asked', () => {
  let ask: AskCloud;
  let calls: CloudCall[];
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    calls = [];
    ask = createAskCloud({ clock: { elapsedMs: () => performance.now() }, onCall: (call) => calls.push(call) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** What it came to, and how long that took. */
  async function outcome(asking: ReturnType<AskCloud>) {
    const startedMs = performance.now();
    let tookMs = Number.NaN;
    const settled = asking.finally(() => {
      tookMs = performance.now() - startedMs;
    });
    settled.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(CLOUD_MS * 2);
    return { result: await settled, tookMs };
  }

  it('is asked once where it gives', async () => {
    const script = scripted(GIVEN);
    const { result } = await outcome(ask(ASKED, script.attempt));
    expect(result).toEqual({ ok: true, value: 'a credential' });
    expect(script.deadlinesMs).toEqual([CLOUD_ATTEMPT_MS]);
    expect(calls).toEqual([{ cloud: 'aws', target: 'payments-aws', outcome: 'given', tookMs: 0 }]);
  });

  it('F-52 is asked once where it would say the same again', async () => {
    const script = scripted(failed('never', { problem: 'AccessDenied', retryAfterSeconds: 1 }));
    const { result, tookMs } = await outcome(ask(ASKED, script.attempt));
    const refusal = { reason: 'cloud_refused', cloud: 'aws', target: 'payments-aws', problem: 'AccessDenied' };
    expect(result).toEqual({ ok: false, refusal });
    expect([script.madeAtMs.length, tookMs]).toEqual([1, 0]);
    expect(calls.map((call) => call.outcome)).toEqual(['refused']);
  });

  it.each(['busy', 'failed'] as const)('F-50 is asked again where it is %s, so often and no more', async (again) => {
    const saved = scripted(failed(again), failed(again), GIVEN);
    expect((await outcome(ask(ASKED, saved.attempt))).result).toEqual({ ok: true, value: 'a credential' });
    expect(saved.madeAtMs).toHaveLength(3);

    const script = scripted(failed(again));
    const { result, tookMs } = await outcome(ask(ASKED, script.attempt));
    expect(result).toEqual(unavailable('Throttling', CLOUD_RETRY_SECONDS));
    expect(script.madeAtMs).toHaveLength(CLOUD_ATTEMPTS_MAX);
    expect(tookMs).toBeLessThanOrEqual(CLOUD_PAUSE_MS_MAX * (CLOUD_ATTEMPTS_MAX - 1));
  });

  it('F-50 pauses for another time each time', async () => {
    const pauses: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const script = scripted(failed('busy'), GIVEN);
      await outcome(ask(ASKED, script.attempt));
      const [first = 0, second = 0] = script.madeAtMs;
      pauses.push(second - first);
    }
    expect(new Set(pauses.map(Math.round)).size).toBeGreaterThan(5);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(CLOUD_PAUSE_MS_MAX);
  });

  it('F-50 waits as long as it says where there is time for that, and a little longer', async () => {
    const script = scripted(failed('busy', { retryAfterSeconds: 1 }), GIVEN);
    const { result } = await outcome(ask(ASKED, script.attempt));
    const [first = 0, second = 0] = script.madeAtMs;
    expect(result).toEqual({ ok: true, value: 'a credential' });
    expect(second - first).toBeGreaterThanOrEqual(1_000);
    expect(second - first).toBeLessThanOrEqual(1_000 + CLOUD_PAUSE_MS_MAX);
  });

  it.each([
    { says: 5, told: 5 },
    { says: 30.2, told: 31 },
    { says: 86_400, told: CLOUD_RETRY_SECONDS_MAX },
  ])('F-50 hands on at once that it wants $says seconds', async ({ says, told }) => {
    const script = scripted(failed('busy', { retryAfterSeconds: says }));
    const { result, tookMs } = await outcome(ask(ASKED, script.attempt));
    expect(result).toEqual(unavailable('Throttling', told));
    expect([script.madeAtMs.length, tookMs]).toEqual([1, 0]);
  });

  it('F-51 is given up where it hangs, also by an attempt that ignores its deadline, and asked once more', async () => {
    const script = scripted('hang', GIVEN);
    const { result, tookMs } = await outcome(ask(ASKED, script.attempt));
    expect(result).toEqual({ ok: true, value: 'a credential' });
    expect(tookMs).toBeGreaterThanOrEqual(CLOUD_ATTEMPT_MS + CLOUD_GRACE_MS);
    expect(tookMs).toBeLessThanOrEqual(CLOUD_ATTEMPT_MS + CLOUD_GRACE_MS + CLOUD_PAUSE_MS_MAX);
  });

  it('F-51 is over within the deadline, whatever hangs', async () => {
    const script = scripted('hang');
    const { result, tookMs } = await outcome(ask(ASKED, script.attempt));
    expect(result).toEqual(unavailable('timeout', CLOUD_RETRY_SECONDS));
    expect(tookMs).toBeLessThanOrEqual(CLOUD_MS);
    for (const [at, deadlineMs] of script.deadlinesMs.entries())
      expect((script.madeAtMs[at] ?? 0) - (script.madeAtMs[0] ?? 0) + deadlineMs).toBeLessThanOrEqual(CLOUD_MS);
  });

  it('F-50 has so many calls of one account at once and so many behind them; one more is refused at once, another account is not touched', async () => {
    const script = scripted('hang');
    const many = Array.from({ length: CLOUD_AT_ONCE_MAX + CLOUD_WAITING_MAX }, () => ask(ASKED, script.attempt));
    await vi.advanceTimersByTimeAsync(0);
    expect(script.madeAtMs).toHaveLength(CLOUD_AT_ONCE_MAX);

    expect(await ask(ASKED, script.attempt)).toEqual(unavailable('too_many', CLOUD_RETRY_SECONDS));
    expect(calls).toEqual([{ cloud: 'aws', target: 'payments-aws', outcome: 'too_many', tookMs: 0 }]);
    for (const other of [
      { ...ASKED, account: '444455556666' },
      { ...ASKED, cloud: 'gcp' as const },
    ])
      expect(await ask(other, scripted(GIVEN).attempt)).toEqual({ ok: true, value: 'a credential' });

    await vi.advanceTimersByTimeAsync(CLOUD_MS);
    for (const made of await Promise.all(many)) expect(made).toEqual(unavailable('timeout', CLOUD_RETRY_SECONDS));
    await vi.advanceTimersByTimeAsync(1);
    // Who waited behind them is gone, and the account is asked as before.
    expect(await ask(ASKED, scripted(GIVEN).attempt)).toEqual({ ok: true, value: 'a credential' });
  });

  it('a fault of ours stays one, and takes no place', async () => {
    const fault = new Error('no usable key');
    for (let round = 0; round <= CLOUD_AT_ONCE_MAX + CLOUD_WAITING_MAX; round += 1)
      await expect(ask(ASKED, () => Promise.reject(fault))).rejects.toBe(fault);
    expect(await ask(ASKED, scripted(GIVEN).attempt)).toEqual({ ok: true, value: 'a credential' });
  });
});
