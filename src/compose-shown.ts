// Rules as the verbs that walk policies show them: what a compiled rule gives, who acts by it, what must be confirmed, and which denies may
// cut it, in the words that people and scripts read. Decides nothing.

import type { ShownActing, ShownCondition, ShownConfirm, ShownCut, ShownEntry } from './adapters/cli/walk-text.ts';
import { actorMatches, type CompiledTarget, conditionsOf } from './policy/compiled.ts';
import { confirmText } from './policy/confirm.ts';
import type { Condition } from './policy/evaluate.ts';
import type { Cut, Entry } from './policy/walk/walk.ts';

/** What a target requires of everyone. */
export function requirements({ name, require }: CompiledTarget): readonly string[] {
  const { sources, proof, actor, confirm, lifetimeMaxSeconds } = require;
  return [
    ...(sources ? [`${name} is for ${sources.join(', ')} only`] : []),
    ...(proof ? [`${name} is bound to a key of the caller`] : []),
    ...(actor ? [`${name} names somebody who acts`] : []),
    ...(confirm ? [`${name} must be confirmed ${confirmText(confirm)}`] : []),
    ...(lifetimeMaxSeconds === undefined ? [] : [`${name} lives ${lifetimeMaxSeconds} s at most`]),
  ];
}

export const conditionShown = ({ what, expected }: Condition): ShownCondition => ({ claim: what, expected });

const cutShown = ({ rule, of, source, conditions }: Cut): ShownCut => ({
  rule: rule.name,
  at: rule.at,
  of,
  source,
  conditions: conditions.map(conditionShown),
});

export function entryShown(entry: Entry, conditions: readonly Condition[], cuts: readonly Cut[]): ShownEntry {
  const { rule, target } = entry;
  const { name, at, mode, owner, clients, untilSeconds } = rule;
  return {
    rule: name,
    at,
    mode,
    owner,
    until: untilSeconds === undefined ? undefined : new Date(untilSeconds * 1000).toISOString(),
    source: entry.source,
    clients,
    conditions: conditions.map(conditionShown),
    target: target.name,
    address: entry.address,
    parameters: entry.parameters,
    scopes: entry.scopes,
    lifetimeSeconds: entry.lifetimeSeconds,
    proof: target.require.proof,
    acting: actingShown(entry),
    confirmed: confirmedShown(entry),
    unless: cuts.map(cutShown),
  };
}

/** Who acts by a rule; nobody is not shown. */
function actingShown({ rule }: Entry): ShownActing | undefined {
  const { by } = rule.actor;
  if (by === 'nobody') return undefined;
  const of = actorMatches(rule).map((match) => ({
    source: match.source,
    conditions: conditionsOf(match).map(conditionShown),
  }));
  return { by, of };
}

/** What a person must have confirmed by the rule, and for some of its scopes beside that. Targets say it for everyone. */
function confirmedShown({ rule, target, scopes }: Entry): readonly ShownConfirm[] {
  const ofScopes = scopes.flatMap((scope): ShownConfirm[] => {
    const confirm = target.scopeConfirms[scope];
    return confirm ? [{ scope, text: confirmText(confirm) }] : [];
  });
  return [...(rule.confirm ? [{ scope: undefined, text: confirmText(rule.confirm) }] : []), ...ofScopes];
}
