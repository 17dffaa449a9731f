// Tests of a policy, as `check` runs them: what holds says nothing, and what does not says what came instead, at its line.

import { describe, expect, it } from 'vitest';
import { runTests } from '../../src/policy/test-run.ts';
import { compileTexts, NOW, principalOf, SOURCES } from '../support/policy.ts';

const POLICY = `
rules:
  - name: production
    each: { repo: p1.yaml }
    subject: { trust: github, github: { repository_id: <id>, environment: production } }
    allow: [deploy]
  - { name: through, subject: { trust: eks, kubernetes: { namespace: pay, serviceaccount: api } }, client: gateway, allow: { ledger: [read] } }
  - { name: never-bots, subject: { trust: github, claims: { actor: "bot[bot]" } }, deny: all }
tests:
`;
const ROWS = 'rows: [{ repo: shop, id: 74 }]';
const JOB = '{ trust: github, claims: { repository_owner_id: 65, repository_id: 74, environment: Production } }';
const POD = '{ trust: eks, claims: { namespace: pay, serviceaccount: api } }';

function run(...tests: readonly string[]) {
  const compiled = compileTexts([`${POLICY}${tests.map((test) => `  - { name: t, ${test} }\n`).join('')}`, ROWS]);
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  const tables = new Map(SOURCES.map(({ name, table }) => [name, table]));
  const clients = [{ id: 'gateway', principal: principalOf('idp', { sub: 'gateway' }) }];
  return runTests(compiled.policy, compiled.tests, { clients, tables, now: NOW }).map(
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
      'p0.yaml:10 t: expected production[shop], got no rule (no_rule; nearest production[shop]: environment was "staging", must be "production")',
      'p0.yaml:11 t: expected no rule, got production[shop]',
      'p0.yaml:12 t: expected deny, got production[shop]',
      'p0.yaml:13 t: expected production[shop], got no rule (require of github does not hold: repository_owner_id)',
      'p0.yaml:14 t: expected through, got no rule (scope_not_allowed; nearest through: scope was "write", must be "read")',
    ]);
  });

  it.each([
    [`as: ${JOB}, ask: deploy, expect: producton`, 'expects producton, and there is no such rule'],
    [`as: ${JOB}, ask: deploy, expect: production`, 'expects production, and there is no such rule'],
    [`as: { trust: gitub, claims: {} }, ask: deploy, expect: deny`, 'gitub is no trust source'],
    [`as: ${POD}, client: gatway, ask: ledger, expect: deny`, 'gatway is no client'],
  ])('that name what is not there do not hold: %s', (test, message) => {
    expect(run(test)).toEqual([`p0.yaml:10 t: ${message}`]);
  });

  it.each([
    ['no expectation', `tests: [{ name: t, as: ${JOB}, ask: deploy }]`, 'tests[0].expect is missing: must be text'],
    ['an unknown key', `tests: [{ name: t, ass: ${JOB} }]`, 'tests[0].ass is not known here'],
    [
      'an actor',
      `tests: [{ name: t, as: ${JOB}, actor: x, ask: deploy, expect: deny }]`,
      'tests[0].actor is not known here',
    ],
  ])('do not load with %s', (_, text, problem) => {
    const compiled = compileTexts([`${POLICY.replace('tests:\n', '')}${text}\n`, ROWS]);
    expect(compiled.ok ? '' : compiled.problems.map(({ path, message }) => `${path} ${message}`).join('\n')).toContain(
      problem,
    );
  });
});
