// One root key under two trust domains (SPIFFE Trust Domain and Bundle §6.2, SB-07): whoever holds it can speak for both, so
// keeping their bundles apart keeps nothing apart. It is told to the operator, and refuses nothing.

import type { Certificate } from '../x509/certificate.ts';

export interface SharedAuthority {
  /** SHA-256 of the certificate, hex. */
  readonly sha256: string;
  /** At least two, in the order in which they were given. */
  readonly trustDomains: readonly string[];
}

export interface DomainAuthorities {
  readonly trustDomain: string;
  readonly authorities: readonly Certificate[];
}

/** The authorities that stand in the bundles of several trust domains. */
export function sharedAuthorities(bundles: readonly DomainAuthorities[]): readonly SharedAuthority[] {
  const holders = new Map<string, Set<string>>();
  for (const { trustDomain, authorities } of bundles)
    for (const { sha256 } of authorities) holders.set(sha256, (holders.get(sha256) ?? new Set()).add(trustDomain));
  return [...holders].flatMap(([sha256, domains]) =>
    domains.size > 1 ? [{ sha256, trustDomains: [...domains] }] : [],
  );
}
