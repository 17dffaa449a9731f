// The stand-in for Google takes what Google takes and refuses what Google refuses: what other tests conclude from it rests on this.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FakeGoogle, openFakeGoogle } from '../../support/fake-google.ts';
import { CLOUD_PLATFORM, GITHUB_ACTION, GOOGLE_FORM, PROVIDER } from '../../support/google-requests.ts';
import { callOf, formOf } from '../../support/json-call.ts';
import { openIssuer, type PublishedIssuer } from '../../support/token-world.ts';

const ACCOUNT = '/v1/projects/-/serviceAccounts/lake@example-data.iam.gserviceaccount.com:generateAccessToken';

describe('the stand-in for Google', () => {
  let published: PublishedIssuer;
  let google: FakeGoogle;
  const clock = { now: Math.floor(Date.now() / 1_000) };
  beforeAll(async () => {
    published = await openIssuer(['RS256', 'ES256', 'PS256', 'EdDSA']);
    google = await openFakeGoogle({ issuers: published.trusted, now: () => clock.now });
  });
  afterAll(async () => {
    await google[Symbol.asyncDispose]();
    await published[Symbol.asyncDispose]();
  });

  const call = callOf(() => google);
  const token = (more: object = {}, alg?: string) => {
    const { issuer } = published;
    const aud = `${issuer}/targets/lake`;
    const own = { iss: issuer, aud, sub: 'cluster:payments', target: 'target:lake' };
    return published.sign({ ...own, iat: clock.now, exp: clock.now + 300, ...more }, alg);
  };
  const exchange = async (jwt: string | Promise<string>, more: Readonly<Record<string, string>> = {}) =>
    call('/v1/token', formOf({ ...GOOGLE_FORM, subject_token: await jwt, ...more }));
  /** `granted`, or the code. */
  const ended = async (...question: Parameters<typeof exchange>) => {
    const { status, body } = await exchange(...question);
    return status === 200 ? 'granted' : body.error;
  };

  it('CG-01 takes a form, or JSON in camel case', async () => {
    expect(await exchange(token())).toEqual({
      status: 200,
      body: {
        access_token: google.tokens.at(-1)?.token,
        issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        token_type: 'Bearer',
        expires_in: 3_600,
      },
    });
    const json = JSON.stringify({ ...GITHUB_ACTION, subjectToken: await token() });
    expect((await call('/v1/token', { type: 'application/json', text: json })).status).toBe(200);
  });

  it('CG-01 takes no Authorization header', async () => {
    const form = formOf({ ...GOOGLE_FORM, subject_token: await token() });
    expect(await call('/v1/token', form, 'ya29.x')).toMatchObject({ status: 400, body: { error: 'invalid_client' } });
  });

  it.each([
    ['another grant', { grant_type: 'client_credentials' }, 'invalid_request'],
    ['no scope', { scope: '' }, 'invalid_request'],
    ['another type of token', { subject_token_type: 'urn:ietf:params:oauth:token-type:saml2' }, 'invalid_request'],
    ['no provider', { audience: 'https://sts.example' }, 'invalid_target'],
  ])('CG-01 CG-07 refuses %s', async (_, more, error) => {
    expect(await ended(token(), more)).toBe(error);
  });

  it.each([
    ['RS256', 'granted'],
    ['ES256', 'granted'],
    ['PS256', 'invalid_grant'],
    ['EdDSA', 'invalid_grant'],
  ])('CG-03 an assertion signed with %s: %s', async (alg, said) => {
    expect(await ended(token({}, alg))).toBe(said);
  });

  it.each([
    ['stale, although it has not ended', () => ({ iat: clock.now - 3_700, exp: clock.now + 300 })],
    ['over', () => ({ iat: clock.now - 400, exp: clock.now - 1 })],
    ['of tomorrow', () => ({ iat: clock.now + 120, exp: clock.now + 300 })],
    ['longer than a day', () => ({ exp: clock.now + 86_401 })],
    ['without a beginning', () => ({ iat: undefined })],
  ])('CG-05 refuses an assertion that is %s', async (_, more) => {
    expect(await ended(token(more()))).toBe('invalid_grant');
  });

  it.each([
    ['CG-02 another audience', () => ({ aud: 'https://iam.googleapis.com/x' }), 'invalid_grant'],
    ['CG-02 two audiences', () => ({ aud: [`${published.issuer}/targets/lake`, 'x'] }), 'invalid_grant'],
    ['another issuer', () => ({ iss: 'https://other.example' }), 'invalid_grant'],
    ['an issuer with a slash more', () => ({ iss: `${published.issuer}/` }), 'invalid_grant'],
    ['another target', () => ({ target: 'target:ledger' }), 'unauthorized_client'],
    ['a target that only begins like it', () => ({ target: 'target:lakeside' }), 'unauthorized_client'],
    ['no target', () => ({ target: undefined }), 'unauthorized_client'],
    ['CG-04 a subject of 128 bytes', () => ({ sub: 'é'.repeat(64) }), 'invalid_grant'],
  ])('refuses %s', async (_, more, error) => {
    expect(await ended(token(more()))).toBe(error);
    expect(await ended(token())).toBe('granted');
  });

  it('refuses what another key has signed', async () => {
    await using other = await openIssuer();
    const claims = { iss: published.issuer, aud: `${published.issuer}/targets/lake`, sub: 'x', target: 'target:lake' };
    expect(await ended(other.sign({ ...claims, iat: clock.now, exp: clock.now + 300 }))).toBe('invalid_grant');
  });

  it('CG-06 gives tokens of a service account to whoever came through a provider, for an hour at most', async () => {
    const { body } = await exchange(token());
    const ask = (lifetime: string, bearer = String(body.access_token), scope = [CLOUD_PLATFORM]) =>
      call(ACCOUNT, { type: 'application/json', text: JSON.stringify({ scope, lifetime }) }, bearer);
    expect(await ask('3600s')).toMatchObject({ status: 200, body: { accessToken: google.tokens.at(-1)?.token } });
    const status = async (...asked: Parameters<typeof ask>) => (await ask(...asked)).body.error;
    expect(await status('3601s')).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
    expect(await status('1h')).toMatchObject({ code: 400, status: 'INVALID_ARGUMENT' });
    expect(await status('600s', 'ya29.x')).toMatchObject({ code: 401, status: 'UNAUTHENTICATED' });
    expect(await status('600s', String(body.access_token), [])).toMatchObject({ status: 'INVALID_ARGUMENT' });
    const { body: narrow } = await exchange(token(), { scope: 'openid' });
    expect(await status('600s', String(narrow.access_token))).toMatchObject({ status: 'PERMISSION_DENIED' });
  });

  it('lists buckets for tokens that it gave, until they end', async () => {
    const { body } = await exchange(token());
    const list = (bearer?: string) => call('/storage/v1/b?project=example-data', undefined, bearer);
    const principal = `principal:${PROVIDER.split('/providers/')[0]}/subject/cluster:payments`;
    expect(await list(String(body.access_token))).toMatchObject({ status: 200, body: { who: principal } });
    expect((await list()).status).toBe(401);
    clock.now += 3_600;
    expect((await list(String(body.access_token))).status).toBe(401);
  });
});
