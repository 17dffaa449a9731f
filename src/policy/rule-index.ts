// Finds the rules that may concern a principal, by the equality conditions of their pins, so that a decision among ten thousand
// rules looks at a handful. It may find too much, never too little: a rule is left out only where one of its conditions is
// certainly false. For a deny an unknown is enough to fire, so claims of another type than text find every deny.

import { claimKey } from '../core/claim-path.ts';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { RULE_KEYS_MAX, TRACE_RULES_MAX } from '../core/limits.ts';
import { foldAscii } from '../platforms/table.ts';
import type { CompiledRule, SourceMatch } from './compiled.ts';
import { type Condition, type Expected, isPattern } from './evaluate.ts';
import { countSeparators, leadingSegments, literalSegments } from './pattern.ts';

/** A rule, and what it asks of one source's principals. */
export interface Entry<Rule extends CompiledRule = CompiledRule> {
  readonly rule: Rule;
  readonly match: SourceMatch;
}

/** Rules that may match these claims; without duplicates, in no order that means anything. */
export type RuleIndex<Rule extends CompiledRule = CompiledRule> = (claims: JsonObject) => readonly Entry<Rule>[];

/** Which conditions may narrow the search, one level after the other. */
type Levels = readonly ((match: SourceMatch) => readonly Condition[])[];

/** Allow rules are found by identifiers; only where many share them, by the context too, so that traces stay telling. */
export const indexAllows = <Rule extends CompiledRule>(entries: readonly Entry<Rule>[]): RuleIndex<Rule> =>
  indexBy(entries, [({ ids }) => ids, ({ context }) => context]);

/** Denies are found by all their equality conditions. */
export const indexDenies = <Rule extends CompiledRule>(entries: readonly Entry<Rule>[]): RuleIndex<Rule> =>
  indexBy(entries, [({ claims }) => claims]);

function indexBy<Rule extends CompiledRule>(
  entries: readonly Entry<Rule>[],
  [level, ...deeper]: Levels,
): RuleIndex<Rule> {
  if (!level || entries.length <= TRACE_RULES_MAX) return () => entries;
  const tables = new Map<string, KeyTable<Rule>>();
  for (const entry of entries) {
    const { parts, keys } = keysOf(level(entry.match));
    const shape = JSON.stringify(parts);
    const table = tables.get(shape) ?? { parts, all: [], byKey: new Map<string, Entry<Rule>[]>() };
    tables.set(shape, table);
    table.all.push(entry);
    for (const key of keys) append(table.byKey, key, entry);
  }
  const lookups = [...tables.values()].map((table) => lookupOf(table, deeper));
  const [only] = lookups;
  return only && lookups.length === 1 ? only : (claims) => lookups.flatMap((lookup) => lookup(claims));
}

interface KeyTable<Rule extends CompiledRule> {
  readonly parts: readonly KeyPart[];
  readonly all: Entry<Rule>[];
  readonly byKey: Map<string, Entry<Rule>[]>;
}

/** One claim that a key is made of: the whole text, or its leading segments. */
interface KeyPart {
  readonly path: readonly string[];
  readonly fold: boolean;
  readonly segments: number | undefined;
}

function lookupOf<Rule extends CompiledRule>(table: KeyTable<Rule>, deeper: Levels): RuleIndex<Rule> {
  const all = Object.freeze(table.all);
  const { parts } = table;
  if (parts.length === 0) return indexBy(all, deeper);
  const found = new Map([...table.byKey].map(([key, entries]) => [key, indexBy(Object.freeze(entries), deeper)]));
  return (claims) => {
    let key = '';
    for (const part of parts) {
      const text = keyText(part, claims);
      if (text === ANY_TYPE) return all;
      if (text === undefined) return [];
      key += withLength(text);
    }
    return found.get(key)?.(claims) ?? [];
  };
}

/** Stands for a claim whose type is not text: what it matches is unknown. */
const ANY_TYPE = Symbol('a claim of another type');

function keyText({ path, fold, segments }: KeyPart, claims: JsonObject): string | undefined | typeof ANY_TYPE {
  let value: Json = claims;
  for (const name of path) {
    if (!isJsonObject(value)) return ANY_TYPE;
    if (!Object.hasOwn(value, name)) return undefined;
    value = value[name] ?? null;
  }
  if (typeof value !== 'string') return ANY_TYPE;
  const text = fold ? foldAscii(value) : value;
  return segments === undefined ? text : leadingSegments(text, segments);
}

/** The claims that a rule is found by, and every key that it stands under. */
function keysOf(conditions: readonly Condition[]): { parts: readonly KeyPart[]; keys: readonly string[] } {
  const parts: KeyPart[] = [];
  const seen = new Set<string>();
  let keys: readonly string[] = [''];
  for (const condition of conditions) {
    const texts = keyTexts(condition);
    const path = claimKey(condition.path);
    if (!texts || seen.has(path) || keys.length * texts.values.length > RULE_KEYS_MAX) continue;
    seen.add(path);
    parts.push({ path: condition.path, fold: condition.fold, segments: texts.segments });
    keys = keys.flatMap((key) => texts.values.map((text) => key + withLength(text)));
  }
  return { parts, keys };
}

/** The texts under which a condition's values are found; undefined where it narrows nothing. */
function keyTexts(condition: Condition): { values: readonly string[]; segments: number | undefined } | undefined {
  const { form, values } = condition;
  if (form !== 'one' || !values.every((value) => isPattern(value) || typeof value === 'string')) return undefined;
  if (!values.some(isPattern)) return { values: [...new Set(values.map(String))], segments: undefined };
  const segments = Math.min(...values.map(completeSegments));
  if (segments === 0) return undefined;
  const leading = values.map((value) =>
    leadingSegments(isPattern(value) ? (value.literals[0] ?? '') : String(value), segments),
  );
  return { values: [...new Set(leading.filter((text) => text !== undefined))], segments };
}

const completeSegments = (value: Expected): number =>
  isPattern(value) ? literalSegments(value) : countSeparators(String(value));

/** Length first, so that no two lists of texts make one key. */
const withLength = (text: string): string => `${text.length}:${text}`;

function append<Value>(map: Map<string, Value[]>, key: string, value: Value): void {
  const values = map.get(key);
  if (values) values.push(value);
  else map.set(key, [value]);
}
