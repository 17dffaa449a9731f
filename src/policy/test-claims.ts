// Claims from what people write: fields by the names of a platform's table, typed as its tokens have them (an id is text, whether it is
// written 74 or "74"), and everything else as it stands. For tests of policies; nothing here proves anything.

import { blankObject, isJsonObject, type Json, type JsonObject, putAt, valueAt } from '../core/json.ts';
import type { ClaimRow, PlatformTable } from '../platforms/table.ts';

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
