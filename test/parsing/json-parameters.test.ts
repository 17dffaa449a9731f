// Parameters as JSON: the same that a form would say, whatever it holds, and nothing that a form could not.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseForm } from '../../src/parsing/form.ts';
import { parseJsonParameters } from '../../src/parsing/json-parameters.ts';

const bytes = (text: string) => Buffer.from(text);
const read = (text: string): unknown => {
  const result = parseJsonParameters(bytes(text));
  return result.ok ? [...result.value] : result.refusal;
};

const NAMES = [
  'audience',
  'grant_type',
  'subject_token',
  'scope',
  'options',
  'x_y_z',
  'a1_b2',
  'toString',
  '__proto__',
];
const camelCase = (name: string) =>
  name.replaceAll(/(?<=[a-z0-9])_([a-z])/g, (_, letter: string) => letter.toUpperCase());

it('are what the same form says, spelled either way, refusals too (A-164)', () => {
  const values = fc.dictionary(
    fc.constantFrom(...NAMES.filter((name) => name !== 'toString')),
    fc.string({ unit: 'grapheme' }),
    { noNullPrototype: false },
  );
  fc.assert(
    fc.property(values, fc.boolean(), (members, camel) => {
      const entries = Object.entries(members);
      const form = parseForm(bytes(new URLSearchParams(entries).toString()));
      const spelled = entries.map(
        ([name, value]) => `${JSON.stringify(camel ? camelCase(name) : name)}:${JSON.stringify(value)}`,
      );
      const json = parseJsonParameters(bytes(`{${spelled.join(',')}}`));
      expect(json).toEqual(form);
    }),
  );
});

it('never throw, whatever bytes there are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (body) => {
      const result = parseJsonParameters(body);
      if (result.ok)
        for (const [name, values] of result.value)
          expect([name, values]).toEqual([expect.any(String), [expect.any(String)]]);
    }),
  );
});

it('have names like any other where objects have some of their own (A-189)', () => {
  expect(read('{"__proto__":"a","constructor":"b","has_own_property":"c"}')).toEqual([
    ['__proto__', ['a']],
    ['constructor', ['b']],
    ['has_own_property', ['c']],
  ]);
  expect(read('{"hasOwnProperty":"a","has_own_property":"b"}')).toEqual({
    reason: 'parameter_repeated',
    parameter: 'has_own_property',
  });
});

it('are read in camel case letter by letter: no two spellings become one name by chance', () => {
  expect(read('{"subjectToken":"a","SubjectToken":"b","subjecttoken":"c"}')).toEqual([
    ['subject_token', ['a']],
    ['_subject_token', ['b']],
    ['subjecttoken', ['c']],
  ]);
});
