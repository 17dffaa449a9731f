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

/** An object to put members into, without a prototype. */
export const blankObject = (): Record<string, Json> => Object.create(null);

/**
 * Puts a value at a path of member names. Objects on the way are copied before they are changed; what stands in the way and is none is
 * replaced. Of an empty path it does nothing.
 */
export function putAt(root: Record<string, Json>, path: readonly string[], value: Json): void {
  let object = root;
  for (const name of path.slice(0, -1)) {
    const before = object[name];
    const inner = Object.assign(blankObject(), isJsonObject(before) ? before : undefined);
    object[name] = inner;
    object = inner;
  }
  const last = path.at(-1);
  if (last !== undefined) object[last] = value;
}
