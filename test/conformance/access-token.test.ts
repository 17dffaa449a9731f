// RFC 9068 as issued by a running broker, and as read by oauth4webapi as a resource server; tokens that are something else are
// never taken for access tokens, nor ours for a credential.

import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestBroker } from '../support/broker.ts';
import {
  type Credentials,
  credentialsOf,
  expectRefused,
  granted,
  headerOf,
  startSetting,
  strictClient,
  TYPE,
  withBadSignature,
} from './setting.ts';

const LEDGER = 'https://api.example/ledger';
let broker: TestBroker;
let credentials: Credentials;
beforeAll(async () => {
  broker = await startSetting();
  credentials = credentialsOf(broker);
});
afterAll(() => broker.stop());

const issue = async (kind: keyof Credentials, more: Readonly<Record<string, string>> = {}): Promise<string> => {
  const answer = await broker.exchange(await credentials[kind](), more);
  granted(answer);
  return String(answer.body.access_token);
};

describe('an access token', () => {
  it.each([
    ['ES256', 'ledger', LEDGER],
    ['RS256', 'deploy', 'https://deploy.example'],
  ])('AT-01 says at+jwt, and is signed with %s for the target %s', async (algorithm, audience, aud) => {
    const token = await issue('gitlab', { audience });
    const { keys } = JSON.parse((await broker.call({ path: '/.well-known/jwks.json' })).text) as JSONWebKeySet;
    const kid = headerOf(token).kid;
    expect(headerOf(token)).toEqual({ typ: 'at+jwt', alg: algorithm, kid });
    expect(keys.filter((key) => key.kid === kid).map(({ alg }) => alg)).toEqual([algorithm]);
    const verified = await jwtVerify(token, createLocalJWKSet({ keys }), { algorithms: [algorithm], audience: aud });
    expect(verified.protectedHeader).toEqual(decodeProtectedHeader(token));
  });

  it.each([
    ['pod', 'ledger', 'cluster:system:serviceaccount:payments:api', 'system:serviceaccount:payments:api'],
    ['svid', 'mcp', 'spiffe://prod.example/ns/payments/sa/api', 'spiffe://prod.example/ns/payments/sa/api'],
    ['github', 'deploy', 'github:repository_id:74:ref:refs/heads/main', 'repo:octo-org/octo-repo:ref:refs/heads/main'],
    [
      'gitlab',
      'deploy',
      'gitlab:project_id:20:ref_path:refs/heads/main',
      'project_path:my-group/my-project:ref_type:branch:ref:main',
    ],
    ['login', 'ledger', 'login:worker-1', 'worker-1'],
  ] as const)('AT-02 made from a %s for %s has every claim, and no more', async (kind, audience, sub, origin) => {
    const answer = await broker.exchange(await credentials[kind](), { audience });
    const { scope: _, ...claims } = granted(answer);
    expect(claims).toEqual({
      iss: broker.issuer,
      exp: expect.any(Number),
      aud: expect.stringMatching(/^https:/),
      sub,
      client_id: sub,
      iat: expect.any(Number),
      jti: broker.records().at(-1)?.decision,
      origin: { iss: expect.any(String), sub: origin },
      // What has no `jti` has no handle.
      ...(kind === 'svid' || kind === 'login' ? {} : { lineage: [expect.stringMatching(/^[\w-]{22}$/)] }),
    });
    expect(Number.isInteger(claims.iat) && Number.isInteger(claims.exp)).toBe(true);
  });

  it('AT-03 and TX-47 has its scopes as one text, where it has any', async () => {
    const scopeOf = async (audience: string, scope?: string) =>
      granted(await broker.exchange(await credentials.svid(), { audience, scope })).scope;
    expect(await scopeOf('ledger', 'postings:write postings:read')).toMatch(/^postings:\w+ postings:\w+$/);
    expect(await scopeOf('ledger')).toBe('postings:read');
    expect(await scopeOf('mcp')).toBeUndefined();
  });

  it('AT-03 does not say how a workload logged in, whatever its credential says', async () => {
    const said = { auth_time: broker.now(), acr: 'mfa', amr: ['pwd'], scope: 'postings:write', groups: ['admin'] };
    const claims = granted(await broker.exchange(await credentials.login(said)));
    for (const name of ['auth_time', 'acr', 'amr', 'groups']) expect(claims).not.toHaveProperty(name);
    expect(claims.scope).toBe('postings:read');
  });

  it('AT-04 is always for somebody: a request without a target is invalid_target', async () => {
    const refused = [400, 'invalid_target', 'target_unknown'] as const;
    for (const audience of [undefined, '', []])
      expectRefused(broker, await broker.exchange(await credentials.svid(), { audience }), refused);
    const scoped = { audience: undefined, scope: 'postings:read' };
    expectRefused(broker, await broker.exchange(await credentials.svid(), scoped), refused);
    expect(granted(await broker.exchange(await credentials.svid())).aud).toBe(LEDGER);
  });

  it('AT-05 is accepted by oauth4webapi as the resource server it is for, and by no other', async () => {
    const client = await strictClient(broker);
    const token = await issue('svid');
    expect(await client.accept(token, LEDGER)).toMatchObject({ iss: broker.issuer, aud: LEDGER });
    await expect(client.accept(token, 'https://deploy.example')).rejects.toThrow(/"aud"/);
    await expect(client.accept(withBadSignature(token), LEDGER)).rejects.toThrow(/signature/);
  });

  it.each([
    ['pod', 'access_token', 'issuer_unknown'],
    ['pod', 'jwt', 'issuer_unknown'],
    ['pod', 'id_token', 'issuer_unknown'],
    // Its sub is a SPIFFE ID, but our own iss comes first.
    ['svid', 'access_token', 'issuer_unknown'],
    ['svid', 'jwt', 'issuer_unknown'],
    ['svid', 'id_token', 'issuer_unknown'],
  ] as const)('AT-05 made from a %s is no credential here, sent as %s', async (kind, type, reason) => {
    const answer = await broker.exchange(await issue(kind), { subject_token_type: TYPE + type });
    expectRefused(broker, answer, [400, 'invalid_request', reason]);
  });
});

describe('a subject', () => {
  it('AT-06 is not another one that has the same sub at its own issuer', async () => {
    const [one, other] = [
      granted(await broker.exchange(await credentials.login())),
      granted(await broker.exchange(await credentials.other())),
    ];
    expect([one.sub, other.sub]).toEqual(['login:worker-1', 'other:worker-1']);
    const origins = [one.origin, other.origin];
    expect(origins).toEqual([
      { iss: 'https://login.example', sub: 'worker-1' },
      { iss: 'https://other.example', sub: 'worker-1' },
    ]);
  });

  it.each([
    'spiffe://prod.example/ns/payments/sa/api',
    'Spiffe://prod.example/ns/payments/sa/api',
    'wimse://prod.example/x',
  ])('AT-06 cannot take the name of a SPIFFE workload at another issuer: %s', async (sub) => {
    const answer = await broker.exchange(await credentials.login({ sub }));
    expect([answer.status, answer.body.error]).toEqual([400, 'invalid_request']);
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused' });
    expect(broker.records().at(-1)).not.toHaveProperty('subject');
    granted(await broker.exchange(await credentials.login()));
  });

  it('AT-06 and TX-48 is its own client, whatever client_id it sends', async () => {
    const sent = { client_id: 'cluster:system:serviceaccount:payments:api' };
    const { sub, client_id: client } = granted(await broker.exchange(await credentials.login(), sent));
    expect([sub, client]).toEqual(['login:worker-1', 'login:worker-1']);
  });

  it.each([
    ['jwt', 'JWT', true],
    ['jwt', undefined, true],
    ['jwt', 'at+jwt', true],
    ['id_token', 'JWT', true],
    ['id_token', 'at+jwt', false],
    ['id_token', 'application/at+jwt', false],
    ['access_token', 'at+jwt', true],
    ['access_token', 'application/at+jwt', true],
    ['access_token', 'JWT', false],
    ['access_token', undefined, false],
    ['access_token', 'id_token+jwt', false],
  ])('AT-07 sent as %s with the typ %s is taken: %s', async (type, typ, taken) => {
    const answer = await broker.exchange(await credentials.login({}, { typ }), { subject_token_type: TYPE + type });
    if (taken) granted(answer);
    else expectRefused(broker, answer, [400, 'invalid_request', 'typ_refused']);
  });
});
