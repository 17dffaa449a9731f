// Compiles what operators write about claims into conditions, typed by the platform's table, and runs a source's `require`.
// Nested keys mirror the claims; a value is equality, a list any-of, `{ has: x }` membership. What could never match, or could
// match something else than it says, does not load.

import { claimKey } from '../../core/claim-path.ts';
import type { JsonObject } from '../../core/json.ts';
import { JSON_DEPTH_MAX } from '../../core/limits.ts';
import { closestKey } from '../../parsing/closest.ts';
import { problemAt } from '../../parsing/problems.ts';
import { parametersIn, piecesOf } from '../../parsing/template.ts';
import { isMap, isScalar, type Problem, type YamlDocument, type YamlPath } from '../../parsing/yaml.ts';
import { type ClaimRow, foldAscii, type PlatformTable } from '../../platforms/table.ts';
import { type Condition, displayAll, type Expected, holds, isPattern } from '../evaluate.ts';
import { readPattern } from '../pattern.ts';

/** A condition, and where it was written. */
export interface ReadCondition {
  readonly condition: Condition;
  readonly at: YamlPath;
}

export interface ConditionsInput {
  readonly document: YamlDocument;
  /** Where `written` stands in the document. */
  readonly base: YamlPath;
  readonly written: unknown;
  readonly rows: TableRows;
  /** `fields`: names of the table. `claims`: mirrors the claims. `require`: fields where the table has them, else claims. */
  readonly form: 'fields' | 'claims' | 'require';
  /** Whether `<name>` captures here. */
  readonly captures: boolean;
}

/** A table, ready for look-ups by field and by path. */
export interface TableRows {
  readonly table: PlatformTable;
  readonly byPath: ReadonlyMap<string, ClaimRow>;
}

/** Made once for each table: rules come by the thousand. */
export const tableRows = (table: PlatformTable): TableRows => ({
  table,
  byPath: new Map(Object.entries(table.claims).map(([field, row]) => [claimKey(row.path ?? [field]), row])),
});

/** Conditions in the order written, and every problem. */
export function compileConditions(input: ConditionsInput): {
  readonly conditions: readonly ReadCondition[];
  readonly problems: readonly Problem[];
} {
  const found: Found = { input, conditions: [], problems: [] };
  const { written, base, form, rows } = input;
  if (!isMap(written))
    return { conditions: [], problems: [problemAt(input.document, base, 'must be a map of claims')] };
  const entries = Object.entries(written);
  if (entries.length === 0) found.problems.push(problemAt(input.document, base, 'is empty: it says nothing'));
  for (const [key, value] of entries) {
    const row = form !== 'claims' && Object.hasOwn(rows.table.claims, key) ? rows.table.claims[key] : undefined;
    if (row) readTest(found, { path: row.path ?? [key], what: key, row }, value, [...base, key]);
    else if (form === 'fields') found.problems.push(unknownField(input, key));
    else readClaim(found, [key], value, [...base, key]);
  }
  return found;
}

/** The name of the first claim for which a condition does not hold. */
export const firstUnmet = (conditions: readonly Condition[], claims: JsonObject): string | undefined =>
  conditions.find((condition) => holds(condition, claims) !== 'true')?.what;

export type RequireRead =
  | {
      readonly ok: true;
      /** Names the first claim that fails; undefined where all hold. */
      readonly firstUnmet: (claims: JsonObject) => string | undefined;
      readonly conditions: readonly Condition[];
    }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Compiles a source's `require` (undefined: none) for use while proving. `base` is where it stands in the document. */
export function compileRequire(input: {
  readonly source: { readonly table: PlatformTable; readonly require: unknown };
  readonly document: YamlDocument;
  readonly base: YamlPath;
}): RequireRead {
  const { source, document, base } = input;
  // Configuration gives an absent `require` as an empty map.
  const none = isMap(source.require) && Object.keys(source.require).length === 0;
  if (source.require === undefined || none) return { ok: true, firstUnmet: () => undefined, conditions: [] };
  const rows = tableRows(source.table);
  const read = compileConditions({ document, base, written: source.require, rows, form: 'require', captures: false });
  if (read.problems.length > 0) return { ok: false, problems: read.problems };
  const conditions = read.conditions.map(({ condition }) => condition);
  return { ok: true, firstUnmet: (claims) => firstUnmet(conditions, claims), conditions };
}

interface Found {
  readonly input: ConditionsInput;
  readonly conditions: ReadCondition[];
  readonly problems: Problem[];
}

interface Claim {
  readonly path: readonly string[];
  readonly what: string;
  readonly row: ClaimRow | undefined;
}

function readClaim(found: Found, path: readonly string[], value: unknown, at: YamlPath): void {
  const row = found.input.rows.byPath.get(claimKey(path));
  if (!isMap(value) || row || Object.hasOwn(value, 'has')) {
    readTest(found, { path, what: path.join('/'), row }, value, at);
    return;
  }
  const entries = Object.entries(value);
  if (entries.length === 0) report(found, at, 'is empty: it says nothing');
  if (path.length >= JSON_DEPTH_MAX) report(found, at, 'is nested deeper than any claim');
  else for (const [key, inner] of entries) readClaim(found, [...path, key], inner, [...at, key]);
}

function readTest(found: Found, claim: Claim, value: unknown, at: YamlPath): void {
  const subtrees = found.input.rows.table.kind === 'spiffe' && claimKey(claim.path) === 'sub';
  const condition = conditionOf(claim, value, { subtrees, captures: found.input.captures });
  if (typeof condition === 'string') report(found, at, condition);
  else found.conditions.push({ condition, at });
}

/** The condition, or what is wrong with it. */
function conditionOf(
  { path, what, row }: Claim,
  value: unknown,
  takes: { readonly subtrees: boolean; readonly captures: boolean },
): Condition | string {
  const membership = isMap(value);
  const problem = shapeProblem(value, row);
  if (problem !== undefined) return problem;
  const written: readonly unknown[] = membership ? [value.has] : Array.isArray(value) ? value : [value];
  const fold = row?.ignoreCase === true;
  const values: Expected[] = [];
  const shown: (string | number | boolean)[] = [];
  for (const one of written) {
    const read = readValue(one, { type: row?.type, fold, ...takes });
    if (!read.ok) return read.message;
    // Of several values that match, or elements that do, none is the one to take.
    if (
      isPattern(read.value) &&
      read.value.captures.some((name) => name !== undefined) &&
      (membership || written.length > 1)
    )
      return 'captures a parameter, so it must be one value: write a rule for each';
    values.push(read.value);
    // As written, but of the type that is compared: `74` may mean the text "74".
    shown.push(typeof read.value === 'number' || typeof read.value === 'boolean' ? read.value : String(one));
  }
  const expected = displayAll(shown);
  return Object.freeze({
    path: Object.freeze([...path]),
    what,
    form: membership ? 'has' : 'one',
    fold,
    values: Object.freeze(values),
    expected: membership ? `a list that has ${expected}` : expected,
  });
}

function shapeProblem(value: unknown, row: ClaimRow | undefined): string | undefined {
  if (isMap(value)) {
    if (Object.keys(value).join() !== 'has') return 'must be a value, a list of values, or { has: value } alone';
    if (row && row.type !== 'texts') return `is one ${row.type} in these tokens, not a list: write the value alone`;
    return undefined;
  }
  if (row?.type === 'texts') return 'is a list in these tokens: a value never matches it; write { has: value }';
  return Array.isArray(value) && value.length === 0 ? 'is an empty list: it matches nothing' : undefined;
}

type ValueRead = { readonly ok: true; readonly value: Expected } | { readonly ok: false; readonly message: string };

interface ValueType {
  readonly type: ClaimRow['type'] | undefined;
  readonly fold: boolean;
  readonly subtrees: boolean;
  readonly captures: boolean;
}

/** The table's type where there is one, else the type of the value as written. */
function readValue(written: unknown, { type, fold, subtrees, captures }: ValueType): ValueRead {
  if (!isScalar(written)) return wrong('must be text, a number, true or false');
  if (type === 'number') {
    const number = typeof written === 'string' ? Number(written) : written;
    if (typeof number !== 'number' || !Number.isFinite(number) || String(number) !== String(written))
      return wrong('must be a number in these tokens');
    return { ok: true, value: number };
  }
  if (type === 'boolean') {
    const text = String(written);
    return text === 'true' || text === 'false' ? { ok: true, value: text === 'true' } : wrong('must be true or false');
  }
  if (type === undefined && typeof written !== 'string') return { ok: true, value: written };
  const parameters = parametersIn(String(written));
  if (parameters.length > 0 && !captures)
    return wrong(`<${parameters[0]}> captures nothing here: only the subject of an allow rule does; write "*"`);
  const text = fold ? foldedText(String(written)) : String(written);
  if (!text.includes('*') && parameters.length === 0) return { ok: true, value: text };
  const read = readPattern(text, subtrees);
  return read.ok ? { ok: true, value: read.pattern } : read;
}

/** Lower-cases ASCII letters, but those in the names of parameters. */
function foldedText(text: string): string {
  const { literals, names } = piecesOf(text);
  return literals
    .map((literal, index) => foldAscii(literal) + (index < names.length ? `<${names[index]}>` : ''))
    .join('');
}

const wrong = (message: string): ValueRead => ({ ok: false, message });

function report(found: Found, at: YamlPath, message: string): void {
  found.problems.push(problemAt(found.input.document, at, message));
}

function unknownField({ document, base, rows }: ConditionsInput, key: string): Problem {
  const fields = Object.keys(rows.table.claims);
  const meant = closestKey(key, fields);
  const hint = meant === undefined ? `; allowed: ${fields.join(', ')}` : `; did you mean ${meant}?`;
  return problemAt(document, [...base, key], `is no claim of ${rows.table.kind} tokens${hint}`);
}
