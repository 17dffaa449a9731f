// The broker as the local helper asks it, answer by answer, and a clock with the timers that go by it: minutes pass at once.

import type { AwsCredentials, LocalBroker } from '../../src/adapters/local/credentials.ts';
import type { After } from '../../src/adapters/local/fresh.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';

/** One fixed instant, in seconds since the epoch. */
export const NOW = 1_800_000_000;

export interface Time {
  readonly clock: { nowSeconds(): number; elapsedMs(): number };
  readonly after: After;
  /** Lets time pass, timer by timer; what they start is done before the next. */
  pass(seconds: number): Promise<void>;
  /** The machine sleeps: time passes, and no timer sees it. */
  sleep(seconds: number): void;
  /** Timers that are set. */
  readonly waiting: () => number;
}

/** What is under way comes to its end: promises, in a number that is far beyond any chain here. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

export function startTime(): Time {
  let now = NOW;
  let timers: { readonly at: number; readonly work: () => void }[] = [];
  const after: After = (milliseconds, work) => {
    const timer = { at: now + milliseconds / 1_000, work };
    timers.push(timer);
    return () => {
      timers = timers.filter((one) => one !== timer);
    };
  };
  return {
    clock: { nowSeconds: () => now, elapsedMs: () => now * 1_000 },
    after,
    waiting: () => timers.length,
    sleep(seconds) {
      now += seconds;
      timers = timers.map(({ at, work }) => ({ at: at + seconds, work }));
    },
    async pass(seconds) {
      const until = now + seconds;
      await settle();
      for (;;) {
        const [next] = timers.filter(({ at }) => at <= until).sort((one, other) => one.at - other.at);
        if (!next) break;
        timers = timers.filter((one) => one !== next);
        now = Math.max(now, next.at);
        next.work();
        await settle();
      }
      now = until;
    },
  };
}

const object = (members: Readonly<Record<string, Json>>): JsonObject => Object.assign(Object.create(null), members);

type Answer = Awaited<ReturnType<LocalBroker['ask']>>;

export const AWS: Omit<AwsCredentials, 'Expiration'> = {
  AccessKeyId: 'ASIAEXAMPLE',
  SecretAccessKey: 'secret-canary',
  Token: 'session-canary',
};

/** AWS credentials, as the broker answers them. */
export function awsAnswer(endsAtSeconds: number, more: Readonly<Record<string, Json>> = {}): Answer {
  const { AccessKeyId, SecretAccessKey, Token: SessionToken } = AWS;
  const Expiration = new Date(endsAtSeconds * 1_000).toISOString();
  const token = JSON.stringify({ Version: 1, AccessKeyId, SecretAccessKey, SessionToken, Expiration, ...more });
  const issued_token_type = 'urn:exchequer:params:oauth:token-type:aws-credentials';
  return { answer: 'token', token, whole: object({ access_token: token, issued_token_type, token_type: 'N_A' }) };
}

/** A bearer token, as the broker answers one. */
export const bearerAnswer = (token: string, seconds: number, more: Readonly<Record<string, Json>> = {}): Answer => ({
  answer: 'token',
  token,
  whole: object({ access_token: token, token_type: 'Bearer', expires_in: seconds, ...more }),
});

export const refused = (sentence: string): Answer => ({ answer: 'refused', sentence });
export const away: Answer = { answer: 'unknown', problem: 'https://sts.example/token: network (ECONNREFUSED)' };
