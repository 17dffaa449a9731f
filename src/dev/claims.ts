// The claims that `token --as` signs: what was given, by the field names of the kind's table, and for what its tokens always have a
// value that is plausible: from the source's own `require`, from what was given, or an example. They prove nothing outside `dev`.

import { blankObject, type Json, type JsonObject, putAt, valueAt } from '../core/json.ts';
import { closest } from '../parsing/closest.ts';
import { readJson } from '../parsing/json.ts';
import { exampleClaim } from '../platforms/examples.ts';
import { type ClaimRow, fieldPath, fieldValue, type PlatformTable } from '../platforms/table.ts';
import { KIND_CLAIMS, type TextOf } from './kind-claims.ts';
import type { ClaimAt } from './rule-claims.ts';

export interface Assumption {
  readonly table: PlatformTable;
  readonly issuer: string;
  readonly audience: string;
  /** The source's own, as written. */
  readonly require: Readonly<Record<string, unknown>>;
  /** By field, as text. */
  readonly given: Readonly<Record<string, string>>;
  /** What a rule about the source wants, where it was not given. */
  readonly wanted: readonly ClaimAt[];
  /** Members of the claims that rules or `require` name, whatever the table says. */
  readonly named: readonly string[];
  readonly nowSeconds: number;
  readonly lifetimeSeconds: number;
  readonly jti: string;
}

export type Assumed =
  | { readonly ok: true; readonly claims: JsonObject }
  | { readonly ok: false; readonly problem: string };

const SPIFFE_SCHEME = 'spiffe://';

/** Registered claims that have a value of their own unless they are given. */
const REGISTERED: Readonly<Record<string, ClaimRow['type'] | 'any'>> = {
  iss: 'text',
  aud: 'any',
  exp: 'number',
  iat: 'number',
  nbf: 'number',
  jti: 'text',
};

/** Never throws. Whatever is given stands, however wrong: a refusal is what somebody may want to see. */
export function assumedClaims(assumption: Assumption): Assumed {
  const { table, issuer, audience, given, wanted, nowSeconds, jti, lifetimeSeconds } = assumption;
  const now = Math.floor(nowSeconds);
  const claims = Object.assign(blankObject(), issuer.startsWith(SPIFFE_SCHEME) ? {} : { iss: issuer }, {
    aud: audience,
    iat: now,
    exp: now + lifetimeSeconds,
    jti,
  });
  for (const [field, text] of Object.entries(given)) {
    const strange = unknownProblem(assumption, field);
    if (strange !== undefined) return { ok: false, problem: strange };
    const type = REGISTERED[field] ?? table.claims[field]?.type ?? 'any';
    const value = asClaim(text, type);
    if (value === undefined) return { ok: false, problem: `${field} must be a ${type}` };
    putAt(claims, fieldPath(table, field), value);
  }
  for (const [path, value] of wanted)
    if (valueAt(claims, path) === undefined) putAt(claims, path, typed(table, path, value));
  fill(claims, assumption);
  return { ok: true, claims };
}

/** A name that is misspelt would change nothing, and be granted. Of plain OpenID Connect and SPIFFE nothing but the standard is known. */
function unknownProblem({ table, named }: Assumption, field: string): string | undefined {
  const { kind, claims, known = [], pins } = table;
  if (pins.all.every((pin) => pin === 'sub')) return undefined;
  const fields = Object.keys(claims);
  const members = [...named, ...[...fields.map((one) => fieldPath(table, one)), ...known].map(([first = '']) => first)];
  const isKnown = (name: string) => (name.endsWith('*') ? field.startsWith(name.slice(0, -1)) : field === name);
  if (['sub', ...Object.keys(REGISTERED), ...fields, ...members].some(isKnown)) return undefined;
  const meant = closest(field, fields);
  return `${field} is no claim of ${kind}${meant === undefined ? `; there are ${fields.join(', ')}` : `; did you mean ${meant}?`}`;
}

/** Whatever else its tokens always have: as `require` says, as its kind makes it of the rest, or an example. */
function fill(claims: Record<string, Json>, assumption: Assumption): void {
  const { table, issuer } = assumption;
  const text: TextOf = (field) => {
    const value = fieldValue(table, field, claims);
    return typeof value === 'string' ? value : undefined;
  };
  const fillIn = (field: string, value: Json | undefined): void => {
    if (value !== undefined && fieldValue(table, field, claims) === undefined)
      putAt(claims, fieldPath(table, field), value);
  };
  for (const field of Object.keys(assumption.require))
    if (table.claims[field] !== undefined) fillIn(field, required(assumption, field));
  const kind = KIND_CLAIMS[table.kind];
  for (const [field, value] of Object.entries(kind?.fields?.(issuer, text) ?? {})) fillIn(field, value);
  for (const field of fieldsToFill(table, (one) => fieldValue(table, one, claims) !== undefined))
    fillIn(field, example(field, table.claims[field]));
  fillIn('sub', kind?.subject?.(text) ?? 'example');
}

/** A rule writes 74 for the text "74". */
function typed(table: PlatformTable, path: readonly string[], value: Json): Json {
  const field = Object.keys(table.claims).find((one) => fieldPath(table, one).join(' ') === path.join(' '));
  const type = field === undefined ? undefined : table.claims[field]?.type;
  if (type === 'text') return String(value);
  return type === 'texts' && !Array.isArray(value) ? [String(value)] : value;
}

/** What its tokens always have, and what the name is made of; but `sub`, which is made of the others. */
function fieldsToFill(table: PlatformTable, has: (field: string) => boolean): readonly string[] {
  const fields = new Set(Object.keys(table.claims).filter((field) => table.claims[field]?.required));
  const there = (field: string): boolean => has(field) || fields.has(field);
  const { variants = [] } = table;
  const variant = variants.find(([first = '']) => has(first)) ?? variants[0];
  for (const field of variant ?? []) fields.add(field);
  for (const parts of table.name === 'sub' ? [] : table.name)
    for (const field of contextOf(parts, there)) fields.add(field);
  fields.delete('sub');
  return [...fields];
}

type NameStep = Exclude<PlatformTable['name'], 'sub'>[number];

/** Of a step of the name, the last field that could be it, where none of its alternatives is there. */
function contextOf(parts: NameStep, has: (field: string) => boolean): readonly string[] {
  const single = parts.flatMap((part) => ('field' in part ? [part.field] : []));
  const several = parts.some((part) => 'fields' in part && part.fields.every(has));
  return several || single.some(has) ? [] : single.slice(-1);
}

/** The value that `require` names, or the first of them. */
function required({ table, require }: Assumption, field: string): Json | undefined {
  const wanted = Array.isArray(require[field]) ? require[field][0] : require[field];
  if (typeof wanted !== 'string' && typeof wanted !== 'number' && typeof wanted !== 'boolean') return undefined;
  const text = String(wanted).replaceAll('*', 'example');
  return asClaim(text, table.claims[field]?.type ?? 'any');
}

function example(field: string, row: ClaimRow | undefined): Json {
  if (row?.equals !== undefined) return row.equals;
  if (row?.type === 'number') return 1;
  if (row?.type === 'boolean') return true;
  return row?.type === 'texts' ? ['example'] : exampleClaim(field);
}

/** A given text as a claim of this type. In no table it is JSON where it is JSON other than a text. */
function asClaim(text: string, type: ClaimRow['type'] | 'any'): Json | undefined {
  if (type === 'text') return text;
  if (type === 'texts') return text.split(',');
  const read = readJson(text);
  const value = read.ok ? read.value : undefined;
  if (type !== 'any') return typeof value === type ? value : undefined;
  return value === undefined || value === null ? text : value;
}
