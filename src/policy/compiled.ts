// What a policy is once it has been compiled: plain frozen data. Lint, `who-can` and `diff` walk it; decide.ts indexes it.
// Nothing here has a constructor but compilePolicy.

import type { RuleMode } from '../core/decision.ts';
import type { Parameters } from '../parsing/template.ts';
import type { Condition } from './evaluate.ts';

/** What a rule asks of a principal of one source. */
export interface SourceMatch {
  readonly source: string;
  /** The pin: identifiers first. Empty in a deny, which needs no pin, and where the source's `require` pins them. */
  readonly ids: readonly Condition[];
  /** The pin's other half, on platforms whose identity has a context. */
  readonly context: readonly Condition[];
  /** Everything else. */
  readonly claims: readonly Condition[];
}

/** The conditions of a match, pin first; none where a rule does not speak of a source. */
export const conditionsOf = (match: SourceMatch | undefined): readonly Condition[] =>
  match ? [...match.ids, ...match.context, ...match.claims] : [];

export interface AllowedTarget {
  readonly target: string;
  /** `all` is every scope that the target has. */
  readonly scopes: 'all' | readonly string[];
}

interface RuleBase {
  /** Unique over all files. A rule that `each` made has its rows in brackets: `production[shop]`. */
  readonly name: string;
  /** `file:line`. */
  readonly at: string;
  readonly owner: string | undefined;
  readonly why: string | undefined;
  /** `retire`: asked only where no other rule grants. Denies are enforced or previewed. */
  readonly mode: RuleMode;
  /** Seconds since the epoch: the rule counts before this instant only. */
  readonly untilSeconds: number | undefined;
  /** One for each source whose principals it speaks of, in the order of the sources' names. */
  readonly matches: readonly SourceMatch[];
}

/** Who acts in what an allow rule grants. */
export type ActorRule =
  /** Nobody, nor has anybody before. */
  | { readonly by: 'nobody' }
  /** Whom client authentication proved. */
  | { readonly by: 'client' }
  /** Whom an actor token proves: one match for each source. */
  | { readonly by: 'token'; readonly matches: readonly SourceMatch[] }
  /** Nobody is named who was not named before: the client has a token in the subject's own name. */
  | { readonly by: 'impersonation' };

/** What a rule asks of whom an actor token proves, source by source; none where it asks for no such token. */
export const actorMatches = ({ actor }: Pick<AllowRule, 'actor'>): readonly SourceMatch[] =>
  actor.by === 'token' ? actor.matches : [];

/** How a person must have authenticated (RFC 9470). */
export interface Confirm {
  /** One of these contexts; undefined: any. */
  readonly acr: readonly string[] | undefined;
  readonly maxAgeSeconds: number | undefined;
}

export interface AllowRule extends RuleBase {
  readonly effect: 'allow';
  readonly actor: ActorRule;
  readonly confirm: Confirm | undefined;
  /** Ids of the registered clients that may ask; undefined: none, or one that is the subject or the actor itself. */
  readonly clients: readonly string[] | undefined;
  readonly allow: readonly AllowedTarget[];
  readonly lifetimeSeconds: number | undefined;
  /** Values that `each` and `with` bind, of those that its targets need. */
  readonly parameters: Parameters;
  /** Parameters that its conditions capture from the subject's claims, every one of them for every source. Sorted. */
  readonly captures: readonly string[];
}

export interface DenyRule extends RuleBase {
  readonly effect: 'deny';
  readonly deny: 'all' | readonly string[];
  /** Ids of the registered clients whose requests it denies; undefined: any, or none. */
  readonly clients: readonly string[] | undefined;
  /** Whose claims are looked at: the subject's, or those of everybody who has a role in the request. */
  readonly whose: 'subject' | 'anyone';
}

export type CompiledRule = AllowRule | DenyRule;

/** What a cloud gives cannot be bound to a key of the caller, and may outlive what it is made from. */
export interface CloudTarget {
  /** The shortest that the cloud gives, in seconds. */
  readonly floorSeconds: number;
  /** Whether it may. */
  readonly outlive: boolean;
}

export interface CompiledTarget {
  readonly name: string;
  readonly kind: string;
  /** The audience of a token target; with its parameters as written where it has any. */
  readonly address: string;
  /** Parameters in any of its texts; sorted. A rule that grants it binds them all. */
  readonly parameters: readonly string[];
  readonly scopes: readonly string[];
  readonly defaultScopes: readonly string[];
  /** Of the scopes that a person must confirm. */
  readonly scopeConfirms: Readonly<Record<string, Confirm>>;
  readonly lifetimeSecondsMax: number;
  /** Set where a cloud issues it. */
  readonly cloud: CloudTarget | undefined;
  readonly require: {
    readonly sources: readonly string[] | undefined;
    /** Tokens are bound to a key of the caller. */
    readonly proof: boolean;
    /** Somebody acts. */
    readonly actor: boolean;
    readonly confirm: Confirm | undefined;
    readonly lifetimeMaxSeconds: number | undefined;
  };
}

export interface CompiledSource {
  readonly name: string;
  readonly kind: string;
  readonly issuer: string;
  /** Whether its principals are, or may stand for, people. */
  readonly people: boolean;
  /** Whether its tokens may say who acted before. */
  readonly delegates: boolean;
  readonly require: readonly Condition[];
  /** The most that its principals can get, whatever rules say; undefined: anything. Checked when rules are compiled. */
  readonly reach: readonly string[] | undefined;
  /** Keys (core/claim-path.ts) of the claims that a rule, `require` or the kind's table names; sorted. */
  readonly claimsNamed: readonly string[];
}

/** Everything is in the order of names, so that no file name and no order of files can matter. */
export interface CompiledPolicy {
  /** SHA-256, hex, of everything else here. */
  readonly digest: string;
  readonly sources: readonly CompiledSource[];
  readonly targets: readonly CompiledTarget[];
  readonly rules: readonly CompiledRule[];
}

/** Order of names: by code unit, the same everywhere. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
