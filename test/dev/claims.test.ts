// The claims that `token --as` makes up: what is given stands, what a rule wants comes next, and the rest is plausible enough to be proved.

import { describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import { type Assumption, assumedClaims } from '../../src/dev/claims.ts';
import { claimsOfRules } from '../../src/dev/rule-claims.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { KUBERNETES } from '../../src/platforms/kubernetes.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { tableProblem } from '../../src/verifiers/claims.ts';

const NOW = 1_790_000_000.5;
const assumption = (changes: Partial<Assumption>): Assumption => ({
  table: GITHUB,
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://localhost:8443',
  require: {},
  given: {},
  wanted: [],
  nowSeconds: NOW,
  lifetimeSeconds: 300,
  jti: 'once',
  ...changes,
});
const claimsOf = (changes: Partial<Assumption>) => {
  const assumed = assumedClaims(assumption(changes));
  if (!assumed.ok) throw new Error(assumed.problem);
  return assumed.claims;
};

describe('assumed claims', () => {
  it.each(TRUST_KINDS.map(({ table }) => [table.kind, table] as const))(
    'of %s have what its table demands',
    (_kind, table) => {
      const claims = claimsOf({ table });
      expect(tableProblem(claims, table, {})).toBeUndefined();
      expect(claims).toMatchObject({
        aud: 'https://localhost:8443',
        iat: 1_790_000_000,
        exp: 1_790_000_300,
        jti: 'once',
      });
      expect(claims.sub).toEqual(expect.any(String));
    },
  );

  it('are given by field name, wherever the claim stands, with the type of the table', () => {
    const given = { namespace: 'payments', serviceaccount: 'api' };
    expect(claimsOf({ table: KUBERNETES, given })).toMatchObject({
      'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api' }, pod: { name: expect.any(String) } },
      sub: 'system:serviceaccount:payments:api',
    });
    expect(claimsOf({ given: { repository_id: '74', run_id: '007' } })).toMatchObject({
      repository_id: '74',
      run_id: '007',
    });
    expect(
      claimsOf({ table: OIDC, given: { groups: '["finance"]', level: '3', name: 'a=b', email_verified: 'true' } }),
    ).toMatchObject({ groups: ['finance'], level: 3, name: 'a=b', email_verified: true });
  });

  it('take a given `sub` of a pod apart, so that the claims beside it agree', () => {
    expect(claimsOf({ table: KUBERNETES, given: { sub: 'system:serviceaccount:payments:api' } })).toMatchObject({
      'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api' } },
    });
  });

  it('stand however wrong they are, and replace what would be made up', () => {
    expect(claimsOf({ given: { iss: 'https://x.example', aud: 'y', exp: '1', jti: 'twice' } })).toMatchObject({
      iss: 'https://x.example',
      aud: 'y',
      exp: 1,
      jti: 'twice',
    });
  });

  it('must have the type of their table', () => {
    expect(assumedClaims(assumption({ given: { exp: 'soon' } }))).toEqual({
      ok: false,
      problem: 'exp must be a number',
    });
    expect(assumedClaims(assumption({ table: OIDC, given: { email_verified: 'yes' } }))).toEqual({
      ok: false,
      problem: 'email_verified must be a boolean',
    });
  });

  it('are first what was given, then what a rule wants, then what `require` says, then an example', () => {
    const require = { repository_owner_id: [65, 66], event_name: 'release', repository: 'acme/*' };
    const wanted = [
      [['repository_id'], 74],
      [['ref'], 'refs/heads/main'],
    ] as const;
    expect(claimsOf({ require, wanted, given: { ref: 'refs/heads/dev' } })).toMatchObject({
      ref: 'refs/heads/dev',
      repository_id: '74',
      repository_owner_id: '65',
      event_name: 'release',
      repository: 'acme/example',
      repository_owner: 'example',
      sub: 'repo:acme/example:ref:refs/heads/dev',
    });
  });

  it('name no `iss` for SPIFFE, and make up an ID of the trust domain', () => {
    const claims = claimsOf({ table: SPIFFE, issuer: 'spiffe://prod.example' });
    expect([claims.sub, Object.hasOwn(claims, 'iss')]).toEqual(['spiffe://prod.example/example', false]);
  });
});

describe('what rules want', () => {
  const text = `
rules:
  - { name: never, subject: { trust: github, github: { repository_id: 1 } }, deny: all }
  - { name: other, subject: { trust: gitlab, gitlab: { project_id: 2 } }, allow: [deploy] }
  - { name: reads, subject: { trust: github, github: { repository_id: 3 } }, allow: { ledger: all } }
  - name: deploys
    subject: { trust: [github, ghes], github: { repository_id: [74, 75], ref: "refs/tags/v*", environment: <env> } }
    allow: [deploy]
  - name: nightly
    subject: { trust: github, github: { repository_id: 76, ref: refs/heads/main }, claims: { groups: { has: x }, deep: { er: true } } }
    allow: [deploy]
`;
  const wanted = (changes: Partial<Parameters<typeof claimsOfRules>[0]>) =>
    claimsOfRules({
      texts: [['a.yaml', text]],
      source: 'github',
      table: GITHUB,
      target: 'deploy',
      given: {},
      ...changes,
    });

  it('is what the first rule wants that allows the target: no deny, no other source, no parameter', () => {
    expect(wanted({})).toEqual([
      [['repository_id'], 74],
      [['ref'], 'refs/tags/vexample'],
    ]);
    expect(wanted({ source: 'ghes' })).toEqual(wanted({}));
    expect(wanted({ target: 'ledger' })).toEqual([[['repository_id'], 3]]);
  });

  it('is what the rule wants that agrees with most of what was given', () => {
    expect(wanted({ given: { repository_id: '76' } })).toEqual([
      [['repository_id'], 76],
      [['ref'], 'refs/heads/main'],
      [['groups'], ['x']],
      [['deep', 'er'], true],
    ]);
  });

  it('is nothing where no rule speaks of the source, or a file does not load', () => {
    expect(wanted({ source: 'nobody' })).toEqual([]);
    expect(
      wanted({
        texts: [
          ['a.yaml', 'rules: ['],
          ['b.yaml', 'rules: 1'],
          ['c.yaml', 'rows: [{ a: 1 }]'],
        ],
      }),
    ).toEqual([]);
  });
});
