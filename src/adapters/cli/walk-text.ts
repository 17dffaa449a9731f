// What `can`, `who-can` and `diff` print of rules: who, under which conditions, what, and by which rule. Everything that a policy or a
// command line says is printable ASCII on one line.

import { shown } from './shown.ts';

/** A rule, as far as people need it to find it. */
export interface RulePlace {
  readonly rule: string;
  /** `file:line`. */
  readonly at: string;
}

/** One condition on a claim; `expected` in JSON. */
export interface ShownCondition {
  readonly claim: string;
  readonly expected: string;
}

/** A deny that may fire, and what it hangs on. */
export interface ShownCut extends RulePlace {
  readonly of: 'subject' | 'client';
  readonly source: string;
  readonly conditions: readonly ShownCondition[];
}

/** What one rule gives. */
export interface ShownEntry extends RulePlace {
  readonly mode: 'enforce' | 'preview' | 'retire';
  readonly owner: string | undefined;
  /** RFC 3339: the first instant at which the rule does not count any more. */
  readonly until: string | undefined;
  readonly source: string;
  /** The registered clients that may ask; undefined: the principal itself. */
  readonly clients: readonly string[] | undefined;
  readonly conditions: readonly ShownCondition[];
  readonly target: string;
  readonly address: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly scopes: readonly string[];
  readonly lifetimeSeconds: number;
  /** The token is bound to the caller's certificate. */
  readonly proof: boolean;
  readonly unless: readonly ShownCut[];
}

/** `deploy (https://deploy.example) with read write for at most 300 s`. */
export function givenText({ target, address, scopes, lifetimeSeconds, proof, clients }: ShownEntry): string {
  const through = clients === undefined ? '' : `, through ${clients.join(' or ')}`;
  const bound = proof ? ', bound to its certificate' : '';
  const scoped = scopes.length === 0 ? '' : ` with ${scopes.join(' ')}`;
  return shown(`${target} (${address})${scoped} for at most ${lifetimeSeconds} s${bound}${through}`);
}

/** `by shop (policies/shop.yaml:4): preview, until 2027-01-31T00:00:00Z`. */
export function byText({ rule, at, mode, until }: ShownEntry): string {
  const words = [...(mode === 'enforce' ? [] : [mode]), ...(until === undefined ? [] : [`until ${until}`])];
  return shown(`by ${rule} (${at})${words.length === 0 ? '' : `: ${words.join(', ')}`}`);
}

/** `ref is "refs/heads/main"`. */
export const conditionText = ({ claim, expected }: ShownCondition): string => shown(`${claim} is ${expected}`);

export const conditionsText = (conditions: readonly ShownCondition[]): string =>
  conditions.length === 0 ? 'always' : conditions.map(conditionText).join(', ');

/** `unless actor is "robot": denied by never-bots (policies/deploy.yaml:13)`. */
export const cutText = ({ rule, at, of, source, conditions }: ShownCut): string =>
  shown(
    `unless ${of === 'client' ? `its client, of ${source}, has ` : ''}${conditionsText(conditions)}: denied by ${rule} (${at})`,
  );

/** Scopes of a command line: separated by spaces. */
export const scopesOf = (text: string | undefined): readonly string[] | undefined =>
  text?.split(' ').filter((scope) => scope !== '');
