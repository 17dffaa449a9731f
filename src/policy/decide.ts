// The decision: a pure function of (compiled policy, principal, ask, now). Default deny; allow rules are alternatives and a
// deny always wins; no order of files or rules changes anything (docs/architecture.md, "Rules"). Principals are judged before targets,
// so that nobody whose principals match no rule learns which targets exist. The first reason that holds is the one that is given.

import type { Binding, Decision, Grant, Question, Would } from '../core/decision.ts';
import { TRACE_RULES_MAX } from '../core/limits.ts';
import type { Policy } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import type { Nearest, PolicyRefusal } from '../core/refusal.ts';
import type { AllowRule, CompiledPolicy, CompiledRule, CompiledTarget, DenyRule } from './compiled.ts';
import { byProgress, isPast, judgeAllow, judgeDeny, traced, type Verdict } from './judge.ts';
import { type Entry, indexAllows, indexDenies, type RuleIndex } from './rule-index.ts';
import { type AskedTarget, createTargetFinder, type FindTarget } from './targets.ts';

/** A compiled policy, ready to be asked. */
export function createPolicy(compiled: CompiledPolicy): Policy {
  const findTarget = createTargetFinder(compiled.targets);
  const rules = new Map(compiled.sources.map(({ name }) => [name, rulesOf(compiled, name)]));
  const named = new Map(compiled.sources.map(({ name, claimsNamed }) => [name, new Set(claimsNamed)]));
  const none: ReadonlySet<string> = new Set();
  return Object.freeze({
    digest: compiled.digest,
    decide: <P extends Principal>(question: Question<P>): Decision<P> =>
      decide((source) => rules.get(source), findTarget, question),
    claimsNamed: (source: string) => named.get(source) ?? none,
  });
}

interface SourceRules {
  readonly allows: RuleIndex<AllowRule>;
  readonly denies: RuleIndex<DenyRule>;
}

function rulesOf({ rules }: CompiledPolicy, source: string): SourceRules {
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
  readonly allows: readonly Verdict<AllowRule>[];
  readonly denies: readonly Verdict<DenyRule>[];
  readonly asked: AskedTarget;
}

/** Everybody who has a role in the request. Roles can refuse, and only the subject's own rules allow. */
export const partiesOf = ({ subject, client }: Question<Principal>): readonly Principal[] =>
  client && client.principal !== subject ? [subject, client.principal] : [subject];

function decide<P extends Principal>(
  rulesOfSource: (source: string) => SourceRules | undefined,
  findTarget: FindTarget,
  question: Question<P>,
): Decision<P> {
  const { subject, client, ask, now } = question;
  const asked = findTarget(ask.targets);
  const counts = ({ rule }: Entry): boolean => countsAt(rule, now);
  const judged: Judged = {
    allows: (rulesOfSource(subject.source)?.allows(subject.claims) ?? [])
      .filter(counts)
      .map((one) => judgeAllow(one.rule, one.match, question, asked)),
    denies: once(
      partiesOf(question).flatMap((principal) =>
        (rulesOfSource(principal.source)?.denies(principal.claims) ?? [])
          .filter(counts)
          .filter(({ rule }) => principal === subject || rule.whose === 'anyone')
          .map((one) => judgeDeny(one.rule, one.match, { principal, client }, asked)),
      ),
    ),
    asked,
  };
  const all: readonly Verdict[] = [...judged.allows, ...judged.denies];
  const trace = [...all].sort(byProgress).slice(0, TRACE_RULES_MAX).map(traced);
  const would = wouldOf(judged, question);
  const grant = grantOf(judged, question);
  return 'reason' in grant ? { granted: false, refusal: grant, trace, would } : { granted: true, grant, trace, would };
}

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
  const { subject, client, binding, ask } = question;
  const enforced = allows.filter(({ rule }) => rule.mode === 'enforce');
  const nearest = nearestOf(enforced);
  const evidence = nearest ? { nearest } : {};
  if (!enforced.some(({ failed }) => isPast('client', failed))) return { reason: 'no_rule', ...evidence };

  if (!asked.ok) return asked.refusal;
  const { target } = asked;
  const denied = firedDeny(denies);
  if (denied) return { reason: 'target_denied', rule: denied.name };
  if (!enforced.some(({ failed }) => isPast('target', failed))) return { reason: 'target_not_allowed', ...evidence };
  const unmet = unmetRequirement(target, question);
  if (unmet) return { reason: 'target_requirement_unmet', requirement: unmet };

  const granting = enforced.filter(({ failed }) => !failed).map(({ rule }) => rule);
  const best = granting.sort((a, b) => lifetime(b, target) - lifetime(a, target) || (a.name < b.name ? -1 : 1))[0];
  if (!best) return { reason: 'scope_not_allowed', ...evidence };
  return {
    target: target.name,
    scopes: ask.scopes ?? target.defaultScopes,
    lifetimeSeconds: lifetime(best, target),
    rule: { name: best.name, at: best.at, owner: best.owner },
    subject,
    clientId: client?.id ?? subject.name,
    boundTo: mustBind(target, binding) ? binding.certificate : undefined,
  };
}

/** The shortest of rule, target and what the target requires of everyone. */
const lifetime = (rule: AllowRule, { lifetimeSecondsMax, require }: CompiledTarget): number =>
  Math.min(
    rule.lifetimeSeconds ?? lifetimeSecondsMax,
    lifetimeSecondsMax,
    require.lifetimeMaxSeconds ?? lifetimeSecondsMax,
  );

/** What stands on the target holds for everyone, and no rule loosens it; nor may a binding be lost on the way. */
function unmetRequirement(target: CompiledTarget, { subject, binding }: Question<Principal>): string | undefined {
  const { sources } = target.require;
  if (sources !== undefined && !sources.includes(subject.source)) return 'sources';
  return mustBind(target, binding) && binding.certificate === undefined ? 'proof' : undefined;
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

/** Preview rules change nothing; this is what each would do by itself. */
function wouldOf({ allows, denies, asked }: Judged, question: Question<Principal>): readonly Would[] {
  if (!asked.ok) return [];
  const free = !firedDeny(denies) && unmetRequirement(asked.target, question) === undefined;
  const preview: readonly Verdict[] = [...(free ? allows : []), ...denies];
  return preview
    .filter(({ rule, failed }) => rule.mode === 'preview' && !failed)
    .map(({ rule }) => ({ rule: rule.name, would: rule.effect }))
    .sort((a, b) => (a.rule < b.rule ? -1 : 1))
    .slice(0, TRACE_RULES_MAX);
}
