// The certificates that may begin a path: those of one trust domain, or of one client's own authority. Never the system's, and never
// those of two trust domains together (SX-09, SF-02).

import type { Certificate } from './certificate.ts';

/** The X.509 authorities of one origin. Whoever has a live connection asks again for every request. */
export interface Authorities {
  /** At once, and the same array while nothing has changed, so that a verdict may be kept by it. Never throws. */
  current(): AuthoritiesFound;
}

export type AuthoritiesFound =
  /** Nothing in it: nobody can prove anything by a certificate (SX-11, SB-03). */
  | { readonly found: readonly Certificate[] }
  /** The origin's authorities are not known. */
  | { readonly found: 'unavailable'; readonly retryAfterSeconds: number };
