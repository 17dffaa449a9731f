// Spacelift OIDC tokens, from an issuer for each account. Ids of stacks and modules are slugs, unique within it. Proposed and test
// runs are started by pull requests, so a source takes them only where its `require` says so; `scope` is what Spacelift intends,
// and nothing that it enforces. The audience is the account's host name. A run has one token: it is spent once for each target.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const SPACELIFT: PlatformTable = {
  kind: 'spacelift',
  issuerForms: [
    {
      host: /^(?:.*\.)?spacelift\.io$/,
      form: /^https:\/\/[a-z0-9-]+\.app(?:\.us)?\.spacelift\.io$/,
      says: 'https://ACCOUNT.app.spacelift.io on Spacelift itself',
    },
  ],
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 3_600,
  fixedAudience: true,
  replay: 'once-per-target',
  claims: {
    callerType: required,
    callerId: required,
    runType: { ...required, forbidden: ['PROPOSED', 'TESTING'] },
    scope: required,
    spaceId: required,
    runId: optional,
    sub: optional,
  },
  name: [[{ field: 'callerType' }], [{ field: 'callerId' }], [{ field: 'runType' }], [{ field: 'scope' }]],
  pins: {
    all: ['callerType', 'callerId'],
    context: [{ field: 'runType' }],
  },
  tight: ['scope', 'spaceId'],
};
