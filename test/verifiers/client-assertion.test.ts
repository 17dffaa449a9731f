// private_key_jwt: rows JA-02 to JA-10 against the real authenticator, each beside the assertion that passes.

import { createHmac } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { NO_CLIENT } from '../../src/core/client.ts';
import { CREDENTIAL_BYTES_MAX } from '../../src/core/limits.ts';
import { TOKEN_EXCHANGE_GRANT } from '../../src/core/request.ts';
import {
  type ClientsUnderTest,
  createClientsUnderTest,
  JWT_BEARER,
  JWT_SPIFFE,
  TOKEN_ENDPOINT,
  verdictOf,
  verdictOfItself,
  WORKLOAD,
} from '../support/clients.ts';
import { b64, createForge } from '../support/forge.ts';
import { AUDIENCE, NOW, partsOf } from '../support/sources.ts';

const FORGE = createForge('RS256', 'rsa-1');

let world: ClientsUnderTest;
beforeAll(async () => {
  const key = { ...FORGE, sign: () => Promise.reject(new Error('the forge signs')) };
  world = await createClientsUnderTest({
    rsa: { by: 'jwks', keys: (await partsOf(key)).keys, tokenEndpointAudience: false },
  });
});

/** An assertion of `signer`, with a claim or a header member changed; undefined leaves one out. */
async function signed(claims: object = {}, header: Record<string, unknown> = {}): Promise<string> {
  const merged = { ...world.assertion('signer'), ...claims };
  return world.signer.sign(JSON.parse(JSON.stringify(merged)), header);
}
const verdict = (assertion: string, more: object = {}) =>
  verdictOf(world, { id: 'signer', assertionType: JWT_BEARER, assertion, ...more });

describe('the assertion of a client', () => {
  it('JA-02 names its client; client_id may be left out, and must be the same', async () => {
    const assertion = await signed();
    expect(await verdict(assertion)).toBe('private_key_jwt');
    expect(await verdict(assertion, { id: undefined })).toBe('private_key_jwt');
    expect(await verdict(assertion, { id: 'elder' })).toBe('assertion: client_id_differs');
    expect(await verdict(assertion, { id: 'shop' })).toBe('assertion: client_id_differs');
  });

  it.each([
    ['iss', 'claim_missing iss'],
    ['sub', 'claim_missing sub'],
    ['aud', 'claim_missing aud'],
    ['exp', 'claim_missing exp'],
  ])('JA-03 without %s it proves nothing', async (claim, expected) => {
    expect(await verdict(await signed({ [claim]: undefined }))).toBe(expected);
  });

  it.each([
    ['issued by another', { iss: 'elder' }, 'claim_invalid iss'],
    ['about another, whose key it does not have', { sub: 'elder' }, 'assertion: client_id_differs'],
    ['about two', { sub: ['signer'] }, 'claim_missing sub'],
    ['expired', { exp: NOW - 30 }, 'expired'],
    ['just within the leeway', { exp: NOW - 29 }, 'private_key_jwt'],
    ['without end', { exp: NOW + 3_601 }, 'lifetime_too_long'],
    ['of an hour', { exp: NOW + 3_600 }, 'private_key_jwt'],
    ['of an hour, counted from now where it has no iat', { iat: undefined, exp: NOW + 3_601 }, 'lifetime_too_long'],
    ['without iat', { iat: undefined }, 'private_key_jwt'],
    ['not yet valid', { nbf: NOW + 31 }, 'not_yet_valid'],
    ['issued in the future', { iat: NOW + 31, exp: NOW + 90 }, 'not_yet_valid'],
    ['with a time as text', { exp: `${NOW + 60}` }, 'claim_invalid exp'],
    ['with a jti that is no text', { jti: 7 }, 'claim_invalid jti'],
    ['with an empty jti', { jti: '' }, 'claim_invalid jti'],
    ['without jti', { jti: undefined }, 'private_key_jwt'],
    ['of a SPIFFE name', { iss: WORKLOAD, sub: WORKLOAD }, 'assertion: client_id_differs'],
    ['bound to what is no key', { cnf: { jkt: 'x' } }, 'claim_invalid cnf'],
    ['with an actor', { act: { sub: 'x' } }, 'claim_unsupported act'],
  ])('JA-03 %s', async (_what, claims, expected) => {
    expect(await verdict(await signed(claims))).toBe(expected);
  });

  it.each([
    ['our issuer', AUDIENCE, 'private_key_jwt'],
    ['our issuer alone in a list', [AUDIENCE], 'private_key_jwt'],
    ['our issuer with a slash', `${AUDIENCE}/`, 'audience_mismatch'],
    ['the token endpoint', TOKEN_ENDPOINT, 'audience_mismatch'],
    ['our issuer and another', [AUDIENCE, 'https://other.example'], 'audience_mismatch'],
    ['our issuer and the token endpoint', [AUDIENCE, TOKEN_ENDPOINT], 'audience_mismatch'],
    ['another', 'https://other.example', 'audience_mismatch'],
    ['nobody', [], 'audience_mismatch'],
    ['a list in a list', [[AUDIENCE]], 'claim_invalid aud'],
  ])('JA-04 addressed to %s', async (_whom, aud, expected) => {
    expect(await verdict(await signed({ aud }))).toBe(expected);
  });

  it('JA-04 the token endpoint counts for a client that is registered so, as one of two single values', async () => {
    const elder = async (aud: unknown) => {
      const assertion = await world.other.sign({ ...world.assertion('elder'), aud });
      return verdictOf(world, { assertionType: JWT_BEARER, assertion });
    };
    expect(await elder(AUDIENCE)).toBe('private_key_jwt');
    expect(await elder(TOKEN_ENDPOINT)).toBe('private_key_jwt');
    expect(await elder([TOKEN_ENDPOINT, AUDIENCE])).toBe('audience_mismatch');
    expect(await elder(`${AUDIENCE}/introspect`)).toBe('audience_mismatch');
  });

  it.each([
    [undefined, 'private_key_jwt'],
    ['JWT', 'private_key_jwt'],
    ['client-authentication+jwt', 'private_key_jwt'],
    ['application/client-authentication+jwt', 'private_key_jwt'],
    ['at+jwt', 'typ_refused'],
    ['dpop+jwt', 'typ_refused'],
    ['oauth-id-jag+jwt', 'typ_refused'],
    ['wit+jwt', 'typ_refused'],
    ['authorization-grant+jwt', 'typ_refused'],
    ['secevent+jwt', 'typ_refused'],
    ['', 'typ_refused'],
  ])('JA-05 typ %s', async (typ, expected) => {
    expect(await verdict(await signed({}, { typ }))).toBe(expected);
  });

  it('JA-08 is handed on to be spent, by its jti or else by what was signed, until it has expired', async () => {
    const spends = async (assertion: string) => {
      const presented = { ...NO_CLIENT, assertionType: JWT_BEARER, assertion };
      const proved = await world.clients.authenticate(presented, TOKEN_EXCHANGE_GRANT, NOW);
      return proved.ok ? proved.value?.spends : undefined;
    };
    expect(await spends(await signed({ jti: 'one' }))).toEqual({ jti: 'one', untilSeconds: NOW + 60 });
    const nameless = await spends(await signed({ jti: undefined }));
    expect(nameless).toEqual({ jti: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), untilSeconds: NOW + 60 });
    expect((await spends(await signed({ jti: undefined, exp: NOW + 61 })))?.jti).not.toBe(nameless?.jti);
  });

  it('JA-10, A-2 a MAC is none, with the public key as its secret least of all', async () => {
    const claims = { ...world.assertion('rsa') };
    const asRsa = (assertion: string) => verdictOf(world, { assertionType: JWT_BEARER, assertion });
    const pem = FORGE.publicKey.export({ type: 'spki', format: 'pem' });
    const mac = (input: string) => createHmac('sha256', pem).update(input).digest();
    expect(await asRsa(FORGE.token(claims, { alg: 'HS256' }, mac))).toBe('algorithm_refused');
    expect(await asRsa(FORGE.token(claims, { alg: 'none' }, () => Buffer.alloc(8)))).toBe('algorithm_refused');
    expect(await asRsa(FORGE.token(claims, { alg: 'RS256' }, mac))).toBe('signature_invalid');
    expect(await asRsa(FORGE.token(claims))).toBe('private_key_jwt');
  });

  it.each([
    ['jwk', { jwk: FORGE.jwk }],
    ['jku', { jku: 'https://attacker.example/keys' }],
    ['x5c', { x5c: ['MIIB'] }],
    ['crit', { crit: ['exp'] }],
  ])('JA-10 a header with %s chooses no key', async (_member, header) => {
    const assertion = FORGE.token({ ...world.assertion('rsa') }, header);
    expect(await verdictOf(world, { assertionType: JWT_BEARER, assertion })).toBe('header_refused');
  });

  it('is good for the client whose key signed it, and for no other', async () => {
    const asElder = await world.signer.sign(world.assertion('elder'));
    expect(await verdictOf(world, { assertionType: JWT_BEARER, assertion: asElder })).toBe('key_unknown');
    const underItsKid = await world.signer.sign(world.assertion('elder'), { kid: world.other.kid });
    expect(await verdictOf(world, { assertionType: JWT_BEARER, assertion: underItsKid })).toBe('signature_invalid');
    const own = await world.other.sign(world.assertion('elder'));
    expect(await verdictOf(world, { assertionType: JWT_BEARER, assertion: own })).toBe('private_key_jwt');
  });

  it.each([
    ['is no token', 'assertion', 'credential_malformed not_compact'],
    ['is encrypted', 'a.b.c.d.e', 'credential_malformed encrypted'],
    [
      'names a client twice',
      `${b64({ alg: 'RS256' })}.${b64('{"sub":"signer","sub":"rsa"}')}.AA`,
      'credential_malformed payload_json',
    ],
    ['is too large', `${'a'.repeat(CREDENTIAL_BYTES_MAX)}.b.c`, 'credential_malformed too_large'],
    ['says nobody', `${b64({ alg: 'RS256' })}.${b64({})}.AA`, 'claim_missing sub'],
  ])('%s', async (_what, assertion, expected) => {
    expect(await verdict(assertion, { id: undefined })).toBe(expected);
  });
});

describe('a JWT-SVID as an assertion', () => {
  const asItself = (assertion: string, more: object = {}) =>
    verdictOfItself(world, { id: WORKLOAD, assertionType: JWT_SPIFFE, assertion, ...more });

  it('SC-01, SC-02 needs client_id, and our issuer as its only audience', async () => {
    expect(await asItself(await world.jwtSvid(WORKLOAD))).toBe('spiffe_jwt');
    expect(await asItself(await world.jwtSvid(WORKLOAD), { id: undefined })).toBe('assertion: client_id_missing');
    expect(await asItself(await world.jwtSvid(WORKLOAD, { aud: [AUDIENCE, 'x'] }))).toBe('audience_mismatch');
    expect(await asItself(await world.jwtSvid(WORKLOAD, { aud: TOKEN_ENDPOINT }))).toBe('audience_mismatch');
    expect(await asItself(await world.jwtSvid(WORKLOAD, { exp: NOW - 30 }))).toBe('expired');
    expect(await asItself(await world.jwtSvid(WORKLOAD, { exp: undefined }))).toBe('claim_missing exp');
  });

  it('SC-06 is proved by the bundle of its own trust domain, whatever its issuer says', async () => {
    expect(await asItself(await world.jwtSvid(WORKLOAD, { iss: 'https://attacker.example' }))).toBe('spiffe_jwt');
    const elsewhere = 'spiffe://other.example/workload';
    expect(await asItself(await world.jwtSvid(elsewhere), { id: elsewhere })).toBe('issuer_unknown');
    const forged = await world.signer.sign({ sub: WORKLOAD, aud: AUDIENCE, iat: NOW, exp: NOW + 60 });
    expect(await asItself(forged)).toBe('key_unknown');
  });

  it('SC-04 a WIT-SVID is none', async () => {
    const wit = await world.mesh.sign({ sub: WORKLOAD, aud: AUDIENCE, exp: NOW + 60 }, { typ: 'wit+jwt' });
    expect(await asItself(wit)).toBe('typ_refused');
    const confirmed = await world.jwtSvid(WORKLOAD, { cnf: { jwk: FORGE.jwk } });
    expect(await asItself(confirmed)).toBe('claim_unsupported cnf');
  });

  it('SC-01 is no private_key_jwt, nor the reverse', async () => {
    const svid = await world.jwtSvid(WORKLOAD);
    expect(await verdictOfItself(world, { id: WORKLOAD, assertionType: JWT_BEARER, assertion: svid })).toBe(
      'assertion: unregistered',
    );
    expect(await verdict(await signed(), { assertionType: JWT_SPIFFE })).toBe('assertion: other_method');
    const gateway = { id: 'gateway', assertionType: JWT_SPIFFE };
    expect(await verdictOf(world, { ...gateway, assertion: await signed() })).toBe('issuer_unknown');
  });
});
