// RFC 8725 §3.11 and §3.12, row JB-07: kinds of tokens and the rules that keep them apart. Every source of this broker has the same key
// under the same `kid`, so no signature tells one kind from another: only issuer, type and claims do.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush, gitlabPush, jwtSvid, kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { refused } from '../support/attack.ts';
import { CLUSTER_ISSUER } from '../support/broker.ts';
import { createForge, type Json, setOf } from '../support/forge.ts';
import { defined, type Proving, startProving } from './proving.ts';

const KEY = createForge('RS256', 'one');
const SVID_KEY = { ...KEY.jwk, use: 'jwt-svid' };
const TYPES = { jwt: JWT_TOKEN_TYPE, id_token: ID_TOKEN_TYPE, access_token: ACCESS_TOKEN_TYPE } as const;
type Type = keyof typeof TYPES;

const ISSUERS = {
  github: 'https://token.actions.githubusercontent.com',
  gitlab: 'https://gitlab.com',
  cluster: CLUSTER_ISSUER,
  mesh: 'spiffe://prod.example',
  login: 'https://login.example',
  tokens: 'https://tokens.example',
} as const;
type Source = keyof typeof ISSUERS;

let proving: Proving;
beforeAll(async () => {
  const plain = setOf(KEY.jwk);
  proving = await startProving(
    [
      `tokens: { kind: oidc, issuer: "${ISSUERS.tokens}", subjects: workloads, presenter: self, tokens: [access_token], jwks: { file: ./login.json } }`,
    ],
    {
      files: {
        'github.json': plain,
        'gitlab.json': plain,
        'cluster.json': plain,
        'login.json': plain,
        'mesh.json': setOf(SVID_KEY),
      },
    },
  );
});
afterAll(() => proving.stop());

/** Good claims of each source's own kind. `jti` is new each time, for sources that spend it. */
function claimsOf(kind: Source): Json {
  const { issuer } = proving.broker;
  const now = proving.broker.now();
  switch (kind) {
    case 'github':
      return githubPush(issuer, now);
    case 'gitlab':
      return gitlabPush(issuer, now);
    case 'cluster':
      return kubernetesProjected(CLUSTER_ISSUER, issuer, now);
    case 'mesh':
      return jwtSvid('spiffe://prod.example/ns/payments/sa/api', issuer, now);
    case 'login':
    case 'tokens':
      return { iss: ISSUERS[kind], sub: 'worker-1', client_id: 'worker-1', scope: 'a', ...proving.times() };
  }
}

const sourceOf = (verdict: string): string => (verdict.startsWith('spiffe:') ? 'mesh' : (verdict.split(':')[0] ?? ''));

/** The source that proved it, or why none did. */
async function offer(claims: Json, type: Type = 'jwt', header: Json = {}): Promise<string> {
  const verdict = await proving.prove(KEY.token(claims, header), { subject_token_type: TYPES[type] });
  return verdict.startsWith('400 ') ? verdict : sourceOf(verdict);
}

const KINDS = ['github', 'gitlab', 'cluster', 'mesh', 'login'] as const;

describe('a token of each kind', () => {
  it.each(KINDS)('JB-07 of %s is proved by its own source, and by no other', async (kind) => {
    expect(await offer(claimsOf(kind))).toBe(kind);
  });

  it('JB-07 of another source is not proved by giving it the issuer of a platform: its claims must be that platform’s', async () => {
    const platforms = ['github', 'gitlab', 'cluster'] as const;
    for (const shape of [...KINDS, 'tokens'] as const)
      for (const source of platforms) {
        const claims = { jti: 'j', ...claimsOf(shape), iss: ISSUERS[source] };
        // A SPIFFE ID as `sub` always leads to its trust domain; `iss` decides nothing there.
        const own = shape === 'mesh' ? 'mesh' : source;
        const expected = shape === own ? shape : refused('claim_missing');
        expect(await offer(claims), `${shape} to ${source}`).toBe(expected);
      }
  });

  it('JB-07 of a platform is no SVID, whatever else it is', async () => {
    for (const shape of ['github', 'gitlab', 'cluster', 'login'] as const) {
      const { iss: _iss, ...claims } = claimsOf(shape);
      expect(await offer(claims), shape).toBe(refused('claim_missing'));
      expect(await offer({ ...claims, iss: ISSUERS.mesh }), shape).toBe(refused('issuer_unknown'));
    }
  });
});

describe('a type', () => {
  /** Which types each kind may be sent as, by the `typ` in its header. */
  const TAKEN: readonly (readonly [Source, string | undefined, readonly Type[]])[] = [
    ['github', 'JWT', ['jwt', 'id_token']],
    ['github', undefined, ['jwt', 'id_token']],
    ['github', 'at+jwt', []],
    ['gitlab', 'JWT', ['jwt', 'id_token']],
    ['gitlab', 'at+jwt', []],
    ['cluster', undefined, ['jwt']],
    ['cluster', 'JWT', ['jwt']],
    ['cluster', 'at+jwt', []],
    ['mesh', 'JWT', ['jwt']],
    ['mesh', 'JOSE', ['jwt']],
    ['mesh', 'at+jwt', []],
    ['login', 'JWT', ['jwt', 'id_token']],
    ['login', undefined, ['jwt', 'id_token']],
    // `jwt` says of a token only that it is one, and this source takes both.
    ['login', 'at+jwt', ['jwt', 'access_token']],
    ['tokens', 'at+jwt', ['access_token']],
    ['tokens', 'JWT', []],
    ['tokens', undefined, []],
  ];

  it.each(TAKEN)('JB-07 %s with typ %s is taken as %j and as nothing else', async (kind, typ, types) => {
    for (const type of ['jwt', 'id_token', 'access_token'] as const) {
      const verdict = await offer(claimsOf(kind), type, { typ });
      if (types.includes(type)) expect(verdict, type).toBe(kind);
      else expect([refused('typ_refused'), refused('token_type_refused')], `${type}: ${verdict}`).toContain(verdict);
    }
  });

  it.each([
    'dpop+jwt',
    'logout+jwt',
    'secevent+jwt',
    'wit+jwt',
    'wpt+jwt',
    'client-authentication+jwt',
    'oauth-authz-req+jwt',
    'token-introspection+jwt',
    'entity-statement+jwt',
    'kb+jwt',
    'jwt',
    'application/jwt',
    'JWE',
    '',
  ])('JB-07 typ %j is what no source takes, as whatever it is sent', async (typ) => {
    for (const kind of [...KINDS, 'tokens'] as const)
      for (const type of ['jwt', 'id_token', 'access_token'] as const) {
        const verdict = await offer(claimsOf(kind), type, { typ });
        expect([refused('typ_refused'), refused('token_type_refused')], `${kind} ${type}: ${verdict}`).toContain(
          verdict,
        );
      }
  });

  it('JB-07 our own tokens are proved by nobody here, sent as any type', async () => {
    const answer = await proving.broker.exchange(KEY.token(claimsOf('login')));
    expect(answer.status, answer.text).toBe(200);
    for (const type of Object.values(TYPES))
      expect(await proving.ask(String(answer.body.access_token), { subject_token_type: type })).toBe(
        refused('issuer_unknown'),
      );
  });

  it('JB-07 claims that belong to other kinds of tokens are refused where they would change the meaning', async () => {
    for (const more of [
      { cnf: { jwk: {} } },
      { authorization_details: [] },
      // A logout token as several providers make it: with the `typ` of an ID token, and all that one has.
      { events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sid: 's' },
    ])
      for (const kind of KINDS)
        expect(await offer(defined({ ...claimsOf(kind), ...more })), kind).toBe(refused('claim_unsupported'));
  });

  it('JB-07 who acts, or may, is said by issuers that delegate, and in the token of a platform by nobody', async () => {
    for (const more of [{ act: { sub: 'a' } }, { may_act: { sub: 'a' } }])
      for (const kind of ['github', 'gitlab', 'cluster', 'mesh'] as const)
        expect(await offer({ ...claimsOf(kind), ...more }), kind).toBe(refused('claim_unsupported'));
    for (const more of [{ act: { sub: 'a' } }, { may_act: { sub: 'a' } }])
      expect(await offer({ ...claimsOf('login'), ...more })).toBe('login');
  });
});
