// The stand-in for Entra takes what Entra takes and refuses what Entra refuses: what other tests conclude from it rests on this.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeEntra, openFakeEntra } from '../../support/fake-entra.ts';
import { callOf, formOf } from '../../support/json-call.ts';
import { CLIENT_ID, openIssuer, type PublishedIssuer, TENANT, VAULT } from '../../support/token-world.ts';

describe('the stand-in for Entra', () => {
  let published: PublishedIssuer;
  let entra: FakeEntra;
  const clock = { now: Math.floor(Date.now() / 1_000) };
  beforeAll(async () => {
    published = await openIssuer(['RS256', 'ES256', 'PS256']);
    entra = await openFakeEntra({ issuers: published.trusted, now: () => clock.now });
  });
  afterAll(async () => {
    await entra[Symbol.asyncDispose]();
    await published[Symbol.asyncDispose]();
  });

  const call = callOf(() => entra);
  const token = (more: object = {}, alg?: string) => {
    const { issuer } = published;
    const own = { iss: issuer, aud: `${issuer}/targets/vault`, sub: 'target:vault' };
    return published.sign({ ...own, iat: clock.now, exp: clock.now + 300, ...more }, alg);
  };
  const ask = async (jwt: string | Promise<string>, more: Readonly<Record<string, string>> = {}, tenant = TENANT) =>
    call(
      `/${tenant}/oauth2/v2.0/token`,
      formOf({
        grant_type: 'client_credentials',
        client_id: CLIENT_ID,
        scope: `${VAULT}/.default`,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await jwt,
        ...more,
      }),
    );
  /** `granted`, or the number. */
  const ended = async (...question: Parameters<typeof ask>) => {
    const { status, body } = await ask(...question);
    return status === 200 ? 'granted' : String(body.error_codes);
  };

  it('CZ-01 gives a token for a federated assertion', async () => {
    expect(await ask(token())).toEqual({
      status: 200,
      body: {
        token_type: 'Bearer',
        expires_in: 3_599,
        ext_expires_in: 3_599,
        access_token: entra.tokens.at(-1)?.token,
      },
    });
  });

  it.each([
    ['another grant', { grant_type: 'password' }, '900144'],
    ['a secret', { client_assertion_type: '' }, '900144'],
    ['a scope of one permission', { scope: `${VAULT}/secrets.read` }, '70011'],
    ['two scopes', { scope: `${VAULT}/.default https://graph.microsoft.com/.default` }, '70011'],
  ])('CZ-01 refuses %s', async (_, more, number) => {
    expect(await ended(token(), more)).toBe(number);
  });

  it.each([
    ['RS256', 'granted'],
    ['ES256', '5002738'],
    ['PS256', '5002738'],
  ])('CZ-03 an assertion signed with %s: %s', async (alg, said) => {
    expect(await ended(token({}, alg))).toBe(said);
  });

  it.each([
    ['a slash at the end of the issuer', () => ({ iss: `${published.issuer}/` }), '700211'],
    ['an issuer in another case', () => ({ iss: published.issuer.toUpperCase() }), '700211'],
    ['another subject', () => ({ sub: 'target:ledger' }), '700213'],
    ['a subject in another case', () => ({ sub: 'target:Vault' }), '700213'],
    ['a subject that is longer', () => ({ sub: 'target:vault:x' }), '700213'],
    ['another audience', () => ({ aud: `${published.issuer}/targets/ledger` }), '700213'],
    ['an assertion that is over', () => ({ iat: clock.now - 400, exp: clock.now - 1 }), '700024'],
    ['an assertion of tomorrow', () => ({ nbf: clock.now + 400 }), '700024'],
  ])('CZ-02 refuses %s', async (_, more, number) => {
    expect(await ended(token(more()))).toBe(number);
    expect(await ended(token())).toBe('granted');
  });

  it('CZ-02 compares with the federated credentials of an application, where it has one', async () => {
    const { issuer } = published;
    const credential = { issuer, subject: 'target:vault', audience: 'api://AzureADTokenExchange' };
    entra.applications.set(CLIENT_ID, { tenant: TENANT, credentials: [credential] });
    expect(await ended(token())).toBe('700212');
    expect(await ended(token({ aud: credential.audience }))).toBe('granted');
    expect(await ended(token({ aud: credential.audience }), {}, 'other.example')).toBe('700016');
    entra.applications.clear();
  });

  it('refuses what is no assertion, and what another key has signed', async () => {
    await using other = await openIssuer();
    expect(await ended('x')).toBe('50027');
    const claims = { iss: published.issuer, aud: `${published.issuer}/targets/vault`, sub: 'target:vault' };
    expect(await ended(other.sign({ ...claims, iat: clock.now, exp: clock.now + 300 }))).toBe('700027');
  });

  it('shows secrets to tokens that it gave for the vault, until they end', async () => {
    const show = (bearer?: string) => call('/secrets/db?api-version=7.5', undefined, bearer);
    const { body } = await ask(token());
    expect(await show(String(body.access_token))).toMatchObject({ status: 200, body: { who: CLIENT_ID } });
    const { body: other } = await ask(token(), { scope: 'https://graph.microsoft.com/.default' });
    expect((await show(String(other.access_token))).status).toBe(401);
    expect((await show()).status).toBe(401);
    clock.now += 3_599;
    expect((await show(String(body.access_token))).status).toBe(401);
  });
});
