// Implication and exclusion of conditions against the conditions themselves, on texts that often meet them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../../src/core/json.ts';
import { type Condition, type Expected, holds } from '../../../src/policy/evaluate.ts';
import { inPin, readPattern } from '../../../src/policy/pattern.ts';
import { excludes, implies, impliesInDeny } from '../../../src/policy/walk/implication.ts';

const segment = fc.constantFrom('a', 'b', 'ab', 'A', '', '*', 'a*', 'ab*', '<x>', 'a<x>', '<x>b', '<x>');
const text = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
const expected: fc.Arbitrary<Expected | undefined> = fc
  .tuple(text, fc.constantFrom('', '', '', '/**'), fc.boolean())
  .map(([body, end, pinned]) => {
    const whole = `${body}${end}`;
    if (!/[*<]/.test(whole)) return whole;
    const read = readPattern(whole, true);
    return read.ok ? (pinned ? inPin(read.pattern) : read.pattern) : undefined;
  });

const lower = (value: Expected): Expected =>
  typeof value === 'string'
    ? value.toLowerCase()
    : typeof value === 'object'
      ? { ...value, literals: value.literals.map((literal) => literal.toLowerCase()) }
      : value;

const condition: fc.Arbitrary<Condition> = fc
  .record({
    form: fc.constantFrom('one' as const, 'one' as const, 'one' as const, 'has' as const),
    fold: fc.constantFrom(false, false, true),
    values: fc.array(fc.oneof({ weight: 8, arbitrary: expected }, fc.constantFrom<Expected>(5, true)), {
      minLength: 1,
      maxLength: 2,
    }),
  })
  .map(({ form, fold, values }) => {
    const found = values.filter((value) => value !== undefined);
    const kept = found.length > 0 ? found : ['a'];
    return { path: ['c'], what: 'c', form, fold, values: fold ? kept.map(lower) : kept, expected: '' };
  });

const plain = fc
  .array(fc.constantFrom('a', 'b', 'ab', 'A', 'aB', '', 'a.', 'aab'), { minLength: 1, maxLength: 4 })
  .map((segments) => segments.join('/'));
const scalar: fc.Arbitrary<Json> = fc.oneof({ weight: 8, arbitrary: plain }, fc.constantFrom<Json>(5, true, null, {}));
const claim: fc.Arbitrary<Json> = fc.oneof({ weight: 4, arbitrary: scalar }, fc.array(scalar, { maxLength: 3 }));
const claims = fc.array(claim, { minLength: 30, maxLength: 30 });

describe('conditions of one claim', () => {
  it('imply and exclude only what they do', () => {
    const seen = { implied: 0, inDeny: 0, excluded: 0, excludedInDeny: 0 };
    fc.assert(
      fc.property(condition, condition, claims, (one, other, values) => {
        for (const value of values) {
          const [is, would] = [holds(one, { c: value }), holds(other, { c: value })];
          if (implies(one, other) && is === 'true') {
            seen.implied += 1;
            expect(would).toBe('true');
          }
          if (impliesInDeny(one, other) && is !== 'false') {
            seen.inDeny += 1;
            expect(would).not.toBe('false');
          }
          if (is !== 'true') continue;
          if (excludes(one, other, 'allow')) {
            seen.excluded += 1;
            expect(would).not.toBe('true');
          }
          if (excludes(one, other, 'deny')) {
            seen.excludedInDeny += 1;
            expect(would).toBe('false');
          }
        }
      }),
      { numRuns: 20_000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(25);
  });
});
