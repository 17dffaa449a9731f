// RFC 8725, best current practice for JSON Web Tokens (JB), with what its revision in draft adds.

import type { Row } from './row.ts';

export const ROWS: readonly Row[] = [
  {
    id: 'JB-01',
    says: 'algorithms are listed per source; one key has one algorithm; names are case-sensitive',
    decision:
      'RSA keys of a SPIFFE bundle, which never state alg, serve every RSA algorithm of the closed list (SJ-03)',
  },
  { id: 'JB-02', says: 'current algorithms only; RSA from 2048 bits; PS and RS never mixed' },
  { id: 'JB-03', says: 'signatures and keys are validated as cryptographic inputs' },
  { id: 'JB-04', says: 'the key belongs to the issuer that the token names' },
  { id: 'JB-05', says: 'aud is there and is ours', decision: 'exactly one value, unless the source allows others' },
  {
    id: 'JB-06',
    says: 'kid is only a name; jku, x5u, x5c and jwk are never followed',
    decision: 'a token with such a member is refused, not read without it',
  },
  { id: 'JB-07', says: 'explicit types with rules that exclude each other' },
  {
    id: 'JB-08',
    says: 'compact JWS only; no JWE, no JSON serialisation, no other characters',
    decision: 'JWE is not built, so no count and no compressed text is ever obeyed',
  },
  { id: 'JB-09', says: 'critical headers and duplicate members are refused' },
  {
    id: 'JB-10',
    says: 'dates are numbers; little leeway; bounded age and lifetime',
    decision: "the leeway is 30 s for every source; maxAge is the source's own",
  },
];
