// SPIFFE-ID (SI), JWT-SVID (SJ), trust domains and bundles (SB), X.509-SVIDs (SX), bundle endpoints (SF), the Workload
// API (SA). WIT-SVIDs come with their part.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'SI-01', says: 'scheme spiffe, a trust domain, neither query nor fragment' },
  { id: 'SI-02', says: 'trust domain of lower-case letters, digits, dot, hyphen, underscore' },
  { id: 'SI-03', says: 'path of plain segments; none empty, `.` or `..`; no escapes' },
  { id: 'SI-04', says: '2048 bytes are supported, 255 for the trust domain', decision: 'longer ones are refused' },
  {
    id: 'SI-05',
    says: 'scheme and trust domain are never lower-cased; the path is byte-exact',
    decision: 'SPIFFE-ID §2.1 holds against §2.4: upper case is refused',
  },
  { id: 'SI-06', says: 'a parsed ID is its own text, never normalised' },
  { id: 'SI-07', says: 'an SVID is valid only by an authority of its own trust domain' },
  { id: 'SJ-01', says: 'compact JWS only' },
  { id: 'SJ-02', says: 'only alg, kid and typ in the header', decision: 'any other member is refused' },
  { id: 'SJ-03', says: 'RS, ES and PS with 256, 384 or 512, and nothing else' },
  {
    id: 'SJ-04',
    says: 'kid is optional',
    decision: 'without one, at most eight keys of the domain and algorithm are tried',
  },
  { id: 'SJ-05', says: 'typ is absent, JWT or JOSE', decision: 'in exactly this case' },
  { id: 'SJ-06', says: 'the trust domain of sub chooses the keys; iss and kid do not' },
  { id: 'SJ-07', says: 'aud is there and holds us', decision: 'we are its only value' },
  { id: 'SJ-08', says: 'exp is there and not past' },
  { id: 'SJ-09', says: 'jti is not required, and an SVID may be used again' },
  { id: 'SJ-10', says: 'only bundle keys with use jwt-svid and a kid verify JWT-SVIDs' },
  { id: 'SJ-11', says: 'a workload has a path' },
  {
    id: 'SB-01',
    says: 'spiffe_sequence only grows, and has 64 bits',
    decision: 'a lower one than ever before is refused; text is taken like a number',
  },
  { id: 'SB-02', says: 'a refresh hint is only a hint', decision: 'brought within our own limits' },
  { id: 'SB-03', says: 'a bundle without usable keys lets nobody prove anything' },
  { id: 'SB-04', says: 'an element of an unknown kty or use is ignored, and only that one' },
  { id: 'SB-05', says: 'a map gives the bundle of one trust domain; duplicates are refused' },
  { id: 'SB-06', says: "a bundle's own hint never moves how often its map is fetched" },
  {
    id: 'SB-07',
    says: 'one root under two trust domains',
    decision: 'is told to the operator with both names; the key counts, not its certificate',
  },
  { id: 'SB-08', says: 'no further member is demanded' },
  {
    id: 'SA-01',
    says: 'a Workload API is at unix:///abs/path or tcp://<ip>:<port>, and nowhere else',
    decision: 'by TCP on a loopback address alone, since private keys come over it in the clear',
  },
  { id: 'SA-02', says: 'every call has metadata workload.spiffe.io; InvalidArgument is never retried' },
  {
    id: 'SA-03',
    says: 'each message is the full state; what is absent has been taken back',
    decision:
      'a message without any SVID, and PermissionDenied, take all back; a bundle that cannot be read changes nothing',
  },
  { id: 'SA-04', says: 'Unavailable and PermissionDenied are asked again after a pause, Unimplemented never' },
  { id: 'SA-05', says: 'X.509 bundles are for X.509-SVIDs alone, JWT bundles for JWT-SVIDs' },
  { id: 'SX-10', says: 'x509-svid entries of a bundle hold one certificate each' },
  { id: 'SX-11', says: 'only the first certificate of x5c counts; entries without it are ignored' },
  { id: 'SF-01', says: 'a bundle is polled at its hint, or every five minutes' },
  { id: 'SF-02', says: 'bundles of different trust domains are never merged' },
  {
    id: 'SF-03',
    says: 'bundles are ordered by sequence; without one the newest fetch wins',
    decision: 'the highest sequence is remembered while the process runs',
  },
  { id: 'SF-04', says: 'https_web and https_spiffe are both taken' },
  { id: 'SF-05', says: 'URL, profile and trust domain are configured, never inferred' },
  { id: 'SF-06', says: 'the URL is https, without user information' },
  { id: 'SF-08', says: 'https_web checks names; redirects keep every rule and are not remembered' },
  {
    id: 'SF-09',
    says: 'https_spiffe: the configured ID, by the latest bundle of its trust domain',
    decision: 'redirects stay on one origin',
  },
  {
    id: 'SF-10',
    says: 'a failed fetch keeps the last bundle, and is tried again at an interval',
    decision: 'after 1 s, doubling to 30 s; `maxStale` limits the age',
  },
];
