// One rule against one question, part by part in the order source, pin, claims, actor, client, target, scope, confirm, and
// the first part that failed. An allow needs every condition true. A deny fires unless some part is certainly false: a claim
// of the wrong type cannot be used to slip past it.

import type { AskingClient, Question, RuleTrace } from '../core/decision.ts';
import type { Authentication, Principal } from '../core/principal.ts';
import type { RulePart } from '../core/refusal.ts';
import type { Parameters } from '../parsing/template.ts';
import { failedActor, ownClients } from './acting.ts';
import { captureFrom } from './capture.ts';
import type { AllowRule, CompiledRule, CompiledTarget, Confirm, DenyRule, SourceMatch } from './compiled.ts';
import { failedConfirm } from './confirm.ts';
import { display, displayAll } from './evaluate.ts';
import type { Failed } from './failed.ts';
import { failedMatch, type Passes } from './failed-match.ts';
import type { Asked, Rendered } from './targets.ts';

/** What became of a rule: `failed` is undefined where it grants, or fires. */
export interface Verdict<Rule extends CompiledRule = CompiledRule> {
  readonly rule: Rule;
  readonly failed: Failed | undefined;
}

/** Of an allow rule: what it would grant, as far as the request came. */
export interface AllowVerdict extends Verdict<AllowRule> {
  /** Bound by the rule, or captured from the subject's claims. */
  readonly parameters: Parameters;
  readonly rendered: Rendered | undefined;
}

const ORDER: readonly RulePart[] = ['source', 'pin', 'claims', 'actor', 'client', 'target', 'scope', 'confirm'];

/** How far a rule came: the place of the part that failed, or beyond them all. */
const progress = (failed: Failed | undefined): number => (failed ? ORDER.indexOf(failed.part) : ORDER.length);
/** Whether a rule held in this part and in all before it. */
export const isPast = (part: RulePart, failed: Failed | undefined): boolean => progress(failed) > ORDER.indexOf(part);

/** Whether an allow rule grants all that is asked. `match` is what it asks of the subject's source; undefined: nothing. */
export function judgeAllow(
  rule: AllowRule,
  match: SourceMatch | undefined,
  question: Question<Principal>,
  { asked, authenticated }: About,
): AllowVerdict {
  const { subject, client, ask, delegation } = question;
  const no = (failed: Failed, parameters = rule.parameters): AllowVerdict => ({
    rule,
    failed,
    parameters,
    rendered: undefined,
  });
  const unlike = failedMatch(rule.matches, match, subject, isTrue);
  if (unlike) return no(unlike);
  const captured = rule.captures.length > 0 && match ? captureFrom(match, subject.claims) : NONE;
  if ('differs' in captured) return no(captured.differs);
  const parameters = rule.captures.length > 0 ? { ...rule.parameters, ...captured.parameters } : rule.parameters;
  const noActor = failedActor(rule.actor, question, isTrue);
  if (noActor) return no(noActor, parameters);
  const noClient = failedClient(rule.clients ?? ownClients(client, subject, delegation.actor), client);
  if (noClient) return no(noClient, parameters);
  const rendered = asked.among(rule.allow, parameters);
  if (!rendered)
    return no(
      failedTarget(
        rule.allow.map(({ target }) => target),
        asked,
      ),
      parameters,
    );
  const { target } = rendered;
  const failed =
    failedScope(rule, target, ask.scopes) ??
    aboveCeiling(ask.scopes ?? target.defaultScopes, delegation.scopesMax) ??
    failedConfirm(confirmsOf(rule, target, ask.scopes), authenticated, question.now);
  return { rule, failed, parameters, rendered };
}

/** What a request is judged by, beside itself. */
export interface About {
  readonly asked: Asked;
  /** How the person authenticated whom the subject is or stands for. */
  readonly authenticated: Authentication | undefined;
}

const isTrue: Passes = (truth) => truth === 'true';

/** Everything that a person must have confirmed for these scopes of a target. */
export const confirmsOf = (
  rule: Pick<AllowRule, 'confirm'>,
  target: CompiledTarget,
  scopes: readonly string[] | undefined,
): readonly Confirm[] =>
  [
    rule.confirm,
    target.require.confirm,
    ...(scopes ?? target.defaultScopes).map((scope) => target.scopeConfirms[scope]),
  ].filter((confirm) => confirm !== undefined);

/** A scope that the subject's own token has not: nothing made from it has more (RFC 8693 §2.1, A-137). */
export function aboveCeiling(wanted: readonly string[], scopesMax: readonly string[] | undefined): Failed | undefined {
  const above = scopesMax && wanted.find((scope) => !scopesMax.includes(scope));
  if (above === undefined) return undefined;
  const expected = scopesMax?.length ? displayAll(scopesMax) : 'none';
  return { part: 'scope', what: 'scope', presented: display(above), expected, held: 0, identified: true };
}

const NONE: { readonly parameters: Parameters } = Object.freeze({ parameters: Object.freeze({}) });

/** Whether a deny fires for one principal of the request: the subject, or with `anyone` whoever has a role in it. */
export function judgeDeny(
  rule: DenyRule,
  match: SourceMatch | undefined,
  { principal, client }: { readonly principal: Principal; readonly client: AskingClient | undefined },
  targets: readonly CompiledTarget[],
): Verdict<DenyRule> {
  const failed =
    failedMatch(rule.matches, match, principal, (truth) => truth !== 'false') ??
    (rule.clients && failedClient(rule.clients, client)) ??
    (rule.deny === 'all' || targets.some(({ name }) => rule.deny.includes(name))
      ? undefined
      : targetFailure(targets[0], rule.deny));
  return { rule, failed };
}

/** A rule as a trace lists it. */
export function traced({ rule, failed }: Verdict): RuleTrace {
  const { name, at, effect, mode } = rule;
  if (!failed) return { rule: name, at, effect, mode };
  const { held: _held, identified: _identified, ...shown } = failed;
  return { rule: name, at, effect, mode, failed: shown };
}

/** Nearest first: who came further, then smaller names. */
export const byProgress = (a: Verdict, b: Verdict): number =>
  progress(b.failed) - progress(a.failed) ||
  (b.failed?.held ?? 0) - (a.failed?.held ?? 0) ||
  (a.rule.name < b.rule.name ? -1 : 1);

/** No client at all satisfies a rule that names none. */
export function failedClient(
  allowed: readonly string[],
  client: Pick<AskingClient, 'id'> | undefined,
): Failed | undefined {
  const fits = client ? allowed.includes(client.id) : allowed.length === 0;
  if (fits) return undefined;
  const expected = allowed.length === 0 ? 'none' : displayAll(allowed);
  return {
    part: 'client',
    what: 'client',
    presented: client && display(client.id),
    expected,
    held: 0,
    identified: true,
  };
}

function failedTarget(targets: readonly string[], { found }: Asked): Failed {
  return targetFailure(found.ok ? found.target : undefined, targets);
}

/** A target that does not exist is the caller's own text, and stays out of traces. */
const targetFailure = (target: CompiledTarget | undefined, expected: readonly string[]): Failed => ({
  part: 'target',
  what: 'target',
  presented: target && display(target.name),
  expected: displayAll(expected),
  held: 0,
  identified: true,
});

/** Scopes are refused, never cut down: the rule must allow each, and the target must have it. */
export function failedScope(
  rule: AllowRule,
  target: CompiledTarget,
  scopes: readonly string[] | undefined,
): Failed | undefined {
  const allowed = rule.allow.find((one) => one.target === target.name)?.scopes ?? [];
  const wanted = scopes ?? target.defaultScopes;
  const refused = wanted.find(
    (scope) => !target.scopes.includes(scope) || (allowed !== 'all' && !allowed.includes(scope)),
  );
  if (refused === undefined) return undefined;
  const expected = displayAll(allowed === 'all' ? target.scopes : allowed);
  return { part: 'scope', what: 'scope', presented: display(refused), expected, held: 0, identified: true };
}
