// The linter, composed: what it says of the configured sources, and what of all its findings is told to whom. Decides nothing.

import type { Config } from './config/config.ts';
import type { Problem } from './parsing/yaml.ts';
import type { Finding } from './policy/finding.ts';
import { lintSources } from './policy/lint-sources.ts';
import { LINTS } from './policy/lint-table.ts';
import type { SourceView } from './policy/views.ts';

/** What the linter says of the configured sources. */
export function lintConfigured(
  { document, sources }: Config,
  views: readonly SourceView[],
): {
  readonly findings: readonly Finding[];
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
} {
  const findings = lintSources(
    document,
    sources.flatMap(({ name, accept }) => {
      const view = views.find((one) => one.name === name);
      return view ? [{ view, accept }] : [];
    }),
    [...LINTS.keys()],
  );
  const open = findings.filter(({ accepted }) => accepted === undefined);
  const of = (severity: Finding['severity']) =>
    open.filter((one) => one.severity === severity).map(({ problem }) => problem);
  return { findings, problems: of('error'), warnings: of('warning') };
}
