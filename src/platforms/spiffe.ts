// SPIFFE JWT-SVIDs (SJ rows). The SPIFFE ID is the name, bare; `iss` and everything else in the token decide nothing.
// Agents cache SVIDs and hand them to several callers, so `jti` is never single-use (SJ-09).

import { JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

export const SPIFFE: PlatformTable = {
  kind: 'spiffe',
  algorithms: ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'],
  typ: [undefined, 'JWT', 'JOSE'],
  tokenTypes: [JWT_TOKEN_TYPE],
  lifetimeSecondsMax: 90_000,
  replay: 'reusable',
  claims: { sub: { type: 'text', required: true } },
  name: 'sub',
  pins: { all: ['sub'], context: [] },
};
