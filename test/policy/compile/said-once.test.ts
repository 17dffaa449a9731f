// What is said of a table of rows and of rules that use it: every mistake once, where it was made, and nothing that only follows from it.

import { describe, expect, it } from 'vitest';
import { BUILDKITE } from '../../../src/platforms/buildkite.ts';
import { HCP_TERRAFORM } from '../../../src/platforms/hcp-terraform.ts';
import { problemsIn, ROWS, RULES, SOURCES, target } from '../../support/policy.ts';

const [GITHUB] = SOURCES;
const sources = [
  ...SOURCES,
  ...[BUILDKITE, HCP_TERRAFORM].flatMap((table) =>
    GITHUB ? [{ ...GITHUB, name: table.kind, kind: table.kind, table }] : [],
  ),
];
const targets = [target('role', { address: 'arn:aws:iam::<account>:role/gha-<repo>' }), target('deploy')];
const problems = (...texts: readonly string[]) => problemsIn(texts, { sources, targets });

describe('a table of rows', () => {
  it('reports rows that cannot name a rule once each, at their own lines, however many rules use the table', () => {
    const rows = 'rows:\n  - { repo: shop, id: 74 }\n  - { repo: "a,b", id: 75 }\n  - { repo: shop, id: 76 }\n';
    const other = RULES.replace('name: production', 'name: other');
    expect(problems(rows, RULES, other)).toEqual([
      'p0.yaml:3 rows[1].repo "a,b" cannot name a rule: at most 100 letters, digits, and . _ / @ - after the first',
      'p0.yaml:4 rows[2].repo names a row shop again: line 2 does',
    ]);
  });

  it.each([
    ['target', RULES.replace('[role]', '[rol]'), 'rules[0].allow[0] rol is no target; did you mean role?'],
    ['claim', RULES.replace('ref:', 'reff: x, ref:').replace('account: "', 'x: y, account: "'), 'did you mean ref?'],
  ])('says of a misspelt %s nothing about what it leaves unused', (_, rule, message) => {
    const rows = ROWS.replaceAll('id: 7', 'x1: 1, id: 7');
    expect(problems(rows, rule)).toEqual([expect.stringContaining(message)]);
    expect(problems(rows, RULES)).toEqual([expect.stringContaining('no rule that uses this table uses <x1>')]);
  });
});

describe('an unknown field of a block', () => {
  it.each([
    ['buildkite', 'pipeline_id: p, branch: main', 'branch', 'build_branch'],
    ['hcp-terraform', 'terraform_workspace_id: w', 'terraform_workspace_id', 'workspace_id'],
    ['buildkite', 'pipeline_id: p, buildbranch: main', 'buildbranch', 'build_branch'],
  ])('of %s { %s } is answered with the one that was meant', (kind, fields, word, meant) => {
    const rule = `rules: [{ name: r, subject: { trust: ${kind}, ${kind}: { ${fields} } }, allow: [deploy] }]`;
    expect(problems(rule)).toEqual([
      expect.stringMatching(new RegExp(`${kind}"?\\]?\\.${word} is not known here; .*; did you mean ${meant}\\?$`)),
    ]);
  });

  it('that is a part of several is answered with all there are', () => {
    const rule = 'rules: [{ name: r, subject: { trust: buildkite, buildkite: { slug: main } }, allow: [deploy] }]';
    expect(problems(rule)).toEqual([expect.stringMatching(/is not known here; allowed: .*sub$/)]);
  });
});
