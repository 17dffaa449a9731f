// The true cause of a refusal, before anything else is said: the rule that lacks least, the deny that fired, the target that does not
// exist or demands more. Values may be shown here: it is for an operator (core/cause.ts). Decides nothing: policy has.

import type { Principal } from '../../core/principal.ts';
import type { PolicyRefusal } from '../../core/refusal.ts';
import { conditionsOf, type DenyRule } from '../compiled.ts';
import { display, displayAll, holds, presentedFor } from '../evaluate.ts';
import { unknownTarget } from './asked-for.ts';
import { type CauseInput, nearestCause, type RuleCause } from './nearest-cause.ts';

/** Why policy refuses; undefined where it grants. */
export function causeOf(input: CauseInput): RuleCause | undefined {
  const { decision } = input;
  if (decision.granted) return undefined;
  const { refusal } = decision;
  switch (refusal.reason) {
    case 'no_rule':
    case 'target_not_allowed':
    case 'scope_not_allowed':
    case 'confirmation_wanted':
      return nearestCause(input, refusal);
    case 'target_denied':
      return denyCause(input, refusal);
    case 'target_unknown':
      // A rule makes the address, and not for this subject: that is what went wrong.
      return input.asked.known ? nearestCause(input, refusal) : targetCause(input, refusal);
    case 'target_requirement_unmet':
      return requirementCause(input, refusal);
    case 'targets_differ':
      return severalCause(input, refusal, 'one target', undefined);
    case 'target_ambiguous': {
      const hint = `${refusal.rules.join(', ')} give it with different parameters: ask by its address`;
      return severalCause(input, refusal, 'the one address that is meant', hint);
    }
  }
}

function severalCause(
  { question: { ask } }: CauseInput,
  refusal: PolicyRefusal,
  expected: string,
  hint: string | undefined,
): RuleCause {
  const presented = displayAll(ask.targets);
  return { rule: undefined, cause: { ...refusedBy(refusal), what: 'target', presented, expected, hint } };
}

const refusedBy = ({ reason }: PolicyRefusal) => ({ reason, by: undefined, hint: undefined });

function denyCause(input: CauseInput, refusal: Extract<PolicyRefusal, { reason: 'target_denied' }>): RuleCause {
  const { subject } = input.question;
  const rule = input.policy.rules.find((one): one is DenyRule => one.effect === 'deny' && one.name === refusal.rule);
  if (!rule) throw new Error('a deny fired that is no rule');
  const by = `${rule.name} (${rule.at}) denies it`;
  for (const { role, principal } of partiesIn(input, rule)) {
    const { source, claims } = principal;
    const match = rule.matches.find((one) => one.source === source);
    const truths = conditionsOf(match).map((condition) => ({ condition, truth: holds(condition, claims) }));
    const [first, ...others] = truths;
    if (!first || truths.some(({ truth }) => truth === 'false')) continue;
    const unknown = truths.filter(({ truth }) => truth === 'unknown').map(({ condition: { what } }) => what);
    const hints = [
      others.length === 0 ? undefined : `so is ${others.map(({ condition: { what } }) => what).join(', ')}`,
      unknown.length === 0
        ? undefined
        : `${unknown.join(', ')} has another type than the rule is about, and a deny fires on that`,
      rule.why,
    ].filter((one) => one !== undefined);
    const { what, expected } = first.condition;
    const presented = presentedFor(first.condition, claims);
    const hint = hints.length === 0 ? undefined : hints.join('; ');
    const whose = role === '' ? what : `${role} ${what}`;
    const cause = { reason: refusal.reason, by, what: whose, presented, expected: `anything but ${expected}`, hint };
    return { rule: rule.name, cause };
  }
  const cause = { what: 'trust', presented: display(subject.source), expected: 'another source', hint: rule.why };
  return { rule: rule.name, cause: { reason: refusal.reason, by, ...cause } };
}

/** Whom a deny is asked about, with the words for the role in which it found them. */
function partiesIn({ question }: CauseInput, { whose }: DenyRule) {
  const { subject, client, delegation } = question;
  const as = (role: string, principals: readonly (Principal | undefined)[]) =>
    principals.flatMap((principal) => (principal ? [{ role, principal }] : []));
  return [
    ...as('', [subject]),
    ...(whose === 'subject'
      ? []
      : [
          ...as('client', [client?.principal]),
          ...as('actor', [delegation.actor]),
          ...as('earlier actor', delegation.nested),
        ]),
  ];
}

function targetCause({ policy, question: { ask } }: CauseInput, refusal: PolicyRefusal): RuleCause {
  const names = policy.targets.map(({ name }) => name);
  const { asked, meant } = unknownTarget(policy, ask.targets) ?? { asked: displayAll(ask.targets) };
  const hint = meant === undefined ? undefined : `did you mean ${meant}?`;
  const presented = asked === '' ? undefined : asked;
  return {
    rule: undefined,
    cause: { ...refusedBy(refusal), what: 'target', presented, expected: displayAll(names), hint },
  };
}

/** What a target requires beside the request's own words, which a token at hand does not show. */
const UNMET: Readonly<Record<string, { readonly expected: string; readonly hint: string }>> = {
  proof: {
    expected: 'a DPoP proof or a certificate',
    hint: 'what it issues is bound to a key, which a token at hand does not show',
  },
  actor: { expected: 'an actor', hint: 'what it issues names who acts for the subject' },
};

function requirementCause(
  input: CauseInput,
  refusal: Extract<PolicyRefusal, { reason: 'target_requirement_unmet' }>,
): RuleCause {
  const { target } = input.asked;
  const by = target && `target ${target.name}`;
  const unmet = Object.hasOwn(UNMET, refusal.requirement) ? UNMET[refusal.requirement] : undefined;
  if (unmet) {
    const cause = { what: refusal.requirement, presented: undefined, ...unmet };
    return { rule: undefined, cause: { reason: refusal.reason, by, ...cause } };
  }
  const expected = displayAll(target?.require.sources ?? []);
  const cause = {
    what: 'trust',
    presented: display(input.question.subject.source),
    expected,
    hint: 'no rule loosens what a target requires',
  };
  return { rule: undefined, cause: { reason: refusal.reason, by, ...cause } };
}
