// YAML as operators write it: what loads, with its positions, and everything that must not load, with the exact problem. Each
// refusal stands beside a near twin that loads.

import { describe, expect, it } from 'vitest';
import { YAML_BYTES_MAX, YAML_DEPTH_MAX } from '../../src/core/limits.ts';
import { readYaml, type YamlDocument } from '../../src/parsing/yaml.ts';
import { renderPath } from '../../src/parsing/yaml-events.ts';

function document(text: string): YamlDocument {
  const read = readYaml('f.yaml', text);
  if (!read.ok) throw new Error(problems(text).join('\n'));
  return read.document;
}

const problems = (text: string): readonly string[] => {
  const read = readYaml('f.yaml', text);
  return read.ok ? [] : read.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`);
};

const plain = (text: string): unknown => JSON.parse(JSON.stringify(document(text).value));

describe('readYaml', () => {
  it('reads one document into plain data', () => {
    expect(plain('a: 1\nb: [x, "2", true, null, -3, 0.5]\nc:\n  d: >-\n    folded\n    text\n')).toEqual({
      a: 1,
      b: ['x', '2', true, null, -3, 0.5],
      c: { d: 'folded text' },
    });
    expect(plain('---\na: yes\n...\n# the end\n')).toEqual({ a: 'yes' });
    expect(plain('\ufeffa: b\r\nc: d\r\n')).toEqual({ a: 'b', c: 'd' });
    expect(plain('a: !!str 007\nb: "007"')).toEqual({ a: '007', b: '007' });
  });

  it.each([
    ['an anchor', 'a: &x 1', '1:4 a: anchors are not taken'],
    ['an anchor on a key', '{ &k a: 1 }', '1:3 : anchors are not taken'],
    ['an anchor on nothing', 'a: &e\n', '1:4 a: anchors are not taken'],
    ['an anchor on the root', '&r\na: 1', '1:1 : anchors are not taken'],
    ['a merge', 'a: { <<: { b: 1 } }', '1:6 a: merges (<<) are not taken: write it out'],
    ['a %YAML directive', '%YAML 1.1\n---\na: yes', '1:1 : directives (%YAML, %TAG) are not taken'],
    ['a %TAG directive', '%TAG ! tag:x:\n---\na: b', '1:1 : directives (%YAML, %TAG) are not taken'],
    ['a second document', 'a: 1\n---\nb: 2', '3:1 : a file holds one document; this is a second one'],
    ['an unknown tag', 'a: !secret x', '1:4 a: tags are not taken'],
    ['a tag that makes bytes', 'a: !!binary aGk=', '1:4 a: tags are not taken'],
    ['a tag that makes a set', 'a: !!set { b }', '1:4 a: tags are not taken'],
    ['an integer beyond 2^53', 'id: 9007199254740993', '1:5 id: is beyond 2^53 and would be rounded; put it in quotes'],
    ['an integer with a leading zero', 'id: 012', '1:5 id: would be read as 12; put it in quotes, or write it so'],
    ['a hexadecimal integer', 'id: 0x1F', '1:5 id: would be read as 31; put it in quotes, or write it so'],
    ['a version that loses a zero', 'v: 1.10', '1:4 v: would be read as 1.1; put it in quotes, or write it so'],
    ['infinity', 'v: .inf', '1:4 v: is not a finite number; put text in quotes'],
    ['a duplicate key', 'a: 1\nb: 2\na: 3', '3:1 : the key "a" is there twice'],
    ['a duplicate key in other spelling', 'a: 1\n"\\x61": 3', '2:1 : the key "a" is there twice'],
    ['a key that is a number', 'x: { 74: a }', '1:6 x: keys must be text: write "74" in quotes'],
    ['a key that is true', 'true: a', '1:1 : keys must be text: write "true" in quotes'],
    ['a key that is a list', '? [a]\n: b', '1:3 : keys must be text'],
    ['a missing key', 'a: { : b }', '1:1 a: a key is missing before the colon'],
    ['__proto__ as a key', 'a: { __proto__: { b: 1 } }', '1:6 a: "__proto__" is not taken as a key'],
    ['nothing', '', '1:1 : is empty'],
    ['comments alone', '# a\n', '1:1 : is empty'],
    ['null alone', '---\n~\n', '1:1 : is empty'],
  ])('does not load %s', (_, text, problem) => {
    expect(problems(text)).toEqual([problem]);
  });

  it('does not load an alias, nor a key that is one', () => {
    expect(problems('a: &x 1\nb: *x\n*x : c')).toEqual([
      '1:4 a: anchors are not taken',
      '2:4 b: aliases are not taken: write it out',
      '3:1 : aliases are not taken: write it out',
    ]);
  });

  it('reports every problem at once, in the order of the text', () => {
    expect(
      problems('a: 007\nb: { c: 0x1, d: [&x 1] }\na: !t 1\n').map((one) => one.split(':').slice(0, 2).join(':')),
    ).toEqual(['1:4 a', '2:9 b.c', '2:18 b.d[0]', '3:1 ', '3:4 a']);
  });

  it('gives a `constructor` or `toString` key as a name like any other, and touches no prototype', () => {
    const value = document('toString: a\nconstructor: { prototype: { polluted: true } }').value;
    expect(Object.getPrototypeOf(value)).toBe(null);
    expect(Object.keys(Object(value))).toEqual(['toString', 'constructor']);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });

  it('does not load a file beyond its size, and loads one just below', () => {
    expect(problems(`# ${'x'.repeat(YAML_BYTES_MAX)}`)).toEqual([
      `1:1 : is ${YAML_BYTES_MAX + 2} bytes long; at most ${YAML_BYTES_MAX} are read`,
    ]);
    expect(plain(`a: 1 # ${'x'.repeat(YAML_BYTES_MAX - 100)}`)).toEqual({ a: 1 });
  });

  it('does not load what is nested too deeply, and says so once', () => {
    const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect(problems(nested(YAML_DEPTH_MAX))).toEqual([]);
    for (const depth of [YAML_DEPTH_MAX + 2, 20_000])
      expect(problems(nested(depth)).map((one) => one.replace(/^.*: /, ''))).toEqual([
        `is nested too deeply; at most ${YAML_DEPTH_MAX} levels are read`,
      ]);
  });

  it('takes linear time in the keys of one map', () => {
    const keys = Array.from({ length: 50_000 }, (_, index) => `k${index}: v`);
    expect(problems([...keys, 'k0: again'].join('\n'))).toEqual(['50001:1 : the key "k0" is there twice']);
  });
});

describe('a reference without quotes', () => {
  it('is explained where YAML reads its brace as its own', () => {
    expect(problems(`a: { b: \${C} }`)[0]).toBe(`1:10 : put a value with \${...} in quotes here`);
    expect(plain(`a: { b: "\${C}" }\nc: \${D}`)).toEqual({ a: { b: `\${C}` }, c: `\${D}` });
  });
});

describe('locate', () => {
  const found = document('# head\ntrust:\n  github:\n    kind: github\n    list:\n      - a\n      - { b: c }\n');

  it('answers with the line and column of a key, or of an item', () => {
    expect(found.locate(['trust', 'github'])).toEqual({ line: 3, column: 3 });
    expect(found.locate(['trust', 'github', 'kind'])).toEqual({ line: 4, column: 5 });
    expect(found.locate(['trust', 'github', 'list', 0])).toEqual({ line: 6, column: 9 });
    expect(found.locate(['trust', 'github', 'list', 1, 'b'])).toEqual({ line: 7, column: 11 });
  });

  it('answers with the nearest parent of what is missing', () => {
    expect(found.locate(['trust', 'github', 'require', 'x'])).toEqual({ line: 3, column: 3 });
    expect(found.locate(['trust', 'github', 'list', 9, 'b'])).toEqual({ line: 5, column: 5 });
    expect(found.locate(['nope'])).toEqual({ line: 2, column: 1 });
    expect(found.locate([])).toEqual({ line: 2, column: 1 });
  });

  it('counts lines as editors do where lines end in CR LF', () => {
    expect(document('a: 1\r\nb: 2\r\n').locate(['b'])).toEqual({ line: 2, column: 1 });
  });
});

describe('renderPath', () => {
  it('writes steps with dots, indexes in brackets, and quotes what could be misread', () => {
    expect(renderPath(['rules', 3, 'subject', 'kubernetes.io', 'has'])).toBe('rules[3].subject["kubernetes.io"].has');
    expect(renderPath([])).toBe('');
  });
});
