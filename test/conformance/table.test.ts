// The traceability table says the truth: it is fresh, every row is proved or says what it waits for, and no title names a
// requirement that is no row. Each rule is also shown a violation, so that one that has gone blind fails as well.

import { describe, expect, it } from 'vitest';
import { parseSource } from '../support/architecture/source.ts';
import type { Row } from './rows/row.ts';
import { idsIn, namedIn, problems, readNamed, readReadme, readRows, renderTable } from './table.ts';

describe('the traceability table', () => {
  it('has tests for every row, or a reason, and a row for every ID that a title names', () => {
    expect(problems(readRows(), readNamed())).toEqual([]);
  });

  it('stands in the README as it is made now: node test/conformance/table.ts --write', () => {
    const { current, fresh } = readReadme();
    expect(current).toBe(fresh);
  });

  it('says each requirement in at most fourteen words', () => {
    expect(readRows().filter(({ says }) => says.split(' ').length > 14)).toEqual([]);
  });
});

describe('what makes it', () => {
  const rows: readonly Row[] = [
    { id: 'TX-01', says: 'a' },
    { id: 'TX-02', says: 'b | c', later: 'clients' },
  ];
  const named = [{ id: 'TX-01', file: 'test/a.test.ts' }];

  it('finds nothing wrong with rows that are proved or say what they wait for', () => {
    expect(problems(rows, named)).toEqual([]);
  });

  it.each([
    ['a row that is not proved', rows, [], 'TX-01 has no test and no later'],
    [
      'a row that is proved and waits',
      rows,
      [...named, { id: 'TX-02', file: 'test/a.test.ts' }],
      'TX-02 has a test and a later',
    ],
    [
      'a title without a row',
      rows,
      [...named, { id: 'KB-99', file: 'test/b.test.ts' }],
      'test/b.test.ts names KB-99, which is no row',
    ],
    ['a row that stands twice', [...rows, { id: 'TX-01', says: 'c' }], named, 'TX-01 has two rows'],
    ['a row of no family', [...rows, { id: 'ZZ-01', says: 'c', later: 'd' }], named, 'ZZ-01 is of no family'],
  ])('finds %s', (_what, given, titles, problem) => {
    expect(problems(given, titles)).toEqual([problem]);
  });

  it('reads lists and ranges, and no other numbers', () => {
    expect(idsIn('TX-01, says (RI-04, TX-22 to TX-24; A-52, F-3, TX-1, ATX-01, RFC 8693)')).toEqual([
      'TX-01',
      'RI-04',
      'TX-22',
      'TX-23',
      'TX-24',
    ]);
  });

  it('reads the titles of it and it.each, and nothing that merely stands in a file', () => {
    const text = [
      "// TX-01\nimport { it } from 'vitest'; const x = 'TX-02';",
      "it('TX-03', f); it.each(rows)('TX-04 %s', f); it.each`a`('no', f); it.skipIf(x)(`TX-05`, f);",
      "describe('TX-06', f); expect('TX-07'); f.it('TX-08');",
    ].join('\n');
    const found = namedIn([parseSource('test/a.test.ts', text)]);
    expect(found).toEqual(['TX-03', 'TX-04', 'TX-05'].map((id) => ({ id, file: 'test/a.test.ts' })));
  });

  it('keeps the columns of its table, whatever a row says', () => {
    expect(renderTable(rows, named).split('\n').slice(2)).toEqual([
      '| TX-01 | a | a.test.ts |  |',
      '| TX-02 | b \\| c |  | later: clients |',
    ]);
  });
});
