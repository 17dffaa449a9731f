// DPoP at the token endpoint (DP: RFC 9449): what a proof must be, what becomes of it, and what tokens are bound to by it. Proofs for
// resource servers are no business of the broker.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  { id: 'DP-01', says: 'one DPoP header, with one proof in it' },
  {
    id: 'DP-02',
    says: 'a proof is a strict JWT of its own type, signed by its key',
    decision: 'ES, RS and PS algorithms; RSA keys of 2048 to 4096 bits',
  },
  {
    id: 'DP-03',
    says: 'htm and htu are those of the endpoint, as configured, whatever Host says',
    decision: 'normalised as RFC 3986 says, without query and fragment',
  },
  { id: 'DP-04', says: 'iat lies in a window, and the nonce is the one given', decision: 'five minutes either way' },
  { id: 'DP-05', says: 'a proof is good for one request' },
  { id: 'DP-06', says: 'a wanted nonce is told with 400 use_dpop_nonce; successes bring the newest' },
  {
    id: 'DP-07',
    says: 'a proof makes a token of type DPoP, bound to its key',
    decision: 'always: whoever sends a proof gets a bound token',
  },
  {
    id: 'DP-08',
    says: 'refresh tokens of public clients are bound',
    later: 'not offered: no refresh token is ever issued',
  },
  {
    id: 'DP-09',
    says: 'a bound subject token is exchanged by the holder of its key only',
    decision: 'an actor token and an assertion as well; what is made of it is bound too',
  },
  {
    id: 'DP-10',
    says: 'metadata lists the algorithms; a client may be held to bound tokens',
    decision: 'proof: required of the client or of the target, met by a proof or by a certificate',
  },
  { id: 'DP-11', says: 'an assertion that is issued is bound too, and of type N_A', later: 'no ID-JAG is issued' },
  {
    id: 'DP-12',
    says: 'a nonce cannot be left out where one is wanted',
    decision: 'it is wanted always, of everybody',
  },
];
