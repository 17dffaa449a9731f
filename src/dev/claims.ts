// The claims that `token --as` signs: what was given, by the field names of the kind's table, and for what its tokens always have a
// value that is plausible: from the source's own `require`, from what was given, or an example. They prove nothing outside `dev`.

import { type Json, type JsonObject, valueAt } from '../core/json.ts';
import { readJson } from '../parsing/json.ts';
import { exampleClaim } from '../platforms/examples.ts';
import { type ClaimRow, fieldPath, fieldValue, type PlatformTable } from '../platforms/table.ts';
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
  const claims: Record<string, Json> = {
    ...(issuer.startsWith(SPIFFE_SCHEME) ? {} : { iss: issuer }),
    aud: audience,
    iat: now,
    exp: now + lifetimeSeconds,
    jti,
  };
  for (const [field, text] of Object.entries(given)) {
    const type = REGISTERED[field] ?? table.claims[field]?.type ?? 'any';
    const value = asClaim(text, type);
    if (value === undefined) return { ok: false, problem: `${field} must be a ${type}` };
    put(claims, fieldPath(table, field), value);
  }
  for (const [path, value] of fromSubject(assumption))
    if (valueAt(claims, path) === undefined) put(claims, path, value);
  for (const [path, value] of wanted)
    if (valueAt(claims, path) === undefined) put(claims, path, typed(table, path, value));
  const text = (field: string): string | undefined => {
    const value = fieldValue(table, field, claims);
    return typeof value === 'string' ? value : undefined;
  };
  for (const field of fieldsToFill(assumption, (one) => fieldValue(table, one, claims) !== undefined))
    if (fieldValue(table, field, claims) === undefined) {
      const row = table.claims[field];
      put(claims, fieldPath(table, field), required(assumption, field) ?? example(assumption, field, row, text));
    }
  return { ok: true, claims };
}

/** A given `sub` says what other claims must agree with (KB-02 and its like). */
function fromSubject({ table, given }: Assumption): readonly ClaimAt[] {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(given.sub ?? '') ?? [];
  if (table.kind !== 'kubernetes' || namespace === undefined || name === undefined) return [];
  return [
    [fieldPath(table, 'namespace'), namespace],
    [fieldPath(table, 'serviceaccount'), name],
  ];
}

/** A rule writes 74 for the text "74". */
function typed(table: PlatformTable, path: readonly string[], value: Json): Json {
  const field = Object.keys(table.claims).find((one) => fieldPath(table, one).join(' ') === path.join(' '));
  const type = field === undefined ? undefined : table.claims[field]?.type;
  if (type === 'text') return String(value);
  return type === 'texts' && !Array.isArray(value) ? [String(value)] : value;
}

/** What its tokens always have, what the name is made of, and what `require` asks for. `sub` last: it is made of others. */
function fieldsToFill({ table, require }: Assumption, has: (field: string) => boolean): readonly string[] {
  const always = Object.keys(table.claims).filter((field) => table.claims[field]?.required);
  const named = table.name === 'sub' ? [] : table.name.flatMap((parts) => contextOf(parts, has));
  const bound = table.claims.serviceaccount && table.claims.pod ? ['pod', 'podUid'] : [];
  const asked = Object.keys(require).filter((field) => table.claims[field] !== undefined);
  const all = new Set([...always, ...named, ...bound, ...asked]);
  all.delete('sub');
  return [...all, 'sub'];
}

type NameStep = Exclude<PlatformTable['name'], 'sub'>[number];

/** Of a step of the name, the last field that could be it, where none of them is there. */
function contextOf(parts: NameStep, has: (field: string) => boolean): readonly string[] {
  const fields = parts.flatMap((part) => ('field' in part ? [part.field] : []));
  return fields.some(has) ? [] : fields.slice(-1);
}

/** The value that `require` names, or the first of them. */
function required({ table, require }: Assumption, field: string): Json | undefined {
  const wanted = Array.isArray(require[field]) ? require[field][0] : require[field];
  if (typeof wanted !== 'string' && typeof wanted !== 'number' && typeof wanted !== 'boolean') return undefined;
  const text = String(wanted).replaceAll('*', 'example');
  return asClaim(text, table.claims[field]?.type ?? 'any');
}

function example(
  { table, issuer }: Assumption,
  field: string,
  row: ClaimRow | undefined,
  text: (field: string) => string | undefined,
): Json {
  if (row?.type === 'number') return 1;
  if (row?.type === 'boolean') return true;
  if (row?.type === 'texts') return ['example'];
  if (field === 'sub') return subjectOf(table, issuer, text);
  return exampleClaim(field);
}

/** `sub` as each platform makes it of other claims. */
const SUBJECTS: Readonly<Record<string, (text: (field: string) => string | undefined) => string>> = {
  github: (text) =>
    `repo:${text('repository')}:${text('environment') ? `environment:${text('environment')}` : `ref:${text('ref')}`}`,
  gitlab: (text) =>
    `project_path:${text('project_path')}:ref_type:${text('ref_type') ?? 'branch'}:ref:${text('ref') ?? text('ref_path')}`,
  kubernetes: (text) => `system:serviceaccount:${text('namespace')}:${text('serviceaccount')}`,
};

const subjectOf = ({ kind }: PlatformTable, issuer: string, text: (field: string) => string | undefined): string =>
  SUBJECTS[kind]?.(text) ?? (issuer.startsWith(SPIFFE_SCHEME) ? `${issuer}/example` : 'example');

/** A given text as a claim of this type. In no table it is JSON where it is JSON other than a text. */
function asClaim(text: string, type: ClaimRow['type'] | 'any'): Json | undefined {
  if (type === 'text') return text;
  if (type === 'texts') return text.split(',');
  const read = readJson(text);
  const value = read.ok ? read.value : undefined;
  if (type !== 'any') return typeof value === type ? value : undefined;
  return value === undefined || value === null ? text : value;
}

/** Sets a value below member names; what stands in the way is replaced. */
function put(into: Record<string, Json>, path: readonly string[], value: Json): void {
  const [name, ...rest] = path;
  if (name === undefined) return;
  const inner: unknown = into[name];
  if (rest.length === 0) into[name] = value;
  else {
    const object = isRecord(inner) ? inner : {};
    put(object, rest, value);
    into[name] = object;
  }
}

const isRecord = (value: unknown): value is Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
