// Registered OAuth clients as principals, and the assertions that they sign (RFC 7523 §3). A client is its `client_id`: it has no
// claims but `sub`, and a rule pins it by that.

import { JWT_TOKEN_TYPE } from '../core/request.ts';
import { OIDC } from './oidc.ts';
import type { PlatformTable } from './table.ts';

/** What rules may say of the source `clients`. */
export const CLIENT: PlatformTable = {
  kind: 'client',
  algorithms: [],
  typ: [],
  tokenTypes: [],
  lifetimeSecondsMax: 0,
  replay: 'reusable',
  claims: { sub: { type: 'text', required: true } },
  name: 'sub',
  pins: { all: ['sub'], context: [] },
};

export const CLIENT_ASSERTION: PlatformTable = {
  ...CLIENT,
  algorithms: OIDC.algorithms,
  // RFC 7523bis §4 asks for an explicit type, and clients in the field send none, or the general one (JA-05).
  typ: [undefined, 'JWT', 'JOSE', 'client-authentication+jwt', 'application/client-authentication+jwt'],
  tokenTypes: [JWT_TOKEN_TYPE],
  // Libraries make them for one to ten minutes; some deployments let one live an hour (JA-03).
  lifetimeSecondsMax: 3_600,
  replay: 'once',
};
