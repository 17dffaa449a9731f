// Roles of AWS by way of the token endpoint: what callers get, what AWS is asked, and what nobody gets. STS is a stand-in that knows of the
// broker what the broker publishes.

import { request } from 'node:https';
import { decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../../src/core/request.ts';
import { CLUSTER_ISSUER, mint, TOKEN_EXCHANGE } from '../../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from '../../support/cloud-broker.ts';
import { createDpopClient } from '../../support/dpop-client.ts';
import { ANOTHER_ROLE, longerBy } from '../../support/fake-aws.ts';

const OTHERS = 'arn:aws:iam::444455556666:role/payments-api';
/** Targets that nothing was asked of before: what is kept of one answers for no test of another. */
const FRESH = ['one', 'two', 'three', 'four'];
const TARGETS = ({ aws }: { readonly aws: string }) => `
${FRESH.map((name) => `  ${name}: { kind: aws, role: "${ROLE}-${name}", region: eu-west-1, ${aws} }\n`).join('')}  payments-aws: { kind: aws, role: "${ROLE}", region: eu-west-1, ${aws} }
  others-aws: { kind: aws, role: "${OTHERS}", region: eu-west-1, ${aws} }
  strict-aws: { kind: aws, role: "${ROLE}-strict", region: eu-west-1, outlive: false, ${aws} }
  asserted-aws: { kind: aws, role: "${ROLE}-asserted", region: eu-west-1, deliver: assertion, ${aws} }
  tagged-aws: { kind: aws, role: "${ROLE}-tagged", region: eu-west-1, session: { tags: true, carry: [run_id, { kubernetes.io: namespace }] }, ${aws} }`;
const RULES = {
  'clouds.yaml': `
rules:
  - name: pods
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [payments-aws, strict-aws, asserted-aws, tagged-aws, ${FRESH.join(', ')}]
    lifetime: 30m
  - name: jobs
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [payments-aws, tagged-aws]
  - name: others
    subject: { trust: login, sub: worker-1 }
    allow: [others-aws]
`,
};

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker({
    targets: TARGETS,
    policies: RULES,
  });
});
afterAll(() => clouds[Symbol.asyncDispose]());
afterEach(() => {
  clouds.aws.misbehave = undefined;
  clouds.aws.roles.clear();
});

const pod = (claims: object = {}) => {
  const { broker } = clouds;
  return mint(
    broker,
    'cluster',
    { ...kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), ...claims },
    { typ: undefined },
  );
};
const job = () => mint(clouds.broker, 'github', githubPush(clouds.broker.issuer, clouds.broker.now()));
const worker = (claims: object = {}) => {
  const { issuer, now } = clouds.broker;
  const own = { iss: 'https://login.example', sub: 'worker-1', aud: issuer, iat: now(), exp: now() + 300 };
  return mint(clouds.broker, 'login', { ...own, ...claims });
};
const lastRecord = () => clouds.broker.records().at(-1) ?? {};

/** How a question ended: `granted`, or the OAuth error, the reason and the problem or requirement on record. */
async function ended(token: string, more: Readonly<Record<string, string | undefined>> = {}): Promise<string> {
  const { status, body } = await clouds.broker.exchange(token, { audience: 'payments-aws', ...more });
  if (status === 200) return 'granted';
  const { reason, evidence } = lastRecord();
  const { problem, requirement } = Object.assign({ problem: undefined, requirement: undefined }, evidence);
  return [body.error, reason, problem ?? requirement].filter((part) => part !== undefined).join(' ');
}

describe('a role of AWS, asked for at the token endpoint', () => {
  it('CX-04 is answered by the credentials as one text of our own type', async () => {
    const { broker, aws } = clouds;
    const { status, headers, body } = await broker.exchange(await pod(), { audience: ROLE });
    expect(status).toBe(200);
    expect(headers['cache-control']).toBe('no-store');
    expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'issued_token_type', 'token_type']);
    expect(body).toMatchObject({ issued_token_type: AWS_CREDENTIALS_TOKEN_TYPE, token_type: 'N_A' });
    const session = aws.sessions.at(-1);
    expect(JSON.parse(String(body.access_token))).toMatchObject({
      Version: 1,
      AccessKeyId: session?.accessKeyId,
      SecretAccessKey: session?.secretAccessKey,
      SessionToken: session?.sessionToken,
      AccountId: '111122223333',
    });
    // Half an hour, as the rule says; the cloud's begins a moment later than ours.
    expect(body.expires_in).toBeGreaterThanOrEqual(1_798);
    expect(body.expires_in).toBeLessThanOrEqual(1_801);
    expect(lastRecord()).toMatchObject({
      outcome: 'granted',
      target: 'payments-aws',
      session: { principal: session?.arn, id: session?.accessKeyId, subject: 'target:payments-aws' },
    });
  });

  it('CX-04 is another session for each subject', async () => {
    const { broker, aws } = clouds;
    const sessionFor = async (token: string) => {
      const { body } = await broker.exchange(token, { audience: 'payments-aws' });
      const { AccessKeyId } = JSON.parse(String(body.access_token));
      return aws.sessions.find(({ accessKeyId }) => accessKeyId === AccessKeyId)?.name;
    };
    expect([await sessionFor(await pod()), await sessionFor(await job())]).toEqual([
      'cluster+system+serviceaccount+payments+api',
      'github+repository_id+74+ref+refs,heads,main',
    ]);
  });

  it('A-158 is nobody’s whom no rule gives it, by whatever name', async () => {
    const before = clouds.aws.asked.length;
    for (const audience of ['others-aws', OTHERS])
      expect(await ended(await pod(), { audience })).toBe('invalid_target target_not_allowed');
    expect(clouds.aws.asked.length).toBe(before);
    expect(await ended(await worker(), { audience: OTHERS })).toBe('granted');
  });

  it.each([
    ['the same name in another account', 'arn:aws:iam::777788889999:role/payments-api'],
    ['another path', 'arn:aws:iam::111122223333:role/team/payments-api'],
    ['a wildcard', 'arn:aws:iam::111122223333:role/*'],
    ['another case', ROLE.toUpperCase()],
    ['a slash more', `${ROLE}/`],
  ])('A-160 is meant by its exact ARN alone, and not by %s', async (_, audience) => {
    expect(await ended(await pod(), { audience })).toBe('invalid_target target_unknown');
    expect(await ended(await pod(), { audience: ROLE })).toBe('granted');
  });

  it('A-162 lives as long as the rule says, although the pod’s own token ends before; the record says by how much', async () => {
    const now = clouds.broker.now();
    expect(await ended(await pod({ exp: now + 300 }), { audience: 'one' })).toBe('granted');
    expect(clouds.aws.sessions.at(-1)?.seconds).toBe(1_800);
    expect(Number(lastRecord().outlives)).toBeGreaterThan(1_400);
    expect(await ended(await pod({ exp: now + 300 }), { audience: 'strict-aws' })).toBe('invalid_target would_outlive');
    expect(await ended(await pod({ exp: now + 1_200 }), { audience: 'strict-aws' })).toBe('granted');
    expect(clouds.aws.sessions.at(-1)?.seconds).toBeLessThanOrEqual(1_200);
  });

  it('A-162 is refused where AWS gives it for longer than was asked', async () => {
    clouds.aws.misbehave = longerBy(3_600);
    expect(await ended(await pod(), { audience: 'two' })).toBe('invalid_target cloud_refused ends_late');
  });

  it('A-160 is refused where AWS gives another role', async () => {
    clouds.aws.misbehave = ANOTHER_ROLE;
    expect(await ended(await pod(), { audience: 'three' })).toBe('invalid_target cloud_refused another_session');
  });

  it('CA-08 is refused by AWS’s own code where the role trusts somebody else; nothing is tried again', async () => {
    const { aws } = clouds;
    const before = aws.asked.length;
    aws.roles.set(`${ROLE}-four`, { subject: 'target:other' });
    expect(await ended(await pod(), { audience: 'four' })).toBe('invalid_target cloud_refused AccessDenied');
    expect(aws.asked.length).toBe(before + 1);
    aws.roles.clear();
    expect(await ended(await pod(), { audience: 'four' })).toBe('granted');
  });

  it('CA-06 has tags where the role permits them, and none of them is the caller’s own word', async () => {
    const { aws } = clouds;
    expect(await ended(await pod(), { audience: 'tagged-aws' })).toBe('invalid_target cloud_refused AccessDenied');
    aws.roles.set(`${ROLE}-tagged`, { tags: true });
    expect(await ended(await pod(), { audience: 'tagged-aws' })).toBe('granted');
    expect(aws.sessions.at(-1)?.tags).toEqual({
      subject: 'cluster:system:serviceaccount:payments:api',
      decision: lastRecord().decision,
      'kubernetes.io/namespace': 'payments',
    });
  });

  it('A-156 is not given for what is bound to a key, or comes with a proof of one: nothing of AWS is bound', async () => {
    const { broker } = clouds;
    const client = createDpopClient(broker, broker);
    const asked = async (subject: string, ask: (form: Record<string, string>) => Promise<{ status: number }>) => {
      const form = { grant_type: TOKEN_EXCHANGE, subject_token: subject, subject_token_type: JWT_TOKEN_TYPE };
      const { status } = await ask({ ...form, audience: OTHERS });
      const { reason, evidence } = lastRecord();
      return status === 200 ? 'granted' : JSON.stringify([reason, evidence]);
    };
    const refused = '["target_requirement_unmet",{"requirement":"proof"}]';
    expect(await asked(await worker(), broker.token)).toBe('granted');
    const before = clouds.aws.asked.length;
    expect(await asked(await worker(), client.ask)).toBe(refused);
    expect(await asked(await worker({ cnf: { jkt: client.jkt } }), client.ask)).toBe(refused);
    expect(clouds.aws.asked.length).toBe(before);
  });
});

describe('an assertion for AWS', () => {
  it('CX-02 is nobody’s proof here: neither whose subject it is, nor for another cloud', async () => {
    const { broker } = clouds;
    const { body } = await broker.exchange(await pod(), { audience: 'asserted-aws' });
    expect(body).toMatchObject({ issued_token_type: JWT_TOKEN_TYPE, token_type: 'N_A' });
    const assertion = String(body.access_token);
    expect(decodeJwt(assertion)).toMatchObject({
      aud: `${broker.issuer}/targets/asserted-aws`,
      sub: 'target:asserted-aws',
    });
    expect(await ended(assertion)).toBe('invalid_request issuer_unknown');
  });

  it('CA-04 CX-01 is good for the role that trusts it, once it is there', async () => {
    const { broker, aws } = clouds;
    const { body } = await broker.exchange(await pod(), { audience: 'asserted-aws' });
    const form = new URLSearchParams({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: `${ROLE}-asserted`,
      RoleSessionName: 'mine',
      WebIdentityToken: String(body.access_token),
    });
    const status = await new Promise((resolve, reject) => {
      const options = { method: 'POST', ca: aws.ca, agent: false };
      const sent = request(aws.url, options, (answer) => resolve(answer.resume().statusCode));
      sent.on('error', reject).end(form.toString());
    });
    expect(status).toBe(200);
  });
});
