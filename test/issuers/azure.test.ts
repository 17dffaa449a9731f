// Access tokens of Entra: what its token endpoint is asked, what of the answer is taken, and what it refuses. Entra is a stand-in that trusts
// our published keys alone.

import { decodeJwt, decodeProtectedHeader } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { entraRefusal, type FakeEntra, type FederatedCredential } from '../support/fake-entra.ts';
import { issuedBy } from '../support/issued.ts';
import { having, without } from '../support/json-cloud.ts';
import { CLIENT_ID, openEntraWorld, orderFrom, TENANT, type TokenWorld, VAULT } from '../support/token-world.ts';

let world: TokenWorld<FakeEntra>;
beforeAll(async () => {
  world = await openEntraWorld();
});
afterAll(() => world[Symbol.asyncDispose]());
afterEach(() => {
  const { fake } = world;
  fake.misbehave = undefined;
  fake.applications.clear();
  fake.seconds = 3_599;
  world.attemptsMax = 1;
});

const order = (change: Parameters<typeof orderFrom>[0] = {}) => orderFrom({ scopes: [], ...change }, 5_400);
const asked = () => world.fake.asked.at(-1) ?? {};
const pins = (): FederatedCredential => ({
  issuer: world.issuer,
  subject: 'target:payments',
  audience: `${world.issuer}/targets/payments`,
});
/** The application trusts this and nothing else. */
const trusts = (change: Partial<FederatedCredential>) =>
  world.fake.applications.set(CLIENT_ID, { tenant: TENANT, credentials: [{ ...pins(), ...change }] });

describe('the question to Entra', () => {
  it('CX-01 CZ-02 CZ-03 has an assertion with these claims, and no others', async () => {
    const { issuedAt, id } = order();
    expect(await world.ended(order({ issuedAt }))).toBe('granted');
    const assertion = asked().client_assertion ?? '';
    expect(decodeProtectedHeader(assertion)).toMatchObject({ alg: 'RS256', typ: 'JWT' });
    expect(decodeJwt(assertion)).toEqual({
      iss: world.issuer,
      aud: `${world.issuer}/targets/payments`,
      sub: 'target:payments',
      iat: issuedAt,
      nbf: issuedAt - 30,
      exp: issuedAt + 300,
      jti: id,
    });
  });

  it('CZ-01 A-169 goes to the v2 endpoint of the tenant with these parameters, and without a secret', async () => {
    await world.ended(order());
    const { client_assertion: _, ...others } = asked();
    expect(others).toEqual({
      tenant: TENANT,
      client_id: CLIENT_ID,
      scope: 'https://vault.azure.net/.default',
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    const seen = world.fake.seen.at(-1);
    expect(seen?.url).toBe(`/${TENANT}/oauth2/v2.0/token`);
    expect(seen?.headers.authorization).toBeUndefined();
  });

  it('CZ-05 has the audience that is written, where a federated credential names another', async () => {
    const audience = 'api://AzureADTokenExchangeUSGov';
    trusts({ audience });
    expect(await world.ended(order(), { audience })).toBe('granted');
    expect(world.fake.tokens.at(-1)).toMatchObject({ audience, resource: VAULT, clientId: CLIENT_ID });
  });

  it('is asked in the bulkhead of the tenant', async () => {
    await world.ended(order());
    expect(world.accounts.at(-1)).toBe(TENANT);
  });

  it('CZ-02 is not asked with an issuer that is longer than what Entra compares', async () => {
    const before = world.fake.seen.length;
    const said = async (length: number) => {
      const issuer = `https://sts.example/${'a'.repeat(length - 20)}`;
      const made = await world.issuerOf({ audience: 'api://x' }, { issuer }).issue(order());
      return made.ok ? 'granted' : made.refusal;
    };
    expect(await said(601)).toMatchObject({ reason: 'cloud_refused', problem: 'pin_too_long' });
    expect(world.fake.seen.length).toBe(before);
    expect(await said(600)).toMatchObject({ reason: 'cloud_refused', problem: 'AADSTS700211' });
  });
});

describe('the answer', () => {
  it('is a bearer token that ends when Entra says', async () => {
    const ordered = order();
    const issued = await issuedBy(world.issuerOf(), ordered);
    const { token } = world.fake.tokens.at(-1) ?? {};
    const session = { principal: CLIENT_ID, audience: `${world.issuer}/targets/payments`, subject: 'target:payments' };
    expect(issued).toEqual({
      token,
      tokenType: 'Bearer',
      issuedTokenType: ACCESS_TOKEN_TYPE,
      expiresAt: ordered.issuedAt + 3_599,
      cloud: { cloud: 'azure', accessToken: token, session },
    });
  });

  it('A-162 may live 90 minutes, and no longer than the target says', async () => {
    world.fake.seconds = 5_400;
    expect(await world.ended(order())).toBe('granted');
    world.fake.seconds = 86_400;
    expect(await world.ended(order())).toBe('cloud_refused ends_late');
    expect(await world.ended(orderFrom({ scopes: [] }, 86_400), { lifetime: '24h' })).toBe('granted');
  });

  it.each<[string, FakeEntra['misbehave'], string]>([
    ['A-164 has no token', without('access_token'), 'incomplete'],
    ['A-164 has an empty token', having({ access_token: '' }), 'incomplete'],
    ['A-164 has a token with a line end', having({ access_token: 'a\r\nx-injected: b' }), 'incomplete'],
    ['A-164 is of another kind', having({ token_type: 'pop' }), 'incomplete'],
    ['A-164 does not say when it ends', without('expires_in'), 'incomplete'],
    ['A-164 says so in text', having({ expires_in: '3599' }), 'incomplete'],
    ['A-164 lives for no time', having({ expires_in: 0 }), 'incomplete'],
    ['A-164 has a token and an error', having({ error: 'invalid_client' }), 'invalid_client'],
    ['A-164 F-51 is a refusal in 200', 'refuse in 200', 'AADSTS50027'],
    ['A-164 is XML', { status: 200, text: '<access_token>a</access_token>' }, 'unreadable'],
    ['A-164 says it twice', { status: 200, text: '{"access_token":"a","access_token":"b"}' }, 'unreadable'],
    ['F-51 is cut off', 'truncate', 'unreadable'],
    ['F-51 breaks off', 'reset', 'network'],
    ['F-51 does not come', 'hang', 'timeout'],
  ])('A-164 is not taken where it %s', async (_, misbehaviour, problem) => {
    world.fake.misbehave = misbehaviour;
    expect(await world.ended(order())).toBe(`cloud_refused ${problem}`);
    world.fake.misbehave = undefined;
    expect(await world.ended(order())).toBe('granted');
  });

  const says = (number: number) => entraRefusal('invalid_client', number).reply;
  it.each<[string, FakeEntra['misbehave'], object]>([
    ['CZ-04 knows no such credential yet', says(70_021), { problem: 'AADSTS70021', again: 'failed' }],
    ['CZ-04 knows no such subject yet', says(700_213), { problem: 'AADSTS700213', again: 'failed' }],
    ['CZ-04 F-52 knows no such issuer', says(700_211), { problem: 'AADSTS700211', again: 'never' }],
    ['CZ-04 F-52 knows no such audience', says(700_212), { problem: 'AADSTS700212', again: 'never' }],
    ['CZ-03 takes no such algorithm', says(5_002_738), { problem: 'AADSTS5002738', again: 'never' }],
    ['F-52 knows no such application', says(700_016), { problem: 'AADSTS700016', again: 'never' }],
    ['F-53 finds the assertion over', says(700_024), { problem: 'AADSTS700024', again: 'never' }],
    ['F-50 is overloaded', says(90_033), { problem: 'AADSTS90033', again: 'busy', retryAfterSeconds: undefined }],
    ['F-50 sees a loop', says(50_196), { problem: 'AADSTS50196', again: 'busy', retryAfterSeconds: undefined }],
    [
      'F-50 says 429 and when',
      { ...says(90_055), status: 429, retryAfter: '9' },
      { problem: 'AADSTS90055', again: 'busy', retryAfterSeconds: 9 },
    ],
    [
      'F-50 says 503 in words of a proxy',
      { status: 503, text: '<html>busy</html>', retryAfter: '3' },
      { problem: 'status_503', again: 'busy', retryAfterSeconds: 3 },
    ],
    ['has a fault', { ...says(90_002), status: 500 }, { problem: 'AADSTS90002', again: 'failed' }],
    ['says no number', { status: 400, body: { error: 'invalid_scope' } }, { problem: 'invalid_scope', again: 'never' }],
    [
      'A-170 says something that is no code',
      { status: 400, body: { error: 'eyJhbGciOi.J9', error_codes: ['x'] } },
      { problem: 'unreadable', again: 'failed' },
    ],
  ])('A-170 goes on as its code alone where Entra %s', async (_, misbehaviour, attempt) => {
    world.fake.misbehave = misbehaviour;
    await world.ended(order());
    expect(world.attempts.at(-1)).toEqual({ ok: false, ...attempt });
  });

  it('CZ-04 comes after a while, where a new credential is not known everywhere', async () => {
    world.attemptsMax = 2;
    world.fake.next.push(says(700_213));
    expect(await world.ended(order())).toBe('granted');
    expect(world.attempts.slice(-2)).toMatchObject([{ ok: false }, { ok: true }]);
  });
});

describe('what Entra refuses', () => {
  it.each<[string, () => Partial<FederatedCredential>, string]>([
    ['a slash at the end of the issuer', () => ({ issuer: `${world.issuer}/` }), 'AADSTS700211'],
    ['a subject in another case', () => ({ subject: 'target:Payments' }), 'AADSTS700213'],
    ['a subject that is longer', () => ({ subject: 'target:payments:x' }), 'AADSTS700213'],
    ['another target’s subject', () => ({ subject: 'target:ledger' }), 'AADSTS700213'],
    ['another audience', () => ({ audience: 'api://AzureADTokenExchange' }), 'AADSTS700212'],
  ])('A-168 CZ-02 compares all three byte for byte: %s', async (_, change, problem) => {
    trusts(change());
    expect(await world.ended(order())).toBe(`cloud_refused ${problem}`);
    trusts({});
    expect(await world.ended(order())).toBe('granted');
  });

  it('A-168 knows the application in its own tenant alone', async () => {
    trusts({});
    expect(await world.ended(order(), { tenant: 'other.example' })).toBe('cloud_refused AADSTS700016');
    expect(await world.ended(order(), { clientId: CLIENT_ID.replace('6', '7') })).toBe('cloud_refused AADSTS700016');
    expect(await world.ended(order())).toBe('granted');
  });
});

describe('what is read back', () => {
  it('A-51 is the client id, the audience and the subject that were ordered, and the token as it was given', async () => {
    const issuer = world.issuerOf();
    const issued = await issuedBy(issuer, order());
    expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(order())));
    expect(JSON.stringify(world.issuerOf({ audience: 'api://other' }).expect(order()))).not.toBe(
      JSON.stringify(issuer.read(issued)),
    );
    expect(() => issuer.read({ ...issued, token: 'x' })).toThrow('not written as it was given');
  });
});

describe('an assertion that is delivered', () => {
  it('is what an SDK of Azure reads from its federated token file; Entra is not asked', async () => {
    const before = world.fake.seen.length;
    const issuer = world.issuerOf({ deliver: 'assertion', resource: undefined });
    const ordered = order({ issuedTokenType: JWT_TOKEN_TYPE });
    const issued = await issuedBy(issuer, ordered);
    expect(issued).toMatchObject({
      tokenType: 'N_A',
      issuedTokenType: JWT_TOKEN_TYPE,
      expiresAt: ordered.issuedAt + 300,
    });
    expect(decodeJwt(issued.token)).toMatchObject({ sub: 'target:payments', aud: pins().audience });
    expect(JSON.stringify(issuer.read(issued))).toBe(JSON.stringify(issuer.expect(ordered)));
    expect(world.fake.seen.length).toBe(before);
  });
});
