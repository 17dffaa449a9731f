// The linter: policies that load and are unsafe, or are not what their writer thinks (docs/lint.md). It walks what has been compiled and
// says where it was written; which of its findings stop a start is decided by their severity, and by what writers accept.

import { ENDS_SOON_SECONDS } from '../../core/limits.ts';
import { problemAt } from '../../parsing/problems.ts';
import type { YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import type { ReadCondition } from '../compile/match.ts';
import type { Row } from '../compile/tables.ts';
import type { SourceView, TargetView } from '../compile/views.ts';
import { actorMatches, type CompiledRule, type SourceMatch } from '../compiled.ts';
import { type Condition, display } from '../evaluate.ts';
import type { Finding } from './finding.ts';
import { ACCEPT_UNUSED, ENDS_SOON, judgeAccept } from './lint-accept.ts';
import { WIDER_RULE, widerRules } from './lint-across.ts';
import { type Place, placeOfValue, SAME_ROW_ID, sameRows } from './lint-rows.ts';
import { requirementsOf } from './lint-sources.ts';
import { LINTS, RULE_LINTS } from './lint-table.ts';
import { type LintText, type MatchView, ownConditions, type RuleLint } from './lint-view.ts';

/** One compiled rule, and where it was written. Rows of one table share a place. */
export interface LintedRule {
  readonly rule: CompiledRule;
  readonly document: YamlDocument;
  readonly path: YamlPath;
  /** The rows that made it; none for a rule without `each`. */
  readonly rows: readonly Row[];
  /** Every condition of it, with its own place; those on who acts apart. */
  readonly reads: readonly ReadCondition[];
  readonly actorReads: readonly ReadCondition[];
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
export function lintRules({ rules, sources, targets, now }: LintInput): readonly Finding[] {
  const world: World = {
    sources: new Map(sources.map((source) => [source.name, { source, required: requirementsOf(source) }])),
    targets: new Map(targets.map((target) => [target.name, target])),
    lintsFor: lintsByKind(),
  };
  const found = collector();
  for (const linted of rules) {
    const { rule } = linted;
    for (const match of rule.matches) lintMatch(world, linted, { match, whose: 'subject' }, found);
    // Who acts is somebody who can be impersonated like any other.
    for (const match of rule.effect === 'allow' ? actorMatches(rule) : [])
      lintMatch(world, linted, { match, whose: 'actor' }, found);
    const { untilSeconds } = rule;
    if (untilSeconds !== undefined && untilSeconds - now <= ENDS_SOON_SECONDS)
      found.add(linted, ENDS_SOON, [...linted.path, 'until']);
  }
  for (const { linted, wider } of widerRules(rules))
    found.add(linted, WIDER_RULE, undefined, `${wider} ${WIDER_RULE.why}; ${WIDER_RULE.mend}`);
  for (const { linted, message, ...place } of sameRows(rules)) found.add(linted, SAME_ROW_ID, place, message);
  lintAccepts(rules, found);
  return found.findings;
}

interface World {
  readonly sources: ReadonlyMap<string, { readonly source: SourceView; readonly required: readonly Condition[] }>;
  readonly targets: ReadonlyMap<string, TargetView>;
  readonly lintsFor: (kind: string, effect: 'allow' | 'deny') => readonly RuleLint[];
}

function lintMatch(
  world: World,
  linted: LintedRule,
  { match, whose }: { readonly match: SourceMatch; readonly whose: MatchView['whose'] },
  found: Collector,
): void {
  const source = world.sources.get(match.source);
  if (!source) return;
  const { rule, path } = linted;
  const [reads, matches] =
    whose === 'subject'
      ? [linted.reads, rule.matches]
      : [linted.actorReads, rule.effect === 'allow' ? actorMatches(rule) : []];
  const sources = matches.flatMap((one) => world.sources.get(one.source)?.source ?? []);
  const view: MatchView = {
    rule,
    ...source,
    own: ownConditions(match, reads),
    sources,
    targets: world.targets,
    whose,
    known: world.sources,
    path,
  };
  const whole = whose === 'subject' ? undefined : [...path, whose];
  for (const lint of world.lintsFor(source.source.kind, rule.effect))
    for (const hit of lint.fires(view)) {
      if (hit === undefined || !('text' in hit)) found.add(linted, lint, hit ?? whole);
      else {
        const { at, text } = hit;
        const message = `${display(text)} ${lint.why}; ${lint.mend}`;
        found.add(linted, lint, placeOfValue(linted, at, text), message);
      }
    }
}

/** The lints for rules of an effect and sources of a kind, chosen once for each. */
function lintsByKind(): World['lintsFor'] {
  const chosen = new Map<string, readonly RuleLint[]>();
  return (kind, effect) => {
    const key = `${effect} ${kind}`;
    const known = chosen.get(key);
    if (known) return known;
    const lints = RULE_LINTS.filter(
      (lint) => (lint.effect ?? effect) === effect && (lint.kinds === undefined || lint.kinds.includes(kind)),
    );
    chosen.set(key, lints);
    return lints;
  };
}

interface Collector {
  readonly findings: readonly Finding[];
  /** `at`: from the root of the document, or a place in another; undefined for the rule. */
  add(linted: LintedRule, lint: LintText, at: YamlPath | Place | undefined, message?: string): void;
  /** The lints that fired where this rule was written. */
  fired(linted: LintedRule): ReadonlySet<string>;
}

/** A rule without the row that made it: rows of one table say a thing once. */
const withoutRow = (name: string): string => name.replace(/\[.*$/s, '');

const placeOf = ({ document, path }: LintedRule): string => JSON.stringify([document.file, path]);

function collector(): Collector {
  const findings: Finding[] = [];
  const said = new Set<string>();
  const firedAt = new Map<string, Set<string>>();
  return {
    findings,
    fired: (linted) => firedAt.get(placeOf(linted)) ?? new Set(),
    add(linted, { name, severity, why, mend }, at, message = `${why}; ${mend}`) {
      const { path, rule, accept } = linted;
      const { document, at: place }: Place =
        at !== undefined && 'document' in at ? at : { document: linted.document, at: at ?? path };
      const key = JSON.stringify([document.file, place, name]);
      if (said.has(key)) return;
      said.add(key);
      const fired = firedAt.get(placeOf(linted)) ?? new Set<string>();
      firedAt.set(placeOf(linted), fired.add(name));
      findings.push({
        lint: name,
        severity,
        problem: { ...problemAt(document, place, message), lint: name },
        about: withoutRow(rule.name),
        accepted: Object.hasOwn(accept, name) ? accept[name] : undefined,
      });
    },
  };
}

/** What rules accept, once for each place: after everything else, so that it is known what fires. */
function lintAccepts(rules: readonly LintedRule[], found: Collector): void {
  const known = [...LINTS.keys()];
  const first = new Map(rules.filter(({ accept }) => Object.keys(accept).length > 0).map((one) => [placeOf(one), one]));
  for (const linted of first.values()) {
    const { document, path, accept } = linted;
    for (const { lint, at, message } of judgeAccept({ document, path, accept, known, fired: found.fired(linted) }))
      found.add({ ...linted, accept: lint === ACCEPT_UNUSED ? accept : {} }, lint, at, message);
  }
}
