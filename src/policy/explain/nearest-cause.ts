// The rule that lacks least of those that give what is asked for, or else of all, and what it lacks. A rule that would grant but is a preview, has ended, or is about another source of the
// same kind comes before one whose conditions fail; of two that lack as much, the one that failed latest. Slow by design: it looks at
// every condition of every rule. Values may be shown here: it is for an operator (core/cause.ts).

import type { Cause, Lack } from '../../core/cause.ts';
import type { Decision, Question } from '../../core/decision.ts';
import type { Principal } from '../../core/principal.ts';
import type { PolicyRefusal } from '../../core/refusal.ts';
import { closest } from '../../parsing/closest.ts';
import { type AllowRule, type CompiledPolicy, conditionsOf } from '../compiled.ts';
import { countsAt, peopleOf } from '../decide.ts';
import { display, displayAll, holds, presentedFor } from '../evaluate.ts';
import type { Failed } from '../failed.ts';
import { byProgress, type Verdict } from '../judge.ts';
import { bound } from '../walk/bind.ts';
import { actorHint, confirmHint } from './actor-cause.ts';
import type { AskedFor } from './asked-for.ts';
import { hintFor } from './hints.ts';

export interface CauseInput {
  readonly policy: CompiledPolicy;
  readonly question: Question<Principal>;
  readonly decision: Decision<Principal>;
  readonly asked: AskedFor;
  /** Every rule, judged for the subject as it is, or as if another source had proved it. */
  readonly judgedAs: (source: string) => readonly Verdict[];
}

/** A cause, and the rule that it speaks of. */
export interface RuleCause {
  readonly cause: Cause;
  readonly rule: string | undefined;
}

/** How far a rule is from granting. */
interface Near {
  readonly verdict: Verdict<AllowRule>;
  readonly misses: number;
  /** Whether the rule is about the target that is asked for at all; one of another source only where nothing else fails. */
  readonly gives: boolean;
  /** The source that the rule is about, where that is another of the same kind. */
  readonly otherSource: string | undefined;
}

/** Nothing but the rule's own state is in the way; or nothing but where the credential comes from. */
const OFF = 0.5;
const ELSEWHERE = 0.75;
/** The rule is about somebody else, and not about somebody in another state. */
const STRANGER = 1;

const byNearness = (a: Near, b: Near): number =>
  Number(b.gives) - Number(a.gives) ||
  a.misses - b.misses ||
  // Nobody is to be led to leaving out who acts.
  Number(impersonates(a.verdict.rule)) - Number(impersonates(b.verdict.rule)) ||
  byProgress(a.verdict, b.verdict);

const impersonates = ({ actor: { by } }: AllowRule): boolean => by === 'impersonation';

/** The cause of a refusal that no rule is to blame for: the rule that lacks least. */
export function nearestCause(input: CauseInput, refusal: PolicyRefusal): RuleCause {
  const { subject } = input.question;
  const [near] = candidates(input).sort(byNearness);
  if (!near) {
    const expected = displayAll([
      ...new Set(
        input.policy.rules
          .flatMap(({ effect, matches }) => (effect === 'allow' ? matches : []))
          .map((match) => match.source),
      ),
    ]);
    const presented = display(subject.source);
    return {
      rule: undefined,
      cause: {
        reason: refusal.reason,
        by: undefined,
        hint: undefined,
        what: 'trust',
        presented,
        expected: expected || 'some rule',
      },
    };
  }
  const { name, at } = near.verdict.rule;
  return {
    rule: name,
    cause: { reason: refusal.reason, by: `nearest ${name} (${at})`, ...lackOf(input, near, refusal) },
  };
}

function candidates(input: CauseInput): Near[] {
  const { policy, judgedAs, asked } = input;
  const { subject, now } = input.question;
  const alike = policy.sources.filter(({ name, kind }) => kind === subject.kind && name !== subject.source);
  const near = (source: string, otherSource: string | undefined): readonly Near[] =>
    judgedAs(source)
      .filter(isAllow)
      .filter(({ failed }) => failed?.part !== 'source')
      .map((verdict) => {
        const off = Number(!countsAt(verdict.rule, now)) + Number(verdict.rule.mode === 'preview');
        const stranger = verdict.failed?.identified === false ? STRANGER : 0;
        const lacks = lacking(verdict, source, input.question, asked).length;
        const misses = lacks + stranger + OFF * off + (otherSource === undefined ? 0 : ELSEWHERE);
        const gives = asked.gives(verdict.rule) && (otherSource === undefined || lacks === 0);
        return { verdict, misses, otherSource, gives };
      });
  return [...near(subject.source, undefined), ...alike.flatMap(({ name }) => near(name, name))];
}

const isAllow = (verdict: Verdict): verdict is Verdict<AllowRule> => verdict.rule.effect === 'allow';

/** What a rule lacks to grant, by name, the first that failed first; its target among it, also where something failed before. */
function lacking(
  { rule, failed }: Verdict<AllowRule>,
  source: string,
  { subject: { claims }, client }: Question<Principal>,
  asked: AskedFor,
): readonly string[] {
  if (!failed) return [];
  const conditions = conditionsOf(rule.matches.find((match) => match.source === source));
  const unmet = conditions.filter((condition) => holds(condition, claims) !== 'true').map(({ what }) => what);
  const isOther = failed.part === 'actor' && client && rule.clients?.includes(client.id) === false;
  return [
    ...new Set([failed.what, ...unmet, ...(isOther ? ['client'] : []), ...(asked.gives(rule) ? [] : ['target'])]),
  ];
}

function lackOf(input: CauseInput, { verdict, otherSource }: Near, refusal: PolicyRefusal): Lack {
  const { subject, now } = input.question;
  const { rule, failed } = verdict;
  const source = otherSource ?? subject.source;
  const others = lacking(verdict, source, input.question, input.asked).slice(otherSource === undefined ? 1 : 0);
  const also = others.length === 0 ? undefined : `it also lacks ${others.join(', ')}`;
  if (otherSource !== undefined)
    return {
      what: 'trust',
      presented: display(subject.source),
      expected: display(otherSource),
      hint: also ?? 'everything else matches: the credential is of another source than the rule',
    };
  const elsewhere = failed?.part === 'target' ? addressLack(input, rule) : undefined;
  if (elsewhere) return elsewhere;
  if (failed) {
    const hint = [failureHint(input, verdict.rule, failed, refusal), also, offHint(rule, now)].filter(
      (one) => one !== undefined,
    );
    const { what, expected } = failed;
    // A target that does not exist stays out of traces, and is no secret of whoever asks here.
    const target = failed.part === 'target' ? displayAll(input.question.ask.targets) : undefined;
    const presented = failed.presented ?? target;
    return { what, presented, expected, hint: hint.length === 0 ? undefined : hint.join('; ') };
  }
  if (!countsAt(rule, now))
    return {
      what: 'until',
      presented: lastDay(rule),
      expected: 'later',
      hint: 'the rule has ended; it would grant this',
    };
  return {
    what: 'mode',
    presented: rule.mode,
    expected: 'enforce',
    hint: 'the rule is only tried; it would grant this',
  };
}

/** Of a rule that would make the asked address for other claims: what those would have to be. */
function addressLack({ question: { subject }, asked }: CauseInput, rule: AllowRule): Lack | undefined {
  const captured = asked.captured(rule);
  const conditions = conditionsOf(rule.matches.find(({ source }) => source === subject.source));
  const unmet = conditions
    .map((condition) => bound(condition, captured))
    .find((condition) => holds(condition, subject.claims) !== 'true');
  if (!unmet) return undefined;
  const { what, expected } = unmet;
  return { what, presented: presentedFor(unmet, subject.claims), expected, hint: hintFor(unmet, subject.claims) };
}

const offHint = (rule: AllowRule, now: number): string | undefined => {
  if (!countsAt(rule, now)) return `it has ended on ${lastDay(rule)}`;
  return rule.mode === 'preview' ? 'it is only a preview' : undefined;
};

/** `until` is the end of a day. */
const lastDay = ({ untilSeconds = 0 }: AllowRule): string =>
  new Date((untilSeconds - 1) * 1000).toISOString().slice(0, 10);

function failureHint(input: CauseInput, rule: AllowRule, failed: Failed, refusal: PolicyRefusal): string | undefined {
  const { subject, client } = input.question;
  switch (failed.part) {
    case 'pin':
    case 'claims': {
      const match = rule.matches.find(({ source }) => source === subject.source);
      const condition = conditionsOf(match).find(
        ({ what, expected }) => what === failed.what && expected === failed.expected,
      );
      return condition && hintFor(condition, subject.claims);
    }
    case 'actor':
      return actorHint(rule, failed, input.question);
    case 'confirm':
      return confirmHint(refusal, peopleOf(input.policy).has(subject.source));
    case 'client':
      return client ? undefined : 'it grants to clients only: --client says which one asks';
    case 'scope':
      return scopeHint(input, rule);
    default:
      return undefined;
  }
}

function scopeHint(input: CauseInput, rule: AllowRule): string | undefined {
  const { scopes: had = [] } = input.asked.target ?? {};
  const given = rule.allow.flatMap((one) => (one.scopes === 'all' ? had : one.scopes));
  const refused = (input.question.ask.scopes ?? []).filter((scope) => !given.includes(scope));
  if (refused.some((scope) => had.includes(scope))) return 'the target has it, and the rule does not give it';
  const meant = refused.map((scope) => closest(scope, had)).find((scope) => scope !== undefined);
  return meant === undefined ? undefined : `the target has no such scope: did you mean ${meant}?`;
}
