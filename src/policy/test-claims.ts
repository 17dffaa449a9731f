// Claims that a test of a policy assumes, judged by their names: a misspelt one would be another way to assume nothing. Kinds without a
// table of claims, whose tokens may have any, are not judged; values never are.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { closestKey } from '../parsing/closest.ts';
import { fieldPath, type PlatformTable } from '../platforms/table.ts';
import { hasBlock } from './compile/schema.ts';
import type { CompiledPolicy, CompiledSource } from './compiled.ts';

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
  const matches = rules.flatMap((rule) => rule.matches.filter(({ source }) => source === name));
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
