// A compiled policy for people to read (`check --print`): each rule as it is decided by, parameters bound, pins apart from other conditions,
// for each source that it speaks of. It decides nothing, and a value is shown as explanations show it.

import type { JsonObject } from '../../core/json.ts';
import type { ActorRule, CompiledPolicy, CompiledRule, SourceMatch } from '../compiled.ts';
import type { Condition } from '../evaluate.ts';

/** By rule name. */
export const printedRules = ({ rules }: CompiledPolicy): JsonObject =>
  Object.fromEntries(rules.map((rule) => [rule.name, printedRule(rule)]));

function printedRule(rule: CompiledRule): JsonObject {
  const { at, owner, why, mode, untilSeconds, matches, clients } = rule;
  const until = untilSeconds === undefined ? undefined : new Date(untilSeconds * 1_000).toISOString();
  const whose = rule.effect === 'deny' && rule.whose === 'anyone' ? 'anyone' : 'subject';
  return defined({
    at,
    mode,
    owner,
    why,
    until,
    [whose]: printedMatches(matches),
    ...(rule.effect === 'allow' ? printedActor(rule.actor) : {}),
    clients,
    ...(rule.effect === 'allow'
      ? {
          allow: Object.fromEntries(rule.allow.map(({ target, scopes }) => [target, scopes])),
          confirm: rule.confirm && defined({ acr: rule.confirm.acr, maxAgeSeconds: rule.confirm.maxAgeSeconds }),
          lifetimeSeconds: rule.lifetimeSeconds,
          parameters: Object.keys(rule.parameters).length === 0 ? undefined : rule.parameters,
          captures: rule.captures.length === 0 ? undefined : rule.captures,
        }
      : { deny: rule.deny }),
  });
}

const printedMatches = (matches: readonly SourceMatch[]): JsonObject =>
  Object.fromEntries(matches.map((match) => [match.source, printedMatch(match)]));

/** As rules write it. */
function printedActor(actor: ActorRule): JsonObject {
  switch (actor.by) {
    case 'token':
      return { actor: printedMatches(actor.matches) };
    case 'client':
      return { actor: 'client' };
    case 'impersonation':
      return { impersonate: true };
    case 'nobody':
      return {};
  }
}

const printedMatch = ({ ids, context, claims }: SourceMatch): JsonObject =>
  defined({ pin: conditions([...ids, ...context]), claims: conditions(claims) });

const conditions = (all: readonly Condition[]): JsonObject | undefined =>
  all.length === 0 ? undefined : Object.fromEntries(all.map(({ what, expected }) => [what, expected]));

const defined = (members: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject => {
  const there = Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  );
  return Object.fromEntries(there);
};
