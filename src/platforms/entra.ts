// Microsoft Entra managed identities and other app-only tokens, of version 1 or 2: the API that a token is for chooses which. The
// identity is the object id of the service principal in the issuer's tenant. Tokens of people bear the same issuer and audience.
// The platform caches tokens for a day and gives the same one again.

import { JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

const optional = { type: 'text' } as const;
const required = { type: 'text', required: true } as const;
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const resource = { type: 'text', ignoreCase: true } as const;

export const ENTRA: PlatformTable = {
  kind: 'entra',
  issuerForms: [
    {
      host: /^sts\./,
      form: /^https:\/\/sts\.(?:windows\.net|chinacloudapi\.cn)\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/$/,
      says: 'https://sts.windows.net/TENANT/ with its last slash, for tokens of version 1',
    },
    {
      form: /^https:\/\/login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)\/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\/v2\.0$/,
      says: 'https://login.microsoftonline.com/TENANT/v2.0 with the id of a tenant (never common or organizations), or https://sts.windows.net/TENANT/ for tokens of version 1',
    },
  ],
  ownIssuer: true,
  algorithms: ['RS256'],
  typ: ['JWT', undefined],
  // `typ` is JWT: they do not say that they are access tokens (RFC 9068), and are sent as what they say.
  tokenTypes: [JWT_TOKEN_TYPE],
  // 24 hours, and `iat` lies five minutes before they were issued.
  lifetimeSecondsMax: 90_000,
  longLived: true,
  replay: 'reusable',
  jtiOptional: true,
  claims: {
    tid: { ...required, form: GUID },
    oid: { ...required, form: GUID },
    ver: required,
    sub: required,
    idtyp: optional,
    appid: optional,
    azp: optional,
    appidacr: optional,
    azpacr: optional,
    roles: { type: 'texts' },
    xms_mirid: resource,
    xms_az_rid: resource,
  },
  known: [['aio'], ['idp'], ['rh'], ['uti'], ['xms_*'], ['acct'], ['wids'], ['scp']],
  name: [[{ field: 'oid' }]],
  pins: { all: ['oid'], context: [] },
  tight: ['tid', 'idtyp', 'xms_mirid'],
};

/** What tools everywhere send to Microsoft's own services: a token for one of them is no token for us. */
export const ENTRA_AUDIENCES_OF_OTHERS: readonly string[] = [
  'https://management.azure.com',
  'https://management.core.windows.net',
  'https://graph.microsoft.com',
  'https://graph.windows.net',
  'https://vault.azure.net',
  'https://storage.azure.com',
  'https://database.windows.net',
  'api://AzureADTokenExchange',
];
