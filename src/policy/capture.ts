// What a rule's conditions capture from the claims that they hold for. A parameter that stands in two conditions must be one value in
// both, else the rule does not match.

import { type JsonObject, valueAt } from '../core/json.ts';
import type { Parameters } from '../parsing/template.ts';
import { foldAscii } from '../platforms/table.ts';
import { conditionsOf, type SourceMatch } from './compiled.ts';
import { type Condition, display, isPattern } from './evaluate.ts';
import type { Failed } from './failed.ts';
import { matchesPattern } from './pattern.ts';

/** The captured values; or the condition whose value is another than the one before. */
export function captureFrom(
  match: SourceMatch,
  presented: JsonObject,
): { readonly parameters: Parameters } | { readonly differs: Failed } {
  // `<constructor>` is a parameter like any other.
  const parameters: Record<string, string> = Object.create(null);
  for (const condition of conditionsOf(match))
    for (const [name, value] of captured(condition, presented)) {
      const before = parameters[name];
      if (before !== undefined && before !== value) return { differs: differs(condition, name, before, value) };
      parameters[name] = value;
    }
  return { parameters };
}

function captured({ path, fold, values }: Condition, claims: JsonObject): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const [only] = values;
  if (only === undefined || !isPattern(only)) return found;
  const value = valueAt(claims, path);
  if (typeof value === 'string') matchesPattern(only, fold ? foldAscii(value) : value, found);
  return found;
}

const differs = ({ what }: Condition, name: string, before: string, value: string): Failed => ({
  part: 'claims',
  what: `${what} <${name}>`,
  presented: display(value),
  expected: display(before),
  held: 0,
  identified: true,
});
