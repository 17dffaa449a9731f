// The table of docs/lint.md, made of the lints themselves: `node test/support/lint-page.ts` writes it, test/policy/lint/lint-refused.test.ts
// compares. Judges no text.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LINTS } from '../../src/policy/lint/lint-table.ts';

const PAGE = fileURLToPath(new URL('../../docs/lint.md', import.meta.url));
const BEGIN = '<!-- begin of the generated table -->';
const END = '<!-- end of the generated table -->';

export const readPage = (): string => readFileSync(PAGE, 'utf8');

/** The rows, by name. */
export function lintTable(): readonly string[] {
  const sorted = [...LINTS.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return sorted.map(
    ({ name, row, severity, when, why, mend }) => `| \`${name}\` | ${row} | ${severity} | ${when} | ${why} | ${mend} |`,
  );
}

/** The page with the table as it must be. */
export function expectedPage(): string {
  const page = readPage();
  const [before = ''] = page.split(BEGIN);
  const [, after = ''] = page.split(END);
  const head = ['| lint | row | severity | fires where | why | mend |', '|---|---|---|---|---|---|'];
  return `${before}${BEGIN}\n${[...head, ...lintTable()].join('\n')}\n${END}${after}`;
}

if (import.meta.main) writeFileSync(PAGE, expectedPage());
