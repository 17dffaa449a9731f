// RFC 9068 access tokens: the contract of issuers, the AT rows, and what a target of kind `token` may say.

import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
  jwtVerify,
  SignJWT,
} from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Issued, IssueOrder, Signer } from '../../src/core/ports.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { createAccessTokenIssuer, tokenTarget } from '../../src/issuers/access-token.ts';
import { type IssuerUnderTest, issuerContract, orderFor } from '../contract/issuer.ts';
import { issuedBy } from '../support/issued.ts';

const ISSUER = 'https://sts.acme.example/broker';
const AUDIENCE = 'https://api.acme.example/ledger';
const IAT = 1_800_000_000;

type Algorithm = 'ES256' | 'RS256';
const keys = {} as Record<Algorithm, Awaited<ReturnType<typeof generateKeyPair>>>;
beforeAll(async () => {
  keys.ES256 = await generateKeyPair('ES256');
  keys.RS256 = await generateKeyPair('RS256');
});

const signer: Signer = {
  sign: (alg, typ, claims) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg, kid: `kid-${alg}`, typ }).sign(keys[alg].privateKey),
};
const issuerFor = (algorithm: Algorithm) =>
  createAccessTokenIssuer({ issuer: ISSUER, audience: AUDIENCE, algorithm, signer });

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token with other claims or another header; its signature, which `read` does not look at, stays. */
function forge(issued: Issued, change: (claims: Record<string, unknown>) => void, header?: object): Issued {
  const [head, , signature] = issued.token.split('.');
  const claims = { ...decodeJwt(issued.token) };
  change(claims);
  return { ...issued, token: `${header ? encode(header) : head}.${encode(claims)}.${signature}` };
}

const underTest = async (): Promise<IssuerUnderTest> => ({
  issuer: issuerFor('ES256'),
  forge,
  members: {
    audience: 'aud',
    scopes: 'scope',
    expiry: 'exp',
    issuedAt: 'iat',
    subject: 'sub',
    client: 'client_id',
    id: 'jti',
  },
});
issuerContract('the access token issuer', underTest);

const tokenFor = async (order: IssueOrder, algorithm: Algorithm = 'ES256') =>
  (await issuedBy(issuerFor(algorithm), order)).token;

describe('an access token', () => {
  it('has the header typ at+jwt, alg and kid, and nothing else (AT-01)', async () => {
    expect(decodeProtectedHeader(await tokenFor(orderFor()))).toEqual({
      alg: 'ES256',
      kid: 'kid-ES256',
      typ: 'at+jwt',
    });
    expect(decodeProtectedHeader(await tokenFor(orderFor(), 'RS256')).alg).toBe('RS256');
  });

  it('has every claim of RFC 9068 and its origin, and nothing else (AT-02, AT-03)', async () => {
    expect(decodeJwt(await tokenFor(orderFor()))).toEqual({
      iss: ISSUER,
      aud: AUDIENCE,
      sub: 'github:repository_id:74:environment:production',
      client_id: 'github:repository_id:74:environment:production',
      iat: IAT,
      exp: IAT + 300,
      jti: '01JCX5ZZZZZZZZZZZZZZZZZZZZ',
      scope: 'postings:read postings:write',
      origin: { iss: 'https://token.actions.example', sub: 'repo:acme/shop:environment:production' },
    });
  });

  it('has no scope claim where no scope was granted (AT-03)', async () => {
    expect(decodeJwt(await tokenFor(orderFor({ scopes: [] })))).not.toHaveProperty('scope');
  });

  it('keeps iss and sub of the first proof byte for byte', async () => {
    const odd = 'repo:Acme/Shöp%3A\u2028"\\:ref';
    const order = orderFor({ origin: { iss: 'https://I.example/', sub: odd } });
    expect(decodeJwt(await tokenFor(order)).origin).toEqual({ iss: 'https://I.example/', sub: odd });
  });

  it.each<Algorithm>(['ES256', 'RS256'])(
    'verifies at a resource server that follows RFC 9068 §4, with %s (AT-05)',
    async (alg) => {
      const jwk = await exportJWK(keys[alg].publicKey);
      const token = await tokenFor(orderFor(), alg);
      const options = {
        typ: 'at+jwt',
        issuer: ISSUER,
        audience: AUDIENCE,
        algorithms: [alg],
        currentDate: new Date(IAT * 1000),
      };
      const set = createLocalJWKSet({ keys: [{ ...jwk, kid: `kid-${alg}`, alg, use: 'sig' }] });
      await expect(jwtVerify(token, set, options)).resolves.toBeDefined();
      await expect(jwtVerify(token, set, { ...options, typ: 'JWT' })).rejects.toThrow('unexpected "typ"');
    },
  );

  it('is a bearer token under whichever type it was asked for (TX-20, TX-21)', async () => {
    const issued = await issuedBy(issuerFor('ES256'), orderFor({ issuedTokenType: JWT_TOKEN_TYPE }));
    expect(issued).toMatchObject({ tokenType: 'Bearer', issuedTokenType: JWT_TOKEN_TYPE });
  });

  it('is not issued where there is no key to sign it', async () => {
    const without = { sign: () => Promise.reject(new Error('no key')) };
    const issuer = createAccessTokenIssuer({ issuer: ISSUER, audience: AUDIENCE, algorithm: 'ES256', signer: without });
    await expect(issuer.issue(orderFor())).rejects.toThrow('no key');
  });

  it('shows another issuer to the recheck', async () => {
    const order = orderFor();
    const { issuer } = await underTest();
    const forged = forge(await issuedBy(issuer, order), (claims) => {
      claims.iss = 'https://sts.acme.example';
    });
    expect(issuer.read(forged)).not.toEqual(issuer.expect(order));
  });

  it.each<[string, object, string]>([
    ['another typ', { alg: 'ES256', kid: 'k', typ: 'JWT' }, 'the issued token has another header'],
    ['another algorithm', { alg: 'RS256', kid: 'k', typ: 'at+jwt' }, 'the issued token has another header'],
    ['one member more', { alg: 'ES256', kid: 'k', typ: 'at+jwt', jku: 'x' }, 'the issued token has another header'],
    ['no kid', { alg: 'ES256', typ: 'at+jwt' }, 'the issued token has another header'],
  ])('cannot be read with a header of %s', async (_name, header, message) => {
    const { issuer } = await underTest();
    const issued = await issuedBy(issuer, orderFor());
    expect(() => issuer.read(forge(issued, () => undefined, { alg: 'ES256', kid: 'k', typ: 'at+jwt' }))).not.toThrow();
    expect(() => issuer.read(forge(issued, () => undefined, header))).toThrow(message);
  });

  it('cannot be read with a claim that nobody ordered', async () => {
    const { issuer } = await underTest();
    const forged = forge(await issuedBy(issuer, orderFor()), (claims) => {
      claims.roles = ['admin'];
    });
    expect(() => issuer.read(forged)).toThrow('the issued token has the claim roles');
  });
});

describe('a target of kind token', () => {
  const read = (target: object) => tokenTarget.options.safeParse(target);
  const problems = (target: object) =>
    read(target).error?.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`) ?? [];

  it('needs an audience and has defaults for everything else', () => {
    expect(read({ audience: AUDIENCE }).data).toEqual({
      audience: AUDIENCE,
      scopes: {},
      defaultScopes: [],
      lifetime: 300,
      algorithm: 'ES256',
    });
    expect(problems({})).toHaveLength(1);
  });

  it('takes what operators write', () => {
    const target = {
      audience: AUDIENCE,
      scopes: { 'postings:read': {}, 'postings:write': {} },
      defaultScopes: ['postings:read'],
      lifetime: '15m',
      algorithm: 'RS256',
      require: { sources: ['github'], lifetimeMax: '10m' },
    };
    expect(read(target).data).toMatchObject({ lifetime: 900, algorithm: 'RS256', require: { lifetimeMax: 600 } });
  });

  it.each<[string, object, string]>([
    ['carry', { carry: ['project_path'] }, 'carry: `carry` is not built yet'],
    ['agentClaim', { agentClaim: true }, 'agentClaim: `agentClaim` is not built yet'],
    ['an empty confirm', { scopes: { a: { confirm: {} } } }, 'scopes.a.confirm: needs acr or maxAge'],
    ['require.actor: false', { require: { actor: false } }, 'require.actor: Invalid input: expected true'],
    ['a lifetime beyond twelve hours', { lifetime: '13h' }, 'lifetime: must be at most 43200 seconds'],
    [
      'a default scope that it does not have',
      { scopes: { read: {} }, defaultScopes: ['write'] },
      "defaultScopes.0: write is none of the target's scopes",
    ],
  ])('does not load with %s', (_name, change, problem) => {
    expect(problems({ audience: AUDIENCE, ...change })).toEqual([problem]);
  });

  it.each([
    { colour: 'red' },
    { algorithm: 'EdDSA' },
    { audience: '' },
    { require: { sources: [] } },
    { lifetime: 300 },
    { scopes: { 'a b': {} } },
  ])('does not load with %j', (change) => {
    expect(problems({ audience: AUDIENCE, ...change })).toHaveLength(1);
  });
});
