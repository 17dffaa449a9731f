// AWS roles at a running broker, attacks first: a presigned request is a credential while it lives. It is spent once for each target,
// proves in no other place of a request, and neither it nor a part of it is ever recorded, logged or answered.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AWS_REQUEST_TOKEN_TYPE } from '../../src/core/request.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { type Answer, JWT_TYPE, startTestBroker, type TestBroker } from '../support/broker.ts';
import { caller, HOST, ROLE_ID, WORKER } from '../support/sts-scene.ts';
import { answerOf, openSts, type Presigning, presign, type StsServer } from '../support/sts-server.ts';

const AWS = '  aws: { kind: aws-caller-identity, regions: [eu-west-1], require: { account: "111122223333" } }\n';
const RULES = `
rules:
  - name: order-worker
    subject: { trust: aws, aws-caller-identity: { role: order-worker } }
    allow: { ledger: all, deploy: all }
`;

describe('an AWS role at /token', () => {
  const outbound = createOutbound({ permitLoopback: true });
  let broker: TestBroker;
  let sts: StsServer;
  beforeAll(async () => {
    sts = await openSts({ host: HOST, region: 'eu-west-1', now: () => Date.now() / 1000, outbound });
    broker = await startTestBroker({
      outbound: sts.outbound,
      config: (yaml) => yaml.replace('trust:\n', `trust:\n${AWS}`),
      policies: { 'rules.yaml': RULES },
    });
  });
  beforeEach(() => {
    sts.failing = undefined;
    sts.callers.set(WORKER.accessKeyId, WORKER);
  });
  afterAll(async () => {
    await broker.stop();
    outbound.close();
    await sts[Symbol.asyncDispose]();
  });

  let expires = 60;
  const signed = (more: Partial<Presigning> = {}): string => {
    expires += 1;
    return presign({
      ...{ caller: WORKER, host: HOST, region: 'eu-west-1', audience: broker.issuer, expiresSeconds: expires },
      signedAtSeconds: broker.now() - 2,
      ...more,
    });
  };
  const ask = (url: string, more: Record<string, string | undefined> = {}): Promise<Answer> =>
    broker.exchange(url, { subject_token_type: AWS_REQUEST_TOKEN_TYPE, ...more });
  const last = () => broker.records().at(-1) ?? {};

  /** Nothing of the request, in any spelling, is in what it left behind. */
  const expectSecret = (url: string, answer: Answer) => {
    const query = new URL(url).searchParams;
    const left = [answer.text, readFileSync(join(broker.folder, 'audit.jsonl'), 'utf8'), broker.logged()].join('\n');
    for (const name of ['X-Amz-Signature', 'X-Amz-Security-Token', 'X-Amz-Credential']) {
      const value = query.get(name) ?? '';
      for (const secret of [name, value.slice(0, 20), encodeURIComponent(value).slice(0, 20)])
        if (secret !== '') expect(left, name).not.toContain(secret);
    }
  };

  it('A-165 is exchanged once for each target, whatever the order of its parameters', async () => {
    const url = signed();
    const [origin = '', query = ''] = url.split('?');
    const turned = `${origin}?${query.split('&').reverse().join('&')}`;
    const answer = await ask(url);
    expect(answer.status, answer.text).toBe(200);
    expect(last()).toMatchObject({
      rule: 'order-worker',
      subject: { name: `aws:account:111122223333:role_id:${ROLE_ID}` },
    });
    for (const again of [
      url,
      turned,
      `${url}&`,
      `${url}&X-Amz-Expires=61`,
      url.replace('%2F', '%2f'),
      url.toLowerCase(),
    ])
      expect((await ask(again)).status, again).toBe(400);
    expect((await ask(turned, { audience: 'deploy' })).status).toBe(200);
    expectSecret(url, answer);
  });

  it('is decided on by /decide without being spent', async () => {
    const url = signed();
    const body = { ...{ grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', audience: 'ledger' } };
    const form = new URLSearchParams({ ...body, subject_token: url, subject_token_type: AWS_REQUEST_TOKEN_TYPE });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const decided = await broker.call({ method: 'POST', path: '/decide', headers }, form.toString());
    expect([decided.status, decided.body.granted]).toEqual([200, true]);
    expectSecret(url, decided);
    expect((await ask(url)).status).toBe(200);
  });

  it('proves nothing as another type, as an assertion, as an actor or as a client', async () => {
    const bearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const asked = sts.asked.length;
    for (const send of [
      (url: string) => broker.exchange(url, { subject_token_type: JWT_TYPE }),
      (url: string) => broker.token({ grant_type: bearer, assertion: url, audience: 'ledger' }),
      (url: string) => ask('x.y.z', { actor_token: url, actor_token_type: AWS_REQUEST_TOKEN_TYPE }),
      (url: string) => ask(url, { client_assertion: url, client_assertion_type: assertionType }),
      (url: string) =>
        broker.token({
          ...{ grant_type: 'client_credentials', client_assertion_type: assertionType },
          ...{ client_assertion: url, audience: 'ledger' },
        }),
      (url: string) => broker.call({ method: 'POST', path: `/token?${url}` }, ''),
      (url: string) => broker.call({ method: 'POST', path: '/token', headers: { authorization: `Bearer ${url}` } }, ''),
      (url: string) => broker.exchange(signed(), { subject_token_type: url }),
      (url: string) => broker.exchange('x.y.z', { audience: url }),
      (url: string) => broker.exchange('x.y.z', { scope: url, [url]: url }),
    ]) {
      const url = signed();
      const answer = await send(url);
      expect(answer.status, send.toString()).toBeGreaterThanOrEqual(400);
      expectSecret(url, answer);
    }
    expect(sts.asked).toHaveLength(asked);
  });

  const ARN = 'arn:aws:sts::111122223333:assumed-role/order-worker/i-0abc';
  const twice = (text: string) => text.replace('"Account"', '"Account":"1","Account"');
  const worker = answerOf({ Account: '111122223333', Arn: ARN, UserId: `${ROLE_ID}:i-0abc` });
  it.each([
    ['nothing acceptable', 200, 'x'.repeat(100), 503],
    ['far too much', 200, `${worker}${' '.repeat(1_000_000)}`, 503],
    ['a member twice', 200, twice(worker), 503],
    ['an object within text', 200, JSON.stringify(worker), 503],
    ['another account than its ARN', 200, worker.replace('111122223333', '999999999999'), 503],
    [
      'a user',
      200,
      answerOf({
        Account: '111122223333',
        Arn: 'arn:aws:iam::111122223333:user/order-worker',
        UserId: 'AIDAEXAMPLEEXAMPLE12',
      }),
      400,
    ],
    [
      'the root',
      200,
      answerOf({ Account: '111122223333', Arn: 'arn:aws:iam::111122223333:root', UserId: '111122223333' }),
      400,
    ],
    ['an account that is not ours', 200, worker.replaceAll('111122223333', '999999999999'), 400],
    ['another partition', 200, worker.replace('arn:aws:', 'arn:aws-cn:'), 400],
    ['that it is busy', 400, '{"Error":{"Code":"Throttling"}}', 503],
    ['that it is broken', 500, '{"Error":{"Code":"X"}}', 503],
    ['a refusal that quotes the request', 403, '{"Error":{"Code":"X-Amz-Signature IQoJb3JpZ2luX2VjEXAMPLE"}}', 400],
    ['a page that quotes the request', 502, '<a>IQoJb3JpZ2luX2VjEXAMPLE/+==</a>', 503],
  ])('where STS answers %s', async (_title, status, text, expected) => {
    sts.failing = { status, text };
    const url = signed();
    const answer = await ask(url);
    expect(answer.status, answer.text).toBe(expected);
    if (expected === 503) expect(answer.headers['retry-after']).toMatch(/^[0-9]+$/);
    expect(answer.text).not.toMatch(/AROA|1111|9999|order-worker/);
    expectSecret(url, answer);
    // Nothing was spent by what did not prove.
    sts.failing = undefined;
    expect((await ask(url)).status).toBe(200);
  });

  it('follows STS nowhere, and waits for it no longer than it may', async () => {
    sts.failing = { status: 302, text: '', location: `https://${HOST}/elsewhere` };
    const url = signed();
    expect((await ask(url)).status).toBe(503);
    sts.failing = 'silent';
    const answer = await ask(url);
    expect([answer.status, answer.body.error]).toEqual([503, 'temporarily_unavailable']);
    expectSecret(url, answer);
  });

  it('is no role of people, and no session whose id is of another role', async () => {
    for (const [arn, id] of [
      ['arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_order-worker_0123456789abcdef/alice', `${ROLE_ID}:alice`],
      [ARN, `${ROLE_ID}:alice`],
      [ARN, 'AIDAEXAMPLEEXAMPLE12:i-0abc'],
    ] as const) {
      sts.callers.set(WORKER.accessKeyId, caller(arn, id));
      expect((await ask(signed())).status).toBeGreaterThanOrEqual(400);
    }
  });

  it.each([
    ['made for another broker', { audience: 'https://other.example' }],
    ['with one more signed header', { headers: { 'x-exchequer-audience': 'https://x.example', 'x-a': 'b' } }],
    ['for another host', { host: 'sts.eu-west-2.amazonaws.com' }],
    ['for another action', { parameters: { Action: 'GetSessionToken' } }],
    ['with a line end in a value', { parameters: { 'X-Amz-Security-Token': 'a\r\nhost: evil' } }],
    ['with no session token', { parameters: { 'X-Amz-Security-Token': undefined } }],
    ['of tomorrow', { signedAtSeconds: Math.floor(Date.now() / 1000) + 86_400 }],
    ['of an hour', { expiresSeconds: 3_600 }],
  ] satisfies readonly (readonly [string, Partial<Presigning>])[])('refuses a request %s', async (_title, more) => {
    const url = signed(more);
    const answer = await ask(url);
    expect(answer.status, answer.text).toBe(400);
    expect(last()).toMatchObject({ outcome: 'refused' });
    expectSecret(url, answer);
  });
});
