// What a lint rule looks at: one rule as it stands for one source, with the place of every condition, and what the source requires of
// everybody. A lint is data, its texts beside one pure function; nothing here knows a platform.

import { claimKey } from '../../core/claim-path.ts';
import type { YamlPath } from '../../parsing/yaml.ts';
import { fieldPath } from '../../platforms/table.ts';
import type { ReadCondition } from '../compile/match.ts';
import type { SourceView, TargetView } from '../compile/views.ts';
import { type CompiledRule, conditionsOf, type SourceMatch } from '../compiled.ts';
import { type Condition, type Expected, isPattern, textOf } from '../evaluate.ts';
import { matchesPattern } from '../pattern.ts';
import type { Severity } from './finding.ts';

/** What docs/lint.md says of a lint. */
export interface LintText {
  /** As `accept` names it. */
  readonly name: string;
  /** Rows of the requirements that it answers, for docs/lint.md; `-` where it is of our own. */
  readonly row: string;
  readonly severity: Severity;
  /** What fires it, for docs/lint.md. */
  readonly when: string;
  /** What is wrong, and how it is mended: the message. */
  readonly why: string;
  readonly mend: string;
}

/** A value that a finding is about, as written, and the place of its condition. */
export interface ValueHit {
  readonly at: YamlPath;
  readonly text: string;
}

/** Where a finding stands: a condition's own place, or undefined for the rule. */
export type Hit = YamlPath | ValueHit | undefined;

export interface RuleLint extends LintText {
  /** Kinds of sources that it is about; undefined: every kind. */
  readonly kinds?: readonly string[];
  readonly effect?: 'allow' | 'deny';
  readonly fires: (view: MatchView) => readonly Hit[];
}

export interface Placed extends ReadCondition {
  readonly key: string;
}

export interface MatchView {
  readonly rule: CompiledRule;
  readonly source: SourceView;
  /** The rule's own conditions on this source's principals. */
  readonly own: readonly Placed[];
  /** What the source requires. */
  readonly required: readonly Condition[];
  /** Every source that the rule speaks of. */
  readonly sources: readonly SourceView[];
  readonly targets: ReadonlyMap<string, TargetView>;
  /** Whom the conditions are about: the subject (in a deny whoever it is about), or who acts. */
  readonly whose: 'subject' | 'actor';
  /** Every source, by name. */
  readonly known: ReadonlyMap<string, { readonly source: SourceView }>;
  /** The rule's own place. */
  readonly path: YamlPath;
}

/** The rule's conditions for one source. A condition is read once for each table, and stands here once. */
export function ownConditions(match: SourceMatch, reads: readonly ReadCondition[]): readonly Placed[] {
  const keys = new Set(conditionsOf(match).map(({ path }) => claimKey(path)));
  const placed = new Map<string, Placed>();
  for (const read of reads) {
    const key = claimKey(read.condition.path);
    if (keys.has(key)) placed.set(`${key} ${read.at.join(' ')}`, { ...read, key });
  }
  return [...placed.values()];
}

/** The rule's own conditions on these fields. */
export function own(view: MatchView, ...fields: readonly string[]): readonly Placed[] {
  const keys = fields.map((field) => claimKey(fieldPath(view.source.table, field)));
  return view.own.filter(({ key }) => keys.includes(key));
}

/** What the source requires of these fields. */
export function required(view: MatchView, ...fields: readonly string[]): readonly Condition[] {
  const keys = fields.map((field) => claimKey(fieldPath(view.source.table, field)));
  return view.required.filter(({ path }) => keys.includes(claimKey(path)));
}

/** Whether the rule or its source says anything of one of these fields. Wildcards alone say nothing. */
export const says = (view: MatchView, ...fields: readonly string[]): boolean =>
  [...own(view, ...fields).map(({ condition }) => condition), ...required(view, ...fields)].some(
    ({ values }) => !values.some(isAnything),
  );

/** Whether the rule or its source says exactly what one of these fields is. */
export const saysExactly = (view: MatchView, ...fields: readonly string[]): boolean =>
  [...own(view, ...fields).map(({ condition }) => condition), ...required(view, ...fields)].some(
    ({ values }) => !values.some(isPattern),
  );

/** A pattern without a word; what it captures is somebody's own. */
const isAnything = (value: Expected): boolean =>
  isPattern(value) && value.captures.includes(undefined) && !/[^/:]/.test(value.literals.join(''));

/** Whether the value satisfies the condition. */
export const accepts = ({ values }: Condition, presented: string | boolean): boolean =>
  values.some((value) =>
    isPattern(value) ? typeof presented === 'string' && matchesPattern(value, presented) : value === presented,
  );

/** Where one of these values gets in: by the rule's own condition, or where it has none, by the source's `require`. */
export function admits(view: MatchView, field: string, values: readonly (string | boolean)[]): readonly Hit[] {
  const some = (condition: Condition) => values.some((value) => accepts(condition, value));
  const about = own(view, field);
  if (about.length > 0) return about.every(({ condition }) => some(condition)) ? places(about) : [];
  return required(view, field).some(some) ? [undefined] : [];
}

/** Where these conditions stand. */
export const places = (conditions: readonly ReadCondition[]): readonly Hit[] => conditions.map(({ at }) => at);

/** The places of the conditions on these fields that have a value of this sort. */
export const withValue = (
  view: MatchView,
  fields: readonly string[],
  is: (text: string, value: Expected) => boolean,
): readonly Hit[] =>
  places(own(view, ...fields).filter(({ condition }) => condition.values.some((value) => is(textOf(value), value))));

/** The rule, where this is so. */
export const ruleIf = (fires: boolean): readonly Hit[] => (fires ? [undefined] : []);

/** These places, or the rule where there are none: then it is the source that says so. */
export const orRule = (hits: readonly Hit[]): readonly Hit[] => (hits.length > 0 ? hits : [undefined]);
