// What the linter finds (docs/lint.md): a policy that loads by its grammar and is unsafe, or is not what its writer thinks. An error
// stops `check`, start and reload unless whoever wrote the rule accepts it by name with a reason; the reason is recorded.

import type { Problem } from '../../parsing/yaml.ts';

export type Severity = 'error' | 'warning' | 'info';

export interface Finding {
  /** The lint rule, by its readable name: `environment-alone`. */
  readonly lint: string;
  readonly severity: Severity;
  /** Where, and in words: what is wrong and how it is mended. */
  readonly problem: Problem;
  /** The rule, source or target that it is about, by name. */
  readonly about: string;
  /** The reason with which it is accepted; undefined where it is not. */
  readonly accepted: string | undefined;
}
