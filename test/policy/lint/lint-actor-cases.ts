// Cases of lints about who acts and who confirmed, as lint-cases.ts has them of others.

import { target } from '../../support/policy.ts';
import type { LintCase } from './lint-cases.ts';

const ALICE = 'subject: { trust: people, sub: alice }';
const MESH = '{ trust: mesh, sub: spiffe://example.org/ns/agent }';
const JOB = 'subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }';
const CLIENT = 'actor: client, client: gateway';
const own = (sub: string) =>
  `subject: { trust: self, self: { aud: "https://a.example", ${sub} } }, ${CLIENT}, allow: [deploy]`;

/** Targets that want a confirmation. */
export const CONFIRMED_TARGETS = [
  target('strict', { require: { confirm: { acr: ['hwk'], maxAgeSeconds: undefined } } }),
  target('bank', {
    scopes: ['read', 'pay'],
    scopeConfirms: { pay: { acr: undefined, maxAgeSeconds: 60 } },
  }),
];

export const ACTOR_CASES: readonly LintCase[] = [
  [
    'impersonation',
    'error',
    `${ALICE}, client: gateway, ¦impersonate: true, allow: [deploy]`,
    `${ALICE}, ${CLIENT}, allow: [deploy]`,
  ],
  ['every-subject', 'warning', own('¦sub: "people:*"'), own('sub: "people:alice"')],
  ['every-subject', 'warning', own('¦sub: "people:*:*"'), own('sub: "eks:system:serviceaccount:payments:*"')],
  ['every-subject', 'warning', own('¦sub: "spiffe://example.org/*"'), own('sub: "spiffe://example.org/ns/*"')],
  [
    'actor-without-client',
    'warning',
    `${ALICE}, ¦actor: { trust: eks, kubernetes: { namespace: agents, serviceaccount: reader } }, allow: [deploy]`,
    `${ALICE}, actor: { trust: eks, kubernetes: { namespace: agents, serviceaccount: reader } }, client: gateway, allow: [deploy]`,
  ],
  [
    'actor-without-client',
    'warning',
    `${ALICE}, ¦actor: { trust: [mesh, idp], sub: spiffe://example.org/ns/agent }, allow: [deploy]`,
    `${ALICE}, actor: ${MESH}, allow: [deploy]`,
  ],
  [
    'never-confirmed',
    'warning',
    `${JOB}, ¦confirm: { maxAge: 5m }, allow: [deploy]`,
    `${ALICE}, ${CLIENT}, confirm: { maxAge: 5m }, allow: [deploy]`,
  ],
  ['never-confirmed', 'warning', `${JOB}, ¦allow: [strict]`, `${ALICE}, ${CLIENT}, allow: [strict]`],
  ['never-confirmed', 'warning', `${JOB}, allow: { ¦bank: [pay] }`, `${JOB}, allow: { bank: all }`],
  [
    'never-confirmed',
    'warning',
    `${ALICE}, ${CLIENT}, confirm: { acr: [mfa] }, ¦allow: [strict]`,
    `${ALICE}, ${CLIENT}, confirm: { acr: [mfa, hwk] }, allow: [strict]`,
  ],
  // Who acts is looked at like any subject.
  [
    'default-service-account',
    'warning',
    `${ALICE}, client: gateway, actor: { trust: eks, kubernetes: { namespace: shop, ¦serviceaccount: default } }, allow: [deploy]`,
    `${ALICE}, client: gateway, actor: { trust: eks, kubernetes: { namespace: shop, serviceaccount: api } }, allow: [deploy]`,
  ],
  [
    'accepts-pull-requests',
    'error',
    `${ALICE}, client: gateway, actor: { trust: github, github: { repository_id: 74, ¦event_name: pull_request } }, allow: [deploy]`,
    `${ALICE}, client: gateway, actor: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }, allow: [deploy]`,
  ],
].map(([lint = '', severity, fires = '', twin = '']) => ({ lint, severity, fires, twin }) as LintCase);
