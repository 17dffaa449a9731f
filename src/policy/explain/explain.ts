// Says why, in words: every rule against one question, nearest first, and the one sentence that a refused caller may read.
// The sentence speaks only of a rule whose pin the caller's proved principal already matches (decide.ts puts no other into
// `nearest`), and of nothing but the caller's own claims.

import type { Cause } from '../../core/cause.ts';
import type { Decision, Question, RuleTrace } from '../../core/decision.ts';
import { SENTENCE_CHARACTERS_MAX, SENTENCE_NAME_CHARACTERS_MAX } from '../../core/limits.ts';
import type { Principal } from '../../core/principal.ts';
import type { CloudRefusal, Nearest } from '../../core/refusal.ts';
import type { Ask } from '../../core/request.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { type CompiledPolicy, type CompiledRule, conditionsOf } from '../compiled.ts';
import { authenticatedBy } from '../confirm.ts';
import { askedTargets, countsAt, createPolicy, once, partiesOf, peopleOf } from '../decide.ts';
import { ascii } from '../evaluate.ts';
import { byProgress, judgeAllow, judgeDeny, traced, type Verdict } from '../judge.ts';
import { type Asked, createTargetFinder } from '../targets.ts';
import { actorHint } from './actor-cause.ts';
import { askedFor } from './asked-for.ts';
import { causeOf } from './cause.ts';
import { hintFor } from './hints.ts';

/** One rule, whether or not the index would have found it. */
export type ExplainedRule = RuleTrace & {
  readonly owner: string | undefined;
  readonly why: string | undefined;
  /** The rule's `until` has passed: it decides nothing. */
  readonly ended: boolean;
  /** What the writer of the rule, or of the workflow, may have meant. */
  readonly hint: string | undefined;
};

export interface Explanation<P extends Principal> {
  readonly decision: Decision<P>;
  /** Why it is refused, by the rule that lacks least; undefined where it is granted. */
  readonly cause: Cause | undefined;
  /** Every rule of the policy, that of the cause first, then nearest first. */
  readonly rules: readonly ExplainedRule[];
}

/** Decides a question and explains it rule by rule. Slow by design: it looks at all of them. */
export function explainQuestion<P extends Principal>(policy: CompiledPolicy, question: Question<P>): Explanation<P> {
  const decision = createPolicy(policy).decide(question);
  const asked = createTargetFinder(policy.targets)(question.ask.targets);
  const judgedAs = (source: string): readonly Verdict[] => {
    const { subject } = question;
    return judgeAll(
      policy,
      source === subject.source ? question : { ...question, subject: { ...subject, source } },
      asked,
    );
  };
  const found = causeOf({ policy, question, decision, judgedAs, asked: askedFor(policy, question.ask.targets) });
  const verdicts = [...judgedAs(question.subject.source)].sort(byProgress);
  const first = verdicts.filter(({ rule }) => rule.name === found?.rule);
  const ordered = [...first, ...verdicts.filter(({ rule }) => rule.name !== found?.rule)];
  return { decision, cause: found?.cause, rules: ordered.map((verdict) => explained(verdict, question)) };
}

function judgeAll(policy: CompiledPolicy, question: Question<Principal>, asked: Asked): Verdict[] {
  const { subject, client } = question;
  const authenticated = authenticatedBy(subject, peopleOf(policy).has(subject.source));
  const matchOf = (rule: CompiledRule, { source }: Principal) => rule.matches.find((match) => match.source === source);
  const { rules } = policy;
  const allows = rules.flatMap((rule) =>
    rule.effect === 'allow' ? [judgeAllow(rule, matchOf(rule, subject), question, { asked, authenticated })] : [],
  );
  const targets = askedTargets(asked, allows);
  const denies = rules.flatMap((rule) => {
    if (rule.effect === 'allow') return [];
    const parties = rule.whose === 'anyone' ? partiesOf<Principal>(question) : [subject];
    return once(parties.map((principal) => judgeDeny(rule, matchOf(rule, principal), { principal, client }, targets)));
  });
  return [...allows, ...denies];
}

function explained(verdict: Verdict, question: Question<Principal>): ExplainedRule {
  const { subject, now } = question;
  const { owner, why, matches } = verdict.rule;
  const trace = traced(verdict);
  const match = matches.find(({ source }) => source === subject.source);
  const conditions = conditionsOf(match);
  const failed = conditions.find(
    ({ what, expected }) => what === trace.failed?.what && expected === trace.failed.expected,
  );
  // A deny may have been judged for the client: its claims are not the subject's.
  const { rule } = verdict;
  const ofActor =
    rule.effect === 'allow' && verdict.failed?.part === 'actor' ? actorHint(rule, verdict.failed, question) : undefined;
  const hint = failed && rule.effect === 'allow' ? hintFor(failed, subject.claims) : ofActor;
  return { ...trace, owner, why, ended: !countsAt(verdict.rule, now), hint };
}

/** The one sentence for a refused caller, without the decision id. Printable ASCII, bounded. */
export function refusalSentence({
  principal,
  ask,
  nearest,
}: {
  readonly principal: Principal;
  readonly ask: Ask;
  readonly nearest: Nearest | undefined;
}): string {
  const target = ask.targets.length > 0 ? shortened(ask.targets.join(' and ')) : 'a token without a target';
  const refused = `no rule lets ${shortened(principal.name)} have ${target}`;
  return ascii(nearest ? `${refused}; ${nearly(nearest)}` : `${refused}.`).slice(0, SENTENCE_CHARACTERS_MAX);
}

function nearly({ rule, at, what, presented, expected, why }: Nearest): string {
  const was = presented === undefined ? 'was absent' : `was ${presented}`;
  const ask = why === undefined ? '' : ` ${/[.!?]$/.test(why) ? why : `${why}.`}`;
  return `nearest ${rule} (${at}): ${what} ${was}, must be ${expected}.${ask}`;
}

const CLOUDS = { aws: 'AWS', gcp: 'Google Cloud', azure: 'Azure' } as const;

/** As `refusalSentence`, where policy grants and the credential cannot be had: whose trust side does not fit, or which times do not. */
export function cloudSentence(principal: Principal, refusal: CloudRefusal): string {
  const granted = `a rule lets ${shortened(principal.name)} have ${refusal.target}`;
  if (refusal.reason === 'cloud_refused')
    return ascii(
      `${granted}, and ${CLOUDS[refusal.cloud]} refused it: ${refusal.problem}. Its trust side must fit (exchequer setup).`,
    ).slice(0, SENTENCE_CHARACTERS_MAX);
  const [ends, earliest] = [refusal.credentialEndsAt, refusal.earliestEndAt].map(rfc3339);
  return ascii(
    `${granted}, but the credential presented ends at ${ends}, and nothing that the cloud gives ends before ${earliest}.`,
  ).slice(0, SENTENCE_CHARACTERS_MAX);
}

const shortened = (text: string): string =>
  text.length <= SENTENCE_NAME_CHARACTERS_MAX ? text : `${text.slice(0, SENTENCE_NAME_CHARACTERS_MAX)}...`;
