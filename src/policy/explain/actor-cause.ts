// Why nobody may act so, and what a rule wants of who acts and who confirmed, in words for whoever runs the broker (core/cause.ts). Values may
// be shown here. Judges nothing: core/delegation.ts and policy have.

import { namesOf } from '../../core/actor.ts';
import type { Cause } from '../../core/cause.ts';
import type { Question } from '../../core/decision.ts';
import type { Acting, DelegationProblem } from '../../core/delegation.ts';
import { ACT_BYTES_MAX, ACTORS_MAX } from '../../core/limits-delegation.ts';
import type { Verifiers } from '../../core/ports.ts';
import type { Principal } from '../../core/principal.ts';
import type { PolicyRefusal } from '../../core/refusal.ts';
import { type AllowRule, actorMatches, conditionsOf } from '../compiled.ts';
import { display, displayAll } from '../evaluate.ts';
import type { Failed } from '../failed.ts';
import { hintFor } from './hints.ts';

/** Why nobody may act so, whatever policy says. */
export function delegationCause(
  problem: DelegationProblem,
  { subject, actor, client, carried }: Acting<Principal>,
  whoIs: Verifiers['whoIs'],
): Cause {
  const acting = actor ?? client?.principal;
  const by = (actor ?? subject).source;
  const earlier = (carried?.actors ?? []).map((one) => namesOf(one, whoIs)[0] ?? one.sub);
  switch (problem) {
    case 'actor_is_subject':
      return {
        reason: problem,
        by,
        what: 'actor',
        presented: display(acting?.name ?? ''),
        expected: `anybody but ${display(subject.name)}`,
        hint: 'nobody acts for itself: leave the actor token out',
      };
    case 'actor_repeated':
      return {
        reason: problem,
        by,
        what: 'actor',
        presented: display(acting?.name ?? ''),
        expected: `nobody who acted before: ${displayAll(earlier.slice(1))}`,
        hint: 'others have acted since, and the chain would be a loop',
      };
    case 'chain_too_long':
      return {
        reason: problem,
        by,
        what: 'act',
        presented: `${earlier.length} who act already`,
        expected: `at most ${ACTORS_MAX}, in ${ACT_BYTES_MAX} bytes`,
        hint: 'a chain is never cut: it must be shorter',
      };
    case 'may_act_unmet':
      return {
        reason: problem,
        by: subject.source,
        what: 'actor',
        presented: acting && display(acting.name),
        expected: `whom may_act of the subject's token means: ${display(carried?.mayAct ?? null)}`,
        hint: 'every member of it counts, and its issuer is that of the token where it names none',
      };
  }
}

/** What a rule wants of who acts that the request does not say, as a hint beside what failed. */
export function actorHint(
  rule: AllowRule,
  failed: Failed,
  { delegation }: Pick<Question<Principal>, 'delegation'>,
): string | undefined {
  const { actor, actors, restricted } = delegation;
  switch (rule.actor.by) {
    case 'token': {
      if (!actor) return 'it wants an actor token: --actor or --actor-token-file says who acts';
      const match = actorMatches(rule).find(({ source }) => source === actor.source);
      const condition = conditionsOf(match).find(
        ({ what, expected }) => `actor ${what}` === failed.what && expected === failed.expected,
      );
      return condition && hintFor(condition, actor.claims);
    }
    case 'client':
      return actor
        ? 'the client acts by this rule: leave the actor token out'
        : 'the client acts by this rule: --client says which one asks';
    case 'impersonation':
    case 'nobody':
      if (actor) return 'nobody is named who acts by this rule: leave the actor token out';
      if (restricted) return 'the token says who may act, and by this rule nobody does';
      return actors.length > 0 ? 'the token says that somebody acts already, and nobody does by this rule' : undefined;
  }
}

/** What the answer asks of the person, in the words of the wire. */
export function confirmHint(refusal: PolicyRefusal, isPerson: boolean): string | undefined {
  if (!isPerson) return 'only people confirm, and this is a workload';
  if (refusal.reason !== 'confirmation_wanted') return 'no authentication context satisfies all that is asked for';
  const { acrValues, maxAgeSeconds } = refusal;
  const wanted = [
    ...(acrValues.length > 0 ? [`acr_values ${acrValues.join(' ')}`] : []),
    ...(maxAgeSeconds === undefined ? [] : [`max_age ${maxAgeSeconds}`]),
  ];
  return `the answer sends the person to authenticate again, with ${wanted.join(' and ')}`;
}
