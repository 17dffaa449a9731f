// POST /introspect and POST /revoke as HTTP: what their operations are told, and how what they come to is written.

import { afterEach, describe, expect, it } from 'vitest';
import { renderIntrospection, renderRevocation } from '../../../src/adapters/http/own-token.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { DECISION, type Harness, introspected, refused, send, startListener } from './harness.ts';

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.listener.close(0);
  harness = undefined;
});

const PATHS = ['/introspect', '/revoke'];
/** What the operation was told of one request. */
async function told(path: string, body: string, headers: Record<string, string> = {}) {
  harness ??= await startListener();
  const answer = await send(harness, { path, body, headers });
  const received = harness.asked.at(-1);
  if (!received) throw new Error('no operation was told anything');
  return { answer, received };
}
const refusalIn = ({ received: { request } }: Awaited<ReturnType<typeof told>>): Refusal | undefined =>
  request.ok ? undefined : request.refusal;

describe.each(PATHS)('a request to %s', (path) => {
  it('is told with its token, whatever it is, and who says to ask', async () => {
    const { received } = await told(path, 'token=a+b%0A%C3%A9&token_type_hint=x&client_id=me&client_secret=s&other=1', {
      dpop: 'proof',
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    });
    expect(received).toMatchObject({
      transport: 'oauth',
      grantType: undefined,
      traceId: 'a'.repeat(32),
      request: {
        ok: true,
        value: {
          token: 'a b\né',
          client: { id: 'me', secret: 's', authorization: undefined, assertion: undefined },
          proof: { texts: ['proof'], htm: 'POST', htu: `https://sts.example${path}` },
        },
      },
    });
  });

  it.each([
    ['no token', '', { reason: 'parameter_missing', parameter: 'token' }],
    ['an empty one', 'token=', { reason: 'parameter_missing', parameter: 'token' }],
    ['two', 'token=a&token=b', { reason: 'parameter_repeated', parameter: 'token' }],
    [
      'a repeated hint',
      'token=a&token_type_hint=a&token_type_hint=a',
      {
        reason: 'parameter_repeated',
        parameter: 'token_type_hint',
      },
    ],
    [
      'two resources',
      'token=a&resource=https://a&resource=https://b',
      {
        reason: 'parameter_repeated',
        parameter: 'resource',
      },
    ],
    [
      'one that is too long',
      `token=${'a'.repeat(65_537)}`,
      {
        reason: 'parameter_too_large',
        parameter: 'token',
        bytesMax: 65_536,
      },
    ],
    [
      'a hint that is too long',
      `token=a&token_type_hint=${'a'.repeat(4_097)}`,
      {
        reason: 'parameter_too_large',
        parameter: 'token_type_hint',
        bytesMax: 4_096,
      },
    ],
    [
      'a name of a client in other characters',
      'token=a&client_id=%C3%A9',
      {
        reason: 'parameter_malformed',
        parameter: 'client_id',
      },
    ],
  ])('with %s is refused, and the operation told so', async (_title, body, refusal) => {
    const asked = await told(path, body);
    expect(refusalIn(asked)).toEqual(refusal);
    expect(asked.answer.status).toBe(400);
    expect(JSON.parse(asked.answer.body)).toMatchObject({ error: 'invalid_request' });
  });

  it('takes the longest token that there is', async () => {
    expect((await told(path, `token=${'a'.repeat(65_536)}`)).received.request.ok).toBe(true);
  });

  it('is taken at that path only, byte for byte (A-178)', async () => {
    harness = await startListener();
    for (const other of [`${path}/`, path.toUpperCase(), `/x${path}`])
      expect((await send(harness, { path: other, body: 'token=a' })).status).toBe(404);
    expect(harness.asked).toEqual([]);
  });
});

describe('an answer', () => {
  it('of a revocation is 200 with no body and no type', async () => {
    const { answer } = await told('/revoke', 'token=a');
    expect([answer.status, answer.body, answer.headers['content-type'], answer.headers['content-length']]).toEqual([
      ...[200, '', undefined, '0'],
    ]);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });

  it('of an introspection has the claims that RFC 7662 and its kin name, as they are, and no others', () => {
    const claims = {
      ...{ iss: 'i', sub: 's', aud: 'a', exp: 1, iat: 0, jti: 'j', client_id: 'c', lineage: ['h'], email: 'e' },
      active: false,
      token_type: 'mine',
      act: { iss: 'i', sub: 'x', act: { iss: 'i', sub: 'y', sub_id: { format: 'opaque', id: 'z' } } },
      origin: { iss: 'o', sub: 's' },
    };
    const { status, headers, body } = renderIntrospection(introspected(claims));
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    const { lineage: _, email: __, active: ___, token_type: ____, ...told } = claims;
    expect(JSON.parse(body)).toEqual({ active: true, token_type: 'Bearer', ...told });
  });

  it('says how a token is used, by what it is bound to', () => {
    const typeOf = (...bound: Parameters<typeof introspected>) =>
      JSON.parse(renderIntrospection(introspected(...bound)).body);
    expect(typeOf({}, { jkt: 'k' })).toEqual({ active: true, token_type: 'DPoP' });
    expect(typeOf({}, { 'x5t#S256': 't' })).toEqual({ active: true, token_type: 'Bearer' });
  });

  it('of whatever is not active is one body, without a decision id', () => {
    const { headers, body } = renderIntrospection({ kind: 'introspected', decision: DECISION, token: undefined });
    expect([body, JSON.stringify(headers)]).toEqual(['{"active":false}', expect.not.stringContaining(DECISION)]);
  });

  it.each([renderIntrospection, renderRevocation])('that could not be given is that of /token', (render) => {
    const unavailable = render(refused({ reason: 'store_unavailable', retryAfterSeconds: 1 }));
    expect(unavailable).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1', 'content-type': 'application/json' },
    });
    expect(JSON.parse(unavailable.body)).toMatchObject({ error: 'temporarily_unavailable' });
    const basic = { reason: 'client_credential_refused', method: 'basic', problem: 'secret_wrong' } as const;
    expect(render(refused(basic))).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Basic realm="exchequer"' },
    });
    const blocked = { role: 'client', reason: 'withdrawn', withdrawal: 'w' } as const;
    expect(JSON.parse(render(refused(blocked)).body)).toMatchObject({ error: 'invalid_client' });
    expect(render({ kind: 'failed', decision: DECISION })).toMatchObject({ status: 500 });
  });
});
