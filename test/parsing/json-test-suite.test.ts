// JSONTestSuite, the public list of what JSON parsers get wrong. Its "y" texts are JSON, its "n" texts are not, and on its "i"
// texts parsers differ: ours refuses everything that two parsers could read in two ways.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, readJson } from '../../src/parsing/json.ts';

/** A text, or bytes where they are not UTF-8 or begin with a byte order mark. */
type Vector = string | { readonly base64: string };
type Vectors = Readonly<Record<'y' | 'n' | 'i', Readonly<Record<string, Vector>>>>;

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/json-test-suite.json', import.meta.url), 'utf8'));

const verdict = (vector: Vector): string => {
  const text = typeof vector === 'string' ? vector : decodeUtf8(Buffer.from(vector.base64, 'base64'));
  if (text === undefined) return 'not_utf8';
  const result = readJson(text);
  return result.ok ? 'ok' : result.problem;
};

/** JSON, and refused all the same: RFC 8259 §4 and §9 let a reader set such limits. */
const LIMITED: Readonly<Record<string, string>> = {
  object_duplicated_key: 'duplicate_member',
  object_duplicated_key_and_value: 'duplicate_member',
  number: 'number_range',
  number_real_capital_e: 'number_range',
  number_real_exponent: 'number_range',
  number_real_fraction_exponent: 'number_range',
  object_extreme_numbers: 'number_range',
};

/** Texts on which parsers differ and which are read here: both numbers are nearest to zero. */
const TAKEN = new Set(['number_double_huge_neg_exp', 'number_real_underflow']);

const differing = (name: string): string => {
  if (TAKEN.has(name)) return 'ok';
  if (name.startsWith('number_')) return 'number_range';
  if (name === 'structure_500_nested_arrays') return 'too_deep';
  if (name === 'structure_UTF-8_BOM_empty_object') return 'syntax';
  const { i } = vectors;
  return typeof i[name] === 'string' ? 'lone_surrogate' : 'not_utf8';
};

describe('JSONTestSuite', () => {
  it('is here in full, but for two large files that the tests below build', () => {
    const { y, n, i } = vectors;
    expect([y, n, i].map((kind) => Object.keys(kind).length)).toEqual([95, 186, 35]);
  });

  it.each(Object.entries(vectors.y))('takes y_%s, or says which limit it passes', (name, vector) => {
    expect(verdict(vector)).toBe(LIMITED[name] ?? 'ok');
  });

  it.each(Object.entries(vectors.n))('refuses n_%s', (_, vector) => {
    const refusals = typeof vector === 'string' ? ['syntax'] : ['syntax', 'not_utf8'];
    expect(refusals).toContain(verdict(vector));
  });

  it.each(Object.entries(vectors.i))('has one reading, or none, of i_%s', (name, vector) => {
    expect(verdict(vector)).toBe(differing(name));
  });

  it('refuses a hundred thousand open arrays, and arrays of objects, without unwinding a stack', () => {
    expect(verdict('['.repeat(100_000))).toBe('too_deep');
    expect(verdict('[{"":'.repeat(50_000))).toBe('too_deep');
  });
});
