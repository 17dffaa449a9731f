// Who can have what, read off the compiled policy: every allow rule taken apart into what it gives to the principals of one source, and the
// denies that may cut it. Nothing is asked or guessed here; a property test compares it with decisions.

import { type Parameters, render } from '../../parsing/template.ts';
import { lifetimeOf } from '../best.ts';
import {
  type AllowRule,
  actorMatches,
  type CompiledPolicy,
  type CompiledRule,
  type CompiledSource,
  type CompiledTarget,
  conditionsOf,
  type DenyRule,
} from '../compiled.ts';
import { countsAt } from '../decide.ts';
import type { Condition } from '../evaluate.ts';
import { createTargetFinder } from '../targets.ts';
import { bound, capturesFor } from './bind.ts';
import { excludes } from './implication.ts';

/** What one allow rule gives to principals of one source for which all conditions hold. */
export interface Entry {
  readonly rule: AllowRule;
  readonly source: string;
  readonly conditions: readonly Condition[];
  readonly target: CompiledTarget;
  /** Rendered as far as the values are known; `<name>` is captured. */
  readonly address: string;
  readonly parameters: Parameters;
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
}

/** A deny that may cut an entry. */
export interface Cut {
  readonly rule: DenyRule;
  /** Whose claims the conditions are about; `earlier`: of anybody who acted before. */
  readonly of: 'subject' | 'client' | 'actor' | 'earlier';
  readonly source: string;
  readonly conditions: readonly Condition[];
}

/** Everything that rules give, but those that have ended, and targets that the source, or nobody without an actor, may have. */
export function entriesOf(policy: CompiledPolicy, now: number): readonly Entry[] {
  const targets = new Map(policy.targets.map((target) => [target.name, target]));
  return policy.rules.flatMap((rule) =>
    rule.effect === 'deny' || !countsAt(rule, now)
      ? []
      : rule.matches.flatMap((match) =>
          rule.allow.flatMap(({ target: name, scopes }): Entry[] => {
            const target = targets.get(name);
            if (!target || target.require.sources?.includes(match.source) === false) return [];
            if (target.require.actor && rule.actor.by === 'nobody') return [];
            const conditions = conditionsOf(match);
            const entry = { rule, source: match.source, conditions, target, lifetimeSeconds: lifetimeOf(rule, target) };
            return [withValues({ ...entry, scopes: scopes === 'all' ? target.scopes : scopes }, {})];
          }),
        ),
  );
}

/** An entry where some of what it captures is known. */
export function withValues(entry: Omit<Entry, 'address' | 'parameters'>, captured: Parameters): Entry {
  const all = { ...entry.rule.parameters, ...captured };
  const parameters = Object.fromEntries(
    entry.target.parameters.flatMap((name) => (Object.hasOwn(all, name) ? [[name, all[name] ?? '']] : [])),
  );
  const conditions = entry.conditions.map((condition) => bound(condition, captured));
  return { ...entry, conditions, parameters, address: render(entry.target.address, all) };
}

/** Whether an entry has all of these scopes; where none are named, it does. */
export const grantsScopes = ({ scopes }: Entry, wanted: readonly string[] | undefined): boolean =>
  wanted?.every((scope) => scopes.includes(scope)) ?? true;

/** Which entries come to an address, by what a rule binds or captures. */
const entriesAt = (entries: readonly Entry[], address: string): readonly Entry[] =>
  entries
    .filter(({ target }) => target.parameters.length > 0)
    .flatMap((entry) => capturesFor(entry.rule, entry.target, address).map((values) => withValues(entry, values)));

/** The clients that may ask by a rule; undefined: none, or the subject itself. */
const mayAsk = (rule: CompiledRule, client: string | undefined): boolean =>
  rule.clients === undefined || client === undefined || rule.clients.includes(client);

/** The policy without what allows: denies are few, and are looked for once for each entry. */
export const denyingOnly = (policy: CompiledPolicy): CompiledPolicy => ({
  ...policy,
  rules: policy.rules.filter(({ effect }) => effect === 'deny'),
});

/** Denies of a target that may fire for whom an entry is about, a client that asks, or who acts. Previews change nothing. */
export function cutsOf(policy: CompiledPolicy, entry: Entry, now: number): readonly Cut[] {
  const known = [...entry.conditions, ...requireOf(policy, entry.source)];
  const chained = mayBeChained(policy, entry);
  return policy.rules.flatMap((rule): Cut[] => {
    if (rule.effect === 'allow' || rule.mode === 'preview' || !countsAt(rule, now)) return [];
    if (rule.deny !== 'all' && !rule.deny.includes(entry.target.name)) return [];
    if (entry.rule.clients && !entry.rule.clients.some((client) => mayAsk(rule, client))) return [];
    return rule.matches.flatMap((match): Cut[] => {
      const conditions = conditionsOf(match);
      const cut = { rule, source: match.source, conditions };
      const subject = match.source === entry.source && !isExcluded(known, conditions, 'deny');
      const anyone = rule.whose === 'anyone';
      const actor = knownActors(policy, entry.rule).some(
        (one) => one.source === match.source && !isExcluded(one.conditions, conditions, 'deny'),
      );
      return [
        ...(subject ? [{ ...cut, of: 'subject' as const }] : []),
        ...(anyone ? [{ ...cut, of: 'client' as const }] : []),
        ...(anyone && actor ? [{ ...cut, of: 'actor' as const }] : []),
        ...(anyone && chained ? [{ ...cut, of: 'earlier' as const }] : []),
      ];
    });
  });
}

/** What is known of whom an actor token proves, source by source. */
export const knownActors = (policy: CompiledPolicy, rule: AllowRule) =>
  actorMatches(rule).map((match) => ({
    source: match.source,
    conditions: [...conditionsOf(match), ...requireOf(policy, match.source)],
  }));

const mayBeChained = ({ sources }: CompiledPolicy, { rule, source }: Entry): boolean =>
  rule.actor.by !== 'nobody' && sources.some(({ name, delegates }) => name === source && delegates);

/** Whether conditions cannot hold beside what is known. */
export const isExcluded = (
  known: readonly Condition[],
  conditions: readonly Condition[],
  effect: CompiledRule['effect'],
): boolean => conditions.some((condition) => known.some((one) => excludes(one, condition, effect)));

export interface WhoCan {
  readonly entries: readonly (Entry & { readonly cuts: readonly Cut[] })[];
  readonly targets: readonly CompiledTarget[];
  readonly sources: readonly CompiledSource[];
}

/** Who can have a target; undefined where nothing has this name, or comes to this address. */
export function whoCan(
  policy: CompiledPolicy,
  {
    target,
    scopes,
    now,
  }: { readonly target: string; readonly scopes: readonly string[] | undefined; readonly now: number },
): WhoCan | undefined {
  const { found: asked } = createTargetFinder(policy.targets)([target]);
  const all = entriesOf(policy, now);
  const denying = denyingOnly(policy);
  const found = asked.ok ? all.filter((entry) => entry.target === asked.target) : entriesAt(all, target);
  if (!asked.ok && found.length === 0) return undefined;
  const entries = found
    .filter((entry) => grantsScopes(entry, scopes))
    .filter((entry) => !isExcluded(requireOf(policy, entry.source), entry.conditions, 'allow'))
    .map((entry) => ({
      ...entry,
      cuts: cutsOf(denying, entry, now).filter((cut) => cut.of !== 'client' || entry.rule.clients !== undefined),
    }));
  const targets = asked.ok ? [asked.target] : [...new Set(found.map((entry) => entry.target))];
  const sources = policy.sources.filter(({ name }) => entries.some(({ source }) => source === name));
  return { entries, targets, sources };
}

/** What a source requires of all its principals; nothing of a source that is not there. */
export const requireOf = ({ sources }: CompiledPolicy, source: string): readonly Condition[] =>
  sources.find(({ name }) => name === source)?.require ?? [];
