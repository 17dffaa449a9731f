// Why a request is, or would be, refused, in one line for whoever runs the broker: what was presented, what was expected, and what may
// have been meant. It shows values that nobody has proved, so it goes to an operator's own terminal: never to a caller, a log or
// a record.

import type { Principal } from './principal.ts';
import type { CredentialRefusal, Reason } from './refusal.ts';

export interface Cause {
  readonly reason: Reason;
  /** Whose word it is: `nearest production (policies/github.yaml:4)`, or the name of a trust source. */
  readonly by: string | undefined;
  /** The claim, or whatever else failed. */
  readonly what: string;
  /** Values as JSON in printable ASCII, cut; undefined where it was absent. */
  readonly presented: string | undefined;
  readonly expected: string;
  /** What the writer of the rule, or of the workflow, may have meant. */
  readonly hint: string | undefined;
}

/** What of a cause is found apart from whose word it is. */
export type Lack = Pick<Cause, 'what' | 'presented' | 'expected' | 'hint'> & { readonly by?: string };

/** What a source would make of claims that nobody has proved. */
export interface Foreseen {
  /** Undefined where the claims lack what its name is made of. */
  readonly principal: Principal | undefined;
  /** What would be refused before any key is looked for, in the order of the checks. */
  readonly refusals: readonly CredentialRefusal[];
  /** When the credential ends, whatever its `exp` says; undefined where it does not say. */
  readonly endsAtSeconds: number | undefined;
  /** Whether it may be presented by the workload itself, without an OAuth client. */
  readonly presenter: 'self' | 'client';
}
