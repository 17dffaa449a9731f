// POST /gcp/introspect on the wire: what gcloud sends, what it reads, and what is refused.

import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { NO_CLIENT } from '../../../src/core/client.ts';
import { CREDENTIAL_BYTES_MAX } from '../../../src/core/limits.ts';
import { GCLOUD_BASIC, GCLOUD_CLIENT } from '../../support/google-requests.ts';
import { DECISION, GOOGLE_SESSION, type Harness, refused, send, startListener } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startListener();
});
afterAll(() => harness.listener.close(0));
beforeEach(() => {
  harness.asked.length = 0;
});

/** gcloud 528.0, byte for byte. */
const BODY = 'token=ya29.a0&token_type_hint=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token';
const ask = (body: string, headers: Record<string, string> = {}, path = '/gcp/introspect') =>
  send(harness, { path, body, headers });

it('takes what gcloud sends, and answers what it reads', async () => {
  const got = await ask(BODY, { authorization: GCLOUD_BASIC });
  expect(harness.asked).toMatchObject([{ transport: 'gcp-sts', grantType: undefined }]);
  expect(harness.asked[0]?.request).toEqual({
    ok: true,
    value: {
      token: 'ya29.a0',
      client: { ...NO_CLIENT, id: GCLOUD_CLIENT, authorization: GCLOUD_BASIC, strangers: 'ignored' },
      proof: undefined,
    },
  });
  expect(got.status).toBe(200);
  expect(got.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
  expect(JSON.parse(got.body)).toEqual({
    active: true,
    username: GOOGLE_SESSION.principal,
    token_type: 'Bearer',
    exp: 1_800_000_300,
  });
});

it('says of everything else that it is not active, and no more', async () => {
  const other = await startListener({
    googleIntrospect: async (_received, answer) => answer({ kind: 'told', decision: DECISION, token: undefined }),
  });
  const got = await send(other, { path: '/gcp/introspect', body: BODY });
  expect([got.status, got.body]).toEqual([200, '{"active":false}']);
  await other.listener.close(0);
});

it('says when nobody can know, and when to ask again', async () => {
  const other = await startListener({
    googleIntrospect: async (_received, answer) =>
      answer(refused({ reason: 'store_unavailable', retryAfterSeconds: 2 })),
  });
  const got = await send(other, { path: '/gcp/introspect', body: BODY });
  expect([got.status, got.headers['retry-after'], JSON.parse(got.body).error]).toEqual([
    503,
    '2',
    'temporarily_unavailable',
  ]);
  await other.listener.close(0);
});

it.each([
  ['', { reason: 'parameter_missing', parameter: 'token' }],
  ['token=', { reason: 'parameter_missing', parameter: 'token' }],
  ['token=a&token=b', { reason: 'parameter_repeated', parameter: 'token' }],
  [`token=${'a'.repeat(CREDENTIAL_BYTES_MAX + 1)}`, { reason: 'parameter_too_large', parameter: 'token' }],
  ['token=%ff', { reason: 'body_malformed', problem: 'not_utf8' }],
])('refuses a form that is none: %.20s', async (body, refusal) => {
  expect((await ask(body)).status).toBe(400);
  expect(harness.asked[0]?.request).toMatchObject({ ok: false, refusal });
});

it('takes no JSON, no query, no other method and no other path', async () => {
  const json = await ask('{"token":"a"}', { 'content-type': 'application/json' });
  expect([json.status, harness.asked[0]?.request]).toMatchObject([
    415,
    { refusal: { reason: 'media_type_unsupported' } },
  ]);
  expect((await ask(BODY, {}, '/gcp/introspect?token=a')).status).toBe(400);
  expect((await send(harness, { method: 'GET', path: '/gcp/introspect' })).status).toBe(405);
  for (const path of ['/gcp/introspect/', '/gcp/introspect/lake']) expect((await ask(BODY, {}, path)).status).toBe(404);
});
