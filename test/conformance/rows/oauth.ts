// RFC 6749 (OA), RFC 8414 and OpenID Connect Discovery (MD), RFC 9068 (AT), RFC 8707 (RI): what surrounds the token exchange.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'OA-01', says: 'TLS and POST only; a parameter without a value is omitted' },
  {
    id: 'OA-02',
    says: 'at most one client authentication method per request',
    decision: 'no client can authenticate yet, so one is refused as two are; Basic is answered first',
  },
  {
    id: 'OA-03',
    says: 'Basic credentials are form-urlencoded before base64',
    later: 'clients with secrets; until then any Basic credential is refused (OA-07)',
  },
  { id: 'OA-04', says: 'a client secret never stands in the address' },
  { id: 'OA-05', says: 'answers are JSON that nobody keeps' },
  { id: 'OA-06', says: 'error texts keep to the printable characters allowed, and are bounded' },
  { id: 'OA-07', says: 'a failed Basic authentication is 401 with a challenge; others 400' },
  {
    id: 'OA-08',
    says: 'error codes are those of the registry',
    decision: 'unauthorized_client and invalid_grant appear with clients and the jwt-bearer grant',
  },
  { id: 'OA-09', says: 'secrets are unguessable and compared in constant time', later: 'clients with secrets' },
  { id: 'OA-10', says: 'repeated parameters, and requests that name no client, are refused', decision: 'see TX-12' },
];
