// Attacks on the paths that speak the protocols of clouds, sent to a running broker beside positive controls: raw bytes, what
// narrows a session and says nothing, and what clouds are asked for whoever is refused: nothing.

import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { JWT_BEARER_GRANT } from '../../src/core/request.ts';
import { assumption, sendForm, verdict } from '../support/aws-facade.ts';
import { type Answer, CLUSTER_ISSUER, formOf, mint } from '../support/broker.ts';
import { type CloudBroker, startCloudBroker } from '../support/cloud-broker.ts';
import { GCLOUD_BASIC, GOOGLE_FORM } from '../support/google-requests.ts';

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker({
    config: (yaml) => yaml.replace('targets:\n', '  self: { kind: self }\ntargets:\n'),
  });
});
afterAll(() => clouds[Symbol.asyncDispose]());

const podToken = (): Promise<string> => {
  const { broker } = clouds;
  return mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined });
};

describe('A-163 what narrows a session', () => {
  const POLICY = 'arn:aws:iam::aws:policy/ReadOnlyAccess';
  const narrowed = async (more: Readonly<Record<string, string>>): Promise<string> => {
    const answer = await sendForm(clouds.broker, assumption(await podToken(), more));
    return answer.status === 200 ? '200' : verdict(clouds.broker, answer);
  };

  it.each<[string, Readonly<Record<string, string>>]>([
    ['400 MalformedPolicyDocument parameter_malformed', { Policy: '' }],
    ['400 ValidationError parameter_malformed', { 'PolicyArns.member.1.arn': '' }],
    ['400 ValidationError parameter_malformed', { 'PolicyArns.member.1.arn': POLICY, 'PolicyArns.member.2.arn': '' }],
    ['400 ValidationError parameter_unsupported', { 'PolicyArns.member.01.arn': '' }],
    ['400 ValidationError parameter_unsupported', { 'PolicyArns.1': '' }],
  ])('is never left out because it has no value: %s to %j', async (expected, more) => {
    expect(await narrowed(more)).toBe(expected);
  });

  it('leaves out a list without members, which SDKs send as that, and whatever else has no value', async () => {
    expect(await narrowed({ PolicyArns: '', DurationSeconds: '', ProviderId: '' })).toBe('200');
    expect(await narrowed({ 'PolicyArns.member.1.arn': POLICY })).toBe('200');
    expect(clouds.aws.sessions.at(-1)?.policyArns).toEqual([POLICY]);
  });
});

describe('GET /aws/credentials/{target} as raw bytes', () => {
  const get = async (headers = '', body = '', line = 'GET /aws/credentials/payments-aws'): Promise<string> =>
    `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: ${await podToken()}\r\n${headers}\r\n${body}`;

  it.each([
    ['a length', 'Content-Length: 5\r\n', 'hello'],
    ['a length and less', 'Content-Length: 500000000\r\n', 'hello'],
    ['chunks', 'Transfer-Encoding: chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
    ['chunks of another coding', 'Transfer-Encoding: gzip, chunked\r\n', '5\r\nhello\r\n0\r\n\r\n'],
  ])('A-175 A-176 a body with %s ends the connection, and nothing behind it is served', async (_, headers, body) => {
    const before = clouds.broker.records().length;
    const text = await raw((await get(headers, body)) + (await get()));
    expect(statuses(text)).toEqual(['200']);
    expect(text).toMatch(/^connection: close\r$/im);
    expect(clouds.broker.records().length).toBe(before + 1);
  });

  it('A-175 A-176 ends the connection behind the body of any other GET too', async () => {
    const jwks = 'GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello';
    expect(statuses(await raw(jwks + (await get())))).toEqual(['200']);
  });

  it('several without a body are served on one connection', async () => {
    const last = 'Connection: close\r\n';
    expect(statuses(await raw((await get()) + (await get('Content-Length: 0\r\n')) + (await get(last))))).toEqual([
      '200',
      '200',
      '200',
    ]);
  });

  it.each([
    '/aws/credentials/payments%2Daws',
    '/aws/credentials/%70ayments-aws',
    '//aws/credentials/payments-aws',
    '/aws//credentials/payments-aws',
    '/aws/credentials/payments-aws//',
    '/aws/credentials/./payments-aws',
    '/aws/credentials/payments-aws;x',
    '/aws/credentials/payments-aws#x',
    '/aws\\credentials\\payments-aws',
    '/aws/credentials/%zz',
  ])('A-178 %s is nothing', async (path) => {
    const before = clouds.broker.records().length;
    expect(statuses(await raw(await get('Connection: close\r\n', '', `GET ${path}`)))).toEqual(['404']);
    expect(clouds.broker.records().length).toBe(before);
  });
});

describe('A-176 two fields of what may stand once', () => {
  const form = async (): Promise<string> => formOf({ ...GOOGLE_FORM, subject_token: await podToken() });
  const post = async (path: string, body: string, headers: string): Promise<string> => {
    const length = `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n`;
    const before = clouds.broker.records().length;
    const text = await raw(`POST ${path} HTTP/1.1\r\nHost: x\r\n${headers}${length}\r\n${body}`);
    const [record, more] = clouds.broker.records().slice(before);
    return `${statuses(text)} ${more ? 'more than one record' : (record?.reason ?? record?.outcome)}`;
  };
  const TYPE = 'Content-Type: application/x-www-form-urlencoded\r\n';
  const GCLOUD = `Authorization: ${GCLOUD_BASIC}\r\n`;
  const OTHER = `Authorization: Basic ${Buffer.from('other:secret').toString('base64')}\r\n`;

  it('one is taken', async () => {
    expect(await post('/gcp/token/lake', await form(), TYPE + GCLOUD)).toBe('200 granted');
    expect(await post('/gcp/introspect', 'token=a', TYPE + GCLOUD)).toBe('200 key_unknown');
  });

  it.each([
    ['another behind it', GCLOUD + OTHER],
    ['another before it', OTHER + GCLOUD],
    ['itself', GCLOUD + GCLOUD],
    ['an empty one', `${GCLOUD}Authorization:\r\n`],
  ])('an Authorization beside %s proves nobody', async (_, headers) => {
    for (const [path, body] of [
      ['/gcp/token/lake', await form()],
      ['/gcp/introspect', 'token=a'],
      ['/token', await form()],
    ] as const)
      expect(await post(path, body, TYPE + headers), path).toBe('401 client_credential_refused');
    expect(await post('/aws/sts', assumption(await podToken()), TYPE + headers)).toBe('400 parameter_unsupported');
  });
});

describe('one credential at every way in', () => {
  const form = (path: string, body: string, type = 'application/x-www-form-urlencoded') =>
    clouds.broker.call({ method: 'POST', path, headers: { 'content-type': type } }, body);
  const WAYS: Readonly<Record<string, (token: string) => Promise<Answer>>> = {
    'POST /token': (token) => clouds.broker.exchange(token, { audience: 'payments-aws' }),
    'POST /token with an assertion': (assertion) =>
      form('/token', formOf({ grant_type: JWT_BEARER_GRANT, assertion, audience: 'payments-aws' })),
    'POST /aws/sts': (token) => sendForm(clouds.broker, assumption(token)),
    'GET /aws/credentials': (authorization) =>
      clouds.broker.call({ method: 'GET', path: '/aws/credentials/payments-aws', headers: { authorization } }),
    'POST /gcp/token': (token) => form('/gcp/token/lake', formOf({ ...GOOGLE_FORM, subject_token: token })),
    'POST /gcp/token in JSON': (token) =>
      form('/gcp/token/lake', JSON.stringify({ ...GOOGLE_FORM, subject_token: token }), 'application/json'),
  };
  const asked = () => [clouds.aws.asked.length, clouds.google.exchanges.length, clouds.google.impersonations.length];
  const reason = () => clouds.broker.records().at(-1)?.reason;

  it.each(Object.keys(WAYS))('CX-02 an assertion of ours proves nothing at %s, and no cloud is asked', async (way) => {
    const { broker } = clouds;
    const { body, status } = await broker.exchange(await podToken(), { audience: 'vault-assertion', scope: undefined });
    expect(status).toBe(200);
    const before = asked();
    expect((await WAYS[way]?.(String(body.access_token)))?.status).toBeGreaterThanOrEqual(400);
    expect(reason()).toBe('typ_refused');
    expect(asked()).toEqual(before);
  });

  it.each(Object.keys(WAYS))('A-169 a token that proves nothing makes us ask no cloud at %s', async (way) => {
    const before = asked();
    expect((await WAYS[way]?.((await podToken()).replace(/.{8}$/, 'AAAAAAAA')))?.status).toBeGreaterThanOrEqual(400);
    expect(reason()).toBe('signature_invalid');
    expect(asked()).toEqual(before);
  });

  it.each(Object.keys(WAYS).filter((way) => !way.includes('/gcp/')))(
    'A-172 a token of a job is good for one credential of a target, wherever it is shown after %s',
    async (way) => {
      clouds.later();
      const { broker } = clouds;
      const token = await mint(broker, 'github', githubPush(broker.issuer, broker.now()));
      expect((await WAYS[way]?.(token))?.status).toBe(200);
      const before = asked();
      const again = ['POST /token', 'POST /aws/sts', 'GET /aws/credentials'].map((other) => WAYS[other]?.(token));
      for (const answer of await Promise.all(again)) expect(answer?.status).toBeGreaterThanOrEqual(400);
      expect(
        broker
          .records()
          .slice(-3)
          .map((record) => record.reason),
      ).toEqual(Array(3).fill('replayed'));
      expect(asked()).toEqual(before);
    },
  );
});

const statuses = (text: string): readonly string[] => text.match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];

/** Writes bytes, and gives everything that came back until the broker ended the connection. */
function raw(bytes: string): Promise<string> {
  const { port, ca } = clouds.broker;
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () =>
      socket.write(bytes, 'latin1'),
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
  });
}
