// Policies for tests: sources and targets of every kind, policy files as text, and principals that are only assumed.

import { actorOf } from '../../src/core/actor.ts';
import { type AskingClient, type Binding, type Delegation, NOBODY_ACTS } from '../../src/core/decision.ts';
import { type JsonObject, valueAt } from '../../src/core/json.ts';
import type { Principal } from '../../src/core/principal.ts';
import { parametersIn } from '../../src/parsing/template.ts';
import { readYaml, type YamlDocument } from '../../src/parsing/yaml.ts';
import { CLIENT } from '../../src/platforms/client.ts';
import { GITHUB } from '../../src/platforms/github.ts';
import { GITLAB } from '../../src/platforms/gitlab.ts';
import { KUBERNETES } from '../../src/platforms/kubernetes.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { SELF } from '../../src/platforms/self.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import type { PlatformTable } from '../../src/platforms/table.ts';
import { compilePolicy } from '../../src/policy/compile/compile.ts';
import type { SourceView, TargetView } from '../../src/policy/compile/views.ts';
import type { CompiledPolicy } from '../../src/policy/compiled.ts';

/** 2026-09-21. */
export const NOW = 1_790_000_000;

/** A source of a platform's table, as policy sees it. */
export const source = (name: string, table: PlatformTable, more: Partial<SourceView> = {}): SourceView => ({
  name,
  kind: table.kind,
  table,
  issuer: table.issuer ?? `https://${name}.example`,
  subjects: 'workloads',
  pins: [],
  tell: 'caller',
  audience: 'https://sts.example',
  otherAudiences: false,
  replay: undefined,
  maxAgeSeconds: undefined,
  reach: undefined,
  require: {},
  ...more,
});

export const SOURCES: readonly SourceView[] = [
  source('github', GITHUB, { require: { repository_owner_id: 65 } }),
  source('gitlab', GITLAB, { require: { namespace_id: 72 } }),
  source('eks', KUBERNETES),
  source('onprem', KUBERNETES),
  source('mesh', SPIFFE, { issuer: 'spiffe://example.org' }),
  source('idp', OIDC),
  source('people', OIDC, { subjects: 'people', pins: ['groups', 'email', 'acr'] }),
];

/** Our own issuer, and our own tokens as a source. */
export const ISSUER = 'https://sts.example';
export const SELF_SOURCE: SourceView = source('self', SELF, { issuer: ISSUER, subjects: 'people' });

/** Registered clients that ask for themselves. */
export const CLIENTS_SOURCE: SourceView = source('clients', CLIENT, { issuer: ISSUER });

/** Every source, those that nobody writes among them. */
export const ALL_SOURCES: readonly SourceView[] = [...SOURCES, SELF_SOURCE, CLIENTS_SOURCE];

export const target = (name: string, more: Partial<TargetView> = {}): TargetView => ({
  name,
  kind: 'token',
  address: `https://api.example/${name}`,
  scopes: [],
  defaultScopes: [],
  lifetimeSecondsMax: 300,
  ...more,
  parameters: [...parametersIn(more.address ?? '')].sort(),
});

export const TARGETS: readonly TargetView[] = [
  target('deploy'),
  target('ledger', { scopes: ['read', 'write', 'admin'], defaultScopes: ['read'], lifetimeSecondsMax: 3600 }),
  target('vault', { require: { sources: ['mesh'], lifetimeMaxSeconds: 60 } }),
];

export function documentOf(text: string, file = 'p.yaml'): YamlDocument {
  const read = readYaml(file, text);
  if (!read.ok) throw new Error(`the test's own YAML does not load: ${JSON.stringify(read.problems)}`);
  return read.document;
}

export interface PolicyTexts {
  readonly sources?: readonly SourceView[];
  readonly targets?: readonly TargetView[];
  readonly clients?: readonly string[];
  readonly issuer?: string;
}

export const CLIENTS: readonly string[] = ['gateway', 'batch'];

export const compileTexts = (
  texts: readonly string[],
  { sources = SOURCES, targets = TARGETS, clients = CLIENTS, issuer }: PolicyTexts = {},
) =>
  compilePolicy({
    documents: texts.map((text, index) => documentOf(text, `p${index}.yaml`)),
    sources,
    targets,
    clients,
    ...(issuer === undefined ? {} : { issuer }),
  });

/** The compiled policy of one text that must load. */
export function policyOf(text: string, world: PolicyTexts = {}): CompiledPolicy {
  const compiled = compileTexts([text], world);
  if (!compiled.ok) throw new Error(compiled.problems.map(({ path, message }) => `${path} ${message}`).join('\n'));
  return compiled.policy;
}

/** Rules that do not load together, put together all the same: for what a decision holds by itself. */
export function joinedPolicy(texts: readonly string[], world: PolicyTexts = {}): CompiledPolicy {
  const [first, ...others] = texts.map((text) => policyOf(text, world));
  if (!first) throw new Error('the test joins nothing');
  return { ...first, rules: [first, ...others].flatMap(({ rules }) => rules) };
}

/** Every problem of one text, as `line:column path message`. */
export function problemsOf(text: string, world: PolicyTexts = {}): readonly string[] {
  const compiled = compileTexts([text], world);
  return compiled.ok
    ? []
    : compiled.problems.map(({ line, column, path, message }) => `${line}:${column} ${path} ${message}`);
}

/** Every problem of texts read together, as `file:line path message`. */
export function problemsIn(texts: readonly string[], world: PolicyTexts = {}): readonly string[] {
  const compiled = compileTexts(texts, world);
  return compiled.ok
    ? []
    : compiled.problems.map(({ file, line, path, message }) => `${file}:${line} ${path} ${message}`);
}

/** A table of rows, and a file of one rule that uses it when it stands first: for `compileTexts([ROWS, RULES])`. */
export const ROWS = `
rows:
  - { repo: shop, id: 74 }
  - { repo: pay, id: 75 }
`;
export const RULES = `
rules:
  - name: production
    each: { repo: p0.yaml }
    subject: { trust: github, github: { repository: acme/<repo>, repository_id: <id>, ref: refs/heads/main } }
    with: { account: "111122223333" }
    allow: [role]
`;

/** A principal of a source, with a name good enough for tests. */
export function principalOf(sourceName: string, claims: JsonObject): Principal {
  const view = ALL_SOURCES.find(({ name }) => name === sourceName);
  if (!view) throw new Error(`the test names no source: ${sourceName}`);
  const sub = valueAt(claims, ['sub']);
  const subject = typeof sub === 'string' ? sub : '';
  const name = ['spiffe', 'self'].includes(view.kind) ? subject : `${sourceName}:${subject}`;
  return { source: sourceName, kind: view.kind, issuer: view.issuer, subject, name, claims };
}

export const GITHUB_PUSH: JsonObject = {
  sub: 'repo:acme/shop:ref:refs/heads/main',
  repository: 'acme/shop',
  repository_id: '74',
  repository_owner: 'acme',
  repository_owner_id: '65',
  event_name: 'push',
  ref: 'refs/heads/main',
  actor: 'octocat',
};

export const githubJob = (change: JsonObject = {}): Principal => principalOf('github', { ...GITHUB_PUSH, ...change });

/** A person, by default one of finance. */
export const person = (claims: JsonObject = {}): Principal =>
  principalOf('people', { sub: 'alice', groups: ['finance'], ...claims });

/** A workload of the mesh. */
export const workload = (path: string): Principal => principalOf('mesh', { sub: `spiffe://example.org/${path}` });

/** Whom one of our own tokens is about, for one audience. */
export const ownToken = (aud: string, sub: string, claims: JsonObject = {}): Principal =>
  principalOf('self', { aud, sub, client_id: 'gateway', ...claims });

/** A registered client; with `as`, one that is a workload by its certificate. */
export const clientNamed = (id: string, as?: Principal): AskingClient => ({
  id,
  principal: as ?? principalOf('clients', { sub: id }),
});

/** Who acts: by an actor token, and, the current one first, by the subject's own. */
export function delegated(
  actor: Principal | undefined,
  earlier: readonly Principal[] = [],
  more: Partial<Delegation<Principal>> = {},
): Delegation<Principal> {
  return { ...NOBODY_ACTS, actor, actors: earlier.map(actorOf), nested: earlier, ...more };
}

/** A question for one or more targets. */
export const question = <P extends Principal>(
  subject: P,
  targets: string | readonly string[],
  more: {
    readonly scopes?: readonly string[];
    readonly now?: number;
    readonly client?: AskingClient;
    readonly binding?: Partial<Binding>;
    readonly delegation?: Delegation<P>;
  } = {},
) => ({
  subject,
  client: more.client,
  binding: { key: undefined, required: false, ...more.binding },
  delegation: more.delegation ?? NOBODY_ACTS,
  ask: { targets: typeof targets === 'string' ? [targets] : targets, scopes: more.scopes },
  now: more.now ?? NOW,
});
