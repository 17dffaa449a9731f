// Our own access tokens, exchanged again for the next audience. A rule names the audience that the token was issued for and whom it is
// about, by the name that was issued: no rule of the source that proved it first is asked again. Whoever it is about had it by a rule.

import { TOKEN_LIFETIME_SECONDS_MAX } from '../core/limits.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import type { PlatformTable } from './table.ts';

export const SELF: PlatformTable = {
  kind: 'self',
  delegates: true,
  algorithms: ['ES256', 'RS256'],
  typ: ['at+jwt'],
  tokenTypes: [ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE],
  lifetimeSecondsMax: TOKEN_LIFETIME_SECONDS_MAX,
  replay: 'reusable',
  claims: {
    aud: { type: 'text', required: true },
    sub: { type: 'text', required: true },
    client_id: { type: 'text', required: true },
    jti: { type: 'text', required: true, never: 'it is another one in every token' },
    origin_iss: { path: ['origin', 'iss'], type: 'text', required: true },
    origin_sub: { path: ['origin', 'sub'], type: 'text', required: true },
  },
  known: [['lineage'], ['act'], ['cnf'], ['scope'], ['auth_time'], ['acr']],
  name: 'sub',
  pins: { all: ['aud'], context: [{ field: 'sub' }] },
};
