// Pins that look like pins: captures that stand alone, wildcards among them, members of lists that are patterns.

import { describe, expect, it } from 'vitest';
import { CIRCLECI } from '../../../src/platforms/circleci.ts';
import { type PolicyTexts, policyOf, problemsOf, SOURCES, target } from '../../support/policy.ts';

const WORLD: PolicyTexts = {
  // As of a GitHub Enterprise Server: an issuer of one's own, and nothing that `require` says.
  sources: SOURCES.flatMap((source) => [
    source,
    { ...source, name: `own-${source.name}`, require: {} },
    { ...source, name: 'circle', kind: 'circleci', table: CIRCLECI, require: {} },
  ]).filter(({ name }, index, all) => all.findIndex((one) => one.name === name) === index),
  targets: [
    target('pair', { address: 'https://x.example/<a>/<b>' }),
    target('one', { address: 'https://y.example/<a>' }),
  ],
};
const rule = (subject: string, allow: string) =>
  problemsOf(`rules: [{ name: r, subject: { ${subject} }, allow: [${allow}] }]`, WORLD).join();

describe('a pin of captures', () => {
  // Mutants that lived: every id captured is everybody's, each with an address of his own making.
  it('stands beside an id that is exact, in the rule or in require', () => {
    const ids = 'repository_owner_id: <a>, repository_id: <b>, ref: refs/heads/main';
    expect(rule(`trust: own-github, github: { ${ids} }`, 'pair')).toContain('does not pin repository_id');
    const anchored = ids.replace('owner_id: <a>', 'owner_id: 65').replace('<b>', '<a>');
    expect(rule(`trust: own-github, github: { ${anchored} }`, 'one')).toBe('');
    expect(rule('trust: github, github: { repository_id: <a>, ref: refs/heads/main }', 'one')).toBe('');
  });

  it('has no wildcard beside it that nothing captures', () => {
    const environment = (text: string) => `trust: github, github: { repository_id: 74, environment: "${text}" }`;
    expect(rule(environment('*/<a>'), 'one')).toContain('does not pin its context');
    expect(rule(environment('eu/<a>'), 'one')).toBe('');
  });
});

describe('a context of a list', () => {
  it('is one exact member', () => {
    const circle = (ids: string) =>
      `rules: [{ name: r, subject: { trust: circle, circleci: { org-id: o, project-id: p, vcs-origin: github.com/a/b, context-ids: { has: "${ids}" } } }, allow: [deploy] }]`;
    expect(policyOf(circle('c'), { ...WORLD, targets: [target('deploy')] }).rules).toHaveLength(1);
    for (const loose of ['*', 'c:*', 'c*'])
      expect(problemsOf(circle(loose), { ...WORLD, targets: [target('deploy')] }).join()).toContain(
        'does not pin its context',
      );
  });
});
