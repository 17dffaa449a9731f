// What is asked about our own tokens (IN: RFC 7662, RV: RFC 7009), and where the broker would be a resource server itself (PR: RFC 9728).

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    id: 'IN-01',
    says: 'who introspects is authenticated',
    decision: '401 with Basic, else 400, as at the token endpoint; never by a bearer token',
  },
  { id: 'IN-02', says: 'unknown, expired, revoked, foreign, not to be known: one answer, nothing else' },
  { id: 'IN-03', says: 'token_type_hint is only a hint' },
  {
    id: 'IN-04',
    says: 'an active token is told by its claims, and by no others',
    decision: 'act, cnf, origin, auth_time and acr too; no lineage; no username: a name is what sub holds',
  },
  {
    id: 'IN-05',
    says: 'a resource server introspects tokens for its own audience only',
    decision: 'introspects of the client names its targets; of an audience that two could have made, both',
  },
  {
    id: 'IN-06',
    says: 'active includes every check: signature, times, issuer, revocation',
    decision: 'blocks and everybody in act too; 503 where it cannot be known',
  },
  {
    id: 'RV-01',
    says: 'a client revokes its own tokens only, authenticated',
    decision: 'issued to it, or about it; ended with everything made from it; an introspecting client revokes nothing',
  },
  { id: 'RV-02', says: 'an invalid or unknown token is answered with 200' },
  {
    id: 'RV-03',
    says: 'unsupported_token_type may be answered',
    later: 'never needed: every token that we issue can be revoked, and any other is unknown',
  },
  {
    id: 'RV-04',
    says: 'revoking a refresh token ends its access tokens',
    later: 'not offered: no refresh token is ever issued',
  },
  {
    id: 'PR-01',
    says: 'a protected resource publishes its metadata',
    later: 'not offered: nothing of the broker is reached by an access token',
  },
  {
    id: 'PR-02',
    says: 'a 401 points to the metadata of the resource',
    later: 'not offered: nothing of the broker is reached by an access token',
  },
  {
    id: 'PR-03',
    says: 'protected_resources of the metadata lists exactly the resources there are',
    decision: 'absent',
  },
];
