import { describe, expect, it } from 'vitest';
import { inPin, leadingSegments, matchesPattern, readPattern } from '../../src/policy/pattern.ts';

const pattern = (text: string, subtrees = false) => {
  const read = readPattern(text, subtrees);
  if (!read.ok) throw new Error(read.message);
  return read.pattern;
};

describe('wildcards', () => {
  it.each([
    ['refs/tags/v*', 'refs/tags/v1.2', true],
    ['refs/tags/v*', 'refs/tags/v', true],
    ['refs/tags/v*', 'refs/tags/v1/evil', false],
    ['refs/tags/v*', 'refs/tags/v1:evil', false],
    ['refs/tags/v*', 'xrefs/tags/v1', false],
    ['repo:o/*:ref', 'repo:o/r:ref', true],
    ['repo:o/*:ref', 'repo:o/r/x:ref', false],
    ['repo:o/*:ref', 'repo:o/r:ref:pull_request', false],
    ['*', 'anything', true],
    ['*', 'a/b', false],
    ['a*/b*', 'ax/by', true],
    ['a*/b*', 'ax/by/c', false],
    ['a*', 'a\n/b', false],
  ])('A-106 A-107: %s against %j gives %s', (text, value, expected) => {
    expect(matchesPattern(pattern(text), value)).toBe(expected);
  });

  it('in a pin is never empty, and elsewhere may be', () => {
    expect(matchesPattern(pattern('refs/heads/*'), 'refs/heads/')).toBe(true);
    expect(matchesPattern(inPin(pattern('refs/heads/*')), 'refs/heads/')).toBe(false);
    expect(matchesPattern(inPin(pattern('refs/heads/*')), 'refs/heads/x')).toBe(true);
  });

  it.each(['a*b', '*x', '**', 'a/**', '***', 'a/**/b', 'a/*b'])(
    '%s does not load: a wildcard ends its segment',
    (text) => {
      expect(readPattern(text, false).ok).toBe(false);
      expect(readPattern('a/b*', false).ok).toBe(true);
    },
  );

  it('a last /** is a subtree where subtrees are known: one segment or more, never the root of it', () => {
    const subtree = pattern('spiffe://d/ns/**', true);
    expect(matchesPattern(subtree, 'spiffe://d/ns/a')).toBe(true);
    expect(matchesPattern(subtree, 'spiffe://d/ns/a/b/c')).toBe(true);
    expect(matchesPattern(subtree, 'spiffe://d/ns/')).toBe(false);
    expect(matchesPattern(subtree, 'spiffe://d/ns')).toBe(false);
    expect(matchesPattern(subtree, 'spiffe://d/nsx/a')).toBe(false);
  });

  it.each(['a/**/b', '**/**', 'x**', 'a/***'])('%s is no subtree', (text) => {
    expect(readPattern(text, true).ok).toBe(false);
  });

  it('A-121: the same pattern gives the same verdict a thousand times', () => {
    const tags = pattern('refs/tags/v*');
    const verdicts = new Set(Array.from({ length: 1000 }, () => matchesPattern(tags, 'refs/tags/v1')));
    expect([...verdicts]).toEqual([true]);
  });

  it('A-122: a hostile text of 50 kB costs no more than reading it', () => {
    const started = performance.now();
    expect(matchesPattern(pattern('a*/a*/a*/a*/b'), 'a'.repeat(50_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(50);
  });

  it('leading segments end with their separator, and are absent where there are fewer', () => {
    expect(leadingSegments('a/b:c', 2)).toBe('a/b:');
    expect(leadingSegments('a/b:c', 3)).toBeUndefined();
    expect(leadingSegments('a/b:', 2)).toBe('a/b:');
    expect(leadingSegments('abc', 0)).toBe('');
  });
});
