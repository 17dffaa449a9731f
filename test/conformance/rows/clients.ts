// Authentication of OAuth clients: assertions (JA: RFC 7521, RFC 7523 and its revision), mutual TLS and bound tokens (MT: RFC 8705), SPIFFE
// workloads as clients (SC: draft-ietf-oauth-spiffe-client-auth-02).

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'JA-01', says: 'the jwt-bearer grant takes exactly one assertion' },
  { id: 'JA-02', says: 'a client assertion names the client; client_id is optional and must agree' },
  {
    id: 'JA-03',
    says: 'iss and sub are the client; aud and exp are there; times hold',
    decision: 'an assertion lives an hour at most',
  },
  {
    id: 'JA-04',
    says: "a client assertion's sole audience is our issuer",
    decision:
      "a list of that one value is taken; the token endpoint's URL only with tokenEndpointAudience; a grant's assertion has its source's own audience and no other",
  },
  {
    id: 'JA-05',
    says: 'typ says what an assertion is',
    decision: 'absent and general ones are taken as well, known other types are not',
  },
  { id: 'JA-06', says: 'a bad grant assertion is invalid_grant' },
  { id: 'JA-07', says: 'a bad client assertion is invalid_client' },
  {
    id: 'JA-08',
    says: 'an assertion is used once',
    decision: 'also one without jti, known by its signing input; spent for good, whatever becomes of the request',
  },
  { id: 'JA-09', says: 'more than one mechanism is invalid_client' },
  { id: 'JA-10', says: 'no assertion by a shared secret, nor unsigned' },
  {
    id: 'JA-11',
    says: 'a platform token as assertion: one audience, context judged, lifetime bounded',
    decision: 'the same verifiers and rules as in a token exchange',
  },
  { id: 'MT-01', says: 'a certificate without client_id authenticates nobody' },
  {
    id: 'MT-02',
    says: 'tls_client_auth goes by exactly one registered name',
    decision: 'a URI or a DNS name; no distinguished names, addresses or mailboxes',
  },
  {
    id: 'MT-03',
    says: 'self_signed_tls_client_auth goes by a registered key',
    later: 'not offered: a key without a name is what private_key_jwt is for',
  },
  { id: 'MT-04', says: 'a bound token has cnf with the SHA-256 of the certificate' },
  { id: 'MT-05', says: 'a bound credential is taken over a connection with its certificate only' },
  {
    id: 'MT-06',
    says: 'metadata announces bound tokens and an address for mutual TLS',
    decision: 'one listener for all: no aliases',
  },
  { id: 'MT-07', says: 'a certificate in a header counts only from an authenticated proxy', decision: 'from nobody' },
  { id: 'MT-08', says: 'only the registered authority vouches for a client' },
  { id: 'SC-01', says: 'a JWT-SVID as assertion has its own type, and client_id beside it' },
  { id: 'SC-02', says: 'its sole audience is our issuer, and its ID is the registered one' },
  { id: 'SC-03', says: 'an X.509-SVID authenticates by mutual TLS and client_id' },
  { id: 'SC-04', says: 'a WIT-SVID authenticates with a proof of possession', decision: 'refused: not offered' },
  {
    id: 'SC-05',
    says: 'an ID may be registered with a wildcard of whole segments',
    decision: '`*` is one segment and `**` any number, as in rules; the draft lets `/*` be any number',
  },
  { id: 'SC-06', says: 'bundles are configured out of band; no system store, no discovery by iss' },
];
