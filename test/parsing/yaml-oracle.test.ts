// Another YAML library as the oracle: whatever readYaml takes means the same to both.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse, parseDocument, stringify } from 'yaml';
import { readYaml } from '../../src/parsing/yaml.ts';

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('readYaml beside another reader', () => {
  it('reads what that one writes', () => {
    const value = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { minKeys: 1 });
    fc.assert(
      fc.property(value, (written) => {
        const read = readYaml('a.yaml', stringify(written, { version: '1.2' }));
        if (read.ok) expect(plain(read.document.value)).toEqual(plain(written));
        else expect(read.problems[0]?.message).toMatch(/quotes|twice|__proto__|keys must be text|merges/);
      }),
      { numRuns: 500 },
    );
  });

  // A block scalar with an indentation indicator that is a whole document (`|1`) is read in two ways; no file of ours is one scalar.
  it('agrees about any map or list that both take', () => {
    const parts = fc.constantFrom(
      'a',
      'b: ',
      ': ',
      '- ',
      '\n',
      '  ',
      '[',
      ']',
      '{',
      '}',
      ', ',
      '"',
      "'",
      '#',
      '|',
      '>',
      '~',
      '1',
      'true',
      'é',
      '? ',
      '-',
      '\\',
      'x y',
    );
    const text = fc.array(parts, { maxLength: 24 }).map((chosen) => chosen.join(''));
    let both = 0;
    fc.assert(
      fc.property(text, (source) => {
        const read = readYaml('a.yaml', source);
        if (!read.ok || typeof read.document.value !== 'object' || parseDocument(source).errors.length > 0) return;
        both += 1;
        expect(plain(read.document.value)).toEqual(plain(parse(source)));
      }),
      { numRuns: 20_000 },
    );
    expect(both).toBeGreaterThan(300); // the control: the two met
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => void readYaml('a.yaml', text)),
      { numRuns: 2_000 },
    );
  });
});
