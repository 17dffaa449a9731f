// The table of attacks in README.md: complete, fresh, and able to see what is missing.

import { describe, expect, it } from 'vitest';
import { parseSource } from '../support/architecture/source.ts';
import { ATTACKS, LATER } from './catalogue.ts';
import { missing, namedIn, numbersIn, readNamed, readReadme } from './table.ts';

describe('the table of attacks', () => {
  it('every attack of the catalogue is named by a test, or says which capability brings its defence', () => {
    expect(missing(readNamed())).toEqual([]);
  });

  it('what comes later is in the catalogue', () => {
    const known = new Set(ATTACKS.map(({ number }) => number));
    expect(known.size).toBe(ATTACKS.length);
    expect(Object.keys(LATER).filter((number) => !known.has(Number(number)))).toEqual([]);
  });

  it('README.md is what `node test/attacks/table.ts --write` makes of it', () => {
    const { current, fresh } = readReadme();
    expect(current).toBe(fresh);
  });

  it('sees titles in tables and templates, and no comments', () => {
    const file = parseSource(
      'test/a.test.ts',
      "// A-1\nconst rows = [['A-2, A-3 x']];\nit(`A-4 x (A-5 to A-7)`, () => {});\n",
    );
    expect(namedIn([file]).map(({ number }) => number)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(numbersIn('TX-13 and AA-12x')).toEqual([]);
    expect(missing([])).toContain('A-1 has no test and no later');
  });
});
