// RFC 8693 §2.2: what a running broker answers, granted and refused, read by a strict client where the row speaks of clients.
// TX-33 compares whole answers, byte for byte: where the source says `tell: operator` only the decision id may differ.

import { ResponseBodyError } from 'oauth4webapi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import {
  type Credentials,
  credentialsOf,
  expectRefused,
  granted,
  startSetting,
  strictClient,
  TYPE,
  withBadSignature,
} from './setting.ts';

let broker: TestBroker;
let credentials: Credentials;
beforeAll(async () => {
  broker = await startSetting();
  credentials = credentialsOf(broker);
});
afterAll(() => broker.stop());

const GRANTS = [
  ['pod', 'ledger'],
  ['svid', 'ledger'],
  ['svid', 'mcp'],
  ['github', 'deploy'],
  ['gitlab', 'deploy'],
  ['login', 'ledger'],
] as const;
const TYPES = ['access_token', 'jwt'].map((type) => TYPE + type);

describe('a grant', () => {
  it.each(GRANTS)(
    'TX-20 and TX-21 to a %s for %s is 200, JSON, and a bearer token, of either type',
    async (kind, audience) => {
      for (const type of TYPES) {
        const sent = { audience, requested_token_type: type };
        const answer = await broker.exchange(await credentials[kind](), sent);
        expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
        const { access_token: token, expires_in: _, scope: __, ...rest } = answer.body;
        expect(rest).toEqual({ issued_token_type: type, token_type: 'Bearer' });
        expect(String(token).split('.')).toHaveLength(3);
      }
    },
  );

  it('TX-20 to TX-24 is taken by oauth4webapi, which is strict about all of it', async () => {
    const client = await strictClient(broker);
    const taken = await client.exchange({ subject_token: await credentials.pod(), scope: 'postings:read' });
    expect(taken).toEqual({
      access_token: expect.any(String),
      issued_token_type: `${TYPE}access_token`,
      token_type: 'bearer',
      expires_in: 300,
      scope: 'postings:read',
    });
  });

  it('TX-22 says its lifetime in whole seconds that agree with exp, and no more than the credential has left', async () => {
    const lifetime = async (seconds: number): Promise<unknown> => {
      const answer = await broker.exchange(await credentials.login({ exp: broker.now() + seconds }));
      const { iat, exp } = granted(answer);
      expect(answer.body.expires_in).toBe(Number(exp) - Number(iat));
      expect(Math.abs(Number(iat) - broker.now())).toBeLessThanOrEqual(2);
      return answer.body.expires_in;
    };
    expect(await lifetime(3_600)).toBe(300);
    for (const seconds of [60, 10]) {
      const said = Number(await lifetime(seconds));
      expect(said).toBeLessThanOrEqual(seconds);
      expect(said).toBeGreaterThan(seconds - 5);
    }
  });

  it('TX-22 is never of zero or negative seconds: a credential that the leeway alone keeps gives nothing', async () => {
    const ending = await credentials.login({ iat: broker.now() - 300, exp: broker.now() - 5 });
    expectRefused(broker, await broker.exchange(ending), [400, 'invalid_request', 'expired']);
  });

  it('TX-23 says its scopes wherever it has any: asked for, given by default, or asked for twice', async () => {
    const scopeOf = async (audience: string, scope?: string) =>
      (await broker.exchange(await credentials.svid(), { audience, scope })).body.scope;
    expect(await scopeOf('ledger', 'postings:write')).toBe('postings:write');
    expect(await scopeOf('ledger')).toBe('postings:read');
    expect(await scopeOf('ledger', 'postings:read postings:read')).toBe('postings:read');
    expect(await scopeOf('mcp')).toBeUndefined();
  });

  it('TX-24 holds no refresh token, however it is asked for', async () => {
    const pod = await credentials.pod();
    expect((await broker.exchange(pod)).body).not.toHaveProperty('refresh_token');
    const asked = await broker.exchange(pod, { requested_token_type: `${TYPE}refresh_token` });
    expectRefused(broker, asked, [400, 'invalid_request', 'token_type_unsupported']);
    const offline = await broker.exchange(pod, { scope: 'postings:read offline_access' });
    expectRefused(broker, offline, [400, 'invalid_scope', 'scope_not_allowed']);
  });

  it('TX-25 is kept by nobody, nor is any refusal', async () => {
    const pod = await credentials.pod();
    const answers = [
      await broker.exchange(pod),
      await broker.exchange(pod, { audience: 'nowhere' }),
      await broker.exchange(withBadSignature(pod)),
      await broker.token({}),
      await broker.token({ grant_type: 'password' }),
      await broker.token({ grant_type: TOKEN_EXCHANGE }, { authorization: 'Basic YTpi', 'content-type': 'text/plain' }),
      await broker.call({ method: 'GET', path: '/token' }),
      await broker.call({ method: 'POST', path: '/token?scope=x' }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 400, 400, 400, 400, 415, 405, 400]);
    for (const { headers } of answers)
      expect(headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
  });
});

/** Credentials that are refused, each for a reason of its own. */
const BAD: readonly (readonly [string, (credentials: Credentials, now: number) => Promise<string>])[] = [
  ['credential_malformed', async () => 'x.y.z'],
  ['issuer_unknown', (good) => good.login({ iss: 'https://nobody.example' })],
  ['signature_invalid', async (good) => withBadSignature(await good.login())],
  ['expired', (good, now) => good.login({ iat: now - 600, exp: now - 60 })],
  ['not_yet_valid', (good, now) => good.login({ nbf: now + 100 })],
  ['audience_mismatch', (good) => good.login({ aud: 'https://elsewhere.example' })],
  ['claim_missing', (good) => good.login({ exp: undefined })],
  ['subject_reserved', (good) => good.login({ sub: 'SPIFFE://prod.example/ns/payments/sa/api' })],
  ['typ_refused', (good) => good.login({}, { typ: 'logout+jwt' })],
  ['header_refused', (good) => good.login({}, { jku: 'https://nobody.example' })],
  ['key_unknown', (good) => good.login({}, { kid: 'nobody' })],
  ['requirement_unmet', (good) => good.github({ repository_owner_id: '66' })],
  ['claim_forbidden', (good) => good.github({ event_name: 'pull_request_target' })],
  ['no_rule', (good) => good.login({ sub: 'worker-2' })],
];

describe('a refusal', () => {
  it.each(BAD)('TX-30 of a credential is invalid_request, never invalid_grant: %s', async (reason, bad) => {
    const answer = await broker.exchange(await bad(credentials, broker.now()));
    expectRefused(broker, answer, [400, 'invalid_request', reason]);
  });

  it('TX-30 does not befall the same credentials when they are good, and a replayed one no differently', async () => {
    granted(await broker.exchange(await credentials.login()));
    const job = await credentials.github();
    granted(await broker.exchange(job, { audience: 'deploy' }));
    const again = await broker.exchange(job, { audience: 'deploy' });
    expectRefused(broker, again, [400, 'invalid_request', 'replayed']);
  });

  it('TX-31 of a target is invalid_target, and nothing is issued for another', async () => {
    const refused = (reason: string) => [400, 'invalid_target', reason] as const;
    const svid = await credentials.svid();
    for (const audience of ['nowhere', 'Ledger', 'ledger ', 'https://api.example'])
      expectRefused(broker, await broker.exchange(svid, { audience }), refused('target_unknown'));
    expectRefused(broker, await broker.exchange(svid, { audience: 'secret' }), refused('target_not_allowed'));
    expectRefused(broker, await broker.exchange(svid, { audience: undefined }), refused('target_unknown'));
    const mallory = await credentials.github({ actor: 'mallory' });
    expectRefused(broker, await broker.exchange(mallory, { audience: 'deploy' }), refused('target_denied'));
    granted(await broker.exchange(svid));
  });

  it('TX-31 does not tell anybody unproved, or whom no rule knows, which targets there are', async () => {
    for (const audience of ['ledger', 'secret', 'nowhere']) {
      const forged = withBadSignature(await credentials.login());
      expectRefused(broker, await broker.exchange(forged, { audience }), [400, 'invalid_request', 'signature_invalid']);
      const stranger = await credentials.login({ sub: 'worker-2' });
      expectRefused(broker, await broker.exchange(stranger, { audience }), [400, 'invalid_request', 'no_rule']);
    }
  });

  it.each([
    ['invalid_request', 400, { subject_token: 'x.y.z' }, {}],
    ['invalid_request', 400, { actor_token: 'x.y.z', actor_token_type: `${TYPE}jwt` }, {}],
    ['invalid_dpop_proof', 400, {}, { dpop: 'x.y.z' }],
    ['invalid_client', 401, {}, { authorization: 'Basic YTpi' }],
    ['invalid_client', 400, { client_secret: 'b', client_id: 'a' }, {}],
    ['invalid_client', 400, { client_assertion: 'x.y.z' }, {}],
    ['unsupported_grant_type', 400, { grant_type: 'password' }, {}],
    ['invalid_target', 400, { audience: 'nowhere' }, {}],
    ['invalid_target', 400, { resource: '/relative' }, {}],
    ['invalid_scope', 400, { scope: 'postings:erase' }, {}],
    ['invalid_scope', 400, { scope: 'a"b' }, {}],
    ['invalid_request', 415, {}, { 'content-type': 'application/json' }],
  ] as const)('TX-32 has its own code, %s with %i, for %j and headers %j', async (error, status, change, headers) => {
    const form = {
      grant_type: TOKEN_EXCHANGE,
      subject_token: await credentials.svid(),
      subject_token_type: `${TYPE}jwt`,
      audience: 'ledger',
    };
    granted(await broker.token(form));
    const answer = await broker.token({ ...form, ...change }, headers);
    expect([answer.status, answer.body.error]).toEqual([status, error]);
    expect(answer.body.error_description).toMatch(/[0-9A-HJKMNP-TV-Z]{26}$/);
  });

  it('TX-32 is read by oauth4webapi as the error it is', async () => {
    const client = await strictClient(broker);
    const pod = await credentials.pod();
    const errorOf = (form: Record<string, string>): Promise<unknown> =>
      client.exchange({ subject_token: pod, ...form }).then(
        () => 'granted',
        (error: unknown) => (error instanceof ResponseBodyError ? [error.status, error.error] : error),
      );
    expect(await errorOf({})).toBe('granted');
    expect(await errorOf({ audience: 'nowhere' })).toEqual([400, 'invalid_target']);
    expect(await errorOf({ scope: 'postings:write' })).toEqual([400, 'invalid_scope']);
    expect(await errorOf({ subject_token: withBadSignature(pod) })).toEqual([400, 'invalid_request']);
  });
});

describe('sources that tell only the operator', () => {
  let silent: TestBroker;
  let given: Credentials;
  beforeAll(async () => {
    silent = await startSetting({ tell: 'operator' });
    given = credentialsOf(silent);
  });
  afterAll(() => silent.stop());

  const DECISION = /[0-9A-HJKMNP-TV-Z]{26}(?="\}$)/;
  const FIXED =
    '{"error":"invalid_request","error_description":"the request or its credential was refused; the operator finds out why under ..."}';

  /** All that a caller can see of an answer, byte for byte, but for the decision id and the time of day. */
  const seen = ({ status, headers, text }: Answer): string => {
    const { date: _, ...rest } = headers;
    return JSON.stringify([status, rest, text.replace(DECISION, '...')]);
  };

  it('TX-33 answer every refused credential with the same bytes, whatever was wrong', async () => {
    const reasons = new Set<unknown>();
    const answers: Answer[] = [];
    for (const [, bad] of BAD) {
      answers.push(await silent.exchange(await bad(given, silent.now())));
      reasons.add(silent.records().at(-1)?.reason);
    }
    const job = await given.github();
    granted(await silent.exchange(job, { audience: 'deploy' }));
    answers.push(await silent.exchange(job, { audience: 'deploy' }));
    reasons.add(silent.records().at(-1)?.reason);

    expect(reasons).toEqual(new Set([...BAD.map(([reason]) => reason), 'replayed']));
    expect([...new Set(answers.map(seen))]).toHaveLength(1);
    for (const { status, text } of answers) expect([status, text.replace(DECISION, '...')]).toEqual([400, FIXED]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(answers.length);
  });

  it('TX-33 answer every refused target with the same bytes, and every refused scope', async () => {
    const mallory = await given.github({ actor: 'mallory' });
    const svid = await given.svid();
    const targets = [
      await silent.exchange(svid, { audience: 'nowhere' }),
      await silent.exchange(svid, { audience: 'secret' }),
      await silent.exchange(svid, { audience: ['ledger', 'mcp'] }),
      await silent.exchange(mallory, { audience: 'deploy' }),
    ];
    expect(targets.map(({ body }) => body.error)).toEqual(targets.map(() => 'invalid_target'));
    expect(new Set(targets.map(seen)).size).toBe(1);

    const pod = await given.pod();
    const scopes = [
      await silent.exchange(pod, { scope: 'postings:write' }),
      await silent.exchange(pod, { scope: 'postings:erase' }),
    ];
    expect(scopes.map(({ body }) => body.error)).toEqual(['invalid_scope', 'invalid_scope']);
    expect(new Set(scopes.map(seen)).size).toBe(1);
  });

  it('TX-33 and even a source that tells its callers tells them nothing until they are proved', async () => {
    const told = await broker.exchange(await credentials.github({ ref: 'refs/heads/dev' }), { audience: 'deploy' });
    expect(told.body.error_description).toContain('refs/heads/dev');
    const dev = { ref: 'refs/heads/dev' };
    const forged = await broker.exchange(withBadSignature(await credentials.github(dev)), { audience: 'deploy' });
    const silenced = await silent.exchange(await given.github(dev), { audience: 'deploy' });
    expect(seen(forged)).toBe(seen(silenced));
  });
});
