// Plain OpenID Connect issuers, for workloads and people alike: nothing is known about them but what the standard says.
// `sub` is fixed by the provider and is the name.

import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

/** `typ` of an access token (RFC 9068 §2.1, §3). */
export const ACCESS_TOKEN_TYPS: readonly string[] = ['at+jwt', 'application/at+jwt', 'at+JWT', 'application/at+JWT'];

export const OIDC: PlatformTable = {
  kind: 'oidc',
  delegates: true,
  algorithms: ['RS256', 'ES256', 'PS256', 'RS384', 'ES384', 'PS384', 'RS512', 'ES512', 'PS512'],
  // The one name that is written in two ways in the field: RFC 9068's text says `at+jwt`, and its own example `at+JWT`.
  typ: ['JWT', undefined, 'JOSE', ...ACCESS_TOKEN_TYPS],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE, ACCESS_TOKEN_TYPE],
  // Entra's tokens for managed identities live 24 hours, and their `iat` lies five minutes before they were issued.
  lifetimeSecondsMax: 90_000,
  replay: 'reusable',
  claims: { sub: { type: 'text', required: true }, email_verified: { type: 'boolean' } },
  name: 'sub',
  pins: { all: ['sub'], context: [] },
};

/** Hosts on which one issuer, or one key, serves every customer: a source there must say its tenancy. */
export const SHARED_ISSUER_HOSTS: readonly string[] = [
  'accounts.google.com',
  'agent.buildkite.com',
  'api.bitbucket.org',
  'api.cursor.com',
  'api.pulumi.com',
  'api2.cursor.sh',
  'app.devin.ai',
  'app.harness.io',
  'app.terraform.io',
  'app.warp.dev',
  'container.googleapis.com',
  'federation.namespaceapis.com',
  'gitlab.com',
  'identity.depot.dev',
  'issuer.enforce.dev',
  'login.app.env0.com',
  'login.microsoftonline.com',
  'oidc.circleci.com',
  'oidc.codefresh.io',
  'oidc.modal.com',
  'oidc.vercel.com',
  'scalr.io',
  'token.actions.githubusercontent.com',
];
