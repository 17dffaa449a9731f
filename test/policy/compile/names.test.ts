// Rules and conditions keep apart what parameters could make one of: two rules under one name, two keys of one map.

import { describe, expect, it } from 'vitest';
import { compileTexts } from '../../support/policy.ts';

const MAIN = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';
const problems = (...texts: readonly string[]) => {
  const compiled = compileTexts(texts);
  return compiled.ok ? [] : compiled.problems.map(({ path, message }) => `${path} ${message}`);
};

describe('the name of a rule', () => {
  // Only names as written were compared. A team's preview named `<n>`, bound to the name of the platform's deny, was taken for that deny in
  // every decision, which then denied nothing.
  it('is never made by a parameter, which could make it that of another file', () => {
    const deny = `rules: [{ name: never, ${MAIN}, deny: [deploy] }, { name: allow, ${MAIN}, allow: [deploy] }]`;
    const shadow = `rules: [{ name: "<n>", with: { n: never }, mode: preview, ${MAIN}, deny: [deploy] }]`;
    expect(problems(deny)).toEqual([]);
    expect(problems(shadow, deny).join()).toContain('name must be letters, digits, ".", "_" and "-"');
    const row = `rules: [{ name: "<n>", each: { n: p1.yaml }, ${MAIN}, allow: [deploy] }]`;
    expect(problems(row, 'rows: [{ n: shop }]').join()).toContain('name must be letters');
  });
});

describe('a key with a parameter', () => {
  const rule = (bound: string, subject: string) =>
    `rules: [{ name: a, with: { k: ${bound} }, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main }, ${subject} }, allow: [deploy] }]`;

  it('names a claim', () => expect(problems(rule('repo_property_tier', 'claims: { "<k>": prod }'))).toEqual([]));

  // The later of the two was kept, and `__proto__` fell out while the rule was read: a row took a condition away.
  it.each([
    ['actor', 'claims: { "<k>": prod, actor: x }'],
    ['__proto__', 'claims: { "<k>": prod, actor: x }'],
    ['b', 'claims: { a: { "<k>": prod, b: x } }'],
  ])('never loses a condition: %s', (bound, subject) => {
    expect(problems(rule(bound, subject)).join()).toContain(`has ${bound} as a key twice`);
  });
});
