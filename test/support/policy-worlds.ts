// Generated policies over several sources, with everything that a rule can say, and principals and asks that often meet them. For
// properties that compare a walk over the compiled policy with decisions.

import fc from 'fast-check';
import type { AskingClient } from '../../src/core/decision.ts';
import type { JsonObject } from '../../src/core/json.ts';
import type { Principal } from '../../src/core/principal.ts';
import { parametersIn } from '../../src/parsing/template.ts';
import type { SourceView, TargetView } from '../../src/policy/compile/views.ts';
import type { CompiledPolicy } from '../../src/policy/compiled.ts';
import { principalName } from '../../src/verifiers/name.ts';
import { CLIENTS, CLIENTS_SOURCE, compileTexts, SOURCES, TARGETS } from './policy.ts';
import {
  askingClients,
  PEOPLE_SOURCES,
  PEOPLE_TARGETS,
  peopleAllow,
  peopleDeny,
  somebody,
} from './policy-people-worlds.ts';

export const WORLD_SOURCES: readonly SourceView[] = [
  ...SOURCES.filter(({ name }) => ['github', 'eks', 'mesh'].includes(name)),
  CLIENTS_SOURCE,
  ...PEOPLE_SOURCES,
];

const parametrised = (name: string, address: string): TargetView => ({
  name,
  kind: 'token',
  address,
  parameters: [...parametersIn(address)].sort(),
  scopes: [],
  defaultScopes: [],
  lifetimeSecondsMax: 300,
});

export const WORLD_TARGETS: readonly TargetView[] = [
  ...TARGETS,
  parametrised('one', 'https://x.example/<repo>/main'),
  parametrised('two', 'https://y.example/shop/<ref>'),
  parametrised('space', 'https://space.example/<namespace>'),
  ...PEOPLE_TARGETS,
];

const some = <Value>(values: readonly Value[], maxLength = 2) =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength });
/** The member, in one of three. */
const maybe = <Value>(key: string, value: fc.Arbitrary<Value>): fc.Arbitrary<object> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: value.map((one) => ({ [key]: one })) });
const merged = (...parts: readonly fc.Arbitrary<object>[]): fc.Arbitrary<Record<string, unknown>> =>
  fc.tuple(...parts).map((each) => Object.assign({}, ...each));

const ID = ['1', '2', '3'];
const LEDGER = some(['read', 'write', 'admin'], 3).map((scopes) => ({ ledger: scopes }));
const plainAllow = fc.oneof(
  fc.constant({ deploy: 'all' }),
  LEDGER,
  LEDGER.map((ledger) => ({ deploy: 'all', ...ledger })),
  fc.constant({ vault: 'all', deploy: 'all' }),
);

const githubBlock = merged(
  some(ID).map((ids) => ({ repository_id: ids })),
  fc.oneof(
    some(['refs/heads/main', 'refs/heads/b', 'refs/heads/*', 'refs/*/main']).map((ref) => ({ ref })),
    some(['production', 'Staging']).map((environment) => ({ environment })),
  ),
  maybe('actor', fc.constantFrom('x', 'y')),
  maybe('runner_environment', fc.constantFrom('github-hosted', 'self-*')),
);

const githubAllow = fc.oneof(
  merged(
    githubBlock.map((github) => ({ subject: { trust: 'github', github } })),
    plainAllow.map((allow) => ({ allow })),
  ),
  merged(
    githubBlock.map((github) => ({ subject: { trust: 'github', github } })),
    fc.constantFrom('shop', 'web').map((repo) => ({ with: { repo }, allow: ['one'] })),
  ),
  merged(
    some(ID).map((ids) => ({
      subject: { trust: 'github', github: { repository_id: ids, ref: 'refs/heads/<ref>' } },
      allow: ['two'],
    })),
  ),
);

const eksBlock = merged(
  fc.constantFrom('payments', ['payments', 'shop'], '*').map((namespace) => ({ namespace })),
  fc.constantFrom('api', ['api', 'web'], 'default').map((serviceaccount) => ({ serviceaccount })),
  maybe('pod', fc.constantFrom('api-0', 'api-*')),
);
const eksAllow = fc.oneof(
  merged(
    eksBlock.map((kubernetes) => ({ subject: { trust: 'eks', kubernetes } })),
    plainAllow.map((allow) => ({ allow })),
  ),
  fc.constantFrom('api', 'web').map((serviceaccount) => ({
    subject: { trust: 'eks', kubernetes: { namespace: '<namespace>', serviceaccount } },
    allow: ['space'],
  })),
);

const meshAllow = merged(
  fc
    .constantFrom('spiffe://example.org/ns/payments', 'spiffe://example.org/ns/*', 'spiffe://example.org/ns/**')
    .map((sub) => ({ subject: { trust: 'mesh', sub } })),
  fc.oneof(plainAllow, fc.constant({ vault: 'all' })).map((allow) => ({ allow })),
);
const clientAllow = merged(
  some(CLIENTS).map((sub) => ({ subject: { trust: 'clients', sub } })),
  plainAllow.map((allow) => ({ allow })),
);

const allow = merged(
  fc.oneof({ weight: 4, arbitrary: githubAllow }, { weight: 3, arbitrary: eksAllow }, meshAllow, clientAllow),
  maybe('lifetime', fc.constantFrom('60s', '120s')),
  maybe('client', fc.constantFrom<string | readonly string[]>('gateway', ['gateway', 'batch'])),
  fc.constantFrom({}, {}, {}, {}, { mode: 'preview' }, { mode: 'retire' }),
  fc.constantFrom({}, {}, {}, {}, {}, { until: '2026-09-01' }, { until: '2027-01-01' }),
);

const denied = fc.oneof(
  merged(maybe('ref', fc.constantFrom('refs/heads/b', 'refs/tags/*')), fc.constant({ actor: 'y' })).map((github) => ({
    trust: 'github',
    github,
  })),
  fc.constantFrom('payments', 'shop').map((namespace) => ({ kubernetes: { namespace, pod: 'api-*' } })),
  fc.constantFrom('gateway', 'spiffe://example.org/ns/web').map((sub) => ({ sub })),
  fc.constant({ claims: { team: 'evil' } }),
);
const deny = merged(
  fc.tuple(fc.constantFrom('subject', 'anyone'), denied).map(([key, who]) => ({ [key]: who })),
  fc.constantFrom<object>(
    { deny: 'all' },
    { deny: ['deploy'] },
    { deny: ['ledger', 'one'] },
    { deny: ['space', 'two'] },
  ),
  maybe('client', fc.constantFrom('gateway')),
  fc.constantFrom({}, {}, {}, { mode: 'preview' }),
);

export type Written = Readonly<Record<string, unknown>>;

const named = (rules: readonly Written[]): readonly Written[] =>
  rules.map((rule, index) => ({ name: `r${String(index).padStart(2, '0')}`, ...rule }));

/** Rules as a policy file holds them, under names of their own. */
export const rulesIn = (maxLength = 24): fc.Arbitrary<readonly Written[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 12, arbitrary: allow },
        { weight: 1, arbitrary: deny },
        { weight: 9, arbitrary: peopleAllow },
        { weight: 1, arbitrary: peopleDeny },
      ),
      { minLength: Math.min(8, maxLength), maxLength },
    )
    .map(named);

/** The compiled policy of files of rules. */
export function worldPolicy(...files: readonly (readonly Written[])[]): CompiledPolicy {
  const texts = files.map((rules) => JSON.stringify({ rules }));
  const read = compileTexts(texts, { sources: WORLD_SOURCES, targets: WORLD_TARGETS });
  if (!read.ok) throw new Error(JSON.stringify(read.problems[0]));
  return read.policy;
}

/** A principal under its real name. */
export function worldPrincipal(source: string, claims: JsonObject): Principal {
  const view = WORLD_SOURCES.find(({ name }) => name === source);
  if (!view) throw new Error(`no such source: ${source}`);
  const { sub } = claims;
  const subject = typeof sub === 'string' ? sub : '';
  const read = principalName(source, view.table, claims);
  if (!('name' in read)) throw new Error(`no name: ${JSON.stringify(claims)}`);
  return {
    source,
    kind: view.kind,
    issuer: view.issuer,
    subject,
    name: view.kind === 'spiffe' ? subject : read.name,
    claims,
  };
}

const githubClaims = merged(
  fc.record({
    repository_id: fc.constantFrom('1', '2', '3', '1', '2', '4'),
    ref: fc.constantFrom('refs/heads/main', 'refs/heads/main', 'refs/heads/b', 'refs/tags/main', 'refs/heads/a/main'),
    event_name: fc.constantFrom('push', 'pull_request'),
  }),
  maybe('environment', fc.constantFrom('production', 'staging', 'PRODUCTION')),
  maybe('actor', fc.constantFrom<string | number>('x', 'y', 'z', 5)),
  maybe('runner_environment', fc.constantFrom('github-hosted', 'self-hosted')),
  maybe('team', fc.constantFrom<string | number>('evil', 'good', 7)),
  fc.constant({ repository_owner_id: '65', repository: 'acme/shop', repository_owner: 'acme', sub: 'repo:acme/shop' }),
);

const eksClaims = fc
  .record({
    namespace: fc.constantFrom('payments', 'shop', 'other'),
    account: fc.constantFrom('api', 'web', 'default'),
    pod: fc.constantFrom('api-0', 'web-0', undefined),
  })
  .map(({ namespace, account, pod }) => ({
    sub: `system:serviceaccount:${namespace}:${account}`,
    'kubernetes.io': {
      namespace,
      serviceaccount: { name: account, uid: 'u' },
      ...(pod === undefined ? {} : { pod: { name: pod, uid: 'p' } }),
    },
  }));

export const principal: fc.Arbitrary<Principal> = fc.oneof(
  { weight: 6, arbitrary: somebody },
  { weight: 5, arbitrary: githubClaims.map((claims) => worldPrincipal('github', claims as JsonObject)) },
  { weight: 4, arbitrary: eksClaims.map((claims) => worldPrincipal('eks', claims)) },
  fc
    .constantFrom('payments', 'web', 'payments/db')
    .map((path) => worldPrincipal('mesh', { sub: `spiffe://example.org/ns/${path}` })),
  fc.constantFrom(...CLIENTS).map((sub) => worldPrincipal('clients', { sub })),
);

/** None, another, or the principal itself where it is a client. */
export const clientOf = (subject: Principal): fc.Arbitrary<AskingClient | undefined> =>
  subject.source === 'clients'
    ? fc.constant({ id: subject.subject, principal: subject })
    : ['people', 'self'].includes(subject.source)
      ? fc.constantFrom(...askingClients)
      : fc.constantFrom<AskingClient | undefined>(
          undefined,
          undefined,
          undefined,
          ...CLIENTS.map((id) => ({ id, principal: worldPrincipal('clients', { sub: id }) })),
        );

export const asks: fc.Arbitrary<{ readonly targets: readonly string[]; readonly scopes?: readonly string[] }> = fc
  .tuple(
    fc.constantFrom<readonly string[]>(
      ['deploy'],
      ['deploy'],
      ['ledger'],
      ['ledger'],
      ['vault'],
      ['one'],
      ['two'],
      ['space'],
      ['https://api.example/deploy'],
      ['https://x.example/shop/main'],
      ['https://x.example/web/main'],
      ['https://x.example/shop/b', 'two'],
      ['https://space.example/payments'],
      ['deploy', 'ledger'],
      ['bank'],
      ['bank'],
      ['acted'],
      ['strict'],
      ['nowhere'],
    ),
    fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      some(['read', 'write', 'root']),
      some(['read', 'pay', 'close']),
    ),
  )
  .map(([targets, scopes]) => (scopes ? { targets, scopes } : { targets }));
