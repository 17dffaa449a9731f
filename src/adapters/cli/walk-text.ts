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
  readonly of: 'subject' | 'client' | 'actor' | 'earlier';
  readonly source: string;
  readonly conditions: readonly ShownCondition[];
}

/** Who acts by a rule: the client, whom an actor token proves, by source, or nobody who is named. */
export interface ShownActing {
  readonly by: 'client' | 'token' | 'impersonation';
  readonly of: readonly { readonly source: string; readonly conditions: readonly ShownCondition[] }[];
}

/** What a person must have confirmed; `scope`: for one scope alone. */
export interface ShownConfirm {
  readonly scope: string | undefined;
  readonly text: string;
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
  /** The token is bound to a key of the caller. */
  readonly proof: boolean;
  /** Undefined: nobody. */
  readonly acting: ShownActing | undefined;
  readonly confirmed: readonly ShownConfirm[];
  readonly unless: readonly ShownCut[];
}

/** `deploy (https://deploy.example) with read write for at most 300 s`. */
export function givenText({ target, address, scopes, lifetimeSeconds, proof, clients }: ShownEntry): string {
  const through = clients === undefined ? '' : `, through ${clients.join(' or ')}`;
  const bound = proof ? ', bound to a key of its own' : '';
  const scoped = scopes.length === 0 ? '' : ` with ${scopes.join(' ')}`;
  return shown(`${target} (${address})${scoped} for at most ${lifetimeSeconds} s${bound}${through}`);
}

/** `by shop (policies/shop.yaml:4): preview, until 2027-01-31T00:00:00Z`. */
export function byText({ rule, at, mode, until }: ShownEntry): string {
  const words = [...(mode === 'enforce' ? [] : [mode]), ...(until === undefined ? [] : [`until ${until}`])];
  return shown(`by ${rule} (${at})${words.length === 0 ? '' : `: ${words.join(', ')}`}`);
}

/** `via actor of mesh: sub is "spiffe://prod.example/agent"`, `confirmed by "mfa", at most 300 s ago`. */
export function termsTexts({ acting, confirmed }: ShownEntry): readonly string[] {
  return [
    ...(acting ? ACTING[acting.by](acting) : []),
    ...confirmed.map(({ scope, text }) => `${scope === undefined ? '' : `${scope} `}confirmed ${text}`),
  ].map((text) => shown(text));
}

const ACTING: Readonly<Record<ShownActing['by'], (acting: ShownActing) => readonly string[]>> = {
  client: () => ['via the client, which acts'],
  token: ({ of }) => of.map(({ source, conditions }) => `via actor of ${source}: ${conditionsText(conditions)}`),
  impersonation: () => ['by impersonation: nobody is named who acts'],
};

/** `ref is "refs/heads/main"`. */
export const conditionText = ({ claim, expected }: ShownCondition): string => shown(`${claim} is ${expected}`);

export const conditionsText = (conditions: readonly ShownCondition[]): string =>
  conditions.length === 0 ? 'always' : conditions.map(conditionText).join(', ');

/** `unless actor is "robot": denied by never-bots (policies/deploy.yaml:13)`. */
export const cutText = ({ rule, at, of, source, conditions }: ShownCut): string =>
  shown(
    `unless ${of === 'subject' ? '' : `${PARTY[of]}, of ${source}, has `}${conditionsText(conditions)}: denied by ${rule} (${at})`,
  );

const PARTY = { client: 'its client', actor: 'its actor', earlier: 'who acted before' } as const;

/** Scopes of a command line: separated by spaces. */
export const scopesOf = (text: string | undefined): readonly string[] | undefined =>
  text?.split(' ').filter((scope) => scope !== '');
