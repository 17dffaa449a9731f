// Lints that need more than one rule: a rule that restricts nothing, because another one grants the same without the restriction. Rules
// are compared only with those that begin with the same identifier, so that ten thousand of them are no work.

import { claimKey } from '../../core/claim-path.ts';
import { LINT_RIVALS_MAX } from '../../core/limits.ts';
import { type AllowedTarget, type AllowRule, conditionsOf, type SourceMatch } from '../compiled.ts';
import { type Condition, isPattern } from '../evaluate.ts';
import { matchesPattern } from '../pattern.ts';
import type { LintText } from './lint-view.ts';

export const WIDER_RULE: LintText = {
  name: 'wider-rule',
  row: 'L48',
  severity: 'warning',
  when: 'another rule in force grants the same principals the same target without a condition that this rule has',
  why: 'grants all of this without what this rule asks for, so that this rule protects nothing',
  mend: 'take the target out of the wider rule, or remove this one',
};

interface Entry<Linted> {
  readonly linted: Linted;
  readonly rule: AllowRule;
  readonly match: SourceMatch;
  readonly target: AllowedTarget;
  readonly conditions: readonly Condition[];
}

/** Every rule that a wider one makes needless, with the name of that one. */
export function widerRules<Linted extends { readonly rule: AllowRule | { readonly effect: 'deny' } }>(
  rules: readonly Linted[],
): readonly { readonly linted: Linted; readonly wider: string }[] {
  const buckets = new Map<string, Entry<Linted>[]>();
  for (const linted of rules)
    for (const [key, entry] of entriesOf(linted)) {
      const bucket = buckets.get(key);
      if (bucket) bucket.push(entry);
      else buckets.set(key, [entry]);
    }
  return [...buckets.values()].flatMap((entries) => {
    if (entries.length < 2) return [];
    const widest = [...entries]
      .sort((a, b) => a.conditions.length - b.conditions.length || (a.rule.name < b.rule.name ? -1 : 1))
      .slice(0, LINT_RIVALS_MAX);
    return entries.flatMap((entry) => {
      const wider = widest.find((rival) => rival.rule.at !== entry.rule.at && covers(rival, entry));
      return wider ? [{ linted: entry.linted, wider: wider.rule.name }] : [];
    });
  });
}

/** One entry for each source, target and first value of the pin. */
function* entriesOf<Linted extends { readonly rule: AllowRule | { readonly effect: 'deny' } }>(
  linted: Linted,
): Generator<readonly [string, Entry<Linted>]> {
  const { rule } = linted;
  if (rule.effect === 'deny' || rule.mode !== 'enforce') return;
  for (const match of rule.matches)
    for (const target of rule.allow) {
      const [first] = match.ids;
      const conditions = conditionsOf(match);
      const entry = { linted, rule, match, target, conditions };
      for (const value of first?.values ?? [])
        if (!isPattern(value)) yield [JSON.stringify([match.source, target.target, first?.what, value]), entry];
    }
}

/** Whether whatever the other rule grants here, this one grants as well, with fewer conditions. */
function covers<Linted>(wide: Entry<Linted>, narrow: Entry<Linted>): boolean {
  return (
    wide.conditions.length < narrow.conditions.length &&
    wide.conditions.every((condition) => narrow.conditions.some((other) => implies(other, condition))) &&
    (wide.target.scopes === 'all' || everyIn(narrow.target.scopes, wide.target.scopes)) &&
    (wide.rule.untilSeconds ?? Number.POSITIVE_INFINITY) >= (narrow.rule.untilSeconds ?? Number.POSITIVE_INFINITY) &&
    JSON.stringify(wide.rule.clients) === JSON.stringify(narrow.rule.clients) &&
    JSON.stringify(wide.rule.actor) === JSON.stringify(narrow.rule.actor) &&
    (wide.rule.confirm === undefined || JSON.stringify(wide.rule.confirm) === JSON.stringify(narrow.rule.confirm)) &&
    JSON.stringify(wide.rule.parameters) === JSON.stringify(narrow.rule.parameters) &&
    wide.rule.captures.length === 0 &&
    narrow.rule.captures.length === 0
  );
}

const everyIn = (some: 'all' | readonly string[], all: readonly string[]): boolean =>
  some !== 'all' && some.every((one) => all.includes(one));

/** Whether every value that satisfies the first satisfies the second. */
function implies(condition: Condition, wider: Condition): boolean {
  if (condition.form !== wider.form || claimKey(condition.path) !== claimKey(wider.path)) return false;
  return condition.values.every((value) =>
    wider.values.some((other) => {
      if (isPattern(value)) return isPattern(other) && other.text === value.text;
      return isPattern(other) ? typeof value === 'string' && matchesPattern(other, value) : other === value;
    }),
  );
}
