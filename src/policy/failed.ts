// Why one rule did not match: the first of its parts that failed, with what was presented and what was expected. It orders rules by how
// near they came, and says whether the caller may hear of them.

import type { RuleTrace } from '../core/decision.ts';

export type Failed = NonNullable<RuleTrace['failed']> & {
  /** How many conditions of the same part held before: a tie is broken by who came further. */
  readonly held: number;
  /** Whether the pin's identifiers held: only then may the caller hear of the rule. */
  readonly identified: boolean;
};
