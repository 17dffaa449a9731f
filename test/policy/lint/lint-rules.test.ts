// Every lint about one rule: a policy that fires it, at the line and column of what it is about, and a twin that does not.

import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src/policy/lint/finding.ts';
import { RULE_LINTS } from '../../../src/policy/lint/lint-table.ts';
import { compileTexts, target } from '../../support/policy.ts';
import { ACTOR_CASES, CONFIRMED_TARGETS } from './lint-actor-cases.ts';
import { LINT_CASES, LINT_SOURCES } from './lint-cases.ts';
import { VALUE_CASES } from './lint-value-cases.ts';

const CASES = [...LINT_CASES, ...VALUE_CASES, ...ACTOR_CASES];

const MARK = '¦';
const TARGETS = [
  target('deploy'),
  target('per-repo', { address: 'https://repos.example/<repo>' }),
  ...CONFIRMED_TARGETS,
];
const policy = (members: string) =>
  `rules:\n  - ${members.startsWith(MARK) ? MARK : ''}{ name: r, ${members.replace(/^¦/, '')} }\n`;

const compile = (text: string) => compileTexts([text], { sources: LINT_SOURCES, targets: TARGETS });

/** Findings of this lint, where every error is accepted behind everything else. */
function findingsOf(lint: string, text: string): readonly Finding[] {
  const errors = RULE_LINTS.filter(({ severity }) => severity === 'error').map(({ name }) => `${name}: known`);
  const compiled = compile(text.replace(/ \}\n$/, `, accept: { ${errors.join(', ')} } }\n`));
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.findings.filter((finding) => finding.lint === lint);
}

describe('a lint about a rule', () => {
  it.each(CASES.map((one) => [one.lint, one] as const))('%s', (lint, { severity, fires, twin }) => {
    const marked = policy(fires);
    const [before = ''] = marked.split(MARK);
    const text = marked.replace(MARK, '');
    const at = { file: 'p0.yaml', line: 2, column: before.length - before.lastIndexOf('\n'), lint };
    const [finding, ...more] = findingsOf(lint, text);
    expect(finding).toMatchObject({ severity, about: 'r', problem: at });
    expect(more).toEqual([]);
    expect(findingsOf(lint, policy(twin)).map(({ problem }) => problem)).toEqual([]);
    // An error that nobody accepts stops the policy, and says the same.
    const compiled = compile(text);
    if (severity === 'error') expect(compiled.ok ? [] : compiled.problems).toContainEqual(finding?.problem);
    else if (severity === 'warning' && compiled.ok) expect(compiled.warnings).toContainEqual(finding?.problem);
    else expect(compiled.ok ? compiled.warnings : []).not.toContainEqual(finding?.problem);
  });

  it('has a case, each of them', () => {
    expect(new Set(CASES.map(({ lint }) => lint))).toEqual(new Set(RULE_LINTS.map(({ name }) => name)));
  });
});
