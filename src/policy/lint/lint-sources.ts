// Lints about trust sources as exchequer.yaml configures them: what is proved there, before any rule is asked. Findings stand in that
// file, and a source accepts them by name like a rule does.

import { problemAt } from '../../parsing/problems.ts';
import type { YamlDocument, YamlPath } from '../../parsing/yaml.ts';
import { hostOf, type PlatformTable } from '../../platforms/table.ts';
import { compileRequire } from '../compile/match.ts';
import type { SourceView } from '../compile/views.ts';
import type { Condition } from '../evaluate.ts';
import type { Finding } from './finding.ts';
import { ACCEPT_UNKNOWN, judgeAccept } from './lint-accept.ts';
import { CALLER_CHOSEN, isCallerChosen } from './lint-clouds.ts';
import { OUTSIDER_EVENTS, OUTSIDERS } from './lint-forges.ts';
import { fieldOf, strangeValue, VALUE_LINTS } from './lint-values.ts';
import { accepts, type LintText } from './lint-view.ts';

export interface SourceLint extends LintText {
  /** Places below the source. */
  readonly fires: (source: SourceView, required: readonly Condition[]) => readonly YamlPath[];
}

/** Audiences that tokens for others bear by default. */
const SHARED_AUDIENCES = [
  'sts.amazonaws.com',
  'api://AzureADTokenExchange',
  'https://management.azure.com',
  'sigstore',
  'pypi',
  'crates.io',
  'https://kubernetes.default.svc',
  'https://kubernetes.default.svc.cluster.local',
  'https://gitlab.com',
];
const DEFAULT_AUDIENCE = /^(?:https:\/\/(?:github\.com|buildkite\.com|fly\.io)\/[^/]+|npm:.*)$/;

const ENTRA_HOSTS = ['login.microsoftonline.com', 'login.microsoftonline.us', 'sts.windows.net'];
const isEntra = ({ kind, issuer }: SourceView): boolean =>
  kind === 'entra' || (kind === 'oidc' && ENTRA_HOSTS.includes(hostOf(issuer)));

const names = (required: readonly Condition[], field: string): boolean => required.some(({ what }) => what === field);
const at = (fires: boolean, ...path: YamlPath): readonly YamlPath[] => (fires ? [path] : []);

/** Conditions without their places stand below `require` as fields, or as the claims are nested. */
const requiredAt = ({ what, path }: Condition, table: PlatformTable): YamlPath =>
  fieldOf({ what, path }, table) === what ? ['require', what] : ['require', ...path];

export const SOURCE_LINTS: readonly SourceLint[] = [
  ...VALUE_LINTS.map((lint) => ({
    ...lint,
    fires: ({ table }: SourceView, required: readonly Condition[]) =>
      required
        .filter((condition) => strangeValue(lint, condition, table) !== undefined)
        .map((condition) => requiredAt(condition, table)),
  })),
  {
    ...OUTSIDER_EVENTS,
    fires: ({ kind }, required) =>
      at(
        ['github', 'forgejo'].includes(kind) &&
          required.some(
            (condition) => condition.what === 'event_name' && OUTSIDERS.some((event) => accepts(condition, event)),
          ),
        'require',
        'event_name',
      ),
  },
  {
    ...CALLER_CHOSEN,
    fires: ({ table }, required) =>
      at(
        required.some((condition) => isCallerChosen(table, condition)),
        'require',
      ),
  },
  {
    name: 'shared-audience',
    row: 'L23',
    severity: 'error',
    when: 'the `audience` of a source is one that tokens for others bear by default, on a platform that lets you choose; or that of a target is one that a cloud takes for its own in every account, tenant or project',
    why: 'whoever is given such a token for something else can bring it here, and the other way round',
    mend: 'leave `audience` out, so that it is our issuer, or write one that is yours alone',
    fires: ({ table, audience }) =>
      at(
        !table.fixedAudience &&
          (SHARED_AUDIENCES.includes(audience.replace(/\/$/, '')) || DEFAULT_AUDIENCE.test(audience)),
        'audience',
      ),
  },
  {
    name: 'other-audiences',
    row: 'L24',
    severity: 'warning',
    when: 'a source says `otherAudiences: allow`',
    why: 'everybody else whom a token is for can bring it here',
    mend: 'leave it out, and have tokens made for us alone',
    fires: ({ otherAudiences }) => at(otherAudiences, 'otherAudiences'),
  },
  {
    name: 'no-max-age',
    row: 'L25',
    severity: 'warning',
    when: 'a source of kind entra or hcp-terraform, or an oidc source at Entra, has no `maxAge`',
    why: 'its tokens live for a day, or as long as a run may take: one that leaks is good for as long',
    mend: 'state `maxAge`, such as 2h; where the platform hands out one token for a day, as Azure does, accept this',
    fires: (source) =>
      at(
        source.maxAgeSeconds === undefined &&
          (source.table.longLived === true || (source.subjects === 'workloads' && isEntra(source))),
      ),
  },
  {
    name: 'template-issuer',
    row: 'L40',
    severity: 'error',
    when: 'the issuer at Entra is `common`, `organizations` or `consumers` instead of a tenant',
    why: 'no token bears it: it stands for every tenant there is',
    mend: 'write the issuer with the id of your tenant',
    fires: (source) =>
      at(isEntra(source) && /\/(?:common|organizations|consumers)(?:\/|$)/.test(source.issuer), 'issuer'),
  },
  {
    name: 'app-tokens-unpinned',
    row: 'L40',
    severity: 'warning',
    when: 'an oidc source for workloads at Entra does not require `idtyp: app`',
    why: 'tokens of people bear the same issuer and audience',
    mend: 'use kind entra, or require { idtyp: app }',
    fires: (source, required) =>
      at(
        source.kind === 'oidc' && source.subjects === 'workloads' && isEntra(source) && !names(required, 'idtyp'),
        'require',
      ),
  },
  {
    name: 'issuer-slash',
    row: 'L43',
    severity: 'warning',
    when: 'an issuer ends in a slash that the tokens of its platform do not have, or has none where they do',
    why: 'issuers are compared byte for byte, and this one looks like no token bears it',
    mend: 'copy `iss` from a token',
    fires: ({ kind, issuer }) => at(slashProblem(kind, issuer), 'issuer'),
  },
  {
    name: 'enterprise-by-name',
    row: 'L49',
    severity: 'info',
    when: 'a source on github.com requires `enterprise` by name',
    why: 'the enterprise has an issuer of its own, and an id that no other can come to have',
    mend: 'state `enterprise: <slug>` on the source, or require `enterprise_id`',
    fires: ({ kind, table, issuer }, required) =>
      at(
        kind === 'github' &&
          issuer === table.issuer &&
          names(required, 'enterprise') &&
          !names(required, 'enterprise_id'),
        'require',
        'enterprise',
      ),
  },
  {
    name: 'single-use-of-lasting-tokens',
    row: 'L51',
    severity: 'error',
    when: '`replay: once` on a platform that gives a job or a pod one token to use again',
    why: 'the second exchange of the same job or pod is refused as replayed',
    mend: 'leave `replay` out, or write once-per-target',
    fires: ({ kind, table, replay }) => at(kind !== 'oidc' && replay === 'once' && table.replay !== 'once', 'replay'),
  },
  {
    name: 'replayable-tokens',
    row: 'L51',
    severity: 'error',
    when: '`replay: reusable` on a platform whose jobs make a token for every exchange',
    why: 'nobody needs to use such a token twice but whoever has stolen it',
    mend: 'leave `replay` out',
    fires: ({ kind, table, replay }) =>
      at(kind !== 'oidc' && replay === 'reusable' && table.replay === 'once', 'replay'),
  },
];

/** Hosts whose issuers are known to end in a slash, and those that are known not to. */
function slashProblem(kind: string, issuer: string): boolean {
  const host = hostOf(issuer);
  const slash = issuer.endsWith('/');
  const needed = host === 'sts.windows.net' || host.endsWith('.prod-aks.azure.com');
  if (needed) return !slash;
  return slash && (['gitlab', 'kubernetes'].includes(kind) || host === 'login.microsoftonline.com');
}

const NOWHERE: YamlDocument = { file: '', value: null, locate: () => ({ line: 1, column: 1 }) };

/** What a source requires; nothing where that does not load, which is said elsewhere. */
export function requirementsOf(source: SourceView): readonly Condition[] {
  const read = compileRequire({ source, document: NOWHERE, base: [] });
  return read.ok ? read.conditions : [];
}

export interface LintedSource {
  readonly view: SourceView;
  /** Lint rules that it accepts, with the reason. */
  readonly accept: Readonly<Record<string, string>>;
}

/** Every finding about the sources of a configuration. `known`: the names of all lints, for those that accept one. */
export function lintSources(
  document: YamlDocument,
  sources: readonly LintedSource[],
  known: readonly string[],
): readonly Finding[] {
  return sources.flatMap(({ view, accept }) => {
    const path = ['trust', view.name];
    const required = requirementsOf(view);
    const finding = ({ name, severity }: LintText, place: YamlPath, message: string): Finding => ({
      lint: name,
      severity,
      problem: { ...problemAt(document, place, message), lint: name },
      about: view.name,
      accepted: name !== ACCEPT_UNKNOWN.name && Object.hasOwn(accept, name) ? accept[name] : undefined,
    });
    const findings = SOURCE_LINTS.flatMap((lint) =>
      lint.fires(view, required).map((below) => finding(lint, [...path, ...below], `${lint.why}; ${lint.mend}`)),
    );
    const fired = new Set(findings.map(({ lint }) => lint));
    const judged = judgeAccept({ document, path, accept, known, fired });
    return [...findings, ...judged.map(({ lint, at, message }) => finding(lint, at, message))];
  });
}
