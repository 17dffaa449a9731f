// One rule against a principal of whom not every claim is known: whether it may match, which of its conditions are open, and what it may
// turn out to grant. Follows judge.ts; partial.ts decides with it.

import type { Binding } from '../../core/decision.ts';
import type { Ask } from '../../core/request.ts';
import { type Parameters, piecesOf, render } from '../../parsing/template.ts';
import { captureFrom } from '../capture.ts';
import {
  type AllowRule,
  type CompiledRule,
  type CompiledTarget,
  conditionsOf,
  type DenyRule,
  type SourceMatch,
} from '../compiled.ts';
import type { Condition } from '../evaluate.ts';
import { failedClient, failedScope } from '../judge.ts';
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
  readonly binding: Binding;
  readonly ask: Ask;
  readonly now: number;
}

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
  /** The rule grants every scope that is asked for. */
  readonly scopes: boolean;
}

export interface WeighedDeny {
  readonly rule: DenyRule;
  readonly open: readonly Condition[];
}

/** What is asked for, and all targets by name. */
export interface AskedAmong {
  readonly asked: Asked;
  readonly targets: ReadonlyMap<string, CompiledTarget>;
}

/** Undefined where the rule certainly does not match its subject or client. */
export function weighAllow(
  rule: AllowRule,
  match: SourceMatch,
  { subject, client, ask }: PartialQuestion,
  about: AskedAmong,
): Weighed | undefined {
  const open = openConditions('allow', conditionsOf(match), subject);
  const itself = client && client.principal.source === subject.source && client.principal.name === subject.name;
  if (!open || failedClient(rule.clients ?? (itself ? [client.id] : []), client)) return undefined;
  const parameters = knownParameters(rule, match, subject);
  if (!parameters) return undefined;
  const renders = rendersOf(rule, parameters, ask, about);
  return {
    rule,
    open,
    renders: renders.map((one) => ({ ...one, scopes: !failedScope(rule, one.target, ask.scopes) })),
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

type Render = Omit<MayRender, 'scopes'>;

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
