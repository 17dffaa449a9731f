// Plain OpenID Connect issuers, for workloads and people alike: nothing is known about them but what the standard says.
// `sub` is fixed by the provider and is the name.

import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

export const OIDC: PlatformTable = {
  kind: 'oidc',
  algorithms: ['RS256', 'ES256', 'PS256', 'RS384', 'ES384', 'PS384', 'RS512', 'ES512', 'PS512'],
  typ: ['JWT', undefined, 'JOSE', 'at+jwt', 'application/at+jwt'],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE, ACCESS_TOKEN_TYPE],
  lifetimeSecondsMax: 86_400,
  replay: 'reusable',
  claims: { sub: { type: 'text', required: true }, email_verified: { type: 'boolean' } },
  name: 'sub',
  pins: { all: ['sub'], context: [] },
};

/** Hosts on which one issuer, or one key, serves every customer: a source there must say its tenancy (L01). */
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
