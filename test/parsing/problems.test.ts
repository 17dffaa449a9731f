// Schema issues as problems: where, what is wrong, what is allowed, what was probably meant, and never what came from outside.

import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { closest } from '../../src/parsing/closest.ts';
import { problemsFromZod } from '../../src/parsing/problems.ts';
import { readYaml } from '../../src/parsing/yaml.ts';

const schema = z.strictObject({
  kind: z.enum(['github', 'gitlab', 'kubernetes']).optional(),
  name: z.string().min(1).optional(),
  labels: z
    .record(
      z.string(),
      z.strictObject({ value: z.number().optional(), gone: z.never({ error: 'is not built yet' }).optional() }),
    )
    .optional(),
  keys: z
    .union([z.strictObject({ file: z.string() }), z.strictObject({ url: z.string(), ca: z.string().optional() })])
    .optional(),
  allow: z.union([z.string(), z.array(z.string())]).optional(),
  entry: z
    .discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('a'), alpha: z.string().optional() }),
      z.strictObject({ kind: z.literal('b'), beta: z.string() }),
    ])
    .optional(),
});

function found(text: string, value?: unknown): readonly string[] {
  const read = readYaml('f.yaml', text);
  if (!read.ok) throw new Error('the test is not YAML');
  const parsed = schema.safeParse(value ?? read.document.value);
  if (parsed.success) return [];
  return problemsFromZod(read.document, [], parsed.error, schema).map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );
}

describe('problemsFromZod', () => {
  it('finds nothing in what is right', () => {
    expect(
      found('kind: github\nname: x\nlabels: { a: { value: 1 } }\nkeys: { file: x }\nallow: [a]\nentry: { kind: a }'),
    ).toEqual([]);
  });

  it.each([
    [
      'an unknown key',
      'nmae: x',
      '1:1 nmae: is not known here; allowed: kind, name, labels, keys, allow, entry; did you mean name?',
    ],
    [
      'an unknown key far from all',
      'zzzzz: x',
      '1:1 zzzzz: is not known here; allowed: kind, name, labels, keys, allow, entry',
    ],
    [
      'an unknown key inside a map of names',
      'labels: { a: { vlaue: 1 } }',
      '1:16 labels.a.vlaue: is not known here; allowed: value; did you mean value?',
    ],
    ['a value that is not built', 'labels: { a: { gone: 1 } }', '1:16 labels.a.gone: is not built yet'],
    [
      'a value outside its list',
      'kind: gitlub',
      '1:1 kind: is not one of its values; allowed: github, gitlab, kubernetes',
    ],
    [
      'a value near one of its list',
      'kind: Kubernets',
      '1:1 kind: is not one of its values; allowed: github, gitlab, kubernetes; did you mean kubernetes?',
    ],
    ['a wrong type', 'name: 7', '1:1 name: must be text, and is a number'],
    ['an empty value', 'name:', '1:1 name: must be text, and is empty'],
    ['an empty text', 'name: ""', '1:1 name: must not be empty'],
    ['a union of types', 'allow: { a: 1 }', '1:1 allow: must be text or a list, and is a map'],
    ['an item in a union', 'allow: [a, 1]', '1:12 allow[1]: must be text, and is a number'],
    [
      'a form with one member too many',
      'keys: { file: a, ca: b }',
      '1:18 keys.ca: is not known here; allowed: file, url, ca',
    ],
    ['no form at all', 'keys: { urk: a }', '1:1 keys: is in none of its forms; allowed: file, url, ca'],
    ['an unknown kind', 'entry: { kind: c }', '1:10 entry.kind: is not one of its values; allowed: a, b'],
    ['a missing kind', 'entry: { alpha: c }', '1:1 entry.kind: is missing; allowed: a, b'],
    ['a missing member', 'entry: { kind: b }', '1:1 entry.beta: is missing: must be text'],
    [
      'a member of another kind',
      'entry: { kind: a, beta: x }',
      '1:19 entry.beta: is not known here; allowed: kind, alpha',
    ],
  ])('says of %s what is wrong and what is allowed', (_, text, problem) => {
    expect(found(text)).toEqual([problem]);
  });

  it('says everything at once', () => {
    expect(found('nmae: x\nname: 1\nkind: x\nlabels: []').length).toBe(4);
  });

  it('neither prints nor guesses from what came from outside', () => {
    const text = found(`kind: \${SECRET}`, { kind: 'githuc' });
    expect(text).toEqual(['1:1 kind: is not one of its values; allowed: github, gitlab, kubernetes']);
    expect(found('kind: githuc')).toEqual([`${text[0]}; did you mean github?`]);
  });

  it('places problems of a part at its base', () => {
    const read = readYaml('f.yaml', 'rules:\n  - a: 1\n  - { name: 7 }\n');
    const parsed = schema.safeParse({ name: 7 });
    if (!read.ok || parsed.success) throw new Error('the test is wrong');
    expect(problemsFromZod(read.document, ['rules', 1], parsed.error, schema)).toEqual([
      { file: 'f.yaml', line: 3, column: 7, path: 'rules[1].name', message: 'must be text, and is a number' },
    ]);
  });
});

describe('closest', () => {
  it('finds a slip of the finger, a swap, and another case', () => {
    expect(closest('audiense', ['audience', 'issuer'])).toBe('audience');
    expect(closest('isuser', ['audience', 'issuer'])).toBe('issuer');
    expect(closest('TrustDomain', ['trustdomain'])).toBe('trustdomain');
  });

  it('does not guess among equals, nor far away, nor at length', () => {
    expect(closest('gitlub', ['github', 'gitlab'])).toBe(undefined);
    expect(closest('zebra', ['audience'])).toBe(undefined);
    expect(closest('a'.repeat(65), ['a'.repeat(65)])).toBe(undefined);
  });
});
