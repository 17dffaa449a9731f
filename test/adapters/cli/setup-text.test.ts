// Whatever a text holds, a shell and Terraform read back that text and nothing else: generated texts, put before the real readers.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hclLines } from '../../../src/adapters/cli/setup-hcl.ts';
import { labelOf } from '../../../src/adapters/cli/setup-label.ts';
import { shellCommand } from '../../../src/adapters/cli/setup-shell.ts';
import { evaluated, formatted, hasTerraform, wordsOf } from '../../support/applied.ts';

/** Made of what readers obey. */
const OBEYED = [
  "'",
  '"',
  '\\',
  '$',
  '{',
  '}',
  '%',
  '`',
  '(',
  ')',
  '\n',
  '\t',
  ' ',
  '!',
  '*',
  '~',
  '#',
  ';',
  '&',
  '|',
  '<',
  'é',
  '😀',
  'a',
  '/',
];
const texts = fc.sample(
  fc.array(fc.constantFrom(...OBEYED), { minLength: 1, maxLength: 12 }).map((parts) => parts.join('')),
  { numRuns: 300, seed: 6 },
);

describe('a text in what setup prints', () => {
  it('is one word of a shell', () => {
    expect(
      wordsOf(
        shellCommand('tool', [
          ['--all', ...texts],
          ['', 'last'],
        ]),
        ['tool'],
      ),
    ).toEqual([['tool', '--all', ...texts, 'last']]);
  });

  it('has a name in Terraform that no other has', () => {
    const taken = new Set<string>();
    const labels = texts.map((text) => labelOf(text, taken));
    expect(new Set(labels).size).toBe(labels.length);
    expect(labels.filter((label) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(label))).toEqual([]);
    expect(labelOf('1st', taken)).toBe('_1st');
  });

  // Terraform itself is the reader; where it is not installed, nothing else reads its language as it does.
  it.skipIf(!hasTerraform)('is one value of Terraform, as its formatter leaves it', () => {
    const block = {
      type: 'resource',
      labels: ['some_thing', 'texts'],
      attributes: {
        short: texts[0] ?? '',
        list: texts,
        json: { json: { object: { 'a:b': texts[1] ?? '', [texts[2] ?? '']: 1 } } },
      },
    };
    const text = `${hclLines([block]).join('\n')}\n`;
    expect(formatted(text)).toBe(text);
    const { short, list, json } = evaluated(text)['some_thing.texts'] ?? {};
    expect({ short, list, json: JSON.parse(String(json)) }).toEqual({
      short: texts[0],
      list: texts,
      json: { 'a:b': texts[1], [texts[2] ?? '']: 1 },
    });
  });
});
