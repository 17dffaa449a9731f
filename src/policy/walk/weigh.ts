// One rule against a principal of whom not every claim is known: whether it may match, which of its conditions are open, and what it may
// turn out to grant. Follows judge.ts; partial.ts decides with it.

import type { Binding, Delegation } from '../../core/decision.ts';
import type { Principal } from '../../core/principal.ts';
import type { Ask } from '../../core/request.ts';
import { type Parameters, piecesOf, render } from '../../parsing/template.ts';
import { actingBy, failedActing, ownClients } from '../acting.ts';
import { captureFrom } from '../capture.ts';
import {
  type AllowRule,
  actorMatches,
  type CompiledRule,
  type CompiledTarget,
  conditionsOf,
  type DenyRule,
  type SourceMatch,
} from '../compiled.ts';
import { authenticatedBy, failedConfirm, wantedOf } from '../confirm.ts';
import type { Condition } from '../evaluate.ts';
import { aboveCeiling, confirmsOf, failedClient, failedScope } from '../judge.ts';
import type { Asked } from '../targets.ts';
import { holdsUnder, type KnowledgeOf, sketchOf } from './known.ts';

export interface PartialPrincipal {
  readonly source: string;
  readonly name: string;
  readonly knowledge: KnowledgeOf;
}

export interface PartialQuestion {
  readonly subject: PartialPrincipal;
  readonly client: { readonly id: string; readonly principal: PartialPrincipal } | undefined;
  readonly delegation: PartialDelegation;
  readonly binding: Binding;
  readonly ask: Ask;
  readonly now: number;
}

/** Who acts; whoever acted before is known by name. */
export type PartialDelegation = Omit<Delegation<Principal>, 'actor' | 'nested'> & {
  readonly actor: PartialPrincipal | undefined;
  readonly nested: readonly PartialPrincipal[];
};

/** An allow rule that may match: `open` is empty where it does. */
export interface Weighed {
  readonly rule: AllowRule;
  readonly open: readonly Condition[];
  /** The targets that it may turn out to name; where it does match, the one that it names. */
  readonly renders: readonly MayRender[];
}

export interface MayRender {
  readonly target: CompiledTarget;
  readonly address: string | undefined;
  /** The rule grants every scope that is asked for, and the subject's own token has them. */
  readonly scopes: boolean;
  /** Whether the person has confirmed what must be. */
  readonly confirmed: 'yes' | 'no' | 'open';
  /** Whether a person can at all. */
  readonly confirmable: boolean;
  /** Somebody acts, where the target wants that. */
  readonly acted: boolean;
}

export interface WeighedDeny {
  readonly rule: DenyRule;
  readonly open: readonly Condition[];
}

/** What is asked for, all targets by name, and the sources of people. */
export interface AskedAmong {
  readonly asked: Asked;
  readonly targets: ReadonlyMap<string, CompiledTarget>;
  readonly people: ReadonlySet<string>;
}

/** Undefined where the rule certainly does not match its subject, who acts, or its client. */
export function weighAllow(
  rule: AllowRule,
  match: SourceMatch,
  question: PartialQuestion,
  about: AskedAmong,
): Weighed | undefined {
  const { subject, client, ask, delegation } = question;
  const open = openConditions('allow', conditionsOf(match), subject);
  const ofActor = openActor(rule, question);
  if (!open || !ofActor || failedClient(rule.clients ?? ownClients(client, subject, delegation.actor), client))
    return undefined;
  const parameters = knownParameters(rule, match, subject);
  if (!parameters) return undefined;
  const renders = rendersOf(rule, parameters, ask, about).map((one) => ({
    ...one,
    ...termsOf(rule, one.target, question, about),
  }));
  return { rule, open: [...open, ...ofActor], renders };
}

/** What of who acts cannot be told; undefined where the rule certainly does not match. */
function openActor(rule: AllowRule, question: PartialQuestion): readonly Condition[] | undefined {
  const { actor } = question.delegation;
  if (failedActing(rule.actor, question)) return undefined;
  if (rule.actor.by !== 'token' || !actor) return [];
  const match = actorMatches(rule).find(({ source }) => source === actor.source);
  const open = match && openConditions('allow', conditionsOf(match), actor);
  return open?.map((condition) => ({ ...condition, what: `actor ${condition.what}` }));
}

/** What becomes of the scopes, the confirmation and the actor that a target wants. */
function termsOf(
  rule: AllowRule,
  target: CompiledTarget,
  question: PartialQuestion,
  { people }: AskedAmong,
): Pick<MayRender, 'scopes' | 'confirmed' | 'confirmable' | 'acted'> {
  const { subject, ask, delegation, now } = question;
  const above = aboveCeiling(ask.scopes ?? target.defaultScopes, delegation.scopesMax);
  const confirms = confirmsOf(rule, target, ask.scopes);
  const asked = [['auth_time'], ...(confirms.some(({ acr }) => acr) ? [['acr']] : [])];
  const told = asked.map((path) => subject.knowledge(path).is);
  const claims = sketchOf(subject.knowledge, [['auth_time'], ['acr']]);
  const failed = failedConfirm(confirms, authenticatedBy({ claims }, people.has(subject.source)), now);
  const confirmable = wantedOf(confirms) !== undefined;
  const isOpen =
    confirms.length > 0 && people.has(subject.source) && told.some((one) => !['known', 'absent'].includes(one));
  return {
    scopes: !failedScope(rule, target, ask.scopes) && !above,
    confirmed: failed && (!isOpen || !confirmable) ? 'no' : isOpen ? 'open' : 'yes',
    confirmable,
    acted: !target.require.actor || delegation.actors.length > 0 || actingBy(rule.actor, question) !== undefined,
  };
}

/** Undefined where a deny certainly does not fire for a principal. */
export function weighDeny(
  rule: DenyRule,
  match: SourceMatch,
  principal: PartialPrincipal,
  client: PartialQuestion['client'],
): WeighedDeny | undefined {
  if (rule.clients && failedClient(rule.clients, client)) return undefined;
  const open = openConditions('deny', conditionsOf(match), principal);
  return open && { rule, open };
}

/** The conditions that cannot be told; undefined where the rule certainly does not match. */
export function openConditions(
  effect: CompiledRule['effect'],
  conditions: readonly Condition[],
  { knowledge }: Pick<PartialPrincipal, 'knowledge'>,
): readonly Condition[] | undefined {
  const open: Condition[] = [];
  for (const condition of conditions) {
    const truth = holdsUnder(condition, knowledge(condition.path));
    if (truth === 'open' || (truth === 'untrue' && effect === 'deny')) open.push(condition);
    // A deny fires unless a condition is false; an allow rule needs them all true.
    else if (truth === 'false' || (truth !== 'true' && effect === 'allow')) return undefined;
  }
  return open;
}

/** What the rule binds, and what it captures from claims that are known; undefined where it captures two values for one name. */
export function knownParameters(
  rule: AllowRule,
  match: SourceMatch,
  { knowledge }: Pick<PartialPrincipal, 'knowledge'>,
): Parameters | undefined {
  if (rule.captures.length === 0) return rule.parameters;
  const captured = captureFrom(
    match,
    sketchOf(
      knowledge,
      conditionsOf(match).map(({ path }) => path),
    ),
  );
  return 'differs' in captured ? undefined : { ...rule.parameters, ...captured.parameters };
}

type Render = Pick<MayRender, 'target' | 'address'>;

function rendersOf(
  { allow, captures }: AllowRule,
  parameters: Parameters,
  { targets: values }: Ask,
  { asked, targets }: AskedAmong,
): readonly Render[] {
  if (captures.every((name) => Object.hasOwn(parameters, name))) {
    const rendered = asked.among(allow, parameters);
    return rendered ? [rendered] : [];
  }
  const { found } = asked;
  return allow.flatMap(({ target: name }): Render[] => {
    const target = targets.get(name);
    if (!target || (found.ok && found.target !== target)) return [];
    const text = render(target.address, parameters);
    const isWhole = target.parameters.every((parameter) => Object.hasOwn(parameters, parameter));
    if (found.ok) return [{ target, address: isWhole ? text : undefined }];
    const address = values.find((value) => value !== name);
    const fits = values.every((value) => value === name || (value === address && couldBe(text, value)));
    return address !== undefined && target.parameters.length > 0 && fits ? [{ target, address }] : [];
  });
}

/** Whether a text could be this one with its parameters put in. Says yes too often rather than not. */
function couldBe(template: string, text: string): boolean {
  const { literals } = piecesOf(template);
  return text.startsWith(literals[0] ?? '') && text.endsWith(literals.at(-1) ?? '');
}

/** Whether a rule matches, whatever is not known. */
export const isCertain = ({ open }: { readonly open: readonly Condition[] }): boolean => open.length === 0;
