// What is known of a claim where not all of it is: of a principal by its name alone, or as a record kept it. A condition is then true,
// false, about another type, or open. Says `open` only where some value of the claim would make it true and another would not.

import { hash } from 'node:crypto';
import { blankObject, isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { foldAscii } from '../../platforms/table.ts';
import { type Condition, type Expected, holds, isPattern, type Truth } from '../evaluate.ts';
import { matchesPattern } from '../pattern.ts';

export type Knowledge =
  | { readonly is: 'known'; readonly value: Json }
  | { readonly is: 'absent' }
  /** On the way to it stands something that has no members. */
  | { readonly is: 'mistyped' }
  | { readonly is: 'unknown' }
  /** Absent, empty, or no text at all; or, with `than`, anything but that text. */
  | { readonly is: 'other'; readonly than: string | undefined }
  /** A record's hash of it: SHA-256, hex, of the whole text, or of a list as JSON. */
  | { readonly is: 'cut'; readonly of: 'text' | 'list'; readonly sha256: string };

/** What is known of the claim at a path. */
export type KnowledgeOf = (path: readonly string[]) => Knowledge;

export const UNKNOWN: Knowledge = Object.freeze({ is: 'unknown' });

/** Everything is known. */
export const knowing =
  (claims: JsonObject): KnowledgeOf =>
  (path) => {
    let value: Json = claims;
    for (const name of path) {
      if (!isJsonObject(value)) return { is: 'mistyped' };
      if (!Object.hasOwn(value, name)) return { is: 'absent' };
      value = value[name] ?? null;
    }
    return { is: 'known', value };
  };

/** `untrue`: false, or unknown. An allow rule does not match then, and a deny may fire. */
export type PartialTruth = Truth | 'open' | 'untrue';

/** Whether a condition holds, as far as that can be told. */
export function holdsUnder(condition: Condition, knowledge: Knowledge): PartialTruth {
  switch (knowledge.is) {
    case 'unknown':
      return 'open';
    case 'absent':
      return 'false';
    case 'mistyped':
      return 'unknown';
    case 'known':
      return holds(condition, nested(condition.path, knowledge.value));
    case 'other':
      return mayHoldOf(condition, knowledge.than) ? 'open' : 'untrue';
    case 'cut':
      return holdsUnderHash(condition, knowledge);
  }
}

function mayHoldOf({ form, fold, values }: Condition, than: string | undefined): boolean {
  const excluded = than !== undefined && fold ? foldAscii(than) : than;
  const may = (value: Expected): boolean => {
    if (than !== undefined) return value !== excluded;
    return isPattern(value) ? matchesPattern(value, '') : typeof value !== 'string' || value === '';
  };
  return form === 'has' || values.some(may);
}

const nested = (path: readonly string[], value: Json): JsonObject => {
  const [name = '', ...rest] = path;
  return Object.fromEntries([[name, rest.length === 0 ? value : nested(rest, value)]]);
};

/** An expected text is told by its own hash; what a pattern says of a hash is open. */
function holdsUnderHash(
  { form, fold, values }: Condition,
  { of, sha256 }: Extract<Knowledge, { is: 'cut' }>,
): Truth | 'open' {
  if ((form === 'has') !== (of === 'list')) return 'unknown';
  if (form === 'has') return 'open';
  const texts = values.filter((value) => typeof value === 'string');
  if (texts.some((text) => hash('sha256', text) === sha256)) return 'true';
  if (values.some(isPattern)) return 'open';
  if (texts.length === 0) return 'unknown';
  // The hash is of the text before its case is ignored.
  return fold ? 'open' : 'false';
}

/** Claims as an index looks them up: what is not known is `null`, which finds every rule. */
export function sketchOf(knowledge: KnowledgeOf, paths: readonly (readonly string[])[]): JsonObject {
  const sketch = blankObject();
  for (const path of paths) {
    const found = knowledge(path);
    if (found.is !== 'absent') put(sketch, path, found.is === 'known' ? found.value : null);
  }
  return sketch;
}

/** What stands above it stays, and what is not known replaces nothing. */
function put(root: Record<string, Json>, path: readonly string[], value: Json): void {
  let object = root;
  for (const name of path.slice(0, -1)) {
    const before = object[name];
    if (before !== undefined && !isJsonObject(before)) return;
    const inner = Object.assign(blankObject(), before);
    object[name] = inner;
    object = inner;
  }
  const name = path.at(-1) ?? '';
  object[name] = value ?? object[name] ?? null;
}
