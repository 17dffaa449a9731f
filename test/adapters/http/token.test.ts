// What the exchange is told of a request to /token, over real TLS. Every one of them must reach it, understood or not.

import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_CLIENT } from '../../../src/core/client.ts';
import { BODY_BYTES_MAX, CREDENTIAL_BYTES_MAX } from '../../../src/core/limits.ts';
import type { Refusal } from '../../../src/core/refusal.ts';
import { TOKEN_EXCHANGE_GRANT } from '../../../src/core/request.ts';
import { form, type Harness, ISSUER, NONCE, send, sendRaw, startListener } from './harness.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startListener();
});
afterAll(() => harness.listener.close(0));
beforeEach(() => {
  harness.seen.length = 0;
  harness.problems.length = 0;
});

/** The refusal that the exchange was told of; fails where it was told of none, or of several requests. */
function refusal(): Refusal {
  expect(harness.seen).toHaveLength(1);
  const request = harness.seen[0]?.request;
  if (!request || request.ok) throw new Error('the request was understood');
  return request.refusal;
}

/** What a proxy would say of the host that was dialled. */
const FORWARDED = {
  'x-forwarded-host': 'other.example',
  'x-forwarded-proto': 'http',
  forwarded: 'host=other.example;proto=http',
};

const malformed = (problem: string) => ({ reason: 'body_malformed', problem });

describe('a request that is understood', () => {
  it('reaches the exchange whole, and its answer is JSON that nobody keeps (TX-01, TX-20, TX-25, OA-05)', async () => {
    const got = await send(harness, { body: form({ scope: 'a b', client_id: 'me' }) });
    expect(got.status).toBe(200);
    expect(got.headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      pragma: 'no-cache',
    });
    expect(got.headers).not.toHaveProperty('www-authenticate');
    expect(harness.seen).toEqual([
      {
        transport: 'oauth',
        peer: '127.0.0.1',
        traceId: undefined,
        mtls: undefined,
        grantType: TOKEN_EXCHANGE_GRANT,
        request: {
          ok: true,
          value: {
            subject: { text: 'a.b.c', tokenType: 'urn:ietf:params:oauth:token-type:jwt' },
            requestedTokenType: undefined,
            ask: { targets: ['ledger'], scopes: ['a', 'b'] },
            grantType: TOKEN_EXCHANGE_GRANT,
            client: { ...NO_CLIENT, id: 'me' },
            actor: undefined,
            proof: undefined,
          },
        },
      },
    ]);
  });

  it.each([
    'application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded;charset=UTF-8',
    'application/x-www-form-urlencoded; charset="utf-8"',
    'APPLICATION/X-WWW-FORM-URLENCODED ; Charset=Utf-8',
  ])('may be sent as %s', async (type) => {
    expect((await send(harness, { headers: { 'content-type': type }, body: form() })).status).toBe(200);
  });

  it('may be chunked, and may be as large as a token of full size makes it (TX-15)', async () => {
    const body = form({ subject_token: 'a'.repeat(CREDENTIAL_BYTES_MAX) });
    const got = await send(harness, { headers: { 'transfer-encoding': 'chunked' }, body });
    expect(got.status).toBe(200);
  });

  it('carries unknown parameters that nobody reads (TX-14)', async () => {
    expect((await send(harness, { body: form({ foo: 'bar' }) })).status).toBe(200);
  });
});

describe('trace context', () => {
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  it.each([
    [`00-${id}-00f067aa0ba902b7-01`, id],
    [`00-${id.toUpperCase()}-00f067aa0ba902b7-01`, undefined],
    [`00-${'0'.repeat(32)}-00f067aa0ba902b7-01`, undefined],
    [`00-${id}-${'0'.repeat(16)}-01`, undefined],
    [`ff-${id}-00f067aa0ba902b7-01`, undefined],
    [`00-${id}-00f067aa0ba902b7-01-x`, undefined],
    [`x00-${id}-00f067aa0ba902b7-01`, undefined],
  ])('%s gives the trace id %s', async (traceparent, expected) => {
    await send(harness, { headers: { traceparent }, body: form() });
    expect(harness.seen[0]?.traceId).toBe(expected);
  });
});

describe('a request that is refused before its form is read', () => {
  it.each([
    [''],
    ['text/plain'],
    ['application/json'],
    ['application/x-www-form-urlencoded;'],
    ['application/x-www-form-urlencoded\t;charset=utf-8'],
    ['application/x-www-form-urlencoded; charset=utf-7'],
    ['application/x-www-form-urlencoded; charset=utf-8; charset=utf-16'],
    ['application/x-www-form-urlencoded; boundary=x'],
    ['application/x-www-form-urlencoded, text/plain'],
    ['application/x-www-form-urlencodedx'],
    ['multipart/form-data; boundary=x'],
    ['/'],
    ['; ='],
  ])('media type %j is refused with 415 (TX-01, A-131)', async (type) => {
    const got = await send(harness, { headers: { 'content-type': type }, body: form() });
    expect(refusal()).toEqual({ reason: 'media_type_unsupported' });
    expect([got.status, JSON.parse(got.body).error]).toEqual([415, 'invalid_request']);
  });

  it('so is a form without any media type, and one with two of them (A-131)', async () => {
    const head = `POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${form().length}\r\n`;
    expect(await sendRaw(harness, `${head}\r\n${form()}`)).toMatch(/^HTTP\/1\.1 415 /);
    const types = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Type: text/plain\r\n';
    expect(await sendRaw(harness, `${head}${types}\r\n${form()}`)).toMatch(/^HTTP\/1\.1 415 /);
    expect(harness.seen.map(({ request }) => !request.ok && request.refusal.reason)).toEqual([
      'media_type_unsupported',
      'media_type_unsupported',
    ]);
  });

  it.each(['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'])(
    '%s is refused with 405 and Allow, and recorded (TX-01, OA-01, A-177)',
    async (method) => {
      const headers = { 'x-http-method-override': 'POST', origin: 'https://evil.example' };
      const got = await send(harness, { method, headers });
      expect(refusal()).toEqual({ reason: 'method_not_allowed' });
      expect([got.status, got.headers.allow]).toEqual([405, 'POST']);
      expect(got.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
      // no origin is let in.
      expect(Object.keys(got.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );

  it.each(['/token?', '/token?client_secret=s', `/token?${form()}`])(
    'parameters in the address of %s are refused even beside a good body (OA-04, A-130)',
    async (path) => {
      const got = await send(harness, { path, body: form() });
      expect(refusal()).toEqual({ reason: 'query_forbidden' });
      expect([got.status, JSON.parse(got.body).error]).toEqual([400, 'invalid_request']);
    },
  );

  it.each(['gzip', 'identity', ''])('Content-Encoding %j is refused', async (encoding) => {
    await send(harness, { headers: { 'content-encoding': encoding }, body: gzipSync(form()) });
    expect(refusal()).toEqual(malformed('encoded'));
  });
});

describe('a form that is refused', () => {
  it.each([
    ['', { reason: 'parameter_missing', parameter: 'grant_type' }],
    [form({ subject_token: '' }), { reason: 'parameter_missing', parameter: 'subject_token' }],
    [form({ subject_token_type: '' }), { reason: 'parameter_missing', parameter: 'subject_token_type' }],
    [`${form()}&subject_token=x`, { reason: 'parameter_repeated', parameter: 'subject_token' }],
    [`${form()}&scope=a&scope=b`, { reason: 'parameter_repeated', parameter: 'scope' }],
    [form({ grant_type: 'token-exchange' }), { reason: 'grant_type_unsupported' }],
    [form({ actor_token: 'x' }), { reason: 'parameter_missing', parameter: 'actor_token_type' }],
    [`${form()}&subject_token[]=x`, malformed('bad_parameter_name')],
    [`${form()}&x=%zz`, malformed('bad_percent_encoding')],
    [`${form()}&x=%ff`, malformed('not_utf8')],
    [`${form()}${'&'.repeat(10_000)}`, malformed('too_many_parameters')],
    [
      form({ subject_token: 'a'.repeat(CREDENTIAL_BYTES_MAX + 1) }),
      { reason: 'parameter_too_large', parameter: 'subject_token', bytesMax: CREDENTIAL_BYTES_MAX },
    ],
  ])('case %# (TX-02, TX-13, A-128 to A-130, A-175)', async (body, expected) => {
    expect((await send(harness, { body })).status).toBe(400);
    expect(refusal()).toEqual(expected);
  });

  it('is refused as missing where there is no body at all', async () => {
    const got = await sendRaw(
      harness,
      'POST /token HTTP/1.1\r\nHost: x\r\nConnection: close\r\n' +
        'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n',
    );
    expect(got).toMatch(/^HTTP\/1\.1 400 /);
    expect(refusal()).toEqual({ reason: 'parameter_missing', parameter: 'grant_type' });
  });

  it('over the size of a body is recorded, answered 413 and ends the connection (TX-15, A-129, A-175)', async () => {
    const body = form({ subject_token: 'a'.repeat(BODY_BYTES_MAX) });
    const got = await send(harness, { body });
    expect(refusal()).toEqual({ reason: 'body_too_large', bytesMax: BODY_BYTES_MAX });
    expect([got.status, got.headers.connection, JSON.parse(got.body).error]).toEqual([413, 'close', 'invalid_request']);
  });
});

describe('the client of a request', () => {
  const basic = { authorization: 'Basic YTpi' };

  it.each([
    [basic, {}, { authorization: 'Basic YTpi' }],
    [{ authorization: 'Bearer x' }, {}, { authorization: 'Bearer x' }],
    [{}, { client_secret: 's', client_id: 'a' }, { id: 'a', secret: 's' }],
    [{}, { client_assertion: 'x', client_assertion_type: 'y' }, { assertion: 'x', assertionType: 'y' }],
    [{ 'oauth-client-attestation': 'x' }, {}, { attested: true }],
    [{ 'oauth-client-attestation-pop': 'x' }, {}, { attested: true }],
    [basic, { client_assertion: 'x' }, { authorization: 'Basic YTpi', assertion: 'x' }],
    // A certificate in a header is anybody's text (MT-07, A-98).
    [{ 'x-forwarded-client-cert': 'URI=spiffe://prod.example/a', 'client-cert': ':AAAA:' }, {}, {}],
  ])('hands over what the client presents, %j %j, and judges none of it (OA-02)', async (headers, body, presented) => {
    await send(harness, { headers, body: form(body) });
    const [received] = harness.seen;
    expect(received?.request.ok && received.request.value.client).toEqual({ ...NO_CLIENT, ...presented });
  });

  it('hands over every DPoP header as sent, with the method and the address as configured (DP-01, DP-03, A-152)', async () => {
    const proof = () => {
      const received = harness.seen.at(-1);
      return received?.request.ok ? received.request.value.proof : refusal();
    };
    const wanted = { htm: 'POST', htu: `${ISSUER}/token` };
    await send(harness, { headers: { dpop: 'x' }, body: form() });
    expect(proof()).toEqual({ texts: ['x'], ...wanted });
    await send(harness, { headers: { dpop: ['x', 'y'] }, body: form() });
    expect(proof()).toEqual({ texts: ['x', 'y'], ...wanted });
    await send(harness, { headers: { DPoP: 'x, y', host: 'other.example', ...FORWARDED }, body: form() });
    expect(proof()).toEqual({ texts: ['x, y'], ...wanted });
    await send(harness, { path: '/decide', headers: { dpop: '' }, body: form() });
    expect(proof()).toEqual({ texts: [''], htm: 'POST', htu: `${ISSUER}/decide` });
    await send(harness, { body: form() });
    expect(proof()).toBeUndefined();
  });

  it('gives the newest nonce with a success to a proof, and with nothing else (DP-06)', async () => {
    const nonceOf = async (more: object) => (await send(harness, { body: form(), ...more })).headers['dpop-nonce'];
    expect(await nonceOf({ headers: { dpop: 'x' } })).toBe(NONCE);
    expect(await nonceOf({ headers: { dpop: 'x' }, path: '/decide' })).toBe(NONCE);
    expect(await nonceOf({})).toBeUndefined();
    expect(await nonceOf({ headers: { dpop: 'x' }, body: 'grant_type=nothing' })).toBeUndefined();
  });
});
