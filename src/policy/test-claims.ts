// Claims that a test of a policy assumes: what people write by the names of a table's fields becomes what tokens have, typed as they have it
// (an id is text, whether it is written 74 or "74"), and a misspelt name is told, as it would be another way to assume nothing. Kinds
// without a table of claims are not judged; values never are, and nothing here proves anything.

import { blankObject, isJsonObject, type Json, type JsonObject, putAt, valueAt } from '../core/json.ts';
import { closestKey } from '../parsing/closest.ts';
import { type ClaimRow, fieldPath, type PlatformTable } from '../platforms/table.ts';
import { hasBlock } from './compile/schema.ts';
import { actorMatches, type CompiledPolicy, type CompiledSource } from './compiled.ts';

type Path = readonly string[];

/** Claims that any JWT may have (RFC 7519 4.1), and those of OpenID Connect that platforms add without a meaning for rules. */
const REGISTERED = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'auth_time'];

/** What is wrong with the first name that no token of this kind has. `ruled`: paths that some rule speaks of. */
export function strangeClaim(table: PlatformTable, claims: JsonObject, ruled: readonly Path[]): string | undefined {
  if (!hasBlock(table)) return undefined;
  const fields = Object.keys(table.claims);
  const known = [
    ...REGISTERED.map((name) => [name]),
    ...fields.map((field) => fieldPath(table, field)),
    ...(table.known ?? []),
    ...ruled,
  ];
  const strange = Object.entries(claims)
    .filter(([field]) => !fields.includes(field))
    .flatMap(([name, value]) => strangePaths(known, [name], value))
    .at(0);
  if (strange === undefined) return undefined;
  const meant = closestKey(strange.at(-1) ?? '', [...new Set([...fields, ...known.map((path) => path.at(-1) ?? '')])]);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  return `assumes ${strange.join('/')}, which is no claim of ${table.kind} tokens${hint}`;
}

/** Paths that rules and the source's `require` speak of. */
export function ruledPaths({ rules }: CompiledPolicy, { name, require }: CompiledSource): readonly Path[] {
  const matches = rules
    .flatMap((rule) => [...rule.matches, ...(rule.effect === 'allow' ? actorMatches(rule) : [])])
    .filter(({ source }) => source === name);
  const conditions = matches.flatMap(({ ids, context, claims }) => [...ids, ...context, ...claims]);
  return [...require, ...conditions].map(({ path }) => path);
}

function strangePaths(known: readonly Path[], path: Path, value: Json): readonly Path[] {
  if (known.some((one) => begins(path, one))) return [];
  const isOnTheWay = known.some((one) => one.length > path.length && begins(one, path));
  if (!isOnTheWay || !isJsonObject(value)) return [path];
  return Object.entries(value).flatMap(([name, inner]) => strangePaths(known, [...path, name], inner));
}

/** Whether a path begins with another one, whose last name may end in `*`. */
const begins = (path: Path, start: Path): boolean =>
  start.length <= path.length &&
  start.every((name, index) =>
    name.endsWith('*') && index === start.length - 1
      ? path[index]?.startsWith(name.slice(0, -1)) === true
      : path[index] === name,
  );

/** The claims that these fields stand for. What is nested as the claims are is taken as well. */
export function claimsOfFields(table: PlatformTable, fields: JsonObject): JsonObject {
  const claims = blankObject();
  for (const [field, value] of Object.entries(fields)) {
    const row = Object.hasOwn(table.claims, field) ? table.claims[field] : undefined;
    const path = row?.path ?? [field];
    const [before, said] = [valueAt(claims, path), row ? typed(row, value) : value];
    putAt(claims, path, isJsonObject(before) && isJsonObject(said) ? Object.assign(blankObject(), before, said) : said);
  }
  return claims;
}

function typed({ type }: ClaimRow, value: Json): Json {
  if (type === 'text' && (typeof value === 'number' || typeof value === 'boolean')) return String(value);
  if (type === 'texts' && Array.isArray(value))
    return value.map((each) => (typeof each === 'number' ? String(each) : each));
  return value;
}
