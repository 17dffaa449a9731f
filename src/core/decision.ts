// The words of policy: the question it is asked, the decision it gives, and the grant that may be issued.
// A decision is generic over its principals: `explain` and tests decide on assumed ones, but only a grant to proved ones
// can be issued (core/issue.ts takes nothing else).

import type { Principal, ProvedPrincipal } from './principal.ts';
import type { Nearest, PolicyRefusal, RulePart } from './refusal.ts';
import type { Ask } from './request.ts';

/** All that a decision depends on, beside the compiled policy itself. */
export interface Question<P extends Principal> {
  readonly subject: P;
  /** The OAuth client that asks; undefined where the workload asks for itself, without one. */
  readonly client: AskingClient | undefined;
  readonly binding: Binding;
  readonly ask: Ask;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** A client, as far as policy needs to know it. */
export interface AskingClient {
  readonly id: string;
  readonly principal: Principal;
}

/** What a token can, and must, be bound to. */
export interface Binding {
  /** The thumbprint of the certificate whose key the caller proved to have (`x5t#S256`); undefined where there was none. */
  readonly certificate: string | undefined;
  /** The subject's own credential is bound, or its client demands it: what is issued must be bound as well. */
  readonly required: boolean;
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
  /** A ceiling, in seconds: the shorter of rule and target. */
  readonly lifetimeSeconds: number;
  readonly rule: RuleReference;
  readonly subject: P;
  /** The OAuth client; the subject's own name where the workload asked for itself. */
  readonly clientId: string;
  /** The thumbprint of the certificate that the token is bound to; undefined for a bearer token. */
  readonly boundTo: string | undefined;
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
