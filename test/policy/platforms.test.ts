// Tokens as the platforms issue them (test/vectors/platform-claims.json), each accepted by its own rule and by no other's.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { compileRequire } from '../../src/policy/compile/match.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { documentOf, policyOf, principalOf, question } from '../support/policy.ts';

const CLAIMS: Readonly<Record<string, JsonObject>> = JSON.parse(
  readFileSync(new URL('../vectors/platform-claims.json', import.meta.url), 'utf8'),
);

const RULES = `
rules:
  - name: github-push-legacy-sub
    subject:
      trust: github
      github:
        repository: Octo-Org/octo-repo
        repository_id: 74
        ref: refs/heads/main
        event_name: [push, release, schedule]
        job_workflow_ref: octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main
        runner_environment: github-hosted
    allow: [deploy]
  - name: github-env-immutable-sub-reusable
    subject:
      trust: github
      github:
        repository_id: 74
        environment: production
        ref: refs/heads/main
        event_name: [push, workflow_dispatch, release]
        sub: ["repo:octo-org/octo-repo:environment:production", "repo:octo-org@65/octo-repo@74:environment:production"]
      claims: { repo_property_tier: prod }
    allow: [deploy]
  - name: gitlab-push
    subject:
      trust: gitlab
      gitlab: { project_id: 20, job_project_id: 20, ref_path: refs/heads/main, ref_protected: true, runner_id: 12270840, groups_direct: { has: my-group } }
    allow: [deploy]
  - name: k8s-projected
    subject: { trust: eks, kubernetes: { namespace: payments, serviceaccount: api, uid: f5720c1d-e152-4356-a897-11b07aff165d } }
    allow: [deploy]
  - name: spire-jwt-svid
    subject: { trust: mesh, sub: "spiffe://example.org/ns/payments/sa/*" }
    allow: [deploy]
`;

const OWN: readonly (readonly [string, string])[] = [
  ['github-push-legacy-sub', 'github'],
  ['github-env-immutable-sub-reusable', 'github'],
  ['gitlab-push', 'gitlab'],
  ['k8s-projected', 'eks'],
  ['spire-jwt-svid', 'mesh'],
];

const policy = createPolicy(policyOf(RULES));

describe('tokens as platforms issue them', () => {
  it.each(OWN)('%s is accepted by its own rule alone', (name, source) => {
    const decision = policy.decide(question(principalOf(source, CLAIMS[name] ?? {}), 'deploy'));
    expect(decision.granted && decision.grant.rule.name).toBe(name);
    const matched = decision.trace.filter(({ failed }) => !failed).map(({ rule }) => rule);
    expect(matched).toEqual([name]);
  });

  it.each(OWN)('%s proves nothing at any other source', (name, source) => {
    for (const other of ['github', 'gitlab', 'eks', 'onprem', 'mesh', 'idp'].filter((one) => one !== source))
      expect(policy.decide(question(principalOf(other, CLAIMS[name] ?? {}), 'deploy'))).toMatchObject({
        refusal: { reason: 'no_rule' },
      });
  });

  it('A-108: a pull_request_target run is refused by its event, in rules and in require', () => {
    const attack = CLAIMS['github-pull-request-target-attack'] ?? {};
    const decision = policy.decide(question(principalOf('github', attack), 'deploy'));
    expect(decision).toMatchObject({
      refusal: {
        reason: 'no_rule',
        nearest: { rule: 'github-push-legacy-sub', what: 'event_name', presented: '"pull_request_target"' },
      },
    });
    const document = documentOf('{ repository_owner_id: 65, event_name: [push, workflow_dispatch] }');
    const require = compileRequire({ source: { table: GITHUB, require: document.value }, document, base: [] });
    if (!require.ok) throw new Error('it must compile');
    expect(require.firstUnmet(attack)).toBe('event_name');
    expect(require.firstUnmet(CLAIMS['github-push-legacy-sub'] ?? {})).toBeUndefined();
  });

  const changed = (name: string, source: string, change: JsonObject) =>
    policy.decide(question(principalOf(source, { ...CLAIMS[name], ...change }), 'deploy')).granted;

  it.each([
    ['A-111 a recycled name with another id', { repository_id: '75' }],
    ['A-113 hyphen-joined ids', { repository_id: 'org-74' }],
    [
      'A-115 a doubled @ in the workflow',
      { job_workflow_ref: 'octo-org/octo-repo/.github/workflows/release.yml@x.yml@refs/heads/main' },
    ],
    ['A-116 a tag named like the branch', { ref: 'refs/tags/main' }],
    ['A-117 a self-hosted runner', { runner_environment: 'self-hosted' }],
    ['A-123 a full-width letter', { ref: 'refs/heads/\uff4dain' }],
    ['A-123 a zero-width letter', { ref: 'refs/heads/main\u200b' }],
  ])('%s is refused', (_title, change) => {
    expect(changed('github-push-legacy-sub', 'github', change)).toBe(false);
    expect(changed('github-push-legacy-sub', 'github', { repository: 'OCTO-ORG/OCTO-REPO' })).toBe(true);
  });

  it('A-112 A-114: custom subjects match whole or not at all', () => {
    const sub = 'repo:octo-org@65/octo-repo@74:environment:production:x';
    expect(changed('github-env-immutable-sub-reusable', 'github', { sub })).toBe(false);
    expect(
      changed('github-env-immutable-sub-reusable', 'github', { sub: 'repo:octo-org/octo-repo:environment:production' }),
    ).toBe(true);
  });

  it('a SPIFFE wildcard stays within its segment', () => {
    for (const sub of [
      'spiffe://example.org/ns/payments/sa/api/x',
      'spiffe://example.org/ns/payments/sa/',
      'spiffe://example.org/ns/payments/sax',
    ])
      expect(changed('spire-jwt-svid', 'mesh', { sub })).toBe(false);
  });
});
