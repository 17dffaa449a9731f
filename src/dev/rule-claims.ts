// What the policy says of a source, turned round: claims that would satisfy one of its allow rules, for `token --as` to fill in what nobody
// gave. It reads rules as they were compiled, rows and defaults included, and judges nothing: a claim that is missing here is an example instead.

import type { Json } from '../core/json.ts';
import { type Parameters, parametersIn, piecesOf, render } from '../parsing/template.ts';
import { fieldPath, type PlatformTable } from '../platforms/table.ts';

/** A text with wildcards, as written. */
interface Wildcards {
  readonly text: string;
}

/** As policy compiles them; the rest of it is not looked at. */
export interface RuleCondition {
  readonly path: readonly string[];
  readonly form: 'one' | 'has';
  readonly values: readonly (string | number | boolean | Wildcards)[];
}

interface RuleMatch {
  readonly source: string;
  readonly ids: readonly RuleCondition[];
  readonly context: readonly RuleCondition[];
  readonly claims: readonly RuleCondition[];
}

export interface RuleOf {
  readonly effect: 'allow' | 'deny';
  readonly mode: string;
  readonly matches: readonly RuleMatch[];
  readonly clients?: readonly string[] | undefined;
  readonly actor?: { readonly by: string; readonly matches?: readonly RuleMatch[] } | undefined;
  readonly confirm?: { readonly acr: readonly string[] | undefined } | undefined;
  readonly allow?: readonly { readonly target: string }[];
  readonly parameters?: Parameters;
}

export interface Rules {
  /** In the order of their names. */
  readonly rules: readonly RuleOf[];
  readonly targets: readonly { readonly name: string; readonly address: string }[];
}

export interface Wanted extends Rules {
  /** Whose claims are wanted. */
  readonly role?: 'subject' | 'actor';
  readonly source: string;
  /** Who else is in the request: the client, and by their sources the subject and who acts. */
  readonly client?: string | undefined;
  readonly subject?: string | undefined;
  readonly actor?: string | undefined;
  /** When a person authenticates who has to confirm; seconds since the epoch. */
  readonly nowSeconds?: number;
  readonly table: PlatformTable;
  /** Its name, or its address. */
  readonly target: string;
  readonly given: Readonly<Record<string, string>>;
}

/** A path of member names, and what stands there. */
export type ClaimAt = readonly [readonly string[], Json];

const EXAMPLE = 'example';

interface Candidate {
  readonly rule: RuleOf;
  readonly conditions: readonly RuleCondition[];
  /** How well it fits what is asked for: what counts most comes first. */
  readonly fits: readonly number[];
  /** Of its captures, those that the address tells. */
  readonly bound: Parameters;
}

/**
 * Of the rules that allow the target, else of all, the one that agrees with most of what was given; the first of equals. A rule that counts
 * for whoever asks so (by himself, or through this client, with somebody who acts or without) comes before a preview, and before the others.
 */
export function claimsOfRules(wanted: Wanted): readonly ClaimAt[] {
  const { rules, table, given } = wanted;
  const values = Object.entries(given).map(([field, text]) => [fieldPath(table, field), text] as const);
  const candidates = rules.flatMap((rule): readonly Candidate[] => {
    const match = matchFor(rule, wanted);
    if (rule.effect !== 'allow' || !match) return [];
    const conditions = [...match.ids, ...match.context, ...match.claims];
    const bound = allowedBy(rule, wanted);
    const agreeing = values.filter(([path, text]) =>
      conditions.some((one) => samePath(one.path, path) && one.values.some((value) => isLike(value, text))),
    ).length;
    const counts = rule.mode !== 'preview' && isFor(rule, wanted);
    return [{ rule, conditions, bound: bound ?? {}, fits: [Number(bound !== undefined), agreeing, Number(counts)] }];
  });
  const [best] = candidates.sort((one, other) => compare(other.fits, one.fits));
  if (!best) return [];
  const bound = { ...best.bound, ...capturedFrom(best.conditions, values) };
  return [...best.conditions.flatMap((condition) => claimAt(condition, bound)), ...confirmedBy(best.rule, wanted)];
}

/** What a rule asks of whoever has the role; undefined where it asks nothing of the source, or is not about the others. */
function matchFor({ matches, actor }: RuleOf, { role = 'subject', source, subject }: Wanted): RuleMatch | undefined {
  if (role === 'subject') return matches.find((one) => one.source === source);
  if (subject !== undefined && !matches.some((one) => one.source === subject)) return undefined;
  return actor?.matches?.find((one) => one.source === source);
}

/** Whether a rule is for such a request. */
function isFor({ clients, actor }: RuleOf, { role = 'subject', client, ...wanted }: Wanted): boolean {
  const sources = actor?.matches?.map(({ source }) => source);
  const acts = role === 'actor' ? wanted.source : wanted.actor;
  return (
    (client === undefined ? clients === undefined : clients?.includes(client) === true) &&
    (acts === undefined ? sources === undefined : sources?.includes(acts) === true)
  );
}

/** A person who has just authenticated, as strongly as the rule wants. */
function confirmedBy({ confirm }: RuleOf, { role = 'subject', nowSeconds }: Wanted): readonly ClaimAt[] {
  if (!confirm || role === 'actor' || nowSeconds === undefined) return [];
  const [acr] = confirm.acr ?? [];
  return [[['auth_time'], Math.floor(nowSeconds)], ...(acr === undefined ? [] : [[['acr'], acr] as const])];
}

/** The names of the targets that rules give a source, in the order of the rules. */
export const targetsOf = ({ rules }: Rules, source: string): readonly string[] => [
  ...new Set(
    rules
      .filter(({ mode, matches }) => mode !== 'preview' && matches.some((match) => match.source === source))
      .flatMap(({ allow = [] }) => allow.map(({ target }) => target)),
  ),
];

/** Who else is in a request for a target by the first rule that gives it to a source: a client, and the source of whom acts. */
export function partiesOf(
  { rules }: Pick<Rules, 'rules'>,
  source: string,
  target: string,
): { readonly client: string | undefined; readonly actor: string | undefined } {
  const rule = rules.find(
    ({ mode, matches, allow = [] }) =>
      mode !== 'preview' &&
      matches.some((match) => match.source === source) &&
      allow.some((one) => one.target === target),
  );
  return { client: rule?.clients?.[0], actor: rule?.actor?.matches?.[0]?.source };
}

const compare = (one: readonly number[], other: readonly number[]): number =>
  one.map((value, at) => value - (other[at] ?? 0)).find((difference) => difference !== 0) ?? 0;

/** Undefined where the rule does not come to the target; else the captures that its address tells. */
function allowedBy(
  { allow = [], parameters = {} }: RuleOf,
  { targets, target: asked }: Wanted,
): Parameters | undefined {
  for (const { target: name } of allow) {
    if (name === asked) return {};
    const target = targets.find((one) => one.name === name);
    const bound = target && readOff(render(target.address, parameters), asked);
    if (bound) return bound;
  }
  return undefined;
}

/** What the parameters of a text must be for it to say this; undefined where nothing makes it so. */
function readOff(template: string, text: string): Parameters | undefined {
  const { literals, names } = piecesOf(template);
  const found: Record<string, string> = {};
  let from = literals[0]?.length ?? 0;
  for (const [at, name] of names.entries()) {
    const next = literals[at + 1] ?? '';
    const end = next === '' || at === names.length - 1 ? text.length - next.length : text.indexOf(next, from);
    if (end <= from) return undefined;
    found[name] = text.slice(from, end);
    from = end + next.length;
  }
  return render(template, found) === text ? found : undefined;
}

/** What given claims bind, so that another claim that captures the same agrees with them. */
function capturedFrom(
  conditions: readonly RuleCondition[],
  given: readonly (readonly [readonly string[], string])[],
): Parameters {
  const bound: Record<string, string> = {};
  for (const { path, values } of conditions)
    for (const [at, text] of given)
      for (const value of samePath(at, path) ? values : [])
        if (typeof value === 'object' && !value.text.includes('*')) Object.assign(bound, readOff(value.text, text));
  return bound;
}

/** Whether a given text is this value; of one with wildcards, whether its ends agree. */
function isLike(value: RuleCondition['values'][number], text: string): boolean {
  if (typeof value !== 'object') return String(value) === text;
  const pieces = value.text.split(/\*+|<[^>]*>/);
  return text.startsWith(pieces[0] ?? '') && text.endsWith(pieces.at(-1) ?? '');
}

/** What satisfies a condition: the first of its values, a list that has it; a wildcard stands for a word. */
function claimAt({ path, form, values: [value] }: RuleCondition, bound: Parameters): readonly ClaimAt[] {
  if (value === undefined) return [];
  const claim = typeof value === 'object' ? written(value.text, bound) : value;
  return [[path, form === 'has' ? [claim] : claim]];
}

function written(text: string, bound: Parameters): string {
  const examples = Object.fromEntries(parametersIn(text).map((name) => [name, EXAMPLE]));
  return render(text.replaceAll(/\*+/g, EXAMPLE), { ...examples, ...bound });
}

const samePath = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((name, at) => name === other[at]);
