// Tests of a policy, as `check` runs them: what holds says nothing, and what does not says what came instead, at its line.

import { describe, expect, it } from 'vitest';
import { ok } from '../../src/core/refusal.ts';
import { runTests } from '../../src/policy/test-run.ts';
import { compileTexts, NOW, principalOf, SOURCES, TARGETS, target } from '../support/policy.ts';

const POLICY = `
rules:
  - name: production
    each: { repo: p1.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: production } }
    allow: [deploy]
  - { name: through, subject: { trust: eks, kubernetes: { namespace: pay, serviceaccount: api } }, client: gateway, allow: { ledger: [read] } }
  - { name: never-bots, subject: { trust: github, claims: { actor: "bot[bot]" } }, deny: all }
  - { name: site, each: { repo: p1.yaml }, subject: { trust: github, github: { repository_id: <id>, environment: live } }, allow: [site] }
  - { name: tried, mode: preview, subject: { trust: github, github: { repository_id: 74, environment: production } }, allow: { ledger: all } }
  - { name: never-red, subject: { trust: github, claims: { team: red } }, deny: all }
tests:
`;
const ROWS = 'rows: [{ repo: shop, id: 74 }]';
const JOB = '{ trust: github, claims: { repository_owner_id: 65, repository_id: 74, environment: Production } }';
const POD = '{ trust: eks, claims: { namespace: pay, serviceaccount: api } }';

function run(...tests: readonly string[]) {
  const compiled = compileTexts([`${POLICY}${tests.map((test) => `  - { name: t, ${test} }\n`).join('')}`, ROWS], {
    targets: [...TARGETS, target('site', { address: 'https://live.example/<repo>' })],
  });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const tables = new Map(SOURCES.map(({ name, table }) => [name, table]));
  const clients = [{ id: 'gateway', principal: principalOf('idp', { sub: 'gateway' }) }];
  const world = { clients, tables, now: NOW, carried: () => ok(undefined), whoIs: () => [] };
  return runTests(compiled.policy, compiled.tests, world).map(
    ({ file, line, message }) => `${file}:${line} ${message}`,
  );
}

describe('tests of a policy', () => {
  it('hold for whoever gets what they say, and for whoever does not', () => {
    expect(
      run(
        `as: ${JOB}, ask: deploy, expect: "production[shop]"`,
        `as: ${JOB.replace('74', '75')}, ask: deploy, expect: no rule`,
        `as: ${JOB.replace('repository_id', 'actor: "bot[bot]", repository_id')}, ask: deploy, expect: deny`,
        `as: ${POD}, client: gateway, ask: https://api.example/ledger, scope: read, expect: through`,
        `as: ${POD}, ask: ledger, scope: read, expect: no rule`,
        `as: ${JOB.replace('65', '66')}, ask: deploy, expect: no rule`,
      ),
    ).toEqual([]);
  });

  it('say what came instead, why, and at which line', () => {
    expect(
      run(
        `as: ${JOB.replace('Production', 'staging')}, ask: deploy, expect: "production[shop]"`,
        `as: ${JOB}, ask: deploy, expect: no rule`,
        `as: ${JOB}, ask: deploy, expect: deny`,
        `as: ${JOB.replace('65', '66')}, ask: deploy, expect: "production[shop]"`,
        `as: ${POD}, client: gateway, ask: ledger, scope: write, expect: through`,
      ),
    ).toEqual([
      'p0.yaml:13 t: expected production[shop], got no rule (no_rule; nearest production[shop]: environment was "staging", must be "production")',
      'p0.yaml:14 t: expected no rule, got production[shop]',
      'p0.yaml:15 t: expected deny, got production[shop]',
      'p0.yaml:16 t: expected production[shop], got no rule (require of github does not hold: repository_owner_id)',
      'p0.yaml:17 t: expected through, got no rule (scope_not_allowed; nearest through: scope was "write", must be "read")',
    ]);
  });

  it('say of the expected rule what it lacks, also where the pin does not hold and where the target is unknown', () => {
    const site = 'https://live.example/shop';
    const none = JOB.replace(', environment: Production', '');
    expect(
      run(
        `as: ${none}, ask: ${site}, expect: "site[shop]"`,
        `as: ${JOB.replace('Production', 'live')}, ask: ${site}, expect: "site[shop]"`,
        `as: ${JOB.replace('74', '75')}, ask: deploy, expect: "production[shop]"`,
        `as: ${JOB}, ask: depoly, expect: "production[shop]"`,
        `as: ${JOB}, ask: ledger, expect: tried`,
        `as: ${JOB}, ask: ${site}x, expect: deny`,
        `as: ${JOB}, ask: ${site}, expect: "site[shop]"`,
      ),
    ).toEqual([
      'p0.yaml:13 t: expected site[shop], got no rule (no_rule; nearest site[shop]: environment was absent, must be "live")',
      'p0.yaml:15 t: expected production[shop], got no rule (no_rule; nearest production[shop]: repository_id was "75", must be "74")',
      'p0.yaml:16 t: expected production[shop], got no rule (target_unknown; nearest production[shop]: target was "depoly", must be "deploy" or "ledger" or "site" or "vault"; did you mean deploy?)',
      'p0.yaml:17 t: expected tried, got no rule (target_not_allowed; the mode of tried is preview)',
      'p0.yaml:18 t: expected deny, got no rule (target_unknown)',
      'p0.yaml:19 t: expected site[shop], got no rule (target_unknown; nearest site[shop]: environment was "Production", must be "live")',
    ]);
  });

  it.each([
    ['{ trust: github, claims: { enviroment: production } }', 'enviroment', 'github', '; did you mean environment?'],
    ['{ trust: github, claims: { strange: x } }', 'strange', 'github', ''],
    [
      '{ trust: eks, claims: { "kubernetes.io": { namespac: pay } } }',
      'kubernetes.io/namespac',
      'kubernetes',
      '; did you mean namespace?',
    ],
  ])('that assume a claim that no token has do not hold: %s', (as, claim, kind, hint) => {
    expect(run(`as: ${as}, ask: deploy, expect: no rule`)).toEqual([
      `p0.yaml:13 t: assumes ${claim}, which is no claim of ${kind} tokens${hint}`,
    ]);
  });

  it('may assume what the kind knows, any JWT has, or a rule speaks of, and anything of a plain issuer', () => {
    const claims = 'iss: x, aud: y, repo_property_tier: one, team: pay, repository_id: 75, repository_owner_id: 65';
    expect(run(`as: { trust: github, claims: { ${claims} } }, ask: deploy, expect: no rule`)).toEqual([]);
    expect(run('as: { trust: idp, claims: { sub: a, strange: x } }, ask: deploy, expect: no rule')).toEqual([]);
  });

  it.each([
    [`as: ${JOB}, ask: deploy, expect: producton`, 'expects producton, and there is no such rule'],
    [`as: ${JOB}, ask: deploy, expect: production`, 'expects production, and there is no such rule'],
    [`as: { trust: gitub, claims: {} }, ask: deploy, expect: deny`, 'gitub is no trust source'],
    [`as: ${POD}, client: gatway, ask: ledger, expect: deny`, 'gatway is no client'],
  ])('that name what is not there do not hold: %s', (test, message) => {
    expect(run(test)).toEqual([`p0.yaml:13 t: ${message}`]);
  });

  it.each([
    ['no expectation', `tests: [{ name: t, as: ${JOB}, ask: deploy }]`, 'tests[0].expect is missing: must be text'],
    ['an unknown key', `tests: [{ name: t, ass: ${JOB} }]`, 'tests[0].ass is not known here'],
    [
      'an actor that is none',
      `tests: [{ name: t, as: ${JOB}, actor: x, ask: deploy, expect: deny }]`,
      'tests[0].actor must be a map, and is text',
    ],
    [
      'a time of day',
      `tests: [{ name: t, as: { trust: github, claims: {}, authenticated: yesterday }, ask: deploy, expect: deny }]`,
      'tests[0].as.authenticated must be a duration',
    ],
  ])('do not load with %s', (_, text, problem) => {
    const compiled = compileTexts([`${POLICY.replace('tests:\n', '')}${text}\n`, ROWS]);
    expect(compiled.ok ? '' : compiled.problems.map(({ path, message }) => `${path} ${message}`).join('\n')).toContain(
      problem,
    );
  });
});
