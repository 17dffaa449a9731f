// What configuration says of sources, clients and targets, as policy needs to know it, and what the linter says of the sources. Decides
// nothing, and reads no file.

import type { Config, SourceConfig, TargetConfig } from './config/config.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import type { Tell } from './core/principal.ts';
import type { TargetKind } from './issuers/kind.ts';
import type { Problem } from './parsing/yaml.ts';
import { CLIENT } from './platforms/client.ts';
import type { Finding } from './policy/finding.ts';
import { lintSources } from './policy/lint-sources.ts';
import { LINTS } from './policy/lint-table.ts';
import type { SourceView, TargetView } from './policy/views.ts';
import type { SourceKind } from './verifiers/kind.ts';

/** `tell`: the verifier's, where the source could be opened. */
export const viewOf = (source: SourceConfig, kind: SourceKind, tell: Tell | undefined): SourceView => ({
  name: source.name,
  kind: source.kind,
  table: kind.table,
  issuer: source.issuer,
  subjects: kind.subjects(source.options),
  pins: kind.pins(source.options),
  tell: tell ?? 'operator',
  audience: source.audience,
  otherAudiences: source.otherAudiences,
  replay: source.replay,
  maxAgeSeconds: source.maxAgeSeconds,
  reach: source.reach,
  require: source.require,
});

/** Registered clients that ask for themselves: a source that nobody configures. */
export const clientsView = ({ issuer }: Config): SourceView => ({
  name: CLIENTS_SOURCE,
  kind: CLIENT.kind,
  table: CLIENT,
  issuer,
  subjects: 'workloads',
  pins: [],
  tell: 'caller',
  audience: issuer,
  otherAudiences: false,
  replay: undefined,
  maxAgeSeconds: undefined,
  reach: undefined,
  require: {},
});

export const targetView = (target: TargetConfig, kind: TargetKind): TargetView => ({
  name: target.name,
  kind: target.kind,
  address: target.address,
  parameters: target.parameters,
  ...kind.terms(target.options),
});

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
