// What a peer presented, or a file holds: a leaf and other certificates in any order (RFC 5280 §6.1 wants no order, TLS 1.3 §4.4.2
// no more than the leaf first). Bounded before anything is parsed. Proves nothing.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import { CHAIN_BYTES_MAX, CHAIN_CERTIFICATES_MAX } from '../core/limits-outside.ts';
import { type Certificate, readCertificate } from './certificate.ts';

export type Chain = readonly [leaf: Certificate, ...others: Certificate[]];

export type ChainRead =
  | { readonly ok: true; readonly chain: Chain }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** Reads certificates in DER, the leaf first. One that cannot be read refuses them all. Never throws. */
export function readChain(ders: readonly Uint8Array[]): ChainRead {
  const [first, ...rest] = ders;
  if (first === undefined) return { ok: false, problem: 'chain_empty' };
  if (ders.length > CHAIN_CERTIFICATES_MAX) return { ok: false, problem: 'chain_too_long' };
  if (ders.reduce((sum, der) => sum + der.length, 0) > CHAIN_BYTES_MAX)
    return { ok: false, problem: 'chain_too_large' };
  const leaf = readCertificate(first);
  if (!leaf.ok) return leaf;
  const others: Certificate[] = [];
  for (const der of rest) {
    const read = readCertificate(der);
    if (!read.ok) return read;
    others.push(read.certificate);
  }
  return { ok: true, chain: [leaf.certificate, ...others] };
}
