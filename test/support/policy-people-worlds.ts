// Generated rules for people, for our own tokens and for agents, and whoever asks with them: the part of policy-worlds.ts that has actors.
// Principals are assumed under names of their own.

import fc from 'fast-check';
import type { AskingClient, Delegation } from '../../src/core/decision.ts';
import type { Principal } from '../../src/core/principal.ts';
import type { SourceView, TargetView } from '../../src/policy/compile/views.ts';
import { clientNamed, delegated, NOW, ownToken, person, SELF_SOURCE, SOURCES, target, workload } from './policy.ts';

export const PEOPLE_SOURCES: readonly SourceView[] = [
  ...SOURCES.filter(({ name }) => ['people', 'idp'].includes(name)),
  SELF_SOURCE,
];

/** One with scopes that must be confirmed, one that somebody must act for, one that only who confirmed can have. */
export const PEOPLE_TARGETS: readonly TargetView[] = [
  target('bank', {
    scopes: ['read', 'pay', 'close'],
    defaultScopes: ['read'],
    scopeConfirms: {
      pay: { acr: ['mfa', 'hwk'], maxAgeSeconds: 300 },
      close: { acr: ['hwk'], maxAgeSeconds: undefined },
    },
  }),
  target('acted', { require: { actor: true }, scopes: ['read', 'pay'], defaultScopes: ['read'] }),
  target('strict', { require: { confirm: { acr: undefined, maxAgeSeconds: 600 } }, lifetimeSecondsMax: 600 }),
];

type Written = Readonly<Record<string, unknown>>;

const AGENTS = ['ns/agents/a', 'ns/agents/b', 'ns/gateway'];
const GATEWAY = workload('ns/gateway');
const FIRST = 'https://first.example';
const ACCEPT = { accept: { impersonation: 'generated' } };

const acting: fc.Arbitrary<Written> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<Written>(
      { actor: 'client', client: 'gateway' },
      { actor: 'client', client: ['gateway', 'batch'] },
    ),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.constantFrom<Written>(
          { trust: 'mesh', sub: 'spiffe://example.org/ns/agents/a' },
          { trust: 'mesh', sub: 'spiffe://example.org/ns/agents/*' },
          { trust: 'mesh', sub: 'spiffe://example.org/ns/**' },
          { trust: 'idp', sub: ['a', 'b'], claims: { team: 'red' } },
        ),
        fc.constantFrom<Written>({}, { client: 'gateway' }, { client: ['gateway', 'batch'] }),
      )
      .map(([actor, client]) => ({ actor, ...client })),
  },
  fc.constant<Written>({ impersonate: true, client: 'gateway', ...ACCEPT }),
);

const subject: fc.Arbitrary<Written> = fc.constantFrom<Written>(
  { trust: 'people', sub: 'alice' },
  { trust: 'people', sub: ['alice', 'bob'] },
  { trust: 'people', claims: { groups: { has: 'finance' } } },
  { trust: 'people', claims: { groups: { has: 'finance' }, department: 'x' } },
  { trust: 'self', self: { aud: FIRST, sub: 'people:*' } },
  { trust: 'self', self: { aud: FIRST, sub: 'people:alice' } },
);

const allowed = fc.constantFrom<Written | readonly string[]>(
  ['deploy'],
  { ledger: ['read', 'write'] },
  { bank: 'all' },
  { bank: ['read', 'pay'] },
  { acted: ['read'] },
  { acted: 'all' },
  ['strict'],
  { deploy: 'all', bank: ['pay'], acted: 'all' },
);

/** Allow rules without their names. */
export const peopleAllow: fc.Arbitrary<Written> = fc
  .tuple(
    subject,
    acting,
    allowed,
    fc.constantFrom<Written>({}, {}, {}, { confirm: { maxAge: '5m' } }, { confirm: { acr: ['mfa', 'hwk'] } }),
    fc.constantFrom<Written>({}, {}, {}, {}, { mode: 'preview' }, { mode: 'retire' }),
    fc.constantFrom<Written>({}, { lifetime: '60s' }, { lifetime: '120s' }),
  )
  .map(([who, how, what, ...more]) => Object.assign({ subject: who, allow: what }, how, ...more));

/** Denies without their names: of somebody in any role, or of a person. */
export const peopleDeny: fc.Arbitrary<Written> = fc
  .tuple(
    fc.constantFrom<Written>(
      { anyone: { trust: 'mesh', sub: 'spiffe://example.org/ns/agents/b' } },
      { anyone: { trust: 'mesh', sub: 'spiffe://example.org/ns/gateway' } },
      { anyone: { trust: 'idp', claims: { team: 'red' } } },
      { anyone: { sub: 'gateway' } },
      { anyone: { sub: 'bob' } },
      { subject: { trust: 'people', claims: { department: 'x' } } },
    ),
    fc.constantFrom<Written>({ deny: 'all' }, { deny: ['bank'] }, { deny: ['deploy', 'ledger'] }),
    fc.constantFrom<Written>({}, {}, { mode: 'preview' }, { client: 'gateway' }),
  )
  .map((parts) => Object.assign({}, ...parts));

const authenticated = fc.record(
  {
    acr: fc.constantFrom('mfa', 'hwk', 'pwd'),
    auth_time: fc.constantFrom(NOW - 10, NOW - 10, NOW - 301, NOW - 601, NOW + 100),
    department: fc.constantFrom('x', 'y'),
  },
  { requiredKeys: [] },
);

/** People, and whom our own tokens are about. */
export const somebody: fc.Arbitrary<Principal> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('alice', 'alice', 'bob', 'carol'),
        fc.constantFrom(['finance'], ['finance', 'hr'], ['hr']),
        authenticated,
      )
      .map(([sub, groups, more]) => person({ sub, groups, ...more })),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom(FIRST, FIRST, 'https://second.example'),
        fc.constantFrom('people:alice', 'people:bob', 'eks:x'),
        authenticated,
      )
      .map(([aud, sub, { department: _, ...more }]) => ownToken(aud, sub, more)),
  },
);

const idpAgent = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('red', 'blue')).map(
  ([sub, team]): Principal => ({
    source: 'idp',
    kind: 'oidc',
    issuer: 'https://idp.example',
    subject: sub,
    name: `idp:${sub}`,
    claims: { sub, team },
  }),
);

export const agent: fc.Arbitrary<Principal> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...AGENTS).map(workload) },
  idpAgent,
);

/** The clients that ask for people: by their registration, or as the workload that they are. */
export const askingClients: readonly AskingClient[] = [clientNamed('gateway', GATEWAY), clientNamed('batch')];

/** Who acts for a subject, and who acted before. */
export const delegationOf = ({ source }: Principal): fc.Arbitrary<Delegation<Principal>> => {
  const isPerson = ['people', 'self'].includes(source);
  const actor = fc.oneof(
    { weight: isPerson ? 2 : 8, arbitrary: fc.constant(undefined) },
    { weight: isPerson ? 3 : 1, arbitrary: agent },
  );
  if (!isPerson) return actor.map((one) => delegated(one));
  const earlier = fc.oneof(
    { weight: 3, arbitrary: fc.constant<readonly Principal[]>([]) },
    { weight: 2, arbitrary: fc.uniqueArray(agent, { minLength: 1, maxLength: 2, selector: ({ name }) => name }) },
  );
  const scopesMax = source === 'self' ? fc.constantFrom(['read'], ['read', 'write', 'pay']) : fc.constant(undefined);
  return fc
    .tuple(actor, earlier, fc.constantFrom(false, false, false, true), scopesMax)
    .map(([one, before, restricted, max]) => delegated(one, before, { restricted, scopesMax: max }));
};
