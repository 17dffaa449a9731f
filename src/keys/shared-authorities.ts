// One root key under two trust domains (SPIFFE Trust Domain and Bundle §6.2, SB-07): whoever holds it can speak for both, so
// keeping their bundles apart keeps nothing apart. It is told to the operator, and refuses nothing.

import type { Certificate } from '../x509/certificate.ts';

export interface SharedAuthority {
  /** SHA-256 of one certificate of that key, hex. */
  readonly sha256: string;
  /** At least two, in the order in which they were given. */
  readonly trustDomains: readonly string[];
}

export interface DomainAuthorities {
  readonly trustDomain: string;
  readonly authorities: readonly Certificate[];
}

/** The authorities whose key stands in the bundles of several trust domains, under whatever name or certificate. */
export function sharedAuthorities(bundles: readonly DomainAuthorities[]): readonly SharedAuthority[] {
  const held = bundles.flatMap(({ trustDomain, authorities }) =>
    authorities.map(({ keyDer, sha256 }) => ({ trustDomain, keyDer, sha256 })),
  );
  return [...Map.groupBy(held, ({ keyDer }) => keyDer).values()].flatMap((holders) => {
    const trustDomains = [...new Set(holders.map(({ trustDomain }) => trustDomain))];
    const [first] = holders;
    return first && trustDomains.length > 1 ? [{ sha256: first.sha256, trustDomains }] : [];
  });
}
