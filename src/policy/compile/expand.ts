// From one rule as written to the rules that it means: the file's `defaults` under it, the constants of `with` and the rows of `each` put
// into its texts. Every row is a rule of its own; two tables mean every combination. Parameters that stay are for claims to capture.

import { RULE_ROWS_MAX } from '../../core/limits.ts';
import { problemAt } from '../../parsing/problems.ts';
import { type Parameters, parametersIn, render } from '../../parsing/template.ts';
import { isMap, isScalar, type Problem, type Scalar, type YamlDocument, type YamlPath } from '../../parsing/yaml.ts';
import { noTable, type Row, type Table, type Tables, tableFrom, valueProblem } from './tables.ts';

/** One rule that a written one means. */
export interface Variant {
  readonly written: unknown;
  /** As texts, by name. */
  readonly bound: Parameters;
  /** The rows that made it, in brackets, or nothing: `[shop]`, `[shop,production]`. */
  readonly label: string;
  readonly rows: readonly Row[];
}

export interface Expanded {
  readonly variants: readonly Variant[];
  readonly problems: readonly Problem[];
  /** Parameters in its texts. */
  readonly used: ReadonlySet<string>;
  readonly constants: readonly string[];
  readonly tables: readonly Chosen[];
}

/** Under a deny these would narrow it without a word, or mean nothing. */
const ALLOW_ONLY = ['lifetime', 'client', 'actor'];

/** The rule with what its file says for all of them: key by key, where it does not say it itself. */
export function withDefaults(written: unknown, defaults: Readonly<Record<string, unknown>>): unknown {
  if (!isMap(written)) return written;
  // Who acts is said by one of the two.
  const instead = Object.hasOwn(written, 'impersonate') ? ['actor'] : [];
  const skipped = Object.hasOwn(written, 'deny') ? ALLOW_ONLY : instead;
  const given = Object.entries(defaults).filter(([key]) => !Object.hasOwn(written, key) && !skipped.includes(key));
  return given.length === 0 ? written : { ...written, ...Object.fromEntries(given) };
}

/** Every rule that this one means. Where `each` or `with` is wrong, there is none. */
export function expandRule(document: YamlDocument, path: YamlPath, written: unknown, tables: Tables): Expanded {
  const used = new Set<string>();
  if (!isMap(written)) return plain(written, used);
  const { each, with: constants, ...rest }: Readonly<Record<string, unknown>> = written;
  collect(rest, used);
  if (each === undefined && constants === undefined) return plain(written, used);
  const problems: Problem[] = [];
  const report = (at: YamlPath, message: string) => void problems.push(problemAt(document, [...path, ...at], message));
  const bound = constantsOf(constants, report);
  const chosen = tablesOf(document, each, tables, report);
  problems.push(...chosen.flatMap(rowProblems));
  for (const { table, column } of chosen)
    for (const name of table.columns)
      if (
        Object.hasOwn(bound, name) ||
        chosen.some((other) => other.table !== table && other.table.columns.includes(name))
      )
        report(['each', column], `binds <${name}> a second time`);
  const rows = combinations(chosen, report);
  if (problems.length > 0) return { ...plain(undefined, used), variants: [], problems, tables: chosen };
  const variants = rows.map((combination) => variantOf(rest, bound, chosen, combination));
  for (const made of new Set(variants.flatMap((variant) => lostKeys(rest, variant.bound))))
    report([], `has ${made} as a key twice, or as none that can be one, once its parameters are bound`);
  if (problems.length > 0) return { ...plain(undefined, used), variants: [], problems };
  return { variants, problems, used, constants: Object.keys(bound), tables: chosen };
}

const plain = (written: unknown, used: ReadonlySet<string>): Expanded => ({
  variants: [{ written, bound: {}, label: '', rows: [] }],
  problems: [],
  used,
  constants: [],
  tables: [],
});

type Report = (at: YamlPath, message: string) => void;

function constantsOf(written: unknown, report: Report): Readonly<Record<string, Scalar>> {
  if (written === undefined) return {};
  if (!isMap(written) || Object.keys(written).length === 0) {
    report(['with'], 'must be a map of values by the names of parameters');
    return {};
  }
  for (const [name, value] of Object.entries(written)) {
    const problem = valueProblem(value);
    if (problem !== undefined) report(['with', name], problem);
  }
  return Object.fromEntries(Object.entries(written).filter((entry): entry is [string, Scalar] => isScalar(entry[1])));
}

/** A table, and the column whose value names its rows. */
export interface Chosen {
  readonly table: Table;
  readonly column: string;
}

function tablesOf(document: YamlDocument, each: unknown, tables: Tables, report: Report): readonly Chosen[] {
  if (each === undefined) return [];
  const entries = isMap(each) ? Object.entries(each) : [];
  if (entries.length === 0)
    report(['each'], 'must name a file of rows by the column that names them: { repo: repos.yaml }');
  return entries.flatMap(([column, file]) => {
    const table = typeof file === 'string' ? tableFrom(tables, document, file) : undefined;
    if (!table) report(['each', column], noTable(tables, String(file)));
    // A table whose rows are wrong has said so itself.
    if (!table || table.rows.length === 0) return [];
    if (table.columns.includes(column)) return [{ table, column }];
    report(['each', column], `${table.document.file} has no column ${column}; it has ${table.columns.join(', ')}`);
    return [];
  });
}

/** What names a rule stands in records and metrics, between brackets and commas. */
const ROW_NAME = /^[A-Za-z0-9][A-Za-z0-9._/@-]{0,99}$/;

/** Rows that cannot name a rule, each at its own line. */
function rowProblems({ table: { document, rows }, column }: Chosen): readonly Problem[] {
  const lines = new Map<string, number>();
  return rows.flatMap(({ path, values }) => {
    const name = String(values[column]);
    const before = lines.get(name);
    if (before === undefined) lines.set(name, document.locate(path).line);
    const again = before === undefined ? undefined : `names a row ${name} again: line ${before} does`;
    const wrong = ROW_NAME.test(name)
      ? again
      : `${JSON.stringify(name)} cannot name a rule: at most 100 letters, digits, and . _ / @ - after the first`;
    return wrong === undefined ? [] : [problemAt(document, [...path, column], wrong)];
  });
}

/** Every combination of one row of each table. */
function combinations(chosen: readonly Chosen[], report: Report): readonly (readonly Row[])[] {
  const count = chosen.reduce((product, { table }) => product * table.rows.length, 1);
  if (count > RULE_ROWS_MAX) {
    report(['each'], `means ${count} rules; at most ${RULE_ROWS_MAX} are taken`);
    return [];
  }
  return chosen.reduce<readonly (readonly Row[])[]>(
    (before, { table }) => before.flatMap((rows) => table.rows.map((row) => [...rows, row])),
    [[]],
  );
}

function variantOf(
  rest: Readonly<Record<string, unknown>>,
  constants: Readonly<Record<string, Scalar>>,
  chosen: readonly Chosen[],
  rows: readonly Row[],
): Variant {
  const values: Readonly<Record<string, Scalar>> = Object.assign({}, constants, ...rows.map((row) => row.values));
  const bound = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
  const names = rows.map((row, index) => String(row.values[chosen[index]?.column ?? '']));
  return {
    // Names are unique as they are written: what a row makes of one could be another rule's.
    written: { ...putMap(rest, values, bound), ...(Object.hasOwn(rest, 'name') ? { name: rest.name } : {}) },
    bound,
    label: names.length === 0 ? '' : `[${names.join(',')}]`,
    rows,
  };
}

/** Keys that parameters make of others beside them: one of the two would be gone without a word. */
function lostKeys(value: unknown, bound: Parameters): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => lostKeys(item, bound));
  if (typeof value !== 'object' || value === null) return [];
  const written = Object.keys(value);
  const made = written.some((key) => key.includes('<')) ? written.map((key) => render(key, bound)) : [];
  const lost = made.filter((key, index) => key === '__proto__' || made.indexOf(key) !== index);
  return [...lost, ...Object.values(value).flatMap((inner) => lostKeys(inner, bound))];
}

/** A text that is one parameter and nothing else becomes its value with its type. */
function put(value: unknown, values: Readonly<Record<string, Scalar>>, bound: Parameters): unknown {
  if (typeof value === 'string') {
    if (!value.includes('<')) return value;
    const name = value.slice(1, -1);
    return value === `<${name}>` && Object.hasOwn(values, name) ? values[name] : render(value, bound);
  }
  if (Array.isArray(value)) return value.map((item) => put(item, values, bound));
  return typeof value === 'object' && value !== null ? putMap(value, values, bound) : value;
}

const putMap = (map: object, values: Readonly<Record<string, Scalar>>, bound: Parameters): object =>
  Object.fromEntries(Object.entries(map).map(([key, inner]) => [render(key, bound), put(inner, values, bound)]));

/** Every parameter in a part of a rule, in keys as well. */
export function collect(value: unknown, found: Set<string>): void {
  if (typeof value === 'string') for (const name of parametersIn(value)) found.add(name);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) collect(key, found);
    collect(inner, found);
  }
}
