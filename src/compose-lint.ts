// The linter, composed: what it says of the configured sources and targets, and what of all its findings goes into records and metrics. What is found
// is decided in policy/lint/, and nothing here hides any of it.

import type { FindingCount } from './adapters/observe/metrics.ts';
import type { AcceptedFinding } from './audit/system.ts';
import type { Config } from './config/config.ts';
import type { Problem } from './parsing/yaml.ts';
import type { SourceView } from './policy/compile/views.ts';
import type { Finding } from './policy/lint/finding.ts';
import { lintSources } from './policy/lint/lint-sources.ts';
import { LINTS } from './policy/lint/lint-table.ts';
import { lintTargets } from './policy/lint/lint-targets.ts';

/** What the linter says of the configured sources and targets. */
export function lintConfigured(
  config: Config,
  views: readonly SourceView[],
): {
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
} {
  const { document, sources, targets } = config;
  const known = [...LINTS.keys()];
  const ofSources = lintSources(
    document,
    sources.flatMap(({ name, accept }) => {
      const view = views.find((one) => one.name === name);
      return view ? [{ view, accept }] : [];
    }),
    known,
  );
  const findings = [...ofSources, ...lintTargets(config, targets, known)];
  const open = findings.filter(({ accepted }) => accepted === undefined);
  const of = (severity: Finding['severity']) =>
    open.filter((one) => one.severity === severity).map(({ problem }) => problem);
  return { findings, problems: of('error'), warnings: of('warning') };
}

/** What somebody accepted, and why: for the record of a start or a reload. */
export const acceptedFindings = (findings: readonly Finding[]): readonly AcceptedFinding[] =>
  findings.flatMap(({ lint, about, accepted, problem: { file, line, column } }) =>
    accepted === undefined ? [] : [{ lint, about, at: `${file}:${line}:${column}`, reason: accepted }],
  );

/** How many findings of each lint there are, those that are accepted apart. */
export function findingCounts(findings: readonly Finding[]): readonly FindingCount[] {
  const counts = new Map<string, FindingCount>();
  for (const { lint, severity, accepted: reason } of findings) {
    const accepted = reason !== undefined;
    const key = `${lint} ${accepted}`;
    counts.set(key, { lint, severity, accepted, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()];
}
