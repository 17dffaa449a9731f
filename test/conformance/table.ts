// Makes the traceability table of README.md from rows/*.ts and from the titles of tests: which requirement is proved by which
// file. `node test/conformance/table.ts --write` writes it; table.test.ts fails where it is stale. Judges no test's content.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import {
  child,
  children,
  readTree,
  type SourceFile,
  type SyntaxNode,
  textOf,
  walk,
} from '../support/architecture/source.ts';
import { ROWS as AGENTS } from './rows/agents.ts';
import { ROWS as CLIENTS } from './rows/clients.ts';
import { ROWS as CLOUDS } from './rows/clouds.ts';
import { ROWS as DPOP } from './rows/dpop.ts';
import { ROWS as JWT } from './rows/jwt.ts';
import { ROWS as KUBERNETES } from './rows/kubernetes.ts';
import { ROWS as MCP } from './rows/mcp.ts';
import { ROWS as OAUTH } from './rows/oauth.ts';
import { ROWS as OWN_TOKENS } from './rows/own-tokens.ts';
import type { Row } from './rows/row.ts';
import { ROWS as SPIFFE } from './rows/spiffe.ts';
import { ROWS as TOKEN_EXCHANGE } from './rows/token-exchange.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const README = `${ROOT}/test/conformance/README.md`;
const BEGIN = '<!-- begin of the generated table -->';
const END = '<!-- end of the generated table -->';
const FAMILIES = [
  'TX',
  'OA',
  'MD',
  'AT',
  'RI',
  'JB',
  'SI',
  'SJ',
  'SB',
  'SX',
  'SF',
  'SA',
  'SC',
  'JA',
  'MT',
  'DP',
  'IN',
  'RV',
  'PR',
  'MC',
  'OB',
  'KB',
  'CA',
  'CG',
  'CZ',
  'CX',
];

/** A title that speaks of a requirement. */
export interface Named {
  readonly id: string;
  readonly file: string;
}

/** Every row, in the order of the families and of their numbers. */
export function readRows(): readonly Row[] {
  const rank = ({ id }: Row): string => `${FAMILIES.indexOf(id.slice(0, 2))} ${id}`;
  const rows = [
    ...TOKEN_EXCHANGE,
    ...OAUTH,
    ...CLIENTS,
    ...DPOP,
    ...OWN_TOKENS,
    ...JWT,
    ...SPIFFE,
    ...MCP,
    ...AGENTS,
    ...KUBERNETES,
    ...CLOUDS,
  ];
  return rows.sort((one, other) => (rank(one) < rank(other) ? -1 : 1));
}

/** The requirements that the titles of tests and contract suites name. */
export const readNamed = (): readonly Named[] =>
  namedIn(
    readTree(ROOT, ['test']).filter(({ path }) => path.endsWith('.test.ts') || path.startsWith('test/contract/')),
  );

export function namedIn(files: readonly SourceFile[]): readonly Named[] {
  return files.flatMap((file) => titles(file).flatMap((title) => idsIn(title).map((id) => ({ id, file: file.path }))));
}

const ID = new RegExp(`\\b(${FAMILIES.join('|')})-(\\d\\d)(?: to \\1-(\\d\\d))?\\b`, 'g');

/** `TX-13`, and each of `TX-22 to TX-24`. */
export function idsIn(title: string): readonly string[] {
  return [...title.matchAll(ID)].flatMap(([, family, first = '', last = first]) => {
    const count = Math.max(0, Number(last) - Number(first) + 1);
    return Array.from({ length: count }, (_, index) => `${family}-${String(Number(first) + index).padStart(2, '0')}`);
  });
}

/** The titles given to `it`, `it.each(...)` and their kin: texts as they stand in the source, placeholders and all. */
function titles(file: SourceFile): readonly string[] {
  const found: string[] = [];
  walk(file.root, (node) => {
    if (node.type !== 'CallExpression' || !isIt(child(node, 'callee'))) return;
    const [first] = children(node, 'arguments');
    if (first?.type === 'Literal') found.push(textOf(first) ?? '');
    if (first?.type === 'TemplateLiteral') found.push(file.text.slice(first.start, first.end));
  });
  return found;
}

/** `it`, `it.each`, `it.each(rows)`, `it.skipIf(x).each(rows)`. */
function isIt(callee: SyntaxNode | undefined): boolean {
  if (callee?.type === 'Identifier') return callee.name === 'it';
  if (callee?.type === 'MemberExpression') return isIt(child(callee, 'object'));
  return callee?.type === 'CallExpression' && isIt(child(callee, 'callee'));
}

/** What is wrong with rows and titles together; nothing where each row has tests, or says what brings them. */
export function problems(rows: readonly Row[], named: readonly Named[]): readonly string[] {
  const ids = new Set(rows.map(({ id }) => id));
  const tested = new Set(named.map(({ id }) => id));
  const twice = rows.filter(({ id }, index) => rows.findIndex((row) => row.id === id) !== index);
  return [
    ...twice.map(({ id }) => `${id} has two rows`),
    ...rows.filter(({ id }) => idsIn(id)[0] !== id).map(({ id }) => `${id} is of no family`),
    ...rows.filter(({ id, later }) => !later && !tested.has(id)).map(({ id }) => `${id} has no test and no later`),
    ...rows.filter(({ id, later }) => later && tested.has(id)).map(({ id }) => `${id} has a test and a later`),
    ...named.filter(({ id }) => !ids.has(id)).map(({ id, file }) => `${file} names ${id}, which is no row`),
  ];
}

export function renderTable(rows: readonly Row[], named: readonly Named[]): string {
  const filesOf = (id: string): string =>
    [...new Set(named.filter((one) => one.id === id).map(({ file }) => file.replace(/^test\//, '')))]
      .sort()
      .join('<br>');
  const lines = rows.map(({ id, says, decision, later }) => {
    const remarks = [decision, later && `later: ${later}`].filter((text) => text !== undefined);
    return `| ${[id, says, filesOf(id), remarks.join('; ')].map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  return ['| ID | says | proved by | what this broker decides, or later |', '|---|---|---|---|', ...lines].join('\n');
}

/** The README as it stands, and as it should stand. */
export function readReadme(): { readonly current: string; readonly fresh: string } {
  const current = readFileSync(README, 'utf8');
  const [before, rest] = current.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined) throw new Error('README.md has lost the marks around its table');
  const table = renderTable(readRows(), readNamed());
  return { current, fresh: `${before}${BEGIN}\n\n${table}\n\n${END}${after}` };
}

if (process.argv.includes('--write')) writeFileSync(README, readReadme().fresh);
