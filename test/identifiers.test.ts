// Every identifier that a comment, a title or a page cites stands in a table that says what it is: requirements in
// conformance/README.md, attacks in attacks/README.md, faults in faults.md. Each rule is also shown a violation.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ATTACKS } from './attacks/catalogue.ts';
import { readRows } from './conformance/table.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FAULTS = 'test/faults.md';
/** They cite what does not exist, to be found out. */
const PLANTED = /(?:identifiers|attacks\/table|conformance\/table)\.test\.ts$/;

const filesBelow = (folder: string): readonly (readonly [string, string])[] =>
  readdirSync(`${ROOT}/${folder}`, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((path) => /\.(?:ts|md)$/.test(path) && !PLANTED.test(path))
    .map((path) => [path, readFileSync(`${ROOT}/${path}`, 'utf8')] as const);

/** `TX-13`, and both ends of `F-1 to F-13`; names of curves are none. */
const citedIn = (text: string): readonly string[] =>
  [...text.matchAll(/(?<![\w-])[A-Z]{1,2}-\d+\b/g)]
    .map(([id]) => id)
    .filter((id) => !/^P-(?:192|256|384|521)$/.test(id));

interface Tables {
  readonly attacks: typeof ATTACKS;
  readonly rows: readonly { readonly id: string }[];
  readonly faults: string;
}

function unknownIn(files: readonly (readonly [string, string])[], { attacks, rows, faults }: Tables) {
  const known = new Set([
    ...attacks.map(({ number }) => `A-${number}`),
    ...rows.map(({ id }) => id),
    ...[...faults.matchAll(/^\| (F-\d+) \|/gm)].map(([, id]) => id),
  ]);
  return files.flatMap(([path, text]) => citedIn(text).flatMap((id) => (known.has(id) ? [] : [`${path} cites ${id}`])));
}

/** Rows of faults that nothing proves, or that name a file whose tests do not name the fault. Header comments prove nothing. */
function unproved(faults: string, tests: readonly (readonly [string, string])[]): readonly string[] {
  const code = new Map(tests.map(([path, text]) => [path, citedIn(text.replaceAll(/^\s*\/\/.*$/gm, ''))]));
  const rows = [...faults.matchAll(/^\| (F-\d+) \| [^|]+ \| ([^|]*) \|$/gm)];
  return rows.flatMap(([, id = '', named = '']) =>
    named
      .split(',')
      .flatMap((file) => (code.get(`test/${file.trim()}`)?.includes(id) ? [] : [`${id}: ${file.trim()}`])),
  );
}

describe('identifiers', () => {
  const tables = { attacks: ATTACKS, rows: readRows(), faults: readFileSync(`${ROOT}/${FAULTS}`, 'utf8') };
  const tests = filesBelow('test');

  it('stand in a table, wherever they are cited', () => {
    const root = readdirSync(ROOT).filter((name) => name.endsWith('.md'));
    const pages = root.map((name) => [name, readFileSync(`${ROOT}/${name}`, 'utf8')] as const);
    const cited = [...pages, ...['src', 'docs', 'bench', 'openapi'].flatMap(filesBelow), ...tests];
    expect(unknownIn(cited, tables)).toEqual([]);
    expect(unknownIn([['a.ts', '// A-1, TX-13, F-1 to F-99 (ZZ-01, A-999), P-256, SHA-256']], tables)).toEqual([
      'a.ts cites F-99',
      'a.ts cites ZZ-01',
      'a.ts cites A-999',
    ]);
  });

  it('of faults are proved where the table says', () => {
    expect(unproved(tables.faults, tests)).toEqual([]);
    expect(unproved('| F-8 | x | keys/other.test.ts |\n| F-99 | x |  |', tests)).toEqual([
      'F-8: keys/other.test.ts',
      'F-99: ',
    ]);
  });
});
