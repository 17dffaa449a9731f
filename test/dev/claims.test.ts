// The claims that `token --as` makes up: what is given stands, what a rule wants comes next, and the rest is plausible enough to be proved.

import { describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import { type Assumption, assumedClaims } from '../../src/dev/claims.ts';
import { claimsOfRules, targetsOf } from '../../src/dev/rule-claims.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { KUBERNETES } from '../../src/platforms/kubernetes.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { tableProblem } from '../../src/verifiers/claims.ts';
import { policyOf, TARGETS, target } from '../support/policy.ts';

const NOW = 1_790_000_000.5;
const assumption = (changes: Partial<Assumption>): Assumption => ({
  table: GITHUB,
  issuer: 'https://token.actions.githubusercontent.com',
  audience: 'https://localhost:8443',
  require: {},
  given: {},
  wanted: [],
  named: [],
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

  it('of a kind with a table have no unknown name, unless a rule names it', () => {
    const problem = (field: string, more: Partial<Assumption> = {}) => {
      const assumed = assumedClaims(assumption({ given: { [field]: 'x' }, ...more }));
      return assumed.ok ? undefined : assumed.problem;
    };
    expect(problem('reff')).toBe('reff is no claim of github; did you mean ref?');
    expect(problem('nonsense')).toMatch(/^nonsense is no claim of github; there are repository, repository_id, /);
    expect(problem('team', { named: ['team'] })).toBeUndefined();
    for (const field of ['ref', 'sub', 'aud', 'jti', 'repo_property_tier'])
      expect(problem(field), field).toBeUndefined();
    expect(problem('kubernetes.io', { table: KUBERNETES })).toBeUndefined();
    expect(problem('kubernetes', { table: KUBERNETES })).toMatch(/^kubernetes is no claim of kubernetes; /);
    for (const table of [OIDC, SPIFFE]) expect(problem('reff', { table }), table.kind).toBeUndefined();
  });

  it('name no `iss` for SPIFFE, and make up an ID of the trust domain', () => {
    const claims = claimsOf({ table: SPIFFE, issuer: 'spiffe://prod.example' });
    expect([claims.sub, Object.hasOwn(claims, 'iss')]).toEqual(['spiffe://prod.example/example', false]);
  });
});

describe('what rules want', () => {
  const policy = policyOf(
    `
rules:
  - { name: a-never, subject: { trust: github, github: { repository_id: 1 } }, deny: all }
  - { name: b-other, subject: { trust: gitlab, gitlab: { project_id: 2, ref_path: refs/heads/main } }, allow: [deploy] }
  - { name: c-reads, subject: { trust: github, github: { repository_id: 3, ref: refs/heads/main } }, allow: { ledger: all } }
  - { name: d-tries, mode: preview, subject: { trust: github, github: { repository_id: 4, ref: x } }, allow: [deploy] }
  - name: deploys
    subject: { trust: github, github: { repository_id: [74, 75], ref: "refs/tags/*" } }
    allow: [deploy]
  - name: nightly
    subject: { trust: github, github: { repository_id: 76, ref: refs/heads/main }, claims: { groups: { has: x }, deep: { er: true } } }
    allow: [deploy]
  - name: one-space
    with: { env: live }
    subject: { trust: github, github: { repository_id: 77, environment: "<env>" } }
    allow: [space]
  - name: own-space
    subject: { trust: [eks, onprem], kubernetes: { namespace: "<env>", serviceaccount: api, pod: "of-<env>" } }
    allow: [space]
`,
    { targets: [...TARGETS, target('space', { address: 'https://<env>.spaces.example' })] },
  );
  const wanted = (changes: Partial<Parameters<typeof claimsOfRules>[0]>) =>
    Object.fromEntries(
      claimsOfRules({ ...policy, source: 'github', table: GITHUB, target: 'deploy', given: {}, ...changes }).map(
        ([path, value]) => [path.join('/'), value],
      ),
    );
  const DEPLOYS = { repository_id: '74', ref: 'refs/tags/example' };

  it('is what the first rule wants that allows the target, by name or address: no deny, no other source, no preview', () => {
    expect(wanted({})).toEqual(DEPLOYS);
    expect(wanted({ target: 'https://api.example/deploy' })).toEqual(DEPLOYS);
    expect(wanted({ target: 'ledger' })).toMatchObject({ repository_id: '3' });
  });

  it('is what the rule wants that agrees with most of what was given', () => {
    expect(wanted({ given: { repository_id: '76' } })).toEqual({
      repository_id: '76',
      ref: 'refs/heads/main',
      groups: ['x'],
      'deep/er': true,
    });
    expect(wanted({ given: { repository_id: '4' } })).toMatchObject({ repository_id: '4' });
    expect(wanted({ given: { ref: 'refs/tags/v1' } })).toEqual(DEPLOYS);
  });

  it('is with its parameters bound: by a row or `with`, by the address, by what was given, else by an example', () => {
    const live = { repository_id: '77', environment: 'live' };
    expect(wanted({ target: 'space' })).toEqual(live);
    expect(wanted({ target: 'https://live.spaces.example' })).toEqual(live);
    const pod = { source: 'onprem', table: KUBERNETES };
    const claims = (namespace: string) => ({
      'kubernetes.io/namespace': namespace,
      'kubernetes.io/serviceaccount/name': 'api',
      'kubernetes.io/pod/name': `of-${namespace}`,
    });
    expect(wanted({ ...pod, target: 'space' })).toEqual(claims('example'));
    expect(wanted({ ...pod, target: 'https://dev.spaces.example' })).toEqual(claims('dev'));
    expect(wanted({ ...pod, target: 'space', given: { namespace: 'qa' } })).toEqual(claims('qa'));
  });

  it('is nothing where no rule speaks of the source', () => {
    expect(wanted({ source: 'nobody' })).toEqual({});
  });

  it('names the targets of a source in the order of its rules', () => {
    expect(targetsOf(policy, 'github')).toEqual(['ledger', 'deploy', 'space']);
    expect(targetsOf(policy, 'nobody')).toEqual([]);
  });
});
