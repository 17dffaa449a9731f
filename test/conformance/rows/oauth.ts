// RFC 6749 (OA), RFC 8414 and OpenID Connect Discovery (MD), RFC 9068 (AT), RFC 8707 (RI): what surrounds the token exchange.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'OA-01', says: 'TLS and POST only; a parameter without a value is omitted' },
  {
    id: 'OA-02',
    says: 'at most one client authentication method per request',
    decision: 'Basic is answered first, with 401',
  },
  {
    id: 'OA-03',
    says: 'Basic credentials are form-urlencoded before base64',
    decision: 'taken as they are as well, since many clients send them so; which of the two is decided by what matches',
  },
  { id: 'OA-04', says: 'a client secret never stands in the address' },
  { id: 'OA-05', says: 'answers are JSON that nobody keeps' },
  { id: 'OA-06', says: 'error texts keep to the printable characters allowed, and are bounded' },
  { id: 'OA-07', says: 'a failed Basic authentication is 401 with a challenge; others 400' },
  {
    id: 'OA-08',
    says: 'error codes are those of the registry',
    decision:
      'invalid_grant belongs to the jwt-bearer grant; what a client may have is a matter of rules: invalid_target',
  },
  { id: 'OA-09', says: 'secrets are unguessable and compared in constant time' },
  {
    id: 'OA-10',
    says: 'repeated parameters, and requests that name no client, are refused',
    decision: 'a workload that presents its own credential names itself (TX-12)',
  },
  { id: 'MD-01', says: 'metadata is served appended to the issuer and inserted before its path' },
  { id: 'MD-02', says: 'issuer is the configured text, byte for byte, as is iss' },
  {
    id: 'MD-03',
    says: 'response_types_supported is there and not empty',
    decision: 'it is [id_token]; the authorization endpoint refuses everything',
  },
  { id: 'MD-04', says: 'grant_types_supported lists exactly the grants that are offered' },
  { id: 'MD-05', says: 'no empty arrays; application/json' },
  {
    id: 'MD-06',
    says: 'authentication methods are published, and none is not among them',
    decision: 'no method exists yet, so the member is absent: an empty list is forbidden (MD-05)',
  },
  {
    id: 'MD-07',
    says: 'endpoints are https, and each is published with its methods',
    decision: 'introspection and revocation are published where somebody can authenticate there',
  },
  { id: 'MD-08', says: 'what OpenID Connect requires of providers, which clouds read' },
  {
    id: 'MD-09',
    says: 'the JWK Set is public, unambiguous, and ahead of every rotation',
  },
  { id: 'MD-10', says: 'no member of a feature that is not on' },
  { id: 'AT-01', says: 'typ is at+jwt; signed with RS256 or better, never none' },
  { id: 'AT-02', says: 'iss, exp, aud, sub, client_id, iat and jti are all there' },
  {
    id: 'AT-03',
    says: 'scope where one was granted; auth_time, acr, amr for people only',
    decision: "people's claims come with clients, who present their tokens",
  },
  {
    id: 'AT-04',
    says: 'aud is never empty; no target asked for is invalid_target',
    decision: 'there is no default target',
  },
  {
    id: 'AT-05',
    says: 'a resource server checks typ, iss, aud, signature, exp and algorithm',
    decision: 'proved here with a strict resource server; own tokens as subjects come with the source self',
  },
  { id: 'AT-06', says: 'no two identities share a sub', decision: 'names begin with their source' },
  { id: 'AT-07', says: 'an ID token is never taken for an access token, nor the reverse' },
  {
    id: 'RI-01',
    says: 'a malformed or unknown resource is invalid_target',
    decision: 'a query is allowed, and compared',
  },
  { id: 'RI-02', says: 'aud is exactly the resource asked for' },
  { id: 'RI-03', says: 'one resource per token', decision: 'always (TX-08)' },
  { id: 'RI-04', says: 'resources compare by canonical spelling; aud has the registered one' },
];
