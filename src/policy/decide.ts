// The decision: a pure function of (compiled policy, principal, ask, now). Default deny; allow rules are alternatives and a
// deny always wins; no order of files or rules changes anything (docs/architecture.md, "Rules"). Principals are judged before targets,
// so that nobody whose principals match no rule learns which targets exist. The first reason that holds is the one that is given.

import type { Binding, Decision, Grant, Outlive, Question } from '../core/decision.ts';
import { TRACE_RULES_MAX } from '../core/limits.ts';
import type { Policy } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import type { Nearest, PolicyRefusal } from '../core/refusal.ts';
import { actingBy, actorsBy } from './acting.ts';
import { bestOf, grantingOf, hasActor, lifetimeOf } from './best.ts';
import type { AllowRule, CompiledPolicy, CompiledRule, CompiledTarget, DenyRule } from './compiled.ts';
import { authenticatedBy, wantedOf } from './confirm.ts';
import {
  type AllowVerdict,
  byProgress,
  confirmsOf,
  isPast,
  judgeAllow,
  judgeDeny,
  traced,
  type Verdict,
} from './judge.ts';
import { type Entry, indexAllows, indexDenies, type RuleIndex } from './rule-index.ts';
import { type Asked, createTargetFinder, type FindTarget } from './targets.ts';
import { type Judged, wouldOf } from './would.ts';

/** A compiled policy, ready to be asked. */
export function createPolicy(compiled: CompiledPolicy): Policy {
  const people = peopleOf(compiled);
  const findTarget = createTargetFinder(compiled.targets);
  const rules = new Map(compiled.sources.map(({ name }) => [name, rulesOf(compiled, name)]));
  const named = new Map(compiled.sources.map(({ name, claimsNamed }) => [name, new Set(claimsNamed)]));
  const none: ReadonlySet<string> = new Set();
  return Object.freeze({
    digest: compiled.digest,
    decide: <P extends Principal>(question: Question<P>): Decision<P> =>
      decide({ rulesOf: (source) => rules.get(source), findTarget, people }, question),
    claimsNamed: (source: string) => named.get(source) ?? none,
  });
}

export interface SourceRules {
  readonly allows: RuleIndex<AllowRule>;
  readonly denies: RuleIndex<DenyRule>;
}

/** The rules that speak of a source, ready to be looked up by claims. */
export function rulesOf({ rules }: CompiledPolicy, source: string): SourceRules {
  const allows: Entry<AllowRule>[] = [];
  const denies: Entry<DenyRule>[] = [];
  for (const rule of rules) {
    const match = rule.matches.find((one) => one.source === source);
    if (match && rule.effect === 'allow') allows.push({ rule, match });
    else if (match && rule.effect === 'deny') denies.push({ rule, match });
  }
  return { allows: indexAllows(Object.freeze(allows)), denies: indexDenies(Object.freeze(denies)) };
}

/** Everybody who has a role in the request, and whoever acted before. All can refuse, and only subject, actor and client allow. */
export const partiesOf = <P>({
  subject,
  client,
  delegation,
}: {
  readonly subject: P;
  readonly client: { readonly principal: P } | undefined;
  readonly delegation: { readonly actor: P | undefined; readonly nested: readonly P[] };
}): readonly P[] => [
  ...new Set([
    subject,
    ...(client ? [client.principal] : []),
    ...(delegation.actor ? [delegation.actor] : []),
    ...delegation.nested,
  ]),
];

/** Sources whose principals are, or stand for, people. */
export const peopleOf = ({ sources }: CompiledPolicy): ReadonlySet<string> =>
  new Set(sources.filter(({ people }) => people).map(({ name }) => name));

interface World {
  readonly rulesOf: (source: string) => SourceRules | undefined;
  readonly findTarget: FindTarget;
  readonly people: ReadonlySet<string>;
}

function decide<P extends Principal>(
  { rulesOf: rulesOfSource, findTarget, people }: World,
  question: Question<P>,
): Decision<P> {
  const { subject, client, ask, now } = question;
  const asked = findTarget(ask.targets);
  const authenticated = authenticatedBy(subject, people.has(subject.source));
  const counts = ({ rule }: Entry): boolean => countsAt(rule, now);
  const allows = (rulesOfSource(subject.source)?.allows(subject.claims) ?? [])
    .filter(counts)
    .map((one) => judgeAllow(one.rule, one.match, question, { asked, authenticated }));
  const targets = askedTargets(asked, allows);
  const denies = once(
    partiesOf<Principal>(question).flatMap((principal) =>
      (rulesOfSource(principal.source)?.denies(principal.claims) ?? [])
        .filter(counts)
        .filter(({ rule }) => principal === subject || rule.whose === 'anyone')
        .map((one) => judgeDeny(one.rule, one.match, { principal, client }, targets)),
    ),
  );
  const all: readonly Verdict[] = [...allows, ...denies];
  const trace = [...all].sort(byProgress).slice(0, TRACE_RULES_MAX).map(traced);
  const [target] = targets;
  const free = !firedDeny(denies) && target !== undefined && unmetRequirement(target, question) === undefined;
  const would = target ? wouldOf({ allows, denies, free }, question) : [];
  const grant = grantOf({ allows, denies, asked, people }, question);
  return 'reason' in grant ? { granted: false, refusal: grant, trace, would } : { granted: true, grant, trace, would };
}

/**
 * What denies are asked about: the target that was named, or what an address with parameters turned out to be, by rules in force. A rule
 * in preview says what it is only where they say nothing: it must not bring a deny of another target with it.
 */
export function askedTargets({ found }: Asked, allows: readonly AllowVerdict[]): readonly CompiledTarget[] {
  if (found.ok) return [found.target];
  const inForce = targetsOf(allows.filter(({ rule }) => rule.mode !== 'preview'));
  return inForce.length > 0 ? inForce : targetsOf(allows);
}

const targetsOf = (allows: readonly AllowVerdict[]): readonly CompiledTarget[] => [
  ...new Set(allows.flatMap(({ rendered }) => (rendered ? [rendered.target] : []))),
];

/** One verdict for each deny, whoever it was judged for: the one that fired, where one did. */
export function once(verdicts: readonly Verdict<DenyRule>[]): readonly Verdict<DenyRule>[] {
  const byRule = new Map<string, Verdict<DenyRule>>();
  for (const verdict of verdicts) {
    const before = byRule.get(verdict.rule.name);
    if (!before || (before.failed && !verdict.failed)) byRule.set(verdict.rule.name, verdict);
  }
  return [...byRule.values()];
}

/** Whether a rule has not ended. */
export const countsAt = (rule: CompiledRule, now: number): boolean =>
  rule.untilSeconds === undefined || now < rule.untilSeconds;

function grantOf<P extends Principal>(
  { allows, denies, asked, people }: Omit<Judged, 'free'> & Pick<World, 'people'> & { readonly asked: Asked },
  question: Question<P>,
): Grant<P> | PolicyRefusal {
  const enforced = allows.filter(({ rule }) => rule.mode !== 'preview');
  const nearest = nearestOf(enforced);
  const evidence = nearest ? { nearest } : {};
  if (!enforced.some(({ failed }) => isPast('client', failed))) return { reason: 'no_rule', ...evidence };

  const found = enforced.find(({ rendered }) => rendered)?.rendered;
  if (!asked.found.ok && !found) return asked.found.refusal;
  const denied = firedDeny(denies);
  if (denied) return { reason: 'target_denied', rule: denied.name };
  if (!found) return { reason: 'target_not_allowed', ...evidence };
  if (enforced.some(({ rendered }) => rendered && rendered.target !== found.target))
    return { reason: 'target_ambiguous', rules: namesOf(enforced.filter(({ rendered }) => rendered)) };
  const unmet = unmetRequirement(found.target, question);
  if (unmet) return { reason: 'target_requirement_unmet', requirement: unmet };

  // Rules that name nobody where somebody must be named grant nothing, and hide nothing that the others lack.
  const able = enforced.filter((verdict) => verdict.failed || hasActor(verdict, question));
  if (!able.some(({ failed }) => isPast('target', failed)))
    return { reason: 'target_requirement_unmet', requirement: 'actor' };
  if (able.every(({ failed }) => failed))
    return confirmationOf(able, found.target, question, evidence) ?? { reason: 'scope_not_allowed', ...evidence };
  const granting = grantingOf(enforced, question);
  const best = bestOf(granting);
  if (!best?.rendered) throw new Error('a rule grants, and none counts');
  const addresses = new Set(granting.map(({ rendered }) => rendered?.address));
  if (addresses.size > 1) return { reason: 'target_ambiguous', rules: namesOf(granting) };
  const { target } = best.rendered;
  // Whoever acts by a token of people's, or by one of ours, has no more of its time than they.
  const { subject, delegation } = question;
  const isOfPeople = [subject, delegation.actor].some((one) => one !== undefined && people.has(one.source));
  return grantBy(best, target, question, outliveOf(target, isOfPeople));
}

/** What a person must do, where nothing else is missing from the nearest rule for which they can. */
function confirmationOf(
  enforced: readonly AllowVerdict[],
  target: CompiledTarget,
  { ask }: Pick<Question<Principal>, 'ask'>,
  evidence: { readonly nearest?: Nearest },
): PolicyRefusal | undefined {
  for (const { rule } of enforced.filter(({ failed }) => failed?.part === 'confirm').sort(byProgress)) {
    const wanted = wantedOf(confirmsOf(rule, target, ask.scopes));
    if (wanted) return { reason: 'confirmation_wanted', ...wanted, ...evidence };
  }
  return undefined;
}

const namesOf = (verdicts: readonly AllowVerdict[]): readonly string[] =>
  verdicts
    .map(({ rule }) => rule.name)
    .sort()
    .slice(0, TRACE_RULES_MAX);

function grantBy<P extends Principal>(
  { rule, parameters }: AllowVerdict,
  target: CompiledTarget,
  question: Question<P>,
  outlive: Outlive | undefined,
): Grant<P> {
  const { subject, client, binding, ask } = question;
  return {
    target: target.name,
    parameters: Object.fromEntries(target.parameters.map((name) => [name, parameters[name] ?? ''])),
    scopes: ask.scopes ?? target.defaultScopes,
    lifetimeSeconds: Math.min(lifetimeOf(rule, target), ask.lifetimeSeconds ?? Number.POSITIVE_INFINITY),
    outlive,
    rule: { name: rule.name, at: rule.at, owner: rule.owner },
    subject,
    actor: actingBy(rule.actor, question),
    actors: actorsBy(rule.actor, question),
    clientId: client?.id ?? subject.name,
    boundTo: mustBind(target, binding) ? binding.key : undefined,
  };
}

/** For people, and for our own tokens, which may be about people, up to the cloud's floor. */
const outliveOf = ({ cloud }: CompiledTarget, isOfPeople: boolean): Outlive | undefined =>
  cloud && {
    floorSeconds: cloud.floorSeconds,
    upTo: !cloud.outlive ? 'nothing' : isOfPeople ? 'floor' : 'lifetime',
  };

/** What stands on the target holds for everyone, and no rule loosens it; nor may a binding be lost on the way. */
export function unmetRequirement(
  target: CompiledTarget,
  { subject, binding }: { readonly subject: Pick<Principal, 'source'>; readonly binding: Binding },
): string | undefined {
  const { sources } = target.require;
  if (sources !== undefined && !sources.includes(subject.source)) return 'sources';
  // A cloud's credential is bound to nothing: what must be bound cannot become one.
  return mustBind(target, binding) && (binding.key === undefined || target.cloud) ? 'proof' : undefined;
}

const mustBind = ({ require }: CompiledTarget, { required }: Binding): boolean => require.proof || required;

function firedDeny(denies: readonly Verdict<DenyRule>[]): DenyRule | undefined {
  const fired = denies.filter(({ rule, failed }) => !failed && rule.mode === 'enforce').map(({ rule }) => rule);
  return fired.sort((a, b) => (a.name < b.name ? -1 : 1))[0];
}

/**
 * The rule that failed latest, among those whose identifiers (repository_id, a whole `sub`) the principal matches: nobody learns
 * about others from a refusal, and a job on the wrong branch learns that it is the branch.
 */
function nearestOf(allows: readonly Verdict<AllowRule>[]): Nearest | undefined {
  const near = allows.filter(({ failed }) => failed?.identified).sort(byProgress)[0];
  if (!near?.failed) return undefined;
  const { part, what, presented, expected } = near.failed;
  const { name, at, why } = near.rule;
  return { rule: name, at, part, what, presented, expected, why };
}
