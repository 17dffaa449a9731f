// Form bodies: one reading, bounded before anything is built.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FORM_NAME_BYTES_MAX, FORM_PARAMETERS_MAX } from '../../src/core/limits.ts';
import { parseForm } from '../../src/parsing/form.ts';

const parse = (body: string | Uint8Array) => parseForm(typeof body === 'string' ? Buffer.from(body) : body);
/** The parameters as entries, or the refusal. */
const read = (body: string | Uint8Array): unknown => {
  const result = parse(body);
  return result.ok ? [...result.value] : result.refusal;
};
const malformed = (problem: string) => ({ reason: 'body_malformed', problem });

describe('parseForm', () => {
  it('reads names and values, percent-encoded UTF-8 and plus for space (TX-01)', () => {
    expect(read('grant_type=urn%3Aietf%3Ax&scope=a+b%2Bc&client_id=caf%C3%A9&u=%F0%9F%98%8A&e=a=b=')).toEqual([
      ['grant_type', ['urn:ietf:x']],
      ['scope', ['a b+c']],
      ['client_id', ['café']],
      ['u', ['\u{1f60a}']],
      ['e', ['a=b=']],
    ]);
    expect(read('caf=é')).toEqual([['caf', ['é']]]);
    expect(read('grant%5Ftype=x')).toEqual([['grant_type', ['x']]]);
    expect(read('')).toEqual([]);
  });

  it('keeps repeated audience and resource values in the order sent (TX-05, TX-06)', () => {
    expect(read('audience=b&resource=https://r.example&audience=a')).toEqual([
      ['audience', ['b', 'a']],
      ['resource', ['https://r.example']],
    ]);
  });

  it.each(['scope=a&scope=b', 'scope=a&scope=a', 'scope=a&sc%6Fpe=a', 'x=1&x=2'])(
    'refuses any other parameter that is sent twice (TX-13): %s',
    (body) => {
      expect(read(body)).toEqual({ reason: 'parameter_repeated', parameter: body.slice(0, body.indexOf('=')) });
    },
  );

  it('leaves out what has no value (OA-01, RFC 6749 §3.2), and does not let it hide a repetition (TX-13)', () => {
    expect(read('scope=&a=1&actor_token')).toEqual([['a', ['1']]]);
    for (const body of ['scope=&scope=x', 'scope=x&scope=', 'scope&scope=x', 'scope=&scope='])
      expect(read(body)).toEqual({ reason: 'parameter_repeated', parameter: 'scope' });
    expect(read('audience=&audience=x&audience')).toEqual([['audience', ['x']]]);
  });

  it('ignores parts that are empty, but counts them', () => {
    expect(read('&&a=1&&b=2&')).toEqual([
      ['a', ['1']],
      ['b', ['2']],
    ]);
    expect(read('&'.repeat(FORM_PARAMETERS_MAX - 1))).toEqual([]);
    expect(read('&'.repeat(FORM_PARAMETERS_MAX))).toEqual(malformed('too_many_parameters'));
  });

  it.each([
    ['subject_token[]=x', 'an array suffix'],
    ['subject_token[y]=z', 'a nested key'],
    ['subject_token%5B%5D=x', 'an encoded array suffix'],
    ['=x', 'no name'],
    ['a b=1', 'a space'],
    ['a+b=1', 'an encoded space'],
    ['a%00=1', 'a NUL'],
    ['\ufeffa=1', 'a byte order mark'],
    ['n\u00e4me=1', 'letters that are not ASCII'],
    ['a;b=1', 'a semicolon'],
    ['{"grant_type":"x"}', 'JSON'],
    [`${'n'.repeat(FORM_NAME_BYTES_MAX + 1)}=1`, 'more bytes than a name may have'],
    [`${'%6e'.repeat(FORM_NAME_BYTES_MAX + 1)}=1`, 'more encoded bytes than a name may have'],
  ])('refuses a name that is not plain (A-130): %s, %s', (body) => {
    expect(read(body)).toEqual(malformed('bad_parameter_name'));
    expect(read(`a=1&${body}`)).toEqual(malformed('bad_parameter_name'));
  });

  it('takes the longest name, however it is spelled', () => {
    const name = 'n'.repeat(FORM_NAME_BYTES_MAX);
    expect(read(`${name}=1`)).toEqual([[name, ['1']]]);
    expect(read(`${'%6e'.repeat(FORM_NAME_BYTES_MAX)}=1`)).toEqual([[name, ['1']]]);
  });

  it('takes names that are special to JavaScript as names like any other (A-130)', () => {
    expect(read('__proto__=1&constructor=2&toString=3')).toEqual([
      ['__proto__', ['1']],
      ['constructor', ['2']],
      ['toString', ['3']],
    ]);
    expect(parse('a=1')).toMatchObject({ ok: true, value: new Map([['a', ['1']]]) });
  });

  it.each(['a=%', 'a=%z', 'a=%zz', 'a=%2', 'a=%u0041', 'a=% 41', '%=1', '%zz=1', 'a=1%2', 'a=%%41', 'a=%-1'])(
    'refuses broken percent encoding (A-130): %s',
    (body) => {
      expect(read(body)).toEqual(malformed('bad_percent_encoding'));
    },
  );

  it.each([
    ['a byte that never occurs, encoded', 'a=%ff'],
    ['an overlong NUL, encoded', 'a=%c0%80'],
    ['a surrogate, encoded', 'a=%ED%A0%80'],
    ['half a character, encoded', 'a=%C3'],
    ['a character half encoded', Buffer.from('a=\xc3%a9', 'latin1')],
    ['a raw byte', Buffer.from('a=\xe9', 'latin1')],
    ['UTF-16', Buffer.from('\ufeffa=1', 'utf16le')],
  ])('refuses what is not UTF-8: %s', (_, body) => {
    expect(read(body)).toEqual(malformed('not_utf8'));
  });

  it.each(['a=1%002', 'a=\0', 'a=%00'])('refuses a NUL in a value (A-130): %j', (body) => {
    expect(read(body)).toEqual({ reason: 'parameter_malformed', parameter: 'a' });
    expect(read('a=1')).toEqual([['a', ['1']]]);
  });

  it('does not split at semicolons (A-130)', () => {
    expect(read('a=1;b=2')).toEqual([['a', ['1;b=2']]]);
  });

  it('takes the greatest number of parameters, and refuses one more', () => {
    const body = (count: number): string => Array.from({ length: count }, (_, index) => `p${index}=1`).join('&');
    expect(read(body(FORM_PARAMETERS_MAX))).toHaveLength(FORM_PARAMETERS_MAX);
    expect(read(body(FORM_PARAMETERS_MAX + 1))).toEqual(malformed('too_many_parameters'));
  });

  it('refuses floods before it builds anything (A-175)', () => {
    const floods = ['&', 'a&', 'a=1&', '%&', '=&', 'audience=x&'].map((part) =>
      Buffer.from(part.repeat(1_048_576 / part.length)),
    );
    for (const flood of floods) expect(read(flood)).toEqual(malformed('too_many_parameters'));
    const fastestMs = floods.map((flood) => {
      const times = Array.from({ length: 5 }, () => {
        const started = performance.now();
        parseForm(flood);
        return performance.now() - started;
      });
      return Math.min(...times);
    });
    expect(Math.max(...fastestMs)).toBeLessThan(5);
  });

  it('reads back what URLSearchParams wrote', () => {
    const name = fc.string({ unit: fc.constantFrom(...'abzAZ09_.-'), minLength: 1, maxLength: 20 });
    const value = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\0'));
    const entries = fc.uniqueArray(fc.tuple(name, value), { maxLength: 20, selector: ([key]) => key });
    fc.assert(
      fc.property(entries, (pairs) => {
        expect(read(new URLSearchParams(pairs).toString())).toEqual(pairs.map(([key, text]) => [key, [text]]));
      }),
    );
  });

  it('never throws, and never reads a body in another way than URLSearchParams does', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab_=&&+%4106cC3a9fF;\0[]é') });
    const body = fc.oneof(
      fc.uint8Array(),
      text.map((part) => Buffer.from(part)),
    );
    fc.assert(
      fc.property(body, (bytes) => {
        const result = parse(bytes);
        if (!result.ok) return;
        const search = new URLSearchParams(Buffer.from(bytes).toString());
        const names = new Set([...search.keys()].filter((name) => search.getAll(name).some(Boolean)));
        expect(new Set(result.value.keys())).toEqual(names);
        for (const [name, values] of result.value) expect(values).toEqual(search.getAll(name).filter(Boolean));
      }),
      { numRuns: 3_000 },
    );
  });
});
