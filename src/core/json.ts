// JSON as this broker sees it after its strict reader (parsing/json.ts): plain immutable data, own properties only.
// It reads and writes no text.

/** Any JSON value. Integers beyond 2^53 never occur: the reader refuses them. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** A JSON object without a prototype, so that `__proto__` and `toString` are names like any other. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** True for objects, false for arrays, null and scalars. */
export const isJsonObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at a path of member names (never a dotted text), or undefined where any step is missing. */
export function valueAt(root: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = root;
  for (const name of path) {
    if (!isJsonObject(value)) return undefined;
    value = Object.hasOwn(value, name) ? value[name] : undefined;
  }
  return value;
}
