// The reverse of name.ts: the claims that a principal's name tells, by its kind's table. Only a name that these claims would be given is
// taken, byte for byte; what the name does not hold stays unknown.

import { isJsonObject, type JsonObject } from '../core/json.ts';
import { fieldPath, type NamePart, type PlatformTable } from '../platforms/table.ts';
import { encodeName } from './name.ts';

/** One claim that a name tells. */
export interface ToldClaim {
  readonly path: readonly string[];
  readonly value: string;
}

export interface NameRead {
  readonly claims: readonly ToldClaim[];
  /** Claims that are not what another form of the name stands for: no text, or another one than `value`. */
  readonly others: readonly { readonly path: readonly string[]; readonly value: string | undefined }[];
}

/** The claims of a name, without its source. Undefined: nobody of this kind has it. */
export function readName(table: PlatformTable, name: string): NameRead | undefined {
  if (table.name !== 'sub') return readSteps(table, table.name, name.split(':'));
  const sub = table.kind === 'spiffe' ? name : decoded(name);
  if (sub === undefined || sub === '') return undefined;
  return { claims: [{ path: ['sub'], value: sub }, ...inSubject(table, sub)], others: [] };
}

/** The same, as claims; undefined where nobody of this kind has the name. */
export function claimsInName(table: PlatformTable, name: string): JsonObject | undefined {
  const told = readName(table, name)?.claims;
  return told?.reduce<JsonObject>((claims, { path, value }) => withClaim(claims, path, value), {});
}

function withClaim(claims: JsonObject, [first = '', ...rest]: readonly string[], value: string): JsonObject {
  const below = claims[first];
  return { ...claims, [first]: rest.length === 0 ? value : withClaim(isJsonObject(below) ? below : {}, rest, value) };
}

/** What the platform writes into `sub` as it does into claims of their own, and its verifier compares. */
function inSubject(table: PlatformTable, sub: string): readonly ToldClaim[] {
  const told = (field: string, value: string | undefined): readonly ToldClaim[] =>
    value === undefined ? [] : [{ path: fieldPath(table, field), value }];
  if (table.kind === 'kubernetes') {
    const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(sub) ?? [];
    return [...told('namespace', namespace), ...told('serviceaccount', account)];
  }
  return table.kind === 'aws' ? told('account', sub.split(':')[4]) : [];
}

function readSteps(
  table: PlatformTable,
  steps: readonly (readonly NamePart[])[],
  parts: readonly string[],
): NameRead | undefined {
  const claims: ToldClaim[] = [];
  const others: { path: readonly string[]; value: string | undefined }[] = [];
  let rest = parts;
  for (const alternatives of steps) {
    let read: StepRead | undefined;
    for (const part of alternatives) {
      read = readStep(table, part, rest);
      if (read) break;
      // This form comes first, so the claims did not have it.
      if ('word' in part) others.push({ path: fieldPath(table, part.where), value: part.equals });
      else if ('field' in part) others.push({ path: fieldPath(table, part.field), value: undefined });
    }
    if (!read) return undefined;
    claims.push(...read.claims);
    rest = rest.slice(read.length);
  }
  return rest.length === 0 ? { claims, others } : undefined;
}

interface StepRead {
  readonly claims: readonly ToldClaim[];
  readonly length: number;
}

function readStep(table: PlatformTable, part: NamePart, parts: readonly string[]): StepRead | undefined {
  if ('word' in part) {
    const claims = [{ path: fieldPath(table, part.where), value: part.equals }];
    return parts[0] === part.word ? { claims, length: 1 } : undefined;
  }
  const fields = 'field' in part ? [part.field] : part.fields;
  const claims = fields.flatMap((field, index) => {
    const value = parts[2 * index] === field ? decoded(parts[2 * index + 1] ?? '', true) : undefined;
    return value === undefined || value === '' ? [] : [{ path: fieldPath(table, field), value }];
  });
  return claims.length === fields.length ? { claims, length: 2 * fields.length } : undefined;
}

/** The text that is encoded so, and in no other way. */
function decoded(text: string, part = false): string | undefined {
  let value: string;
  try {
    value = decodeURIComponent(text);
  } catch {
    return undefined;
  }
  const encoded = part ? encodeName(value).replaceAll(':', '%3A') : encodeName(value);
  return encoded === text ? value : undefined;
}

/** A source, as far as names of its principals go. */
export interface NamedSource {
  readonly name: string;
  /** For SPIFFE `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly table: PlatformTable;
}

export type IdentityRead =
  | { readonly ok: true; readonly source: string; readonly read: NameRead }
  | { readonly ok: false; readonly problem: string };

/** Whose name this is: `<source>:<name>`, or a bare SPIFFE ID. */
export function readIdentity(sources: readonly NamedSource[], identity: string): IdentityRead {
  const owner = identity.startsWith('spiffe://')
    ? sources.find(({ table, issuer }) => table.kind === 'spiffe' && identity.startsWith(`${issuer}/`))
    : sources.find(({ name, table }) => table.kind !== 'spiffe' && identity.startsWith(`${name}:`));
  if (!owner) return { ok: false, problem: `is in the name of no source; there are: ${sources.map(named).join(', ')}` };
  const name = owner.table.kind === 'spiffe' ? identity : identity.slice(owner.name.length + 1);
  const read = readName(owner.table, name);
  const problem = `is no name of ${owner.table.kind} principals: they are ${exampleName(owner)}`;
  return read ? { ok: true, source: owner.name, read } : { ok: false, problem };
}

const named = ({ name, table, issuer }: NamedSource): string => (table.kind === 'spiffe' ? issuer : name);

/** How names of a source look. */
function exampleName({ name, table }: NamedSource): string {
  if (table.kind === 'spiffe') return 'SPIFFE IDs';
  if (table.name === 'sub') return `${name}:<sub>`;
  const step = (part: NamePart): string =>
    'word' in part
      ? part.word
      : ('field' in part ? [part.field] : part.fields).map((field) => `${field}:...`).join(':');
  return [name, ...table.name.map((alternatives) => alternatives.map(step).join('|'))].join(':');
}
