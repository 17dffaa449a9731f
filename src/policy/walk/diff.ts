// What another policy changes: who gains and who loses what. An entry that no entry of the other side surely covers is a change, and so is
// a deny that no other covers. It may name too much (two rules may cover together what neither covers alone), and never too little:
// where the decisions on a principal differ, some change is about it. Names, places and the order of rules are no difference.

import { claimKey } from '../../core/claim-path.ts';
import { DIFF_PIECES_MAX } from '../../core/limits.ts';
import {
  actorMatches,
  type CompiledPolicy,
  type CompiledRule,
  conditionsOf,
  type DenyRule,
  type SourceMatch,
} from '../compiled.ts';
import { countsAt } from '../decide.ts';
import { type Condition, displayExpected, type Expected, isPattern } from '../evaluate.ts';
import { confirmsOf } from '../judge.ts';
import { implies, impliesInDeny } from './implication.ts';
import { cutsOf, denyingOnly, type Entry, entriesOf, isExcluded, knownActors, requireOf } from './walk.ts';

/** One side: a policy, and what proves the principals of each source beside its `require`. */
export interface Side {
  readonly policy: CompiledPolicy;
  /** By source: issuer and audience, or what else must be the same for a principal to be the same. */
  readonly proofs: ReadonlyMap<string, string>;
}

/** A deny, as far as it is about one source. */
export interface DenyChange {
  readonly rule: DenyRule;
  readonly source: string;
  readonly conditions: readonly Condition[];
}

/** What only one side gives, and what only the other denies. */
export interface OneWay {
  readonly entries: readonly Entry[];
  readonly denies: readonly DenyChange[];
}

export interface PolicyDiff {
  readonly gains: OneWay;
  readonly losses: OneWay;
}

/** From `before` to `after`, of the rules that count at `now`, in seconds since the epoch. */
export function diffPolicies(before: Side, after: Side, now: number): PolicyDiff {
  return { gains: onlyIn(after, before, now), losses: onlyIn(before, after, now) };
}

/** What `one` gives, or does not deny, that `other` does not give, or denies. */
function onlyIn(one: Side, other: Side, now: number): OneWay {
  const entries = living(one.policy, now);
  const others = living(other.policy, now);
  const bySource = Map.groupBy(others, ({ source, target }) => claimKey([source, target.name]));
  // Most of two policies is alike, word for word: only the rest is compared entry by entry.
  const alike = new Set(others.map((entry) => signature(entry, other.policy)));
  const isCovered = (entry: Entry): boolean =>
    one.proofs.get(entry.source) === other.proofs.get(entry.source) &&
    (alike.has(signature(entry, one.policy)) ||
      (bySource.get(claimKey([entry.source, entry.target.name])) ?? []).some(
        (wider) =>
          covers(
            { wider, require: requireOf(other.policy, entry.source) },
            entry,
            requireOf(one.policy, entry.source),
          ) && actorsCovered(entry, one, wider, other),
      ));
  const denied = deniesOf(one.policy, now);
  return {
    entries: entries.flatMap((entry) => uncovered(entry, isCovered, DIFF_PIECES_MAX)),
    denies: deniesOf(other.policy, now)
      .filter((deny) => !denied.some((wider) => denyCovers(wider, deny)))
      .filter((deny) => entries.some((entry) => mayCut(deny, entry, requireOf(one.policy, entry.source)))),
  };
}

/** All that an entry says but the name and the place of its rule. */
const signature = (entry: Entry, policy: CompiledPolicy): string => {
  const {
    rule,
    rule: { mode, untilSeconds, clients, actor, confirm },
    ...given
  } = entry;
  const until = untilSeconds ?? null;
  return JSON.stringify([
    { ...given, captures: rule.captures },
    mode,
    until,
    clients ?? null,
    actor,
    confirm ?? null,
    [entry.source, ...actorMatches(rule).map(({ source }) => source)].map((source) => requireOf(policy, source)),
  ]);
};

/** Entries that are in force, and that no deny takes away from everybody. */
function living(policy: CompiledPolicy, now: number): readonly Entry[] {
  const denying = denyingOnly(policy);
  return entriesOf(policy, now).filter((entry) => {
    const { rule, conditions, source } = entry;
    const known = [...conditions, ...requireOf(policy, source)];
    if (rule.mode === 'preview' || isExcluded(requireOf(policy, source), conditions, 'allow')) return false;
    return !cutsOf(denying, entry, now).some(
      (cut) =>
        cut.of === 'subject' &&
        cut.rule.untilSeconds === undefined &&
        isWithin(rule.clients, cut.rule.clients) &&
        cut.conditions.every((condition) => known.some((each) => implies(each, condition))),
    );
  });
}

/** Whether every client of a list is on the other; undefined there: all of them, and none. */
const isWithin = (clients: readonly string[] | undefined, wider: readonly string[] | undefined): boolean =>
  wider === undefined || (clients?.every((id) => wider.includes(id)) ?? false);

/** Whether whoever has an entry has all of it by the other one too. */
function covers(
  { wider, require }: { readonly wider: Entry; readonly require: readonly Condition[] },
  entry: Entry,
  required: readonly Condition[],
): boolean {
  const known = [...entry.conditions, ...required];
  const isSameClients = entry.rule.clients ? wider.rule.clients !== undefined : wider.rule.clients === undefined;
  return (
    isSameGiven(wider, entry) &&
    isSameClients &&
    isConfirmed(wider, entry) &&
    isWithin(entry.rule.clients, wider.rule.clients) &&
    entry.scopes.every((scope) => wider.scopes.includes(scope)) &&
    entry.lifetimeSeconds <= wider.lifetimeSeconds &&
    lasts(wider.rule, entry.rule) &&
    [...wider.conditions, ...require].every((condition) => known.some((each) => implies(each, condition))) &&
    captured(wider).every((text) => captured(entry).includes(text))
  );
}

/** The same target, made of the same values, under a mode that counts alike. */
const isSameGiven = (wider: Entry, entry: Entry): boolean =>
  wider.rule.mode === entry.rule.mode &&
  wider.address === entry.address &&
  JSON.stringify([wider.target.kind, wider.target.defaultScopes, wider.parameters]) ===
    JSON.stringify([entry.target.kind, entry.target.defaultScopes, entry.parameters]) &&
  (entry.target.require.proof || !wider.target.require.proof) &&
  (entry.target.require.actor || !wider.target.require.actor);

/** Whether whoever acts by a rule acts by the other one too. */
function actorsCovered(entry: Entry, one: Side, wider: Entry, other: Side): boolean {
  if (entry.rule.actor.by !== wider.rule.actor.by) return false;
  const among = knownActors(other.policy, wider.rule);
  return knownActors(one.policy, entry.rule).every(
    ({ source, conditions }) =>
      one.proofs.get(source) === other.proofs.get(source) &&
      among.some(
        (actor) =>
          actor.source === source &&
          actor.conditions.every((condition) => conditions.some((each) => implies(each, condition))),
      ),
  );
}

/** Whether who has confirmed all that an entry wants has confirmed all that the other wants, for every scope. */
const isConfirmed = (wider: Entry, entry: Entry): boolean =>
  [[], ...entry.scopes.map((scope) => [scope])].every((scopes) => {
    const confirmed = confirmsOf(entry.rule, entry.target, scopes);
    return confirmsOf(wider.rule, wider.target, scopes).every(
      ({ acr, maxAgeSeconds }) =>
        (acr === undefined || confirmed.some((one) => one.acr?.every((value) => acr.includes(value)))) &&
        (maxAgeSeconds === undefined ||
          confirmed.some((one) => one.maxAgeSeconds !== undefined && one.maxAgeSeconds <= maxAgeSeconds)),
    );
  });

const lasts = (wider: CompiledRule, { untilSeconds }: CompiledRule): boolean =>
  wider.untilSeconds === undefined || (untilSeconds !== undefined && untilSeconds <= wider.untilSeconds);

/** What captures what: the same texts capture the same values. */
const captured = ({ conditions }: Entry): readonly string[] =>
  conditions.flatMap(({ path, values }) =>
    values.flatMap((value) =>
      isPattern(value) && value.captures.some((name) => name !== undefined) ? [claimKey([...path, value.text])] : [],
    ),
  );

/** The parts of an entry that are not covered: the whole, or some of the values of a condition. */
function uncovered(entry: Entry, isCovered: (entry: Entry) => boolean, pieces: number): readonly Entry[] {
  if (isCovered(entry)) return [];
  const index = entry.conditions.findIndex(({ form, values }) => form === 'one' && values.length > 1);
  const condition = entry.conditions[index];
  if (!condition || condition.values.length > pieces) return [entry];
  const parts = condition.values.map((value) =>
    uncovered(withCondition(entry, index, only(condition, [value])), isCovered, pieces / condition.values.length),
  );
  const whole = condition.values.filter((_, place) => (parts[place] ?? []).length > 0);
  if (whole.length === condition.values.length) return [entry];
  return parts.flat();
}

const only = (condition: Condition, values: readonly Expected[]): Condition => ({
  ...condition,
  values,
  expected: displayExpected(values),
});

const withCondition = (entry: Entry, index: number, condition: Condition): Entry => ({
  ...entry,
  conditions: entry.conditions.map((each, place) => (place === index ? condition : each)),
});

const deniesOf = ({ rules }: CompiledPolicy, now: number): readonly DenyChange[] =>
  rules.flatMap((rule) =>
    rule.effect === 'deny' && rule.mode === 'enforce' && countsAt(rule, now)
      ? rule.matches.map((match: SourceMatch) => ({ rule, source: match.source, conditions: conditionsOf(match) }))
      : [],
  );

/** Whether one deny fires wherever the other does. */
function denyCovers(wider: DenyChange, deny: DenyChange): boolean {
  const { rule } = wider;
  return (
    wider.source === deny.source &&
    (rule.deny === 'all' || (deny.rule.deny !== 'all' && deny.rule.deny.every((name) => rule.deny.includes(name)))) &&
    (rule.whose === 'anyone' || deny.rule.whose === 'subject') &&
    isWithin(deny.rule.clients, rule.clients) &&
    lasts(rule, deny.rule) &&
    wider.conditions.every((condition) => deny.conditions.some((each) => impliesInDeny(each, condition)))
  );
}

/** Whether a deny may take something of an entry. */
function mayCut({ rule, source, conditions }: DenyChange, entry: Entry, require: readonly Condition[]): boolean {
  if (rule.deny !== 'all' && !rule.deny.includes(entry.target.name)) return false;
  if (rule.whose === 'anyone') return true;
  return source === entry.source && !isExcluded([...entry.conditions, ...require], conditions, 'deny');
}
