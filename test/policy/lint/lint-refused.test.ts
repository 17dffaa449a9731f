// Rows of the linter's requirements that nobody can accept, because the grammar of policies and sources has no way to write them: each
// beside what is said instead. And that docs/lint.md accounts for every row.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LINTS } from '../../../src/policy/lint/lint-table.ts';
import { fencedBlocks } from '../../support/examples.ts';
import { readSource } from '../../support/lint-config.ts';
import { expectedPage, readPage } from '../../support/lint-page.ts';
import { compileTexts } from '../../support/policy.ts';
import { LINT_SOURCES } from './lint-cases.ts';

/** Row, subject of an allow rule, and what is said of it. */
const SUBJECTS: readonly (readonly [row: string, subject: string, message: string])[] = [
  ['L02', 'trust: github, github: { repository: "*/shop", ref: refs/heads/main }', 'does not pin repository_id'],
  ['L02', 'trust: github, github: { repository_id: "*", ref: refs/heads/main }', 'does not pin repository_id'],
  ['L04', 'trust: github, github: { repository_id: 74, ref: { matches: "a|b" } }', 'must be a value, a list of values'],
  ['L05', 'trust: idp, sub: { regex: ".*@a.example" }', 'must be'],
  ['L06', 'trust: github, github: { repository_id: 74, ref: "refs/heads/**" }', '"**" is not taken here'],
  ['L06', 'trust: github, github: { repository_id: 74, ref: "refs/h*/main" }', 'does not pin its context'],
  ['L13', 'trust: github, github: { repository_id: 74 }', 'does not pin its context'],
  [
    'L17',
    'trust: github, github: { job_workflow_ref: "a/b/c.yml@main", ref: refs/heads/main }',
    'does not pin repository_id',
  ],
  ['L21', 'trust: github, github: { actor: octocat, workflow: Release }', 'does not pin repository_id'],
  ['L21', 'trust: buildkite, buildkite: { step_key: deploy, build_branch: main }', 'does not pin pipeline_id'],
  ['L30', 'trust: buildkite, buildkite: { pipeline_slug: shop, build_branch: main }', 'does not pin pipeline_id'],
  ['L36', 'trust: google, google: { email: a@p.iam.gserviceaccount.com }', 'does not pin sub'],
  ['L38', 'trust: aws, aws: { org_id: o-1, role: "arn:aws:iam::1:role/a" }', 'does not pin account'],
  ['L38', 'trust: aws, aws: { account: "1", role: "arn:aws:iam::1:role/*" }', 'does not pin role'],
  ['L46', 'trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main, runner_id: seven }', 'must be a number'],
  ['L46', 'trust: circleci, circleci: { project-id: p, vcs-ref: r, ssh-rerun: never }', 'must be true or false'],
  [
    'L47',
    'trust: github, github: { repository_id: 74, ref: { not: refs/heads/dev } }',
    'must be a value, a list of values',
  ],
  ['L52', 'trust: mesh, sub: "spiffe://example.org/ns/pay*"', 'does not pin sub'],
  ['L52', 'trust: mesh, sub: spiffe://other.example/ns/pay', 'is not in the trust domain'],
  ['L53', 'trust: devops, azure-devops: { prj_id: p, rpo_ref: refs/heads/main }', 'does not pin def_id'],
  ['L54', 'trust: idp', 'does not pin sub'],
  ['L54', 'trust: idp, claims: { aud: "https://sts.example" }', 'does not pin sub'],
];

const CLUSTER = 'kind: kubernetes';
const OIDC = 'kind: oidc, subjects: workloads, presenter: self, tokens: [jwt]';
const TENANT = '72f988bf-86f1-41af-91ab-2d7cd011db47';
const ENTRA = `kind: entra, issuer: "https://login.microsoftonline.com/${TENANT}/v2.0"`;

/** Row, options of a source, and what is said of it. */
const SOURCES: readonly (readonly [row: string, options: string, message: string])[] = [
  ['L01', 'kind: github', 'signs for all its customers'],
  ['L01', `${OIDC}, issuer: "https://oidc.codefresh.io"`, 'signs for all its customers'],
  ['L35', `${CLUSTER}, issuer: kubernetes/serviceaccount`, 'must begin with https://'],
  ['L35', `${CLUSTER}, issuer: "https://kubernetes.default.svc"`, 'is the same for every cluster'],
  ['L37', 'kind: aws-instance-identity', 'is not one of its values'],
  ['L40', 'kind: entra, issuer: "https://login.microsoftonline.com/common/v2.0", audience: a', 'must be https://login'],
  ['L40', `${ENTRA}, audience: "https://management.azure.com/"`, 'is the audience of a service'],
  ['L41', `${OIDC}, issuer: "http://a.example"`, 'must begin with https://'],
  ['L41', `${OIDC}, issuer: "https://a.example?x=1"`, 'must not have a query'],
  ['L41', `${OIDC}, issuer: "https://me@a.example"`, 'must not have a user name'],
  ['L41', `${OIDC}, issuer: "https://a.example/x/../y"`, 'must not have . or ..'],
  ['L41', `${OIDC}, issuer: "https://a.exampl\u0435"`, 'must be printable ASCII'],
  ['L42', `${OIDC}, issuer: "https://*.a.example"`, 'must have a host of letters'],
];

describe('what cannot be written', () => {
  it.each(SUBJECTS)('%s: { %s } does not load', (_row, subject, message) => {
    const text = (lines: string) => `rules: [{ name: r, subject: { ${lines} }, allow: [deploy] }]\n`;
    const compiled = compileTexts([text(subject)], { sources: LINT_SOURCES });
    const problems = compiled.ok ? [] : compiled.problems;
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message);
    // It is no finding: there is no name to accept it by.
    expect(problems.filter(({ lint }) => lint !== undefined)).toEqual([]);
  });

  it.each(SOURCES)('%s: a source { %s } does not load', async (_row, options, message) => {
    const read = await readSource(options);
    const problems = read.ok ? [] : read.problems;
    expect(problems.map((problem) => problem.message).join('\n')).toContain(message);
    expect(problems.filter(({ lint }) => lint !== undefined)).toEqual([]);
  });
});

const rowsOf = (text: string): readonly string[] => text.match(/L[0-9]{2}/g) ?? [];
const section = (title: string): string => {
  const [, after = ''] = readPage().split(`\n## ${title}\n`);
  return after.split('\n## ')[0] ?? '';
};
const refused = section('What cannot be written')
  .split('\n')
  .filter((line) => line.startsWith('| L'))
  .flatMap((line) => rowsOf(line.split('|')[1] ?? ''));

describe('docs/lint.md', () => {
  it('has a row for every lint as the code has it, and no other (node test/support/lint-page.ts)', () => {
    expect(readPage()).toBe(expectedPage());
    expect(section('Findings').match(/^\| `/gm)).toHaveLength(LINTS.size);
  });

  it('accounts for all 54 rows: each is found, or cannot be written', () => {
    const found = [...LINTS.values()].flatMap(({ row }) => rowsOf(row));
    const all = Array.from({ length: 54 }, (_, index) => `L${String(index + 1).padStart(2, '0')}`);
    expect([...new Set([...found, ...refused])].sort()).toEqual(all);
  });

  it('says of nothing that it cannot be written unless it was tried, or there is nothing to try', () => {
    const tried = new Set([...SUBJECTS, ...SOURCES].map(([row]) => row));
    // What a signed request must hold, and how case is compared, is no option of anything.
    expect([...new Set(refused)].filter((row) => !tried.has(row))).toEqual(['L39', 'L45']);
  });

  it('shows a finding as check prints it', () => {
    const [shown = ''] = fencedBlocks(readPage()).map(({ text }) => text);
    const lint = LINTS.get('environment-alone');
    expect(shown.trim()).toMatch(/^policies\/shop\.yaml:5:53 rules\[0\]\.subject\.github\.environment: /);
    expect(shown.trim().endsWith(`: ${lint?.why}; ${lint?.mend} (warning) [environment-alone]`)).toBe(true);
  });
});

describe('docs/policies.md', () => {
  it('shows a rule that answers the one thing that is found about it', () => {
    const page = readFileSync(new URL('../../../docs/policies.md', import.meta.url), 'utf8');
    const [shown] = fencedBlocks(page).filter(({ info }) => info === 'yaml rule-with-accept');
    const compiled = compileTexts([shown?.text ?? '']);
    expect(compiled).toMatchObject({ ok: true, warnings: [] });
    const answered = compiled.ok ? compiled.findings.filter(({ accepted }) => accepted !== undefined) : [];
    expect(answered.map(({ lint }) => lint)).toEqual(['environment-alone']);
  });
});
