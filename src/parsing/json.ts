// The one strict JSON reader (RFC 8259; RFC 7515 §4 and RFC 7519 §4 on duplicate names): JWT claims, JOSE headers, key sets,
// discovery documents. JSON.parse, bounded before, judges the grammar; this file refuses what it lets through: duplicate
// members, depth, floods of values, integers it would round, numbers it would call infinite, lone surrogates.
// A number is its value, not its spelling: 1, 1.0 and 10e-1 are one number, and -0 is 0.
// Callers cap the size of the text.

import { isUtf8 } from 'node:buffer';
import type { Json, JsonObject } from '../core/json.ts';
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../core/limits.ts';

export type JsonProblem =
  | 'syntax'
  | 'duplicate_member'
  | 'too_deep'
  | 'too_many_values'
  | 'number_range'
  | 'lone_surrogate';

export type JsonRead =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly problem: JsonProblem };

/**
 * Reads one JSON text. Objects have no prototype; objects and arrays are frozen. Never throws. An integer beyond 2^53 is refused,
 * unless it is the value of a member named `wide`: there it is given as text, digit by digit.
 */
export function readJson(text: string, { wide }: { readonly wide?: string } = {}): JsonRead {
  const counts = countText(text);
  if (counts.problem) return { ok: false, problem: counts.problem };
  let parsed: unknown;
  try {
    parsed = wide === undefined ? JSON.parse(text) : JSON.parse(text, keepDigits(wide));
  } catch {
    return { ok: false, problem: 'syntax' };
  }
  const copy = { members: 0, problem: undefined };
  const value = copyValue(parsed, copy);
  if (copy.problem) return { ok: false, problem: copy.problem };
  // JSON.parse keeps the last of two members that share a name, so the text then has more members than the value.
  if (copy.members !== counts.members) return { ok: false, problem: 'duplicate_member' };
  return { ok: true, value };
}

/** Text of these bytes, or undefined where they are not UTF-8. A byte order mark stays in the text, where readers refuse it. */
export const decodeUtf8 = (bytes: Uint8Array): string | undefined =>
  isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : undefined;

const INTEGER = /^-?[0-9]+$/;

/** A reviver that keeps the digits of one member's integers, which a number would round. */
const keepDigits =
  (wide: string) =>
  (name: string, value: unknown, context?: { readonly source?: string }): unknown => {
    const rounded = name === wide && typeof value === 'number' && !Number.isSafeInteger(value);
    return rounded && INTEGER.test(context?.source ?? '') ? context?.source : value;
  };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

interface Counts {
  members: number;
  problem: JsonProblem | undefined;
}

/** Depth, members and values of a text. Exact for JSON; for anything else the numbers do not matter, JSON.parse refuses it. */
function countText(text: string): Counts {
  const counts: Counts = { members: 0, problem: undefined };
  let depth = 0;
  // The text is a value; each comma adds one, and each container that is not empty adds its first.
  let values = 1;
  let opened = false;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09) continue;
    const closes = code === 0x5d || code === 0x7d;
    if (opened && !closes) values += 1;
    opened = code === 0x5b || code === 0x7b;
    if (opened) depth += 1;
    else if (closes) depth -= 1;
    else if (code === 0x2c) values += 1;
    else if (code === 0x3a) counts.members += 1;
    else if (code === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return { members: 0, problem: 'syntax' };
    }
    if (depth > JSON_DEPTH_MAX) return { members: 0, problem: 'too_deep' };
    if (values > JSON_VALUES_MAX) return { members: 0, problem: 'too_many_values' };
  }
  return counts;
}

/**
 * Where the string that begins at `start` ends; -1 where it does not. Character by character on purpose: V8 moves a call of
 * `indexOf` out of its branch and makes it for every character of the text, which is quadratic.
 */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at;
    // Whatever a backslash escapes, a quote included, is part of the string.
    if (code === BACKSLASH) at += 1;
  }
  return -1;
}

/** Copies what JSON.parse made; recursion is bounded by JSON_DEPTH_MAX. After a problem the copy is worthless. */
function copyValue(value: unknown, copy: Counts): Json {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) copy.problem = 'lone_surrogate';
      return value;
    case 'number':
      return copyNumber(value, copy);
    case 'boolean':
      return value;
    default:
      if (value === null || value === undefined) return null;
      return Array.isArray(value)
        ? Object.freeze(value.map((item: unknown) => copyValue(item, copy)))
        : copyObject(value as Record<string, unknown>, copy);
  }
}

function copyNumber(value: number, copy: Counts): number {
  // Integers from 2^53 on may have been rounded, and every number that large is an integer.
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) copy.problem = 'number_range';
  return value === 0 ? 0 : value;
}

function copyObject(value: Record<string, unknown>, copy: Counts): JsonObject {
  // On an object without a prototype, assigning to `__proto__` makes an ordinary member.
  const members: Record<string, Json> = Object.create(null);
  for (const name of Object.keys(value)) {
    if (!name.isWellFormed()) copy.problem = 'lone_surrogate';
    members[name] = copyValue(value[name], copy);
    copy.members += 1;
  }
  return Object.freeze(members);
}
