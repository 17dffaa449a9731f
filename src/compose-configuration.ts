// From exchequer.yaml to everything that configuration decides: sources with their keys and verifiers, and the compiled policy.
// The same code runs in `check`, at start, on reload and in `explain`. Builds by hand; every rule about content is elsewhere.

import { certificateProblem } from './adapters/http/tls-server.ts';
import { bundleWarnings } from './compose-bundles.ts';
import { type OpenClient, openClients } from './compose-clients.ts';
import { KINDS, kindOf, targetKindOf } from './compose-kinds.ts';
import { lintConfigured } from './compose-lint.ts';
import { presentsWarnings } from './compose-presents.ts';
import type { Config, SourceConfig, TargetConfig } from './config/config.ts';
import { createConfigFiles } from './config/files.ts';
import { loadConfig } from './config/load.ts';
import { recordFiles } from './config/recorded-files.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import type { BundleOrigin, Outbound } from './core/outside.ts';
import type { Clock, RandomBytes } from './core/ports.ts';
import { type CachedKeys, createKeyCaches, type KeyCaches } from './keys/key-caches.ts';
import { createOwnKeys } from './keys/own-keys.ts';
import { SILENT_WORKLOAD_API } from './keys/workload-bundles.ts';
import { problemAt } from './parsing/problems.ts';
import type { Problem } from './parsing/yaml.ts';
import { CLIENT } from './platforms/client.ts';
import type { PolicyTest } from './policy/compile/compile.ts';
import { compileTexts, compileTextsApart, type PolicyTexts } from './policy/compile/compile-texts.ts';
import { compileRequire, type RequireRead } from './policy/compile/match.ts';
import { sharedIssuerProblem } from './policy/compile/pins.ts';
import type { SourceView, TargetView } from './policy/compile/views.ts';
import type { CompiledPolicy } from './policy/compiled.ts';
import type { Finding } from './policy/lint/finding.ts';
import type { SourceKind, SourceVerifier } from './verifiers/kind.ts';
import { createVerifiers, type Registry } from './verifiers/registry.ts';

/** What everything that is composed needs of the world outside. main.ts makes it; tests make their own. */
export interface World {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For tests and local development: key origins on loopback may be fetched. No configuration reaches it. */
  readonly permitLoopback?: boolean;
}

/** What configuration reaches the outside by: other parties' keys, and the one way outward. */
export interface Reach {
  readonly caches: KeyCaches;
  readonly outbound: Outbound;
  /** What is loaded instead of what was written: `dev` alone has one. */
  readonly overlay?: (written: unknown) => unknown;
  /** Nobody listens: what is wrong with the certificate stops nothing, and is told apart. */
  readonly withoutListener?: true;
}

/** One source, ready to verify. */
export interface OpenSource {
  readonly config: SourceConfig;
  readonly keys: CachedKeys;
  readonly verifier: SourceVerifier;
}

export interface Configuration {
  readonly config: Config;
  readonly compiled: CompiledPolicy;
  /** What it was compiled from. */
  readonly policyInput: PolicyTexts;
  readonly sources: readonly OpenSource[];
  readonly clients: readonly OpenClient[];
  readonly verifiers: Registry;
  readonly warnings: readonly Problem[];
  readonly tests: readonly PolicyTest[];
  /** Of the linter, of every severity; accepted ones too. */
  readonly findings: readonly Finding[];
}

/** `stillAsRead`: whether the files hold what was read of them. */
export type ConfigurationRead = {
  readonly stillAsRead: () => boolean;
  /** What is wrong with the listener's certificate, where that stops nothing. */
  readonly listener: readonly Problem[];
} & (
  | { readonly ok: true; readonly configuration: Configuration }
  | { readonly ok: false; readonly problems: readonly Problem[] }
);

/**
 * Reads and compiles everything. Every problem at once; changes nothing but the key caches it opens. `apart`: policies are
 * compiled in a thread of their own, so that requests in work are not held up.
 */
export async function readConfiguration(
  world: World,
  path: string,
  reach: Reach,
  apart = false,
): Promise<ConfigurationRead> {
  const files = recordFiles(createConfigFiles());
  const { stillAsRead } = files;
  const loaded = loadConfig({ path, env: world.env, kinds: KINDS, files, overlay: reach.overlay });
  if (!loaded.ok) return { ...loaded, stillAsRead, listener: [] };
  const { config } = loaded;

  const certificate = listenerProblems(config);
  const listener = reach.withoutListener ? certificate : [];
  const problems: Problem[] = [...(reach.withoutListener ? [] : certificate), ...sourceProblems(config)];
  const ignored: Problem[] = [];
  const sources: OpenSource[] = [];
  const views: SourceView[] = [];
  const bundles = bundlesOf(config);
  for (const source of config.sources) {
    const opened = await openSource(world, config, source, reach, bundles);
    problems.push(...opened.problems);
    if (opened.source) sources.push(opened.source);
    ignored.push(...opened.warnings);
    views.push(viewOf(source, opened.source));
  }

  const opened = await openClients(config, reach.caches);
  problems.push(...opened.problems);
  if (config.clients.length > 0) views.push(clientsView(config));

  const linted = lintConfigured(config, views);
  problems.push(...linted.problems);
  const policyInput = policyInputOf(world, config, views);
  const policy = await (apart ? compileTextsApart(policyInput) : compileTexts(policyInput));
  if (!policy.ok) problems.push(...policy.problems);
  if (!policy.ok || problems.length > 0) return { ok: false, problems, stillAsRead, listener };
  const verifiers = createVerifiers(
    sources.map(({ verifier }) => verifier),
    config.issuer,
  );
  const { policy: compiled, tests } = policy;
  const { clients } = opened;
  const told = [...bundleWarnings(config, sources), ...presentsWarnings(config, compiled)];
  const warnings = [...ignored, ...told, ...linted.warnings, ...policy.warnings];
  const findings = [...linted.findings, ...policy.findings];
  return {
    ok: true,
    configuration: { config, compiled, policyInput, sources, clients, verifiers, warnings, findings, tests },
    stillAsRead,
    listener,
  };
}

const policyInputOf = ({ clock }: World, config: Config, sources: readonly SourceView[]): PolicyTexts => ({
  texts: config.policyTexts,
  scopes: config.policyScopes,
  sources,
  targets: config.targets.map(targetView),
  clients: config.clients.map(({ id }) => id),
  issuer: config.issuer,
  now: clock.nowSeconds(),
});

/** Reaches nobody. */
export function offlineReach({ clock, randomBytes }: World): Reach {
  const outbound: Outbound = {
    request: () => Promise.resolve({ ok: false, problem: 'network', detail: 'offline' }),
  };
  return {
    withoutListener: true,
    outbound,
    caches: createKeyCaches({
      outbound,
      ownKeys: createOwnKeys(),
      clock,
      randomBytes,
      workloadApi: () => SILENT_WORKLOAD_API,
      identity: () => undefined,
      onEvent: () => undefined,
    }),
  };
}

/** As `readConfiguration`, for verbs that look at a configuration once and reach nobody. */
export async function readOffline(world: World, path: string): Promise<ConfigurationRead> {
  const reach = offlineReach(world);
  const read = await readConfiguration(world, path, reach);
  reach.caches.retain(new Set());
  return read;
}

/** A certificate renewed before its key is found here, and not by the listener that is serving. */
function listenerProblems({ document, listen: { tls, unread } }: Config): readonly Problem[] {
  if ('workloadApi' in tls || unread.length > 0) return unread;
  const problem = certificateProblem({ certificate: tls.certificatePem, key: tls.keyPem });
  return problem === undefined ? [] : [problemAt(document, ['listen', 'tls'], problem)];
}

/** Targets that only a source may have which is not there: nobody could, and whoever wrote it meant another. */
function sourceProblems({ document, sources, targets }: Config): readonly Problem[] {
  const known = new Set([...sources.map(({ name }) => name), CLIENTS_SOURCE]);
  return targets.flatMap((target) =>
    (targetView(target).require?.sources ?? []).flatMap((name, index) => {
      const at = ['targets', target.name, 'require', 'sources', index];
      return known.has(name) ? [] : [problemAt(document, at, `${name} is no trust source`)];
    }),
  );
}

/** By trust domain. */
const bundlesOf = (config: Config): ReadonlyMap<string, BundleOrigin> =>
  new Map(
    config.sources.flatMap((source) => {
      const origin = kindOf(source).keyOrigin(source.options);
      return 'trustDomain' in origin ? [[origin.trustDomain, origin] as const] : [];
    }),
  );

interface SourceOpened {
  readonly source?: OpenSource;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

async function openSource(
  { clock }: World,
  config: Config,
  source: SourceConfig,
  { caches, outbound }: Reach,
  bundles: ReadonlyMap<string, BundleOrigin>,
): Promise<SourceOpened> {
  const kind = kindOf(source);
  const base = ['trust', source.name];
  const require = compileRequire({
    source: { table: kind.table, require: source.require },
    document: config.document,
    base: [...base, 'require'],
  });
  const origin = kind.keyOrigin(source.options);
  const context = { source: source.name, algorithms: kind.table.algorithms, files: config.files, bundles };
  const opened = await caches.open(origin, context);
  const problems = [
    ...requireProblems(config, source, kind, require),
    ...(opened.ok ? [] : [problemAt(config.document, [...base, ...opened.at], opened.problem)]),
  ];
  if (!require.ok || !opened.ok) return { problems, warnings: [] };

  const settings = { ...source, ownIssuer: config.issuer, unmetRequirement: require.firstUnmet };
  const { keys, authorities } = opened.opened;
  const verifier = kind.create(settings, source.options, { keys, authorities, outbound, clock, files: config.files });
  // In a file that an operator wrote, a key that is not used is a mistake; a bundle has entries for others (compose-bundles.ts).
  const ignored = origin.from === 'file' ? opened.opened.ignored : [];
  const warnings = ignored.map(({ index, why }) =>
    problemAt(config.document, [...base, 'jwks'], `keys[${index}] of the file is not used: it ${why}`),
  );
  return { source: { config: source, keys: opened.opened, verifier }, problems, warnings };
}

function requireProblems(
  config: Config,
  source: SourceConfig,
  kind: SourceKind,
  require: RequireRead,
): readonly Problem[] {
  if (!require.ok) return require.problems;
  const shared = sharedIssuerProblem({ table: kind.table, issuer: source.issuer, requirements: require.conditions });
  return shared === undefined ? [] : [problemAt(config.document, ['trust', source.name], shared)];
}

function viewOf(source: SourceConfig, opened: OpenSource | undefined): SourceView {
  const kind = kindOf(source);
  return {
    name: source.name,
    kind: source.kind,
    table: kind.table,
    issuer: source.issuer,
    subjects: kind.subjects(source.options),
    pins: kind.pins(source.options),
    tell: opened?.verifier.tell ?? 'operator',
    audience: source.audience,
    otherAudiences: source.otherAudiences,
    replay: source.replay,
    maxAgeSeconds: source.maxAgeSeconds,
    reach: source.reach,
    require: source.require,
  };
}

/** Registered clients that ask for themselves: a source that nobody configures. */
const clientsView = ({ issuer }: Config): SourceView => ({
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

const targetView = (target: TargetConfig): TargetView => ({
  name: target.name,
  kind: target.kind,
  address: target.address,
  parameters: target.parameters,
  ...(target.signedFor === target.address ? {} : { signedFor: target.signedFor }),
  ...targetKindOf(target).terms(target.options),
});
