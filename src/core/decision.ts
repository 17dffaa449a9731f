// The words of policy: the question it is asked, the decision it gives, and the grant that may be issued.
// A decision is generic over its principals: `explain` and tests decide on assumed ones, but only a grant to proved ones
// can be issued (core/issue.ts takes nothing else).

import type { Actors, Confirmation, Principal, ProvedPrincipal } from './principal.ts';
import type { Nearest, PolicyRefusal, RulePart } from './refusal.ts';
import type { Ask } from './request.ts';

/** All that a decision depends on, beside the compiled policy itself. */
export interface Question<P extends Principal> {
  readonly subject: P;
  /** The OAuth client that asks; undefined where the workload asks for itself, without one. */
  readonly client: AskingClient<P> | undefined;
  readonly delegation: Delegation<P>;
  readonly binding: Binding;
  readonly ask: Ask;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** A client, as far as policy needs to know it. */
export interface AskingClient<P extends Principal = Principal> {
  readonly id: string;
  readonly principal: P;
}

/** Who acts for the subject, and who has acted before. */
export interface Delegation<P extends Principal> {
  /** Proved by an actor token; undefined where there was none. */
  readonly actor: P | undefined;
  /** Who acts already, by the subject's own credential; the current one first. */
  readonly actors: Actors;
  /** Whoever those can be, by configured sources: denies look at them, allow rules never do (TX-42). */
  readonly nested: readonly Principal[];
  /** The subject's credential says who may act (`may_act`): without an actor there is nothing for it. Whether the one who acts is meant
   * has been judged. */
  readonly restricted: boolean;
  /** Scopes that the subject's credential does not let anything exceed; undefined: it sets no bound. */
  readonly scopesMax: readonly string[] | undefined;
}

/** Nobody acts, and nobody has. */
export const NOBODY_ACTS: Delegation<never> = Object.freeze({
  actor: undefined,
  actors: Object.freeze([]),
  nested: Object.freeze([]),
  restricted: false,
  scopesMax: undefined,
});

/** What a token can, and must, be bound to. */
export interface Binding {
  /** A key that the caller proved to have, that of a DPoP proof before that of the certificate; undefined where there was none. */
  readonly key: Confirmation | undefined;
  /**
   * What is issued must be bound: the subject's or the actor's own credential is, its client demands it, or a DPoP proof asks for it
   * (RFC 9449 §5).
   */
  readonly required: boolean;
}

/** Credentials of clouds may outlive what they are made from: clouds have floors, and tokens of CI jobs live five minutes. */
export interface Outlive {
  /** The shortest that the cloud gives, in seconds. */
  readonly floorSeconds: number;
  /** For a workload as long as it is granted for, for a person or an own token up to the floor; never where the target says so. */
  readonly upTo: 'lifetime' | 'floor' | 'nothing';
}

/** One rule, as far as the world needs to know it. */
export interface RuleReference {
  readonly name: string;
  /** `file:line`. */
  readonly at: string;
  readonly owner: string | undefined;
}

/** What may be issued. The issuer never widens any of it. */
export interface Grant<P extends Principal> {
  readonly target: string;
  /** What the target's parameters are; empty where it has none. The issuer renders the target with them. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Exactly the scopes granted, in the order asked or configured; empty for none. */
  readonly scopes: readonly string[];
  /** A ceiling, in seconds: the shortest of what was asked, rule and target. */
  readonly lifetimeSeconds: number;
  /** How far it may outlive the credentials that it is made from; undefined for tokens, which never do. */
  readonly outlive: Outlive | undefined;
  readonly rule: RuleReference;
  readonly subject: P;
  /** Who acts now, as proved; undefined where nobody does but those who acted before. Nothing outlives its credential. */
  readonly actor: P | undefined;
  /** Everybody who acts, the current one first: what `act` will say. */
  readonly actors: Actors;
  /** The OAuth client; the subject's own name where the workload asked for itself. */
  readonly clientId: string;
  /** The key that the token is bound to; undefined for a bearer token. */
  readonly boundTo: Confirmation | undefined;
}

/** `preview` is recorded and changes nothing; `retire` still grants, but only where no other rule does. */
export type RuleMode = 'enforce' | 'preview' | 'retire';

/** One considered rule: what became of it. `failed` is absent where every part matched. */
export interface RuleTrace {
  readonly rule: string;
  readonly at: string;
  readonly effect: 'allow' | 'deny';
  readonly mode: RuleMode;
  readonly failed?: Omit<Nearest, 'rule' | 'at' | 'why'> & { readonly part: RulePart };
}

/** What would have been otherwise: with a rule in preview enforced, or without one that is to be retired. */
export interface Would {
  readonly rule: string;
  readonly would: 'allow' | 'deny' | 'refuse';
  /** Of a rule to be retired: the other rule that came nearest. */
  readonly nearest?: string;
}

export type Decision<P extends Principal> = {
  /** Rules considered, bounded by TRACE_RULES_MAX. */
  readonly trace: readonly RuleTrace[];
  readonly would: readonly Would[];
} & (
  | { readonly granted: true; readonly grant: Grant<P> }
  | { readonly granted: false; readonly refusal: PolicyRefusal }
);

/** A grant that may be issued. */
export type ProvedGrant = Grant<ProvedPrincipal>;
