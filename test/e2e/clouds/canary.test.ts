// nothing that opens anything stands where somebody may read it: not what workloads present, not our assertions, not what clouds
// give; whatever became of the request. Everything that the broker says beside its answers is searched for all of it.

import { get } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, LAKE_ACCOUNT, ROLE, startCloudBroker } from '../../support/cloud-broker.ts';

let clouds: CloudBroker;
/** What workloads presented. */
const presented: string[] = [];
/** Answers that gave nothing. */
const refusals: string[] = [];

beforeAll(async () => {
  clouds = await startCloudBroker();
});
afterAll(() => clouds[Symbol.asyncDispose]());

const keep = (token: string): string => {
  presented.push(token);
  return token;
};
const pod = async (more: object = {}) => {
  const { broker } = clouds;
  const claims = { ...kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), ...more };
  return keep(await mint(broker, 'cluster', claims, { typ: undefined }));
};
const job = async () =>
  keep(await mint(clouds.broker, 'github', githubPush(clouds.broker.issuer, clouds.broker.now())));

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  clouds.broker.call({ path, method: 'POST', headers: { ...FORM, ...headers } }, new URLSearchParams(form).toString());

/** Every surface by which a credential of a cloud leaves. */
const SURFACES: Readonly<Record<string, (token: string) => ReturnType<CloudBroker['broker']['call']>>> = {
  'aws at /token': (token) => clouds.broker.exchange(token, { audience: 'payments-aws', scope: undefined }),
  'google at /token': (token) => clouds.broker.exchange(token, { audience: LAKE_ACCOUNT, scope: undefined }),
  'azure at /token': (token) => clouds.broker.exchange(token, { audience: 'vault', scope: undefined }),
  '/aws/sts': (token) =>
    post('/aws/sts/', {
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: ROLE,
      RoleSessionName: 'canary',
      WebIdentityToken: `${token}\n`,
    }),
  '/aws/credentials': (token) =>
    clouds.broker.call({ path: '/aws/credentials/payments-aws', headers: { authorization: token } }),
  '/gcp/token': (token) =>
    post('/gcp/token/lake', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/example/providers/exchequer',
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      subject_token: token,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    }),
};

/** The parts of a secret that nobody could have by chance: of a JWT its payload and its signature. */
const partsOf = (secret: string): readonly string[] => {
  const parts = secret.split('.').filter((part) => part.length >= 16);
  return parts.length === 3 ? parts.slice(1) : [secret];
};

/** Everything that opens something, so far. */
function secrets(): ReadonlyMap<string, string> {
  const { aws, google, entra } = clouds;
  const all: [string, string][] = [
    ...presented.map((token): [string, string] => [token, 'what a workload presented']),
    ...aws.asked.map((form): [string, string] => [form.get('WebIdentityToken') ?? '', 'an assertion for AWS']),
    ...google.exchanges.map((form): [string, string] => [form.get('subject_token') ?? '', 'an assertion for Google']),
    ...entra.asked.map((form): [string, string] => [form.client_assertion ?? '', 'an assertion for Entra']),
    ...aws.sessions.flatMap(({ secretAccessKey, sessionToken }): [string, string][] => [
      [secretAccessKey, 'a secret access key'],
      [sessionToken, 'a session token'],
    ]),
    ...google.tokens.map(({ token }): [string, string] => [token, 'a token of Google']),
    ...entra.tokens.map(({ token }): [string, string] => [token, 'a token of Entra']),
  ];
  return new Map(
    all
      .filter(([secret]) => secret.length >= 16)
      .flatMap(([secret, what]) => partsOf(secret).map((part) => [part, what])),
  );
}

/** What of it stands in a text, as it is or escaped for JSON, a URL or XML. */
const found = (text: string): readonly string[] => {
  const plain = text.replaceAll('\\/', '/').replaceAll('&amp;', '&');
  return [...secrets()]
    .filter(([part]) => plain.includes(part) || text.includes(encodeURIComponent(part)))
    .map(([, what]) => what);
};

const metrics = () =>
  new Promise<string>((resolve, reject) => {
    get({ port: clouds.broker.observePort, host: '127.0.0.1', path: '/metrics' }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => {
        text += String(chunk);
      });
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });

/** Everything that somebody other than the caller may read, and every refusal. */
async function said(): Promise<Readonly<Record<string, string>>> {
  const { broker } = clouds;
  return {
    logs: broker.logged(),
    records: JSON.stringify(broker.records()),
    metrics: await metrics(),
    refusals: refusals.join('\n'),
  };
}

async function expectNothingSaid(): Promise<void> {
  for (const [where, text] of Object.entries(await said())) expect([where, found(text)]).toEqual([where, []]);
}

describe('a canary', () => {
  it.each(Object.keys(SURFACES))('A-170 of %s is in its answer, and nowhere else', async (name) => {
    const answer = await SURFACES[name]?.(await pod());
    expect(answer?.status).toBe(200);
    // The search itself: it finds what is there.
    expect(found(answer?.text ?? '')).not.toEqual([]);
    expect(JSON.stringify(clouds.broker.records().at(-1))).toContain('"outcome":"granted"');
    await expectNothingSaid();
  });

  it.each(Object.keys(SURFACES))('A-170 of %s is not told where the cloud repeats it in its refusal', async (name) => {
    clouds.later();
    const { aws, google, entra } = clouds;
    aws.misbehave = (form) => ({
      status: 403,
      text: `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${form.get('WebIdentityToken')}</Message></Error><RequestId>${form.get('WebIdentityToken')}</RequestId></ErrorResponse>`,
    });
    const echo = { status: 400, text: '' };
    google.misbehave = (asked) => ({
      ...echo,
      text: JSON.stringify({ error: 'invalid_grant', error_description: asked.body }),
    });
    entra.misbehave = (asked) => ({
      ...echo,
      text: JSON.stringify({ error: 'invalid_client', error_description: asked.body, error_codes: [700_213] }),
    });
    try {
      const answer = await SURFACES[name]?.(await job());
      expect(answer?.status).not.toBe(200);
      refusals.push(answer?.text ?? '', JSON.stringify(answer?.headers));
    } finally {
      for (const cloud of [aws, google, entra]) cloud.misbehave = undefined;
    }
    await expectNothingSaid();
  });

  it.each(Object.keys(SURFACES))(
    'A-170 of %s is not told where no rule grants it, nor where it proves nothing',
    async (name) => {
      for (const token of [
        await pod({ sub: 'system:serviceaccount:other:api' }),
        `${await pod()}x`,
        keep('canary-'.repeat(8)),
      ]) {
        const answer = await SURFACES[name]?.(token);
        expect(answer?.status).not.toBe(200);
        refusals.push(answer?.text ?? '', JSON.stringify(answer?.headers));
      }
      await expectNothingSaid();
    },
  );
});
