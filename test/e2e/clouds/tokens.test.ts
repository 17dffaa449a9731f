// Targets of kind `gcp` and `azure` at the token endpoint, from the token of a workload to a call of an API of the cloud: what is answered, what
// is recorded, and what becomes of a cloud's no.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import {
  type CloudBroker,
  LAKE_ACCOUNT,
  type Places,
  startCloudBroker,
  VAULT_CLIENT,
} from '../../support/cloud-broker.ts';
import { entraRefusal } from '../../support/fake-entra.ts';
import { apiRefusal, refusal } from '../../support/fake-google-trust.ts';
import { CLOUD_PLATFORM, PROVIDER } from '../../support/google-requests.ts';
import { type CalledBody, callOf } from '../../support/json-call.ts';

const TENANT = '11111111-2222-4333-8444-555555555555';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const READ_ONLY = 'https://www.googleapis.com/auth/devstorage.read_only';
const POOL = `principal:${PROVIDER.replace(/\/providers\/.*/, '')}`;

const targets = ({ google, entra }: Places): string => `
  lake: { kind: gcp, provider: "${PROVIDER}", serviceAccount: ${LAKE_ACCOUNT}, scopes: { "${CLOUD_PLATFORM}": {}, "${READ_ONLY}": {} }, ${google} }
  pool: { kind: gcp, provider: "${PROVIDER}", ${google} }
  teams: { kind: gcp, provider: "${PROVIDER}", serviceAccount: "lake-<namespace>@example-data.iam.gserviceaccount.com", ${google} }
  vault: { kind: azure, tenant: ${TENANT}, clientId: ${VAULT_CLIENT}, resource: "https://vault.azure.net", ${entra} }
  strict: { kind: azure, tenant: ${TENANT}, clientId: 88888888-7777-4888-8999-aaaaaaaaaaaa, resource: "https://vault.azure.net", outlive: false, ${entra} }
  delivered: { kind: azure, tenant: ${TENANT}, clientId: 77777777-7777-4888-8999-aaaaaaaaaaaa, deliver: assertion }
  delivered-google: { kind: gcp, provider: "${PROVIDER}", deliver: assertion }
`;
const policies = {
  'rules.yaml': `
rules:
  - name: payments
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all, pool: all, vault: all, strict: all, delivered: all, delivered-google: all }
    lifetime: 2h
  - name: every-team
    subject: { trust: cluster, kubernetes: { namespace: <namespace>, serviceaccount: api } }
    allow: { teams: all }
    lifetime: 10m
  - name: github-lake
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { lake: ["${READ_ONLY}"] }
    lifetime: 15m
`,
};

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker({ targets, policies });
});
afterAll(() => clouds[Symbol.asyncDispose]());

const pod = (more: object = {}) => {
  const { broker } = clouds;
  const claims = { ...kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), ...more };
  return mint(broker, 'cluster', claims, { typ: undefined });
};
const job = () => mint(clouds.broker, 'github', githubPush(clouds.broker.issuer, clouds.broker.now()));
const ask = async (audience: string, more: Readonly<Record<string, string>> = {}, token?: string) =>
  clouds.broker.exchange(token ?? (await pod()), { audience, scope: undefined, ...more });
const record = () => clouds.broker.records().at(-1);
const google = (path: string, body?: CalledBody, bearer?: string) => callOf(() => clouds.google)(path, body, bearer);
const buckets = (token: unknown) => google('/storage/v1/b?project=example-data', undefined, String(token));
const secret = (token: unknown) => callOf(() => clouds.entra)('/secrets/db?api-version=7.5', undefined, String(token));

describe('a target of kind gcp', () => {
  it('CG-06 CX-04 gives a bearer token of the service account, with which its APIs can be called', async () => {
    const got = await ask('lake');
    expect(got).toMatchObject({
      status: 200,
      body: {
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3_600,
        scope: CLOUD_PLATFORM,
      },
    });
    expect(await buckets(got.body.access_token)).toMatchObject({ status: 200, body: { who: LAKE_ACCOUNT } });
    const subject = 'cluster:system:serviceaccount:payments:api';
    const audience = `${clouds.broker.issuer}/targets/lake`;
    expect(record()).toMatchObject({
      outcome: 'granted',
      target: 'lake',
      scopes: [CLOUD_PLATFORM],
      session: { principal: LAKE_ACCOUNT, audience, subject },
    });
    expect(clouds.google.tokens.at(-1)?.behind).toBe(`${POOL}/subject/${subject}`);
  });

  it('is asked for by its service account; its provider means nothing', async () => {
    expect((await ask(LAKE_ACCOUNT)).status).toBe(200);
    expect(await ask(PROVIDER)).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
  });

  it('without a service account gives a token of the caller itself, for an hour', async () => {
    const got = await ask('pool');
    expect(got.body).toMatchObject({ token_type: 'Bearer', expires_in: 3_600 });
    expect((await buckets(got.body.access_token)).body.who).toBe(
      `${POOL}/subject/cluster:system:serviceaccount:payments:api`,
    );
  });

  it('gives the scopes that were asked for and allowed, and no others', async () => {
    const got = await ask('lake', { scope: READ_ONLY }, await job());
    expect(got.body).toMatchObject({ scope: READ_ONLY, expires_in: 900 });
    expect(clouds.google.impersonations.at(-1)?.body).toEqual({ scope: [READ_ONLY], lifetime: '900s' });
    const wider = await ask('lake', {}, await job());
    expect(wider).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  it('has a service account for each value of its parameter, and the target’s claim says which', async () => {
    const got = await ask('teams');
    expect((await buckets(got.body.access_token)).body.who).toBe('lake-payments@example-data.iam.gserviceaccount.com');
    expect(clouds.google.tokens.at(-1)?.assertion.target).toBe('target:teams:payments');
    expect(record()).toMatchObject({ parameters: { namespace: 'payments' } });
  });

  it.each([
    ['CG-07 the attribute condition', refusal('unauthorized_client').reply, 'unauthorized_client'],
    ['CG-07 invalid_grant', refusal('invalid_grant').reply, 'invalid_grant'],
    ['F-52 no right to the account', apiRefusal(403, 'PERMISSION_DENIED').reply, 'PERMISSION_DENIED'],
  ])('CG-07 F-52 refuses once and for all what Google refuses: %s', async (_, reply, problem) => {
    clouds.later();
    const before = clouds.google.seen.length;
    clouds.google.next.push(reply);
    const got = await ask('pool');
    expect(got).toMatchObject({ status: 400, body: { error: 'invalid_target' } });
    expect(String(got.body.error_description)).toContain(`Google Cloud refused it: ${problem}.`);
    expect(record()).toMatchObject({
      outcome: 'refused',
      reason: 'cloud_refused',
      evidence: { target: 'pool', cloud: 'gcp', problem },
    });
    expect(clouds.google.seen.length - before).toBe(1);
  });

  it('F-50 says when to come again where Google has too much to do', async () => {
    clouds.later();
    clouds.google.misbehave = { ...apiRefusal(429, 'RESOURCE_EXHAUSTED').reply, retryAfter: '30' };
    const got = await ask('pool');
    clouds.google.misbehave = undefined;
    expect(got).toMatchObject({ status: 503, body: { error: 'temporarily_unavailable' } });
    expect(got.headers['retry-after']).toBe('30');
    expect((await ask('pool')).status).toBe(200);
  });
});

describe('a target of kind azure', () => {
  it('CZ-01 gives a bearer token for its resource, which ends when Entra says', async () => {
    const got = await ask('vault');
    expect(got.body).toMatchObject({ token_type: 'Bearer', expires_in: 3_599 });
    expect(await secret(got.body.access_token)).toMatchObject({ status: 200, body: { who: VAULT_CLIENT } });
    const audience = `${clouds.broker.issuer}/targets/vault`;
    expect(record()).toMatchObject({
      target: 'vault',
      subject: { name: 'cluster:system:serviceaccount:payments:api' },
      session: { principal: VAULT_CLIENT, audience, subject: 'target:vault' },
    });
  });

  it('refuses where it may not outlive what it is made from, and Entra is not asked', async () => {
    const before = clouds.entra.seen.length;
    expect((await ask('strict')).status).toBe(400);
    expect(record()).toMatchObject({ reason: 'would_outlive', evidence: { target: 'strict' } });
    expect(clouds.entra.seen.length).toBe(before);
  });

  it.each([
    ['CZ-04 a subject that it does not know for a while', 700_213, 3, 503, 'cloud_unavailable'],
    ['F-52 an audience that it does not know', 700_212, 1, 400, 'cloud_refused'],
  ])('asks Entra within bounds: %s', async (_, number, times, status, reason) => {
    clouds.later();
    const before = clouds.entra.seen.length;
    clouds.entra.misbehave = entraRefusal('invalid_client', number).reply;
    const got = await ask('vault');
    clouds.entra.misbehave = undefined;
    expect(got.status).toBe(status);
    expect(record()).toMatchObject({ reason, evidence: { cloud: 'azure', problem: `AADSTS${number}` } });
    expect(clouds.entra.seen.length - before).toBe(times);
  });
});

describe('an assertion that is delivered', () => {
  it.each([
    ['delivered', 'target:delivered'],
    ['delivered-google', 'cluster:system:serviceaccount:payments:api'],
  ])('leaves as a token that is no access token, for five minutes: %s', async (target, subject) => {
    const [google, entra] = [clouds.google.seen.length, clouds.entra.seen.length];
    const got = await ask(target);
    expect(got.body).toMatchObject({ issued_token_type: JWT, token_type: 'N_A', expires_in: 300 });
    expect(record()).toMatchObject({ target, session: { subject } });
    expect([clouds.google.seen.length, clouds.entra.seen.length]).toEqual([google, entra]);
  });

  it('CX-02 is for its cloud alone: we do not take it as anybody’s credential', async () => {
    for (const target of ['delivered', 'delivered-google']) {
      const { access_token: assertion } = (await ask(target)).body;
      const again = await ask('vault', {}, String(assertion));
      expect(again).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
      expect(record()).toMatchObject({ outcome: 'refused' });
    }
  });
});
