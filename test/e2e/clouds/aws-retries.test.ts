// How often AWS's clients repeat each answer of ours, counted at a real listener: once where the same would be said again, and more than once
// where it may pass later. The table is that of docs/clouds/aws.md; what stands in it is what the clients do, and not what they say.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/core/operation.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { DECISION, type Harness, refused, startListener } from '../../adapters/http/harness.ts';
import {
  awsCli,
  type Ended,
  type Env,
  javascript,
  python,
  withoutAwsCli,
  withoutBoto3,
} from '../../support/aws-children.ts';

const FAILED: Outcome = { kind: 'failed', decision: DECISION };
/** What the broker comes to, once for each request; then credentials. */
let answers: Outcome[] = [];
let harness: Harness;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'exchequer-retries-'));
  writeFileSync(join(folder, 'token'), 'eyJhbGciOiJub25lIn0.e30.x');
  harness = await startListener({}, () => answers.shift());
});
afterAll(async () => {
  await harness.listener.close(0);
  rmSync(folder, { recursive: true });
});

const JAVASCRIPT = `
import { defaultProvider } from '@aws-sdk/credential-provider-node';
await defaultProvider()().then(() => console.log('given'), (error) => console.log(error.name));
`;
const PYTHON = `
import boto3, botocore.exceptions
try:
    boto3.Session().get_credentials().get_frozen_credentials()
    print('given')
except botocore.exceptions.ClientError as error:
    print(error.response['Error']['Code'])
except botocore.exceptions.BotoCoreError as error:
    print(type(error).__name__)
`;

const webIdentity = (): Env => ({
  AWS_WEB_IDENTITY_TOKEN_FILE: join(folder, 'token'),
  AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/payments-api',
  AWS_ENDPOINT_URL_STS: `https://localhost:${harness.port}/aws/sts`,
});
const container = (): Env => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: `https://localhost:${harness.port}/aws/credentials/payments-aws`,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: join(folder, 'token'),
});

/** How often it asked, and what came of it. */
async function counted(run: () => Promise<Ended>, outcomes: readonly Outcome[]): Promise<string> {
  answers = [...outcomes];
  const before = harness.seen.length;
  const { out } = await run();
  return `${harness.seen.length - before} ${out.trim()}`;
}
const always = (outcome: Outcome): readonly Outcome[] => Array(20).fill(outcome);
const place = () => ({ folder, ca: harness.minted.ca });

const NO_RULE: Refusal = { reason: 'no_rule' };
const SPENT: Refusal = { role: 'subject', source: 'eks', reason: 'replayed', spentBy: DECISION };
const BAD_TOKEN: Refusal = { role: 'subject', source: 'eks', reason: 'signature_invalid' };
const EXPIRED: Refusal = { role: 'subject', source: 'eks', reason: 'expired' };
const CLOUD_NO: Refusal = { reason: 'cloud_refused', target: 'payments-aws', cloud: 'aws', problem: 'AccessDenied' };
const BUSY: Refusal = {
  reason: 'cloud_unavailable',
  target: 'r',
  cloud: 'aws',
  problem: 'Throttling',
  retryAfterSeconds: 1,
};
const NO_KEYS: Refusal = { reason: 'keys_unavailable', source: 'eks', retryAfterSeconds: 1 };
const NO_STORE: Refusal = { reason: 'store_unavailable', retryAfterSeconds: 1 };

const FINAL: readonly [string, Refusal, string][] = [
  ["a policy's no", NO_RULE, 'AccessDenied'],
  ['a token that was spent', SPENT, 'AccessDenied'],
  ['a token that is not taken', BAD_TOKEN, 'AccessDenied'],
  ['a token that has ended', EXPIRED, 'ExpiredTokenException'],
  ["the cloud's no", CLOUD_NO, 'AccessDenied'],
  ['a parameter that is none', { reason: 'parameter_malformed', parameter: 'DurationSeconds' }, 'ValidationError'],
];
const PASSING: readonly [string, Refusal][] = [
  ['a cloud that is busy', BUSY],
  ['keys that cannot be had', NO_KEYS],
  ['a store that is down', NO_STORE],
];

function asksAgainOnlyForWhatPasses(run: () => Promise<Ended>): void {
  it.each(FINAL)(
    'asks once, and not again, after %s',
    async (_, refusal, code) => {
      expect(await counted(run, always(refused(refusal)))).toBe(`1 ${code}`);
    },
    60_000,
  );

  it.each(PASSING)(
    'asks again after %s, and then has credentials',
    async (_, refusal) => {
      expect(await counted(run, [refused(refusal)])).toBe('2 given');
    },
    60_000,
  );
}

describe('the SDK for JavaScript, by its web identity', () => {
  const run = () => javascript(place(), JAVASCRIPT, webIdentity());

  asksAgainOnlyForWhatPasses(run);

  it('asks three times where the broker fails each time', async () => {
    expect(await counted(run, always(FAILED))).toBe('3 InternalFailure');
  }, 60_000);
});

describe('the SDK for JavaScript, at the endpoint for containers', () => {
  const run = () => javascript(place(), JAVASCRIPT, container());

  // Its own doing: it repeats every answer of that endpoint, whatever the status.
  it("asks four times after a policy's no", async () => {
    expect(await counted(run, always(refused(NO_RULE)))).toMatch(/^4 (?!given)/);
  }, 60_000);

  it('asks again after a cloud that is busy, and then has credentials', async () => {
    expect(await counted(run, [refused(BUSY)])).toBe('2 given');
  }, 60_000);
});

// A machine need not have Python, nor boto3: the title says so.
describe.skipIf(withoutBoto3() !== '')(`boto3 ${withoutBoto3()}`, () => {
  const run = () => python(place(), PYTHON, webIdentity());

  asksAgainOnlyForWhatPasses(run);

  it('asks five times where keys can never be had', async () => {
    expect(await counted(run, always(refused(NO_KEYS)))).toBe('5 IDPCommunicationError');
  }, 60_000);
});

// Nor the AWS CLI.
describe.skipIf(withoutAwsCli() !== '')(`the AWS CLI ${withoutAwsCli()}`, () => {
  it("asks once, and not again, after a policy's no", async () => {
    const run = () => awsCli(place(), ['sts', 'get-caller-identity'], webIdentity());
    expect(await counted(run, always(refused(NO_RULE)))).toBe('1 ');
  }, 60_000);
});
