// The strict JSON reader: limits, prototypes, numbers, and properties against JSON.parse.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../../src/core/limits.ts';
import { decodeUtf8, readJson } from '../../src/parsing/json.ts';

/** The value read, or the problem. */
const read = (text: string): unknown => {
  const result = readJson(text);
  return result.ok ? { value: result.value } : result.problem;
};
/** Ordinary objects again, for comparison. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** Any UTF-16 code unit, lone surrogates among them. */
const unit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

describe('readJson', () => {
  it.each([
    ['{"sub":"a","sub":"b"}', 'two different values'],
    ['{"sub":"a","sub":"a"}', 'the same value twice'],
    ['{"sub":"a","\\u0073ub":"b"}', 'one name escaped'],
    ['{"x":{"y":[{"alg":"RS256","alg":"none"}]}}', 'deep inside'],
    ['{"a":{"a":1},"a":2}', 'the earlier one holding the same name again'],
    ['{"a":{"b":1,"c":2},"a":{"b":1}}', 'an object that JSON.parse throws away'],
    ['{"1":0,"1":0}', 'names that are array indices'],
    ['{"__proto__":1,"__proto__":2}', 'names that are special to JavaScript'],
    ['{"":1,"":2}', 'empty names'],
    ['{"a:\\"{b":1,"a:\\u0022{b":2}', 'names that hold punctuation'],
  ])('refuses duplicate members (A-28, JB-09): %s, %s', (text) => {
    expect(read(text)).toBe('duplicate_member');
  });

  it('takes one name once in each of several objects, and names that only look alike', () => {
    const text = '{"a":{"a":{"a":[{"a":1},{"a":2}]}},"A":1,"a ":2,"\u00e9":3,"e\u0301":4,"a:b":":\\"a\\":"}';
    expect(plain(readJson(text))).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it('gives objects without a prototype, where __proto__ and constructor are names like any other', () => {
    const result = readJson('{"__proto__":{"admin":true},"constructor":1,"toString":2,"nested":{"hasOwnProperty":3}}');
    if (!result.ok) throw new Error(result.problem);
    const value = result.value as Record<string, Record<string, unknown>>;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor', 'toString', 'nested']);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect(Object.getPrototypeOf(value.nested)).toBeNull();
    expect(value.admin).toBeUndefined();
    expect(Object.getOwnPropertyDescriptor(value, '__proto__')?.value).toEqual({ admin: true });
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  it('gives frozen values, so that nobody downstream changes what was proved', () => {
    const result = readJson('{"a":[{"b":1}]}');
    if (!result.ok) throw new Error(result.problem);
    const { a } = result.value as { a: readonly unknown[] };
    expect([result.value, a, a[0]].every(Object.isFrozen)).toBe(true);
  });

  it('refuses nesting beyond the limit before it is parsed, and takes the limit itself (A-30)', () => {
    expect(read(nested(JSON_DEPTH_MAX))).toHaveProperty('value');
    expect(read(nested(JSON_DEPTH_MAX + 1))).toBe('too_deep');
    expect(read(`${'{"a":'.repeat(JSON_DEPTH_MAX)}1${'}'.repeat(JSON_DEPTH_MAX)}`)).toHaveProperty('value');
    expect(read(`${'{"a":'.repeat(JSON_DEPTH_MAX + 1)}1${'}'.repeat(JSON_DEPTH_MAX + 1)}`)).toBe('too_deep');
    expect(read('['.repeat(1_000_000))).toBe('too_deep');
    expect(read(`"${'['.repeat(100)}"`)).toHaveProperty('value');
  });

  it('counts values exactly: containers, members and items, never names', () => {
    const items = (count: number, item: string): string => `[${new Array(count).fill(item).join(',')}]`;
    expect(read(items(JSON_VALUES_MAX - 1, '1'))).toHaveProperty('value');
    expect(read(items(JSON_VALUES_MAX, '1'))).toBe('too_many_values');
    expect(read(items(JSON_VALUES_MAX - 1, ' [ ] '))).toHaveProperty('value');
    expect(read(items(JSON_VALUES_MAX, '{}'))).toBe('too_many_values');
    expect(read(items((JSON_VALUES_MAX - 2) / 2, '{"name":1}'))).toHaveProperty('value');
    expect(read(items(JSON_VALUES_MAX / 2, '{"name":1}'))).toBe('too_many_values');
    expect(read(','.repeat(1_000_000))).toBe('too_many_values');
  });

  it('refuses integers that it would round, and takes the last that it would not (A-126)', () => {
    expect(read('9007199254740991')).toEqual({ value: Number.MAX_SAFE_INTEGER });
    expect(read('-9007199254740991')).toEqual({ value: Number.MIN_SAFE_INTEGER });
    for (const text of ['9007199254740992', '-9007199254740992', '9007199254740993', '9007199254740992.5', '1e22'])
      expect(read(`{"repository_id":${text}}`)).toBe('number_range');
    expect(read('"9007199254740993"')).toEqual({ value: '9007199254740993' });
  });

  it('refuses numbers that overflow (JB-10)', () => {
    for (const text of ['1e999', '-1e999', `1${'0'.repeat(400)}`, `0.1e${'9'.repeat(50)}`])
      expect(read(text)).toBe('number_range');
    expect(read('1e-999')).toEqual({ value: 0 });
  });

  it('takes a number by its value, whatever its spelling (A-57)', () => {
    for (const text of ['1000', '1000.0', '1e3', '1E+3', '10000e-1']) expect(read(text)).toEqual({ value: 1000 });
    for (const text of ['0', '-0', '0.0', '-0e5']) expect(read(text)).toEqual({ value: 0 });
    expect(read('"1000"')).not.toEqual(read('1000'));
  });

  it('refuses lone surrogates in values and names, however they are spelled', () => {
    for (const text of [
      '"\\ud800"',
      '"\\udc00x"',
      '"\\ude0a\\ud83d"',
      '{"\\ud800":1}',
      '["a",{"b":"\\uD83D"}]',
      '"\ud800"',
    ])
      expect(read(text)).toBe('lone_surrogate');
    expect(read('"\\ud83d\\ude0a"')).toEqual({ value: '\u{1f60a}' });
  });

  it.each([
    '',
    ' ',
    '{',
    '{}{}',
    '{} x',
    '\ufeff{}',
    "{'a':1}",
    '{a:1}',
    '{"a":1,}',
    '[1,]',
    '[,1]',
    '01',
    '+1',
    '.5',
    '1.',
    '0x1',
    'NaN',
    'Infinity',
    'undefined',
    'True',
    '// c\n{}',
    '"\n"',
    '"\t"',
    '"\\x41"',
    '"\\u12"',
    '"a',
    '"a\\',
    '"a\\"',
    '\u00a0{}',
    '{"a"}',
    '{"a":}',
    '{"a"::1}',
    ']',
    '}',
    '{]',
    '[}',
    '"a":1',
    ':',
    '{"a":1}\0',
  ])('refuses what is not JSON: %j', (text) => {
    expect(read(text)).toBe('syntax');
  });

  it('reads back whatever JSON.stringify wrote', () => {
    const safe = fc.jsonValue({ maxDepth: 8 }).filter((value) => !/[0-9]{16}|e\+/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(safe, fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, null, space);
        const result = readJson(text);
        expect(result.ok && plain(result.value)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('finds a duplicate wherever one is planted', () => {
    const names = fc.uniqueArray(
      fc.string({ unit }).filter((name) => name.isWellFormed()),
      { minLength: 1, maxLength: 12 },
    );
    fc.assert(
      fc.property(names, fc.nat(), fc.nat({ max: 10 }), (all, pick, depth) => {
        const member = (name: string): string => `${JSON.stringify(name)}:{"x":[]}`;
        const wrap = (inner: string): string => `${'{"w":'.repeat(depth)}{${inner}}${'}'.repeat(depth)}`;
        const members = all.map(member);
        expect(read(wrap(members.join(',')))).toHaveProperty('value');
        expect(read(wrap([...members, member(all[pick % all.length] ?? '')].join(',')))).toBe('duplicate_member');
      }),
    );
  });

  it('never throws, and never takes a text that JSON.parse refuses', () => {
    const noise = fc.string({ unit: fc.constantFrom(...'{}[]:,"\\u0019dD8e-+.truefalsn \n\ufeff\ud800') });
    fc.assert(
      fc.property(fc.oneof(noise, fc.string({ unit })), (text) => {
        if (readJson(text).ok) expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 2_000 },
    );
  });

  // The reader once looked for the end of a string with indexOf. Optimised, V8 made that call for every character outside
  // strings too, and half a megabyte of spaces took five seconds. Hence warm code, long runs, and processor time.
  it('takes time in proportion to the text, whatever the text (A-30)', () => {
    const ordinary = JSON.stringify({
      iss: 'https://issuer.example',
      aud: ['a', 'b'],
      exp: 1,
      'kubernetes.io': { pod: {} },
    });
    for (let round = 0; round < 20_000; round += 1) readJson(ordinary);
    const runs = ['"\\', '"', '\\"', ' ', '\n', '1', '"a"', ':', 'true', '\\u0041'].map((text) =>
      text.repeat(500_000 / text.length),
    );
    const hostile = runs.flatMap((run) => [run, `"${run}"`, `0.${run}`, `1e${run}`, `[${run}1]`, `{"a":${run}}`]);
    const started = process.cpuUsage();
    for (const text of hostile) readJson(text);
    const { user } = process.cpuUsage(started);
    expect(user / 1_000).toBeLessThan(hostile.length * 50);
  });
});

describe('decodeUtf8', () => {
  const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

  it('gives the text of UTF-8 bytes, of a part of a buffer too, and keeps a byte order mark', () => {
    expect(decodeUtf8(new TextEncoder().encode('{"é":"\u{1f60a}\0"}'))).toBe('{"é":"\u{1f60a}\0"}');
    expect(decodeUtf8(new TextEncoder().encode('abcdef').subarray(2, 4))).toBe('cd');
    expect(decodeUtf8(bytes(0xef, 0xbb, 0xbf, 0x7b))).toBe('\ufeff{');
    expect(decodeUtf8(bytes())).toBe('');
  });

  it.each([
    ['a byte that never occurs', bytes(0xff)],
    ['an overlong slash', bytes(0xc0, 0xaf)],
    ['an overlong NUL', bytes(0xc0, 0x80)],
    ['a surrogate', bytes(0xed, 0xa0, 0x80)],
    ['a code point past the last', bytes(0xf4, 0x90, 0x80, 0x80)],
    ['a character cut short', bytes(0x61, 0xe2, 0x82)],
    ['a lone continuation byte', bytes(0x80)],
    ['UTF-16', bytes(0xff, 0xfe, 0x7b, 0x00)],
  ])('refuses %s', (_, malformed) => {
    expect(decodeUtf8(malformed)).toBeUndefined();
  });

  it('is the inverse of encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (input) => {
        const text = decodeUtf8(input);
        if (text !== undefined) expect(Buffer.from(text)).toEqual(Buffer.from(input));
      }),
    );
  });
});

describe('a member whose integers may be wide', () => {
  const wide = (text: string) => readJson(text, { wide: 'n' });

  it('keeps every digit beyond 2^53 as text, wherever it stands, and stays a number below (SB-01)', () => {
    expect(wide('{"n":9007199254740991,"a":[{"n":9007199254740993}]}')).toEqual({
      ok: true,
      value: { n: 9_007_199_254_740_991, a: [{ n: '9007199254740993' }] },
    });
    expect(wide('{"n":-18446744073709551616}')).toEqual({ ok: true, value: { n: '-18446744073709551616' } });
  });

  it.each([
    '{"m":9007199254740993}',
    '{"n":[9007199254740993]}',
    '{"n":1e300}',
    '[9007199254740993]',
    '9007199254740993',
  ])('is that member alone, and integers alone: %s', (text) => {
    expect(wide(text)).toEqual({ ok: false, problem: 'number_range' });
  });

  it('is not there unless it is asked for', () => {
    expect(readJson('{"n":9007199254740993}')).toEqual({ ok: false, problem: 'number_range' });
  });

  it('hides no duplicate', () => {
    expect(wide('{"n":9007199254740993,"n":9007199254740993}')).toEqual({ ok: false, problem: 'duplicate_member' });
  });
});
