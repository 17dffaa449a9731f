import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import type { Condition } from '../../../src/policy/evaluate.ts';
import { hintFor, nearMiss } from '../../../src/policy/explain/hints.ts';
import { readPattern } from '../../../src/policy/pattern.ts';

const condition = (what: string, value: Condition['values'][number], more: Partial<Condition> = {}): Condition => ({
  ...{ path: [what], what, form: 'one', fold: false, values: [value], expected: JSON.stringify(value) },
  ...more,
});

describe('two values that are nearly the same', () => {
  it.each([
    ['Main', 'main', 'they differ in letter case only'],
    ['https://a.example/', 'https://a.example', 'they differ in the slash at the end'],
    ['https://a.example', 'https://a.example/', 'they differ in the slash at the end'],
    ['main ', 'main', 'they differ in white space at the ends'],
    ['main\n', 'main', 'they differ in white space at the ends'],
    ['refs/heads/main', 'main', 'a rule needs the whole ref, as the token has it'],
    ['refs/tags/v1', 'v1', 'a rule needs the whole ref, as the token has it'],
    ['main', 'refs/heads/main', 'the token has the short name, the rule the whole ref'],
    ['refs/tags/v1', 'refs/heads/v1', 'one is a branch, the other a tag'],
    ['repo:o@65/s@74:ref:refs/heads/main', 'repo:o/s:ref:refs/heads/main', 'the token has the immutable sub'],
    ['repo:o/s:environment:prod', 'repo:o@65/s@74:environment:prod', 'the token has the legacy sub'],
    ['repo:o/s:environment:a%3Ab', 'repo:o/s:environment:a:b', 'a colon inside a part is written %3A'],
    ['http://a.example', 'https://a.example', 'http is not https'],
    ['m\u200bain', 'main', 'they look alike, and are other characters'],
    ['ｍain', 'main', 'they look alike, and are other characters'],
    ['spiffe://b.example/ns/a', 'spiffe://a.example/ns/a', 'the path is the same, the trust domain another'],
    [74, '74', 'the token has a number, the rule text: mind the quotes'],
    ['74', 74, 'the token has text, the rule a number: mind the quotes'],
    [true, 'true', 'the token has a boolean, the rule text: mind the quotes'],
  ])('%j and %j', (presented, expected, hint) => {
    expect(nearMiss(presented, expected)).toContain(hint);
  });

  it.each([
    ['dev', 'main'],
    ['repo:o@65/s@74:ref:x', 'repo:o/other:ref:x'],
    ['spiffe://b.example/ns/a', 'spiffe://a.example/ns/b'],
    [74, '75'],
    [null, 'null-ish'],
    [['main'], 'other'],
  ])('%j and %j are not', (presented, expected) => {
    expect(nearMiss(presented, expected)).toBeUndefined();
  });
});

describe('a condition that does not hold', () => {
  const hint = (what: string, value: Condition['values'][number], claims: JsonObject, more?: Partial<Condition>) =>
    hintFor(condition(what, value, more), claims);

  it('on a claim that is absent says which context the job has instead', () => {
    const said = 'the job names no environment; the token has ref "refs/heads/main"';
    expect(hint('environment', 'production', { ref: 'refs/heads/main' })).toBe(said);
    expect(hint('ref', 'refs/heads/main', { ref_path: 'x', environment: 'production' })).toBe(
      'the token has environment "production"',
    );
    expect(hint('environment', 'production', { ref: '' })).toBeUndefined();
    expect(hint('team', 'a', { ref: 'refs/heads/main' })).toBeUndefined();
  });

  it('on a claim whose name differs in letter case says so, nested ones too', () => {
    expect(hint('team', 'a', { Team: 'a' })).toBe('there is "Team", which differs in letter case');
    const nested = { path: ['aws', 'account'] };
    expect(hint('aws/account', 'a', { aws: { Account: 'a' } }, nested)).toBe(
      'there is "Account", which differs in letter case',
    );
  });

  it.each([
    ['refs/heads/*', 'refs/heads/hot/fix', '"*" does not cross "/"'],
    ['repo:o/s:environment:*', 'repo:o/s:environment:a:b', '"*" does not cross ":"'],
    ['refs/heads/*/done', 'refs/heads/hot/fix/done', '"*" does not cross "/"'],
    ['spaces/<ns>/x', 'spaces/a/b/x', '"<ns>" does not cross "/"'],
    ['refs/heads/*', 'refs/tags/hot/fix', undefined],
    ['refs/heads/*', 'refs/heads/fix', undefined],
    ['refs/heads/*/done', 'refs/heads/hot/fix/do', undefined],
    ['spiffe://a.example/ns/*/sa/**', 'spiffe://a.example/ns/x/sb/y/z', undefined],
  ])(
    'against %s on %s says which character a wildcard would have to cross, as a record has it too',
    (text, presented, said) => {
      const read = readPattern(text, true);
      if (!read.ok) throw new Error(read.message);
      expect(hint('ref', read.pattern, { ref: presented })).toBe(said);
      expect(nearMiss(presented, text)).toBe(said);
    },
  );

  it('on a list says which form to write, either way', () => {
    expect(hint('groups', 'a', { groups: ['a'] })).toContain('{ has: ... }');
    expect(hint('groups', 'a', { groups: 'a' }, { form: 'has' })).toContain('write the value alone');
    expect(hint('groups', 'a', { groups: ['A'] }, { form: 'has' })).toBe('they differ in letter case only');
  });

  it('on an id whose name is right says that the name may have changed hands', () => {
    expect(hint('repository_id', '74', { repository_id: '75', repository: 'o/s' })).toContain('the token is of "o/s"');
  });
});
