// Azure DevOps pipeline tokens. `sub` is made of names: it is recorded and decides nothing. The audience is the same for everybody,
// so a token that is sent here is good at Entra too, and one made for Entra is good here. Tokens of service connections, which
// bear the same `iss`, prove nothing.

import { ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;

export const AZURE_DEVOPS: PlatformTable = {
  kind: 'azure-devops',
  issuerForms: [
    {
      form: /^https:\/\/vstoken\.dev\.azure\.com\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
      says: 'https://vstoken.dev.azure.com/ and the id of the organization, in lower case',
    },
  ],
  ownIssuer: true,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  tokenTypes: [JWT_TOKEN_TYPE, ID_TOKEN_TYPE],
  lifetimeSecondsMax: 900,
  fixedAudience: true,
  replay: 'once',
  claims: {
    org_id: required,
    prj_id: required,
    def_id: required,
    rpo_ref: optional,
    rpo_id: optional,
    rpo_uri: optional,
    rpo_ver: optional,
    run_id: optional,
    sub: { ...required, form: /^p:\/\/[^/]/ },
  },
  name: [[{ field: 'prj_id' }], [{ field: 'def_id' }], [{ field: 'rpo_ref' }]],
  pins: {
    all: ['prj_id', 'def_id'],
    context: [{ field: 'rpo_ref' }],
  },
  tight: ['rpo_id'],
};

/** What every pipeline token bears as its audience, whomever it is for. */
export const AZURE_DEVOPS_AUDIENCE = 'api://AzureADTokenExchange';
