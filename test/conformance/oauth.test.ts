// RFC 6749 at the token endpoint of a running broker: TLS and POST, client authentication, the form of errors. No client can
// authenticate yet, so every credential of a client is refused, and never ignored.

import { connect } from 'node:net';
import { ClientSecretBasic, ClientSecretPost, ResponseBodyError, WWWAuthenticateChallengeError } from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, formOf, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import {
  type Credentials,
  credentialsOf,
  expectRefused,
  granted,
  startSetting,
  strictClient,
  TYPE,
} from './setting.ts';

let broker: TestBroker;
let credentials: Credentials;
beforeAll(async () => {
  broker = await startSetting();
  credentials = credentialsOf(broker);
});
afterAll(() => broker.stop());

const form = async (more: Readonly<Record<string, string>> = {}) => ({
  grant_type: TOKEN_EXCHANGE,
  subject_token: await credentials.svid(),
  subject_token_type: `${TYPE}jwt`,
  audience: 'ledger',
  ...more,
});
const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
});
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What the port answers to these bytes without TLS, until it closes. */
function plainly(text: string): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(broker.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

describe('a request', () => {
  it('OA-01 is answered over TLS only', async () => {
    const before = broker.records().length;
    const body = formOf(await form());
    const head = `Host: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}`;
    const said = await plainly(`POST /token HTTP/1.1\r\n${head}\r\n\r\n${body}`);
    expect(said).not.toMatch(/HTTP|access_token/);
    expect(broker.records()).toHaveLength(before);
    granted(await broker.token(await form()));
  });

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('OA-01 is not taken by %s', async (method) => {
    const answer = await broker.call({ method, path: '/token' });
    expectRefused(broker, answer, [405, 'invalid_request', 'method_not_allowed']);
    expect(answer.headers.allow).toBe('POST');
  });

  it('OA-01 has no parameters but those with a value', async () => {
    const empty = await form({ scope: '', resource: '', requested_token_type: '', actor_token: '', client_id: '' });
    expect(granted(await broker.token(empty))).toMatchObject({ scope: 'postings:read' });
    const missing = await broker.token({ ...(await form()), grant_type: '' });
    expectRefused(broker, missing, [400, 'invalid_request', 'parameter_missing']);
  });

  it('OA-10 has no parameter twice, and names its client: by the credential that it presents, if by nothing else', async () => {
    const twice = await broker.token({ ...(await form()), scope: ['postings:read', 'postings:read'] });
    expectRefused(broker, twice, [400, 'invalid_request', 'parameter_repeated']);
    const nobody = await form({ subject_token: await credentials.person() });
    expectRefused(broker, await broker.token(nobody), [400, 'invalid_client', 'client_required']);
    const { sub, client_id: client } = granted(await broker.token(await form()));
    expect(client).toBe(sub);
  });
});

describe('client authentication', () => {
  it.each([
    [
      'Basic and an assertion',
      basic('a', 'b'),
      { client_assertion: 'x.y.z', client_assertion_type: ASSERTION_TYPE },
      401,
    ],
    ['Basic and a secret in the body', basic('a', 'b'), { client_id: 'a', client_secret: 'b' }, 401],
    ['a secret and an assertion', {}, { client_id: 'a', client_secret: 'b', client_assertion: 'x.y.z' }, 400],
  ] as const)('OA-02 by two methods at once is invalid_client: %s', async (_what, headers, more, status) => {
    const answer = await broker.token(await form(more), headers);
    expectRefused(broker, answer, [status, 'invalid_client', 'client_credential_refused']);
    granted(await broker.token(await form()));
  });

  it('OA-04 is never read from the address, and what stands there is written nowhere', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = async (path: string): Promise<Answer> =>
      broker.call({ method: 'POST', path, headers }, formOf(await form()));
    const answer = await post('/token?client_id=a&client_secret=hunter2-in-the-address');
    expectRefused(broker, answer, [400, 'invalid_request', 'query_forbidden']);
    expect(broker.logged() + JSON.stringify(broker.records()) + answer.text).not.toContain('hunter2');
    granted(await post('/token'));
  });

  it('OA-07, A-196 that fails by Basic is 401 with a Basic challenge, and by any other method 400 without one', async () => {
    const failed = await broker.token(await form(), basic('a', 'b'));
    expectRefused(broker, failed, [401, 'invalid_client', 'client_credential_refused']);
    expect(failed.headers['www-authenticate']).toBe('Basic realm="exchequer"');
    for (const [more, reason] of [
      [{ client_assertion: 'x.y.z', client_assertion_type: ASSERTION_TYPE }, 'credential_malformed'],
      [{ client_id: 'a', client_secret: 'b' }, 'client_credential_refused'],
    ] as const) {
      const answer = await broker.token(await form(more));
      expectRefused(broker, answer, [400, 'invalid_client', reason]);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
    }
    expect((await broker.token(await form())).headers).not.toHaveProperty('www-authenticate');
  });

  it('OA-07 reads to oauth4webapi as a challenge where it was Basic, and as an error where it was not', async () => {
    const client = await strictClient(broker);
    const subject = { subject_token: await credentials.svid() };
    await expect(client.exchange(subject, ClientSecretBasic('b'))).rejects.toBeInstanceOf(
      WWWAuthenticateChallengeError,
    );
    const error: unknown = await client.exchange(subject, ClientSecretPost('b')).catch((thrown: unknown) => thrown);
    expect(error instanceof ResponseBodyError && [error.status, error.error]).toEqual([400, 'invalid_client']);
    expect(await client.exchange(subject)).toHaveProperty('access_token');
  });
});

describe('an answer', () => {
  it('OA-05 is JSON without a charset, and kept by nobody, granted or refused', async () => {
    const answers = [
      await broker.token(await form()),
      await broker.token(await form({ audience: 'nowhere' })),
      await broker.token(await form(), basic('a', 'b')),
      await broker.token({}),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 401, 400]);
    for (const { headers, text } of answers) {
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'cache-control': 'no-store',
        pragma: 'no-cache',
        'content-length': String(Buffer.byteLength(text)),
      });
      expect(JSON.parse(text)).toBeTypeOf('object');
    }
  });

  it.each(['"', '\\', '\u{1f600}', '\u202e', 'caf\u00e9', '<script>', '%0d%0a', 'x'.repeat(3_000)])(
    'OA-06 describes an error in the characters allowed, and briefly, whatever a claim holds: %s',
    async (hostile) => {
      const answer = await broker.exchange(await credentials.github({ ref: `refs/heads/dev-${hostile}` }), {
        audience: 'deploy',
      });
      expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
      const description = String(answer.body.error_description);
      expect(description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,600}$/);
      expect(description).toContain('refs/heads/dev-');
      expect(answer.text).toMatch(/^[\x20-\x7e]*$/);
    },
  );

  it.each(['"\\\u{1f600}', 'a\r\nSet-Cookie: x', '\u0000'])(
    'OA-06 repeats nothing of a parameter that is refused: %j',
    async (hostile) => {
      for (const name of ['audience', 'scope', 'resource', 'client_id', 'subject_token_type', hostile]) {
        const answer = await broker.token({ ...(await form()), [name]: hostile });
        expect(answer.status).toBe(400);
        expect(String(answer.body.error_description)).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,600}$/);
        expect(answer.text).not.toContain('Set-Cookie');
      }
      granted(await broker.token(await form()));
    },
  );

  it.each([
    'authorization_code',
    'password',
    'refresh_token',
    'implicit',
    'urn:ietf:params:oauth:grant-type:saml2-bearer',
  ])('OA-08 has the code unsupported_grant_type for %s', async (grantType) => {
    expectRefused(broker, await broker.token(await form({ grant_type: grantType })), [
      400,
      'unsupported_grant_type',
      'grant_type_unsupported',
    ]);
  });

  it('OA-08 has another registered code for each other kind of refusal', async () => {
    const codeOf = async (more: Readonly<Record<string, string>>) => (await broker.token(await form(more))).body.error;
    expect(await codeOf({})).toBeUndefined();
    expect(await codeOf({ subject_token: '' })).toBe('invalid_request');
    expect(await codeOf({ client_secret: 'x' })).toBe('invalid_client');
    expect(await codeOf({ scope: 'nothing' })).toBe('invalid_scope');
    expect(await codeOf({ audience: 'nothing' })).toBe('invalid_target');
  });
});
