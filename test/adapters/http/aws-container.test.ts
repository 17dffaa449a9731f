// GET /aws/credentials/{target} at a real listener: the token in the header as it is, and nothing else of the caller's.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/core/operation.ts';
import { DECISION, type Got, type Harness, refused, send, sendRaw, startListener } from './harness.ts';

let harness: Harness;
let outcome: Outcome | undefined;
beforeAll(async () => {
  harness = await startListener({}, () => outcome);
});
afterAll(() => harness.listener.close(0));

const get = (headers: Record<string, string | string[]>, more: { path?: string; method?: string } = {}): Promise<Got> =>
  send(harness, { method: 'GET', path: '/aws/credentials/payments-aws', body: '', headers, ...more });
async function refusal(answer: Promise<Got>): Promise<string> {
  const { status, body } = await answer;
  const request = harness.seen.at(-1)?.request;
  const { Code, Message } = body === '' ? { Code: '', Message: '' } : JSON.parse(body);
  if (body !== '') expect(Message.endsWith(` ${DECISION}`)).toBe(true);
  return `${status} ${Code} ${request && !request.ok ? request.refusal.reason : ''}`;
}

describe('GET /aws/credentials/{target}', () => {
  it.each(['/aws/credentials/payments-aws', '/aws/credentials/payments-aws/'])(
    'gives credentials at %s',
    async (path) => {
      const { status, headers, body } = await get({ authorization: 'a.b.c', accept: 'application/json' }, { path });
      expect([status, headers['content-type'], headers['cache-control'], headers['x-amzn-requestid']]).toEqual([
        ...[200, 'application/json', 'no-store', DECISION],
      ]);
      expect(JSON.parse(body)).toEqual({
        AccessKeyId: 'ASIAEXAMPLE',
        SecretAccessKey: 'secret',
        Token: 'token',
        Expiration: '2027-01-15T08:05:00Z',
        AccountId: '111122223333',
        RoleArn: 'arn:aws:iam::111122223333:role/path/R',
      });
      expect(harness.seen.at(-1)).toMatchObject({
        transport: 'aws-container',
        request: {
          value: {
            subject: { text: 'a.b.c', tokenType: 'urn:ietf:params:oauth:token-type:jwt' },
            requestedTokenType: 'urn:exchequer:params:oauth:token-type:aws-credentials',
            ask: { targets: ['payments-aws'], scopes: undefined },
          },
        },
      });
    },
  );

  it('asks for as long as may be: its clients cannot say how long', async () => {
    await get({ authorization: 'a.b.c' });
    const request = harness.seen.at(-1)?.request;
    expect(request?.ok && request.value.ask.lifetimeSeconds).toBeUndefined();
  });

  it.each<[string, Record<string, string | string[]>]>([
    ['401 MissingAuthenticationToken parameter_missing', {}],
    ['401 MissingAuthenticationToken parameter_missing', { authorization: '' }],
    ['400 ValidationError parameter_malformed', { authorization: 'Bearer a.b.c' }],
    ['400 ValidationError parameter_malformed', { authorization: 'a.b.c, d.e.f' }],
    ['400 ValidationError parameter_malformed', { authorization: 'a.b.\u00e4' }],
    ['400 ValidationError parameter_repeated', { authorization: ['a.b.c', 'd.e.f'] }],
    ['400 ValidationError parameter_unsupported', { authorization: 'a.b.c', dpop: 'a.b.c' }],
  ])('says %s to %j', async (expected, headers) => {
    expect(await refusal(get(headers))).toBe(expected);
  });

  it('takes nothing from the address, where what it holds would be in logs', async () => {
    for (const query of ['?', '?token=a.b.c', '?role=admin'])
      expect(await refusal(get({ authorization: 'a.b.c' }, { path: `/aws/credentials/payments-aws${query}` }))).toBe(
        '400 ValidationError query_forbidden',
      );
    for (const path of [
      '/aws/credentials',
      '/aws/credentials/',
      '/aws/credentials/a/b',
      '/aws/credentials/A',
      '/aws/credentials//a',
    ])
      expect((await get({ authorization: 'a.b.c' }, { path })).status, path).toBe(404);
  });

  it.each(['HEAD', 'POST', 'PUT', 'DELETE'])('gives nothing to %s', async (method) => {
    const answer = await get({ authorization: 'a.b.c' }, { method });
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET']);
    expect(harness.seen.at(-1)?.request).toMatchObject({ refusal: { reason: 'method_not_allowed' } });
    expect(answer.body).not.toContain('SecretAccessKey');
  });

  it('takes no token with a line end in it: neither folded nor smuggled', async () => {
    const before = harness.seen.length;
    const request = (value: string) =>
      `GET /aws/credentials/payments-aws HTTP/1.1\r\nHost: sts.example\r\nAuthorization: ${value}\r\nConnection: close\r\n\r\n`;
    expect(await sendRaw(harness, request('a.b.c\r\n d'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw(harness, request('a.b.c\nd'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw(harness, request('a.b.c\rd'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(harness.seen).toHaveLength(before);
    expect(await sendRaw(harness, request('a.b.c'))).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers in the codes of the STS endpoint, with when to come again', async () => {
    outcome = refused({ reason: 'no_rule' });
    expect(await refusal(get({ authorization: 'a.b.c' }))).toBe('403 AccessDenied ');
    outcome = refused({ reason: 'store_unavailable', retryAfterSeconds: 2 });
    const { status, headers, body } = await get({ authorization: 'a.b.c' });
    expect([status, headers['retry-after'], JSON.parse(body).Code]).toEqual([503, '2', 'ServiceUnavailable']);
    outcome = { kind: 'failed', decision: DECISION };
    expect(await refusal(get({ authorization: 'a.b.c' }))).toBe('500 InternalFailure ');
    outcome = undefined;
  });
});
