// Claims from what people write: fields by the names of a platform's table, typed as its tokens have them (an id is text, whether it is
// written 74 or "74"), and everything else as it stands. For tests of policies; nothing here proves anything.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import type { ClaimRow, PlatformTable } from './table.ts';

/** The claims that these fields stand for. What is nested as the claims are is taken as well. */
export function claimsOfFields(table: PlatformTable, fields: JsonObject): JsonObject {
  const claims: Record<string, Json> = {};
  for (const [field, value] of Object.entries(fields)) {
    const row = Object.hasOwn(table.claims, field) ? table.claims[field] : undefined;
    put(claims, row?.path ?? [field], row ? typed(row, value) : value);
  }
  return claims;
}

function typed({ type }: ClaimRow, value: Json): Json {
  if (type === 'text' && (typeof value === 'number' || typeof value === 'boolean')) return String(value);
  if (type === 'texts' && Array.isArray(value))
    return value.map((each) => (typeof each === 'number' ? String(each) : each));
  return value;
}

function put(into: Record<string, Json>, [name, ...rest]: readonly string[], value: Json): void {
  if (name === undefined) return;
  const before = into[name];
  const inner: Record<string, Json> = before !== undefined && isJsonObject(before) ? { ...before } : {};
  if (rest.length === 0) into[name] = isJsonObject(value) ? { ...inner, ...value } : value;
  else {
    put(inner, rest, value);
    into[name] = inner;
  }
}
