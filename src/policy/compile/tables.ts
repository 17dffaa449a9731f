// Tables of rows (`rows:` in a policy file), which `each` makes rules of: the same columns in every row, plain values that can stand
// in a rule without meaning anything else there, and nothing that two rows share where it names them.

import { dirname, join } from 'node:path/posix';
import { PARAMETER_VALUE_CHARACTERS_MAX } from '../../core/limits.ts';
import { closest } from '../../parsing/closest.ts';
import { problemAt } from '../../parsing/problems.ts';
import { isMap, type Problem, type Scalar, type YamlDocument, type YamlPath } from '../../parsing/yaml.ts';

export interface Row {
  readonly document: YamlDocument;
  readonly path: YamlPath;
  readonly values: Readonly<Record<string, Scalar>>;
}

export interface Table {
  readonly document: YamlDocument;
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** By the name of its file. */
export type Tables = ReadonlyMap<string, Table>;

/** Every table of these files, and what is wrong in them. */
export function readTables(documents: readonly YamlDocument[]): { tables: Tables; problems: readonly Problem[] } {
  const tables = new Map<string, Table>();
  const problems: Problem[] = [];
  for (const document of documents) {
    if (!isMap(document.value) || !Object.hasOwn(document.value, 'rows')) continue;
    const read = readRows(document, document.value.rows);
    problems.push(...read.problems);
    const columns = Object.keys(read.rows[0]?.values ?? {});
    tables.set(document.file, { document, columns, rows: read.rows });
  }
  return { tables, problems };
}

/** The table that a rule names, relative to its own file. */
export const tableFrom = (tables: Tables, { file }: YamlDocument, written: string): Table | undefined =>
  tables.get(join(dirname(file), written));

/** What is wrong with such a name. */
export function noTable(tables: Tables, written: string): string {
  const near = closest(written, [...tables.keys()]);
  const hint = near === undefined ? '' : `; did you mean ${near}?`;
  return `${written} is no file with \`rows\` in the policies${hint}`;
}

function readRows(document: YamlDocument, written: unknown): { rows: readonly Row[]; problems: readonly Problem[] } {
  if (!Array.isArray(written) || written.length === 0)
    return { rows: [], problems: [problemAt(document, ['rows'], 'must be a list of rows, and not an empty one')] };
  const rows: Row[] = [];
  const problems: Problem[] = [];
  const columns = isMap(written[0]) ? Object.keys(written[0]) : [];
  for (const [index, row] of written.entries()) {
    const path = ['rows', index];
    const found = rowProblem(row, columns);
    if (found !== undefined) problems.push(problemAt(document, path, found));
    else rows.push({ document, path, values: row });
  }
  return { rows, problems };
}

function rowProblem(row: unknown, columns: readonly string[]): string | undefined {
  if (!isMap(row) || columns.length === 0) return 'must be a map of values by the names of parameters';
  const missing = columns.find((column) => !Object.hasOwn(row, column));
  if (missing !== undefined) return `has no ${missing}, which the first row has`;
  const strange = Object.keys(row).find((column) => !columns.includes(column));
  if (strange !== undefined) return `has ${strange}, which the first row has not`;
  for (const [column, value] of Object.entries(row)) {
    const problem = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/.test(column) ? valueProblem(value) : 'is no name for a parameter';
    if (problem !== undefined) return `${column} ${problem}`;
  }
  return undefined;
}

/** Why a value cannot be bound to a parameter: in the text of a rule it would be more than itself, or nothing. */
export function valueProblem(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return undefined;
  if (typeof value !== 'string' || value === '') return 'must be text, a number, true or false';
  if (value.length > PARAMETER_VALUE_CHARACTERS_MAX)
    return `must not be longer than ${PARAMETER_VALUE_CHARACTERS_MAX} characters`;
  if (/[*<>\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value)) return 'must not have "*", "<", ">" or control characters';
  return undefined;
}
