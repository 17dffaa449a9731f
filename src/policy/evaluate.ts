// One condition on one claim, and what becomes of it: true, false, or unknown where the claim has another type than the
// condition is about. An absent claim is false. A scalar or list never matches an array; `has` matches
// nothing else. Comparison is of whole values, byte for byte; ASCII case is ignored only where the platform's table says so.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { RECORDED_VALUE_BYTES_MAX } from '../core/limits.ts';
import { foldAscii } from '../platforms/table.ts';
import { matchesPattern, type Pattern } from './pattern.ts';

/** What a claim may be compared with. */
export type Expected = string | number | boolean | Pattern;

export interface Condition {
  /** Member names from the root of the claims. */
  readonly path: readonly string[];
  /** As rules write it: the field, or the path joined by `/`. */
  readonly what: string;
  /** `one`: the claim is one of the values. `has`: the claim is an array that holds one of them. */
  readonly form: 'one' | 'has';
  /** ASCII case is ignored; the values are lower-cased already. */
  readonly fold: boolean;
  readonly values: readonly Expected[];
  /** The values for people, in JSON, cut. */
  readonly expected: string;
}

export type Truth = 'true' | 'false' | 'unknown';

export const isPattern = (value: Expected): value is Pattern => typeof value === 'object';

/** Whether the condition holds for these claims. */
export function holds(condition: Condition, claims: JsonObject): Truth {
  let value: Json = claims;
  for (const name of condition.path) {
    if (!isJsonObject(value)) return 'unknown';
    if (!Object.hasOwn(value, name)) return 'false';
    value = value[name] ?? null;
  }
  if (condition.form === 'one') return oneOf(condition, value);
  if (!Array.isArray(value)) return 'unknown';
  const truths = value.map((element: Json) => oneOf(condition, element));
  if (truths.includes('true')) return 'true';
  return truths.includes('unknown') ? 'unknown' : 'false';
}

function oneOf(condition: Condition, presented: Json): Truth {
  const text = typeof presented === 'string' && condition.fold ? foldAscii(presented) : presented;
  let typed = false;
  for (const value of condition.values) {
    const pattern = isPattern(value);
    if (typeof text !== (pattern ? 'string' : typeof value)) continue;
    typed = true;
    if (pattern ? typeof text === 'string' && matchesPattern(value, text) : text === value) return 'true';
  }
  return typed ? 'false' : 'unknown';
}

/** What the claims present for a condition, in JSON, cut; undefined where it is absent. */
export function presentedFor(condition: Condition, claims: JsonObject): string | undefined {
  let value: Json = claims;
  for (const name of condition.path) {
    if (!isJsonObject(value)) break;
    if (!Object.hasOwn(value, name)) return undefined;
    value = value[name] ?? null;
  }
  return display(value);
}

/** A value for people: JSON in printable ASCII (no look-alikes, no control characters), cut at RECORDED_VALUE_BYTES_MAX. */
export function display(value: Json): string {
  if (typeof value !== 'string') return cut(ascii(JSON.stringify(value)));
  // Cut before escaping, so that a huge value costs no more than a small one.
  const text = ascii(JSON.stringify(value.slice(0, RECORDED_VALUE_BYTES_MAX)));
  return text.length <= RECORDED_VALUE_BYTES_MAX && value.length <= RECORDED_VALUE_BYTES_MAX ? text : `${cut(text)}"`;
}

const CUT = '...';
const cut = (text: string): string =>
  text.length <= RECORDED_VALUE_BYTES_MAX ? text : `${text.slice(0, RECORDED_VALUE_BYTES_MAX - CUT.length - 1)}${CUT}`;

/** Several values for people: `"a" or "b"`, cut. */
export function displayAll(values: readonly Json[]): string {
  let text = '';
  for (const value of values) {
    const next = text === '' ? display(value) : `${text} or ${display(value)}`;
    if (next.length > RECORDED_VALUE_BYTES_MAX) return text === '' ? next : `${text} or ...`;
    text = next;
  }
  return text;
}

/** A value as it was written. */
export const textOf = (value: Expected): string => (isPattern(value) ? value.text : String(value));

/** The values of a condition for people, patterns as written. */
export const displayExpected = (values: readonly Expected[]): string =>
  displayAll(values.map((value) => (isPattern(value) ? value.text : value)));

/** Everything outside printable ASCII as `\uXXXX`. */
export const ascii = (text: string): string =>
  text.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
