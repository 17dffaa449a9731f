// The words of policy: the question it is asked, the decision it gives, and the grant that may be issued.
// A decision is generic over its principals: `explain` and tests decide on assumed ones, but only a grant to proved ones
// can be issued (core/issue.ts takes nothing else).

import type { Principal, ProvedPrincipal } from './principal.ts';
import type { Nearest, PolicyRefusal, RulePart } from './refusal.ts';
import type { Ask } from './request.ts';

/** All that a decision depends on, beside the compiled policy itself. */
export interface Question<P extends Principal> {
  readonly subject: P;
  readonly ask: Ask;
  /** Seconds since the epoch. */
  readonly now: number;
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
  /** Exactly the scopes granted, in the order asked or configured; empty for none. */
  readonly scopes: readonly string[];
  /** A ceiling, in seconds: the shorter of rule and target. */
  readonly lifetimeSeconds: number;
  readonly rule: RuleReference;
  readonly subject: P;
  /** The OAuth client; the subject's own name where the workload asked for itself. */
  readonly clientId: string;
}

/** One considered rule: what became of it. `failed` is absent where every part matched. */
export interface RuleTrace {
  readonly rule: string;
  readonly at: string;
  readonly effect: 'allow' | 'deny';
  readonly mode: 'enforce' | 'preview';
  readonly failed?: Omit<Nearest, 'rule' | 'at' | 'why'> & { readonly part: RulePart };
}

/** What a rule in preview mode would have changed. */
export interface Would {
  readonly rule: string;
  readonly would: 'allow' | 'deny';
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
