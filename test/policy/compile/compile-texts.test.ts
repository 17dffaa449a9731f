import { describe, expect, it } from 'vitest';
import { compileTexts, compileTextsApart } from '../../../src/policy/compile/compile-texts.ts';
import { SOURCES, TARGETS } from '../../support/policy.ts';

const RULE =
  'rules: [{ name: a, subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [deploy] }]';
const inputOf = (...texts: readonly (readonly [string, string])[]) => ({
  texts,
  sources: SOURCES,
  targets: TARGETS,
  clients: [],
  issuer: 'https://sts.example',
  scopes: new Map(),
  now: 0,
});

describe('policy texts', () => {
  it.each([
    ['that compile', inputOf(['a.yaml', RULE])],
    ['with a problem', inputOf(['a.yaml', RULE.replace('subject', 'subjects')])],
    ['that are no YAML', inputOf(['a.yaml', 'rules: ['])],
  ])('%s give the same here and in a thread of their own', async (_title, input) => {
    expect(await compileTextsApart(input)).toEqual(compileTexts(input));
  });

  it('say what is wrong with every file, and an empty one is wrong', () => {
    const compiled = compileTexts(
      inputOf(['a.yaml', RULE.replace('subject', 'subjects')], ['b.yaml', '# soon\n'], ['c.yaml', 'rules: [']),
    );
    const files = compiled.ok ? [] : compiled.problems.map(({ file }) => file);
    expect(new Set(files)).toEqual(new Set(['a.yaml', 'b.yaml', 'c.yaml']));
    expect(compileTexts(inputOf(['a.yaml', RULE])).ok).toBe(true);
  });

  it('F-41 compiled apart do not hold up the event loop, ten thousand of them', async () => {
    const rules = Array.from(
      { length: 10_000 },
      (_, id) =>
        `- { name: r${id}, subject: { trust: github, github: { repository_id: ${id}, ref: refs/heads/main } }, allow: [deploy] }`,
    );
    const before = performance.eventLoopUtilization();
    const compiled = await compileTextsApart(inputOf(['many.yaml', `rules:\n${rules.join('\n')}\n`]));
    const { active } = performance.eventLoopUtilization(before);
    expect(compiled.ok && compiled.policy.rules.length).toBe(10_000);
    expect(active).toBeLessThan(800); // milliseconds of this thread; in it, compiling takes two seconds and more
  });
});
