// The decision: a pure function of (compiled policy, principal, ask, now). Default deny; allow rules are alternatives and a
// deny always wins; no order of files or rules changes anything (docs/architecture.md, "Rules"). Principals are judged before targets,
// so that nobody whose principals match no rule learns which targets exist. The first reason that holds is the one that is given.

import { chainOf } from '../core/actor.ts';
import type { Binding, Decision, Grant, Question, Would } from '../core/decision.ts';
import { TRACE_RULES_MAX } from '../core/limits.ts';
import type { Policy } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import type { Nearest, PolicyRefusal } from '../core/refusal.ts';
import { actingBy } from './acting.ts';
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

/** Every rule found, judged. */
interface Judged {
  readonly allows: readonly AllowVerdict[];
  readonly denies: readonly Verdict<DenyRule>[];
  readonly asked: Asked;
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
  const judged: Judged = { allows, denies, asked };
  const all: readonly Verdict[] = [...allows, ...denies];
  const trace = [...all].sort(byProgress).slice(0, TRACE_RULES_MAX).map(traced);
  const would = wouldOf(judged, question);
  const grant = grantOf(judged, question);
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
  { allows, denies, asked }: Judged,
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

  const granting = grantingOf(enforced);
  const best = bestOf(granting);
  if (!best?.rendered)
    return confirmationOf(enforced, found.target, question, evidence) ?? { reason: 'scope_not_allowed', ...evidence };
  const addresses = new Set(granting.map(({ rendered }) => rendered?.address));
  if (addresses.size > 1) return { reason: 'target_ambiguous', rules: namesOf(granting) };
  const grant = grantBy(best, best.rendered.target, question);
  const nobody = found.target.require.actor && grant.actors.length === 0;
  return nobody ? { reason: 'target_requirement_unmet', requirement: 'actor' } : grant;
}

/** What a person must do, where nothing else is missing from a rule that is nearest. */
function confirmationOf(
  enforced: readonly AllowVerdict[],
  target: CompiledTarget,
  { ask }: Pick<Question<Principal>, 'ask'>,
  evidence: { readonly nearest?: Nearest },
): PolicyRefusal | undefined {
  const [near] = enforced.filter(({ failed }) => failed?.part === 'confirm').sort(byProgress);
  if (!near) return undefined;
  return { reason: 'confirmation_wanted', ...wantedOf(confirmsOf(near.rule, target, ask.scopes)), ...evidence };
}

/** Rules that are to be retired count only where no other one grants. */
function grantingOf(enforced: readonly AllowVerdict[]): readonly AllowVerdict[] {
  const granting = enforced.filter(({ failed }) => !failed);
  const staying = granting.filter(({ rule }) => rule.mode === 'enforce');
  return staying.length > 0 ? staying : granting;
}

/** One that names who acts before one that does not; the longest lifetime; then the smallest name. */
const bestOf = (granting: readonly AllowVerdict[]): AllowVerdict | undefined =>
  [...granting].sort(
    (a, b) =>
      Number(namesNobody(a)) - Number(namesNobody(b)) ||
      lifetime(b) - lifetime(a) ||
      (a.rule.name < b.rule.name ? -1 : 1),
  )[0];

const namesNobody = ({ rule: { actor } }: AllowVerdict): boolean =>
  actor.by === 'impersonation' || actor.by === 'nobody';

const namesOf = (verdicts: readonly AllowVerdict[]): readonly string[] =>
  verdicts
    .map(({ rule }) => rule.name)
    .sort()
    .slice(0, TRACE_RULES_MAX);

function grantBy<P extends Principal>(
  { rule, parameters }: AllowVerdict,
  target: CompiledTarget,
  question: Question<P>,
): Grant<P> {
  const { subject, client, binding, ask, delegation } = question;
  const actor = actingBy(rule.actor, question);
  return {
    target: target.name,
    parameters: Object.fromEntries(target.parameters.map((name) => [name, parameters[name] ?? ''])),
    scopes: ask.scopes ?? target.defaultScopes,
    lifetimeSeconds: lifetimeOf(rule, target),
    rule: { name: rule.name, at: rule.at, owner: rule.owner },
    subject,
    actor,
    actors: chainOf(actor, delegation.actors),
    clientId: client?.id ?? subject.name,
    boundTo: mustBind(target, binding) ? binding.key : undefined,
  };
}

const lifetime = ({ rule, rendered }: AllowVerdict): number => (rendered ? lifetimeOf(rule, rendered.target) : 0);

/** The shortest of rule, target and what the target requires of everyone. */
export const lifetimeOf = (rule: AllowRule, { lifetimeSecondsMax, require }: CompiledTarget): number =>
  Math.min(
    rule.lifetimeSeconds ?? lifetimeSecondsMax,
    lifetimeSecondsMax,
    require.lifetimeMaxSeconds ?? lifetimeSecondsMax,
  );

/** What stands on the target holds for everyone, and no rule loosens it; nor may a binding be lost on the way. */
export function unmetRequirement(
  target: CompiledTarget,
  { subject, binding }: { readonly subject: Pick<Principal, 'source'>; readonly binding: Binding },
): string | undefined {
  const { sources } = target.require;
  if (sources !== undefined && !sources.includes(subject.source)) return 'sources';
  return mustBind(target, binding) && binding.key === undefined ? 'proof' : undefined;
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

/** What would have been otherwise: each preview rule taken by itself, and a grant without the rule that is to be retired. */
function wouldOf(judged: Judged, question: Question<Principal>): readonly Would[] {
  const { allows, denies, asked } = judged;
  const [target] = askedTargets(asked, allows);
  if (!target) return [];
  const free = !firedDeny(denies) && unmetRequirement(target, question) === undefined;
  const preview: readonly Verdict[] = [...(free ? allows : []), ...denies];
  const would: Would[] = preview
    .filter(({ rule, failed }) => rule.mode === 'preview' && !failed)
    .map(({ rule }) => ({ rule: rule.name, would: rule.effect }));
  return [...would, ...(free ? retiring(judged) : [])]
    .sort((a, b) => (a.rule < b.rule ? -1 : 1))
    .slice(0, TRACE_RULES_MAX);
}

/** The rule by which the request is granted, where that is to be retired; and which other rule came nearest to granting it. */
function retiring({ allows }: Judged): readonly Would[] {
  const enforced = allows.filter(({ rule }) => rule.mode !== 'preview');
  const best = bestOf(grantingOf(enforced));
  if (best?.rule.mode !== 'retire') return [];
  const [near] = enforced.filter(({ rule }) => rule.mode === 'enforce').sort(byProgress);
  return [{ rule: best.rule.name, would: 'refuse', ...(near ? { nearest: near.rule.name } : {}) }];
}
