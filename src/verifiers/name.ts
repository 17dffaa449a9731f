// The name of a principal: what is issued, recorded, blocked and pinned by others. No two identities share a name:
// `%` is always `%25`, every byte outside RFC 3986's unreserved and reserved characters is percent-encoded, and in a name of several
// parts a `:` inside a part is `%3A`.

import type { JsonObject } from '../core/json.ts';
import { fieldValue, foldAscii, type NamePart, type PlatformTable } from '../platforms/table.ts';

const KEPT = /^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=]$/;
const UTF8 = new TextEncoder();

/** `<source>:<name>` of these claims, or the field for which the claims hold no value. */
export function principalName(
  source: string,
  table: PlatformTable,
  claims: JsonObject,
): { readonly name: string } | { readonly missing: string } {
  if (table.name === 'sub') {
    const sub = claims.sub;
    return typeof sub === 'string' ? { name: `${source}:${encodeName(sub)}` } : { missing: 'sub' };
  }
  const steps = [source];
  for (const alternatives of table.name) {
    const step = alternatives.map((part) => nameStep(table, part, claims)).find((found) => found !== undefined);
    if (step === undefined) return { missing: lastField(alternatives) };
    steps.push(step);
  }
  return { name: steps.join(':') };
}

/** Percent-encodes what a name may not hold as it is. */
export function encodeName(text: string): string {
  let encoded = '';
  for (const character of text) {
    if (KEPT.test(character)) encoded += character;
    else for (const byte of UTF8.encode(character)) encoded += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

function nameStep(table: PlatformTable, part: NamePart, claims: JsonObject): string | undefined {
  if ('word' in part) return fieldValue(table, part.where, claims) === part.equals ? part.word : undefined;
  if ('field' in part) return fieldStep(table, part.field, claims);
  const steps = part.fields.map((field) => fieldStep(table, field, claims));
  return steps.includes(undefined) ? undefined : steps.join(':');
}

function fieldStep(table: PlatformTable, field: string, claims: JsonObject): string | undefined {
  const value = fieldValue(table, field, claims);
  if (typeof value !== 'string' || value === '') return undefined;
  const folded = table.claims[field]?.ignoreCase ? foldAscii(value) : value;
  return `${field}:${encodeName(folded).replaceAll(':', '%3A')}`;
}

const lastField = (alternatives: readonly NamePart[]): string => {
  const last = alternatives.at(-1);
  return last && 'field' in last ? last.field : 'sub';
};
