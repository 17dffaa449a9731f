// Paths of claims as texts that can be kept in a set: of member names, the outermost first. Policy, platforms' tables and records speak of
// the same claims by them. Says nothing of what a claim means.

import { isJsonObject, type Json, type JsonObject } from './json.ts';

/** JSON text cannot hold it bare, so no two paths make the same key. */
const SEPARATOR = '\u0000';

/** A claim path as one text that no other path shares. */
export const claimKey = (path: readonly string[]): string => path.join(SEPARATOR);

/** The path of a key. */
export const claimPath = (key: string): readonly string[] => key.split(SEPARATOR);

/** The start of the keys of everything below a path. */
export const claimsBelow = (path: readonly string[]): string => claimKey(path) + SEPARATOR;

/** Visits every value that is no object, with the key of its path. */
export function walkClaims(claims: JsonObject, visit: (key: string, value: Json) => void, above = ''): void {
  for (const name of Object.keys(claims)) {
    const value = claims[name] ?? null;
    const key = above + name;
    if (isJsonObject(value)) walkClaims(value, visit, key + SEPARATOR);
    else visit(key, value);
  }
}
