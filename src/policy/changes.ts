// What changed between two compiled policies, by the names of rules: for the record of a reload. It compares what rules say, and
// decides nothing.

import type { CompiledPolicy, CompiledRule } from './compiled.ts';

/** Names, sorted. `deniesRemoved` are among the removed: what they held back may pass now. */
export interface RuleChanges {
  readonly rulesAdded: readonly string[];
  readonly rulesChanged: readonly string[];
  readonly rulesRemoved: readonly string[];
  readonly deniesRemoved: readonly string[];
}

export function ruleChanges(before: CompiledPolicy, after: CompiledPolicy): RuleChanges {
  const [old, now] = [byName(before), byName(after)];
  const removed = before.rules.filter(({ name }) => !now.has(name));
  const names = (rules: readonly CompiledRule[]) => rules.map(({ name }) => name);
  return {
    rulesAdded: names(after.rules.filter(({ name }) => !old.has(name))),
    rulesChanged: names(after.rules.filter((rule) => old.has(rule.name) && !same(old.get(rule.name), rule))),
    rulesRemoved: names(removed),
    deniesRemoved: names(removed.filter(({ effect }) => effect === 'deny')),
  };
}

const byName = ({ rules }: CompiledPolicy): ReadonlyMap<string, CompiledRule> =>
  new Map(rules.map((rule) => [rule.name, rule]));

/** Rules are plain data in a fixed order. Where a rule stands in its file is not part of what it says. */
const same = (one: CompiledRule | undefined, other: CompiledRule): boolean =>
  JSON.stringify({ ...one, at: '' }) === JSON.stringify({ ...other, at: '' });
