// Makes the table of README.md from the catalogue and from the titles of tests: which attack is answered where.
// `node test/attacks/table.ts --write` writes it; table.test.ts fails where it is stale. Judges no test's content.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readTree, type SourceFile, textOf, walk } from '../support/architecture/source.ts';
import { ATTACKS, GROUPS, LATER } from './catalogue.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = `${ROOT}/test/attacks/README.md`;
const BEGIN = '<!-- begin of the generated table -->';
const END = '<!-- end of the generated table -->';
/** They name what they do not prove. */
const PLANTED = /(?:identifiers|attacks\/table|conformance\/table)\.test\.ts$/;

/** A text of a test that speaks of an attack: a title, or the row of a table of titles. */
export interface Named {
  readonly number: number;
  readonly file: string;
}

export const readNamed = (): readonly Named[] =>
  namedIn(
    readTree(ROOT, ['test']).filter(
      ({ path }) => (path.endsWith('.test.ts') && !PLANTED.test(path)) || path.startsWith('test/contract/'),
    ),
  );

export function namedIn(files: readonly SourceFile[]): readonly Named[] {
  return files.flatMap((file) =>
    texts(file).flatMap((title) => numbersIn(title).map((number) => ({ number, file: file.path }))),
  );
}

/** `A-25`, and each of `A-105 to A-107`. */
export function numbersIn(title: string): readonly number[] {
  return [...title.matchAll(/\bA-(\d+)(?: to A-(\d+))?\b/g)].flatMap(([, first = '', last = first]) =>
    Array.from({ length: Math.max(0, Number(last) - Number(first) + 1) }, (_, index) => Number(first) + index),
  );
}

/** Every text in the source, placeholders and all; comments are none. */
function texts(file: SourceFile): readonly string[] {
  const found: string[] = [];
  walk(file.root, (node) => {
    if (node.type === 'Literal') found.push(textOf(node) ?? '');
    if (node.type === 'TemplateLiteral') found.push(file.text.slice(node.start + 1, node.end - 1));
  });
  return found;
}

/** Attacks that nothing answers and nothing promises to. */
export function missing(named: readonly Named[]): readonly string[] {
  const tested = new Set(named.map(({ number }) => number));
  return ATTACKS.filter(({ number }) => !tested.has(number) && LATER[number] === undefined).map(
    ({ number }) => `A-${number} has no test and no later`,
  );
}

export function renderTable(named: readonly Named[]): string {
  return GROUPS.map(({ title, first, attacks }) => {
    const rows = attacks.map((says, index) => row(first + index, says, named));
    return [`### ${title}`, '', '| attack | what it is | proved by | later |', '|---|---|---|---|', ...rows].join('\n');
  }).join('\n\n');
}

function row(number: number, says: string, named: readonly Named[]): string {
  const naming = named.filter((one) => one.number === number).map(({ file }) => file.replace(/^test\//, ''));
  const files = [...new Set(naming)].sort();
  return `| A-${number} | ${says} | ${files.join('<br>')} | ${LATER[number] ?? ''} |`;
}

/** The README as it stands, and as it should stand. */
export function readReadme(): { readonly current: string; readonly fresh: string } {
  const current = readFileSync(README, 'utf8');
  const [before, rest] = current.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('README.md has lost the marks around its table');
  return { current, fresh: `${before}${BEGIN}\n\n${renderTable(readNamed())}\n\n${END}${after}` };
}

if (process.argv.includes('--write')) writeFileSync(README, readReadme().fresh);
