// Access tokens of Google Cloud: what its STS and its service accounts are asked, what of the answers is taken, and what is refused before or
// after. Google is a stand-in that trusts our published keys alone.

import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asProved } from '../../src/core/principal.ts';
import { ACCESS_TOKEN_TYPE, type IssuedTokenType, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { orderFor } from '../contract/issuer.ts';
import type { FakeGoogle } from '../support/fake-google.ts';
import { CLOUD_PLATFORM, googleTokenKey, PROVIDER } from '../support/google-requests.ts';
import { issuedBy } from '../support/issued.ts';
import { type Asked, having, type Misbehaviour, without } from '../support/json-cloud.ts';
import { LAKE, openGoogleWorld, orderFrom, type TokenWorld } from '../support/token-world.ts';

const CALLER = 'github:repository_id:74:environment:production';
const POOL = 'principal://iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example';
const READ_ONLY = 'https://www.googleapis.com/auth/devstorage.read_only';
const AGENT = { iss: 'spiffe://prod.example', sub: 'spiffe://prod.example/ns/agents/sa/a', others: {} };

let world: TokenWorld<FakeGoogle>;
beforeAll(async () => {
  world = await openGoogleWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => {
  const { fake } = world;
  fake.misbehave = undefined;
  fake.providers.clear();
  fake.accounts.clear();
  world.attemptsMax = 1;
});

/** No service account: the caller has access itself. */
const ITSELF = { serviceAccount: undefined };
const exchanged = () => Object.fromEntries(world.fake.exchanges.at(-1) ?? []);
const assertion = () => exchanged().subject_token ?? '';
const given = () => world.fake.tokens.at(-1);
/** The caller under another name. */
const named = (name: string) => {
  const { subject } = orderFor().grant;
  return orderFrom({ subject: asProved({ ...subject, name }, subject.proof) });
};
const atSts = (misbehaviour: Misbehaviour) => (asked: Asked) => (asked.path === '/v1/token' ? misbehaviour : undefined);
const atAccounts = (misbehaviour: Misbehaviour) => (asked: Asked) =>
  asked.path === '/v1/token' ? undefined : misbehaviour;

describe('the questions to Google', () => {
  it('CX-01 CG-02 CG-05 begin with an assertion with these claims, and no others', async () => {
    const order = orderFrom({ actors: [AGENT] });
    expect(await world.ended(order)).toBe('granted');
    expect(decodeProtectedHeader(assertion())).toMatchObject({ alg: 'RS256', typ: 'JWT' });
    expect(decodeJwt(assertion())).toEqual({
      iss: world.issuer,
      aud: `${world.issuer}/targets/payments`,
      sub: `${CALLER}|spiffe://prod.example/ns/agents/sa/a`,
      iat: order.issuedAt,
      nbf: order.issuedAt - 30,
      exp: order.issuedAt + 300,
      jti: order.id,
      target: 'target:payments',
      subject: CALLER,
      actor: 'spiffe://prod.example/ns/agents/sa/a',
    });
  });

  it('CG-01 A-169 go to STS as a form with these parameters, without an Authorization header', async () => {
    const before = world.fake.seen.length;
    await world.ended(orderFrom({ scopes: [CLOUD_PLATFORM, READ_ONLY] }), ITSELF);
    const [asked, ...others] = world.fake.seen.slice(before);
    expect(others).toEqual([]);
    expect(asked?.method).toBe('POST');
    expect(asked?.url).toBe('/v1/token');
    expect(asked?.headers).toMatchObject({ 'content-type': 'application/x-www-form-urlencoded' });
    expect(asked?.headers.authorization).toBeUndefined();
    expect(exchanged()).toEqual({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      audience: PROVIDER,
      scope: `${CLOUD_PLATFORM} ${READ_ONLY}`,
      requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      subject_token: assertion(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    });
  });

  it('CG-06 A-167 go on to the one service account of the target, with what STS gave, for the scopes and the time ordered', async () => {
    await world.ended(orderFrom({ scopes: [READ_ONLY] }, 600));
    expect(exchanged().scope).toBe(CLOUD_PLATFORM);
    expect(world.fake.impersonations.at(-1)).toEqual({
      account: LAKE,
      body: { scope: [READ_ONLY], lifetime: '600s' },
    });
    expect(world.fake.seen.at(-1)?.url).toBe(`/v1/projects/-/serviceAccounts/${LAKE}:generateAccessToken`);
    expect(given()).toMatchObject({ principal: LAKE, behind: `${POOL}/subject/${CALLER}`, scopes: [READ_ONLY] });
  });

  it('CG-05 CX-04 have a new assertion each time, and are asked anew for each order', async () => {
    await world.ended(orderFrom({ id: '01JCX5YYYYYYYYYYYYYYYYYYY1' }));
    const one = assertion();
    await world.ended(orderFrom({ id: '01JCX5YYYYYYYYYYYYYYYYYYY2' }));
    expect(decodeJwt(assertion()).jti).not.toBe(decodeJwt(one).jti);
  });

  it('are asked in the bulkhead of the project', async () => {
    await world.ended(orderFrom());
    expect(world.accounts.at(-1)).toBe('123456789012');
  });

  it('have the values of parameters in the service account and in the claim that is pinned', async () => {
    const options = { serviceAccount: '<team>-lake@<project>.iam.gserviceaccount.com' };
    const parameters = { project: 'example-data', team: 'payments' };
    expect(await world.ended(orderFrom({ parameters }), options)).toBe('granted');
    expect(world.fake.impersonations.at(-1)?.account).toBe('payments-lake@example-data.iam.gserviceaccount.com');
    expect(decodeJwt(assertion()).target).toBe('target:payments:example-data:payments');
  });

  it.each([
    ['a dot', 'example-data.evil'],
    ['an at sign', 'x@evil'],
    ['a slash', '../evil'],
    ['a capital letter', 'Evil'],
    ['nothing', ''],
  ])('A-160 A-167 are not asked where a parameter would bring %s into the service account', async (_, project) => {
    const before = world.fake.seen.length;
    const options = { serviceAccount: 'lake@<project>.iam.gserviceaccount.com' };
    expect(await world.ended(orderFrom({ parameters: { project } }), options)).toBe(
      'cloud_refused service_account_unfit',
    );
    expect(world.fake.seen.length).toBe(before);
  });

  it('CG-02 are not asked with an audience that no provider can have', async () => {
    const order = orderFrom({ parameters: { team: 'x'.repeat(250) } });
    expect(await world.ended(order, { audience: 'https://x.example/<team>' })).toBe('cloud_refused audience_unfit');
  });
});

describe('google.subject', () => {
  const long = (bytes: number) => `spiffe://prod.example/${'a'.repeat(bytes - 22)}`;

  it('CG-04 A-167 is the caller up to 127 bytes, and beyond them its digest', async () => {
    for (const name of [long(127), long(128)]) expect(await world.ended(named(name), ITSELF)).toBe('granted');
    const subjects = world.fake.exchanges.slice(-2).map((form) => decodeJwt(form.get('subject_token') ?? ''));
    expect(subjects.map(({ sub }) => sub)).toEqual([
      long(127),
      `sha256|${createHash('sha256').update(long(128)).digest('hex')}`,
    ]);
    expect(subjects.map(({ subject }) => subject)).toEqual([long(127), long(128)]);
  });

  it('CG-04 is counted in bytes', async () => {
    const name = `people:${'é'.repeat(61)}`;
    expect(await world.ended(named(name), ITSELF)).toBe('granted');
    expect(decodeJwt(assertion()).sub).toMatch(/^sha256\|[0-9a-f]{64}$/);
  });

  it('A-167 is refused by a mapping that makes it longer, and by Google, not by us', async () => {
    world.fake.providers.set(PROVIDER, { subject: ({ subject }) => `${subject}${'x'.repeat(100)}` });
    expect(await world.ended(orderFrom())).toBe('cloud_refused invalid_grant');
  });
});

describe('the answer', () => {
  it('is a bearer token with the end that Google says', async () => {
    const issued = await issuedBy(world.issuerOf(), orderFrom({}, 900));
    const { token, endsAt } = given() ?? {};
    const session = { principal: LAKE, audience: `${world.issuer}/targets/payments`, subject: CALLER };
    expect(issued).toEqual({
      token,
      tokenType: 'Bearer',
      issuedTokenType: ACCESS_TOKEN_TYPE,
      expiresAt: endsAt,
      cloud: { cloud: 'gcp', accessToken: token, session },
    });
  });

  it('without a service account is of the federated principal, and ends when STS says', async () => {
    const order = orderFrom();
    const issued = await issuedBy(world.issuerOf(ITSELF), order);
    expect(issued.cloud?.session.principal).toBe(given()?.principal);
    expect(issued.expiresAt).toBe(order.issuedAt + 3_600);
  });

  it('ends in whole seconds, also where Google says parts of one', async () => {
    const order = orderFrom();
    const end = new Date((order.issuedAt + 600) * 1_000).toISOString().replace('.000Z', '.987654321Z');
    world.fake.misbehave = atAccounts(having({ expireTime: end }));
    expect((await issuedBy(world.issuerOf(), order)).expiresAt).toBe(order.issuedAt + 600);
  });

  it('is remembered by the hash of the token, without the token', async () => {
    const { token, cloud, expiresAt } = await issuedBy(world.issuerOf(), orderFrom());
    const remembered = world.secrets.get(googleTokenKey(token)) ?? '';
    expect(JSON.parse(remembered)).toEqual({ session: cloud?.session, expiresAt });
    expect(JSON.stringify([...world.secrets])).not.toContain(token);
  });

  const far = new Date(Date.now() + 7_200_000).toISOString();
  it.each<[string, FakeGoogle['misbehave'], string]>([
    ['A-164 STS gives no token', atSts(without('access_token')), 'incomplete'],
    ['A-164 STS gives a token of two lines', atSts(having({ access_token: 'a\nb' })), 'incomplete'],
    ['A-164 STS gives a token of another kind', atSts(having({ token_type: 'N_A' })), 'incomplete'],
    [
      'A-164 STS gives what it calls something else',
      atSts(having({ issued_token_type: JWT_TOKEN_TYPE })),
      'incomplete',
    ],
    ['A-164 STS does not say when it ends', atSts(without('expires_in')), 'incomplete'],
    ['A-164 STS says so in text', atSts(having({ expires_in: '3600' })), 'incomplete'],
    ['A-164 STS gives a token and an error', atSts(having({ error: 'invalid_grant' })), 'invalid_grant'],
    ['A-164 F-51 STS refuses in 200', atSts('refuse in 200'), 'invalid_grant'],
    ['A-164 STS gives XML', atSts({ status: 200, text: '<Token>t</Token>' }), 'unreadable'],
    ['A-164 STS gives a list', atSts({ status: 200, body: [] }), 'unreadable'],
    ['A-164 STS says it twice', atSts({ status: 200, text: '{"access_token":"a","access_token":"b"}' }), 'unreadable'],
    ['A-164 the account has no token', atAccounts(without('accessToken')), 'incomplete'],
    ['A-164 the account’s token is no text', atAccounts(having({ accessToken: 7 })), 'incomplete'],
    ['A-164 its end is missing', atAccounts(without('expireTime')), 'incomplete'],
    ['A-164 its end is a number', atAccounts(having({ expireTime: 1_900_000_000 })), 'incomplete'],
    ['A-164 its end is no time', atAccounts(having({ expireTime: '2026-13-45T00:00:00Z' })), 'incomplete'],
    ['A-164 its end is in another zone', atAccounts(having({ expireTime: '2026-11-26T12:00:00+02:00' })), 'incomplete'],
    ['A-164 the account answers as STS', atAccounts({ status: 200, body: { access_token: 'ya29.x' } }), 'incomplete'],
    ['A-162 the token ends later than it may', atAccounts(having({ expireTime: far })), 'ends_late'],
    ['A-162 STS gives two hours', atSts(having({ expires_in: 7_200 })), 'ends_late'],
    ['A-162 it has ended', atAccounts(having({ expireTime: '2020-01-01T00:00:00Z' })), 'ended'],
    ['F-51 STS is cut off', atSts('truncate'), 'unreadable'],
    ['F-51 the account breaks off', atAccounts('reset'), 'network'],
    ['F-51 STS says nothing', atSts('hang'), 'timeout'],
    ['F-51 the account says nothing', atAccounts('hang'), 'timeout'],
  ])('A-162 A-164 is not taken where %s, and nothing of it is remembered', async (title, misbehaviour, problem) => {
    world.secrets.clear();
    world.fake.misbehave = misbehaviour;
    const options = title.endsWith('two hours') ? ITSELF : {};
    expect(await world.ended(orderFrom(), options)).toBe(`cloud_refused ${problem}`);
    expect(world.secrets.size).toBe(0);
    world.fake.misbehave = undefined;
    expect(await world.ended(orderFrom(), options)).toBe('granted');
  });

  const oauth = (error: unknown) => ({ error, error_description: 'eyJhbGciOi' });
  const api = (code: number, status: string) => ({ error: { code, status, message: 'ya29.' } });
  it.each<[string, FakeGoogle['misbehave'], object]>([
    [
      'CG-07 says invalid_grant',
      atSts({ status: 400, body: oauth('invalid_grant') }),
      { problem: 'invalid_grant', again: 'never' },
    ],
    [
      'CG-07 says invalid_target',
      atSts({ status: 400, body: oauth('invalid_target') }),
      { problem: 'invalid_target', again: 'never' },
    ],
    [
      'CG-07 refuses by the attribute condition',
      atSts({ status: 401, body: oauth('unauthorized_client') }),
      { problem: 'unauthorized_client', again: 'never' },
    ],
    [
      'CG-07 F-52 does not let the caller take on the account',
      atAccounts({ status: 403, body: api(403, 'PERMISSION_DENIED') }),
      { problem: 'PERMISSION_DENIED', again: 'never' },
    ],
    [
      'F-50 has too much to do',
      atAccounts({ status: 429, body: api(429, 'RESOURCE_EXHAUSTED'), retryAfter: '7' }),
      { problem: 'RESOURCE_EXHAUSTED', again: 'busy', retryAfterSeconds: 7 },
    ],
    [
      'F-50 is not there',
      atSts({ status: 503, body: api(503, 'UNAVAILABLE') }),
      { problem: 'UNAVAILABLE', again: 'busy', retryAfterSeconds: undefined },
    ],
    [
      'F-50 is busy in words of a proxy',
      atSts({ status: 503, text: '<html>busy</html>', retryAfter: '3' }),
      { problem: 'status_503', again: 'busy', retryAfterSeconds: 3 },
    ],
    ['has a fault', atSts({ status: 500, body: api(500, 'INTERNAL') }), { problem: 'INTERNAL', again: 'failed' }],
    [
      'A-170 says something that is no code',
      atSts({ status: 400, body: oauth('eyJhbGciOi.J9') }),
      { problem: 'unreadable', again: 'failed' },
    ],
    ['says an error of no form', atSts({ status: 400, body: oauth(7) }), { problem: 'unreadable', again: 'failed' }],
  ])('CG-07 A-170 goes on as its code alone where Google %s', async (_, misbehaviour, attempt) => {
    world.fake.misbehave = misbehaviour;
    await world.ended(orderFrom());
    expect(world.attempts.at(-1)).toEqual({ ok: false, ...attempt });
  });

  it('F-51 is had by asking again for what failed alone: what STS gave serves the second attempt', async () => {
    world.attemptsMax = 2;
    const [exchanges, impersonations] = [world.fake.exchanges.length, world.fake.impersonations.length];
    world.fake.next.push(having({}), 'reset');
    expect(await world.ended(orderFrom())).toBe('granted');
    expect(world.fake.exchanges.length - exchanges).toBe(1);
    expect(world.fake.impersonations.length - impersonations).toBe(2);
  });
});

describe('what Google refuses', () => {
  it.each<[string, Parameters<FakeGoogle['providers']['set']>[1], string]>([
    ['CG-02 another audience', { audiences: ['https://iam.googleapis.com/x'] }, 'invalid_grant'],
    ['CG-03 another issuer', { issuer: 'https://other.example' }, 'invalid_grant'],
    [
      'A-167 another target, by the attribute condition',
      { condition: ({ target }) => target === 'target:lake' },
      'unauthorized_client',
    ],
  ])('%s', async (_, trust, problem) => {
    world.fake.providers.set(PROVIDER, trust);
    expect(await world.ended(orderFrom())).toBe(`cloud_refused ${problem}`);
    world.fake.providers.set(PROVIDER, {});
    expect(await world.ended(orderFrom())).toBe('granted');
  });

  it('CG-05 an assertion that is stale, although it has not ended', async () => {
    const { issuedAt } = orderFrom();
    const stale = orderFrom({ issuedAt: issuedAt - 4_000, expiresAt: issuedAt + 100 });
    expect(await world.ended(stale)).toBe('cloud_refused invalid_grant');
  });

  it('a longer token of the account than its organisation permits', async () => {
    const options = { lifetime: '12h' };
    expect(await world.ended(orderFrom({}, 43_200), options)).toBe('cloud_refused INVALID_ARGUMENT');
    world.fake.accounts.set(LAKE, { secondsMax: 43_200 });
    expect(await world.ended(orderFrom({}, 43_200), options)).toBe('granted');
  });

  it('an account that does not trust the caller', async () => {
    world.fake.accounts.set(LAKE, { members: (principal) => principal !== `${POOL}/subject/${CALLER}` });
    expect(await world.ended(orderFrom())).toBe('cloud_refused PERMISSION_DENIED');
    expect(await world.ended(named('github:repository_id:75:ref:refs/heads/main'))).toBe('granted');
  });
});

describe('what is read back', () => {
  it('A-51 is the principal, the audience and the subject that were ordered', async () => {
    for (const options of [{}, ITSELF]) {
      const issuer = world.issuerOf(options);
      const order = orderFrom({ actors: [AGENT] });
      const issued = await issuedBy(issuer, order);
      expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(order)));
      expect(JSON.stringify(issuer.read(issued))).not.toBe(JSON.stringify(issuer.expect(orderFrom())));
    }
  });

  it('A-51 cannot be another token than was given, nor one of another cloud', async () => {
    const issuer = world.issuerOf();
    const issued = await issuedBy(issuer, orderFrom());
    expect(() => issuer.read({ ...issued, token: `${issued.token}x` })).toThrow('not written as it was given');
    const { cloud: _, ...none } = issued;
    expect(() => issuer.read(none)).toThrow('no credential of gcp');
  });
});

describe('an assertion that is delivered', () => {
  it('is what Google would have been sent; Google is not asked, and nothing is remembered', async () => {
    const before = world.fake.seen.length;
    world.secrets.clear();
    const issuer = world.issuerOf({ deliver: 'assertion' });
    const order = orderFrom({ issuedTokenType: JWT_TOKEN_TYPE });
    const issued = await issuedBy(issuer, order);
    expect(issued).toMatchObject({
      tokenType: 'N_A',
      issuedTokenType: JWT_TOKEN_TYPE,
      expiresAt: order.issuedAt + 300,
    });
    expect(decodeJwt(issued.token)).toMatchObject({ sub: CALLER, target: 'target:payments' });
    expect(issued.cloud?.session.principal).toBe(LAKE);
    expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(order)));
    expect(world.fake.seen.length).toBe(before);
    expect(world.secrets.size).toBe(0);
  });
});

describe('what cannot be had from a target', () => {
  const ask = { targets: [], scopes: undefined, lifetimeSeconds: undefined };
  const unsupported = { ok: false, refusal: { reason: 'token_type_unsupported', parameter: 'requested_token_type' } };

  it.each([
    [{}, ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE],
    [{ deliver: 'assertion' }, JWT_TOKEN_TYPE, ACCESS_TOKEN_TYPE],
  ] as const)('is another type than it gives: %j', (options, own, other) => {
    const said = (requestedTokenType: IssuedTokenType | undefined) =>
      world.issuerOf(options).typeFor({ requestedTokenType, ask });
    for (const type of [own, undefined]) expect(said(type)).toEqual({ ok: true, value: own });
    expect(said(other)).toEqual(unsupported);
  });

  it('A-163 is a session policy', () => {
    const session = { policy: '{}', policyArns: [] };
    expect(world.issuerOf().typeFor({ requestedTokenType: undefined, ask: { ...ask, session } })).toEqual({
      ok: false,
      refusal: { reason: 'parameter_unsupported', parameter: 'Policy' },
    });
  });
});
