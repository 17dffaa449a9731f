// Vercel OIDC tokens of builds and functions. Names of teams and projects change `iss`, `sub` and `aud`: the ids decide. Previews
// run the code of any branch and development runs on a laptop, so a source takes them only where its `require` says so. The
// same token serves many invocations, has no `jti`, and is for Vercel itself unless it was exchanged.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const VERCEL: PlatformTable = {
  kind: 'vercel',
  issuerForms: [
    {
      form: /^https:\/\/oidc\.vercel\.com(?:\/[a-z0-9_-]+)?$/,
      says: 'https://oidc.vercel.com/TEAM, or https://oidc.vercel.com where projects use the global issuer',
    },
  ],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  // Twelve hours in development, an hour or two elsewhere.
  lifetimeSecondsMax: 43_200,
  fixedAudience: true,
  replay: 'reusable',
  jtiOptional: true,
  shared: { issuers: ['https://oidc.vercel.com'], tenancy: ['owner_id', 'project_id'] },
  claims: {
    owner_id: required,
    project_id: required,
    environment: { ...required, forbidden: ['preview', 'development'] },
    owner: optional,
    project: optional,
    user_id: optional,
    scope: optional,
    sub: optional,
  },
  known: [['plan']],
  name: [[{ field: 'project_id' }], [{ field: 'environment' }]],
  pins: {
    all: ['owner_id', 'project_id'],
    context: [{ field: 'environment' }],
  },
  tight: [],
};
