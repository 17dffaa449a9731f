// One X.509 certificate (RFC 5280 §4), taken apart strictly: DER with nothing behind it, version 3, no extension twice. What is
// read here is unproved; whether it may sign, or stand for somebody, is judged in path.ts and svid.ts.

import { X509Certificate } from 'node:crypto';

/** A parsed certificate. Has no constructor but `readCertificate`. */
export interface Certificate {
  readonly der: Uint8Array;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  /** Seconds since the epoch. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
}

export type CertificateRead =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly problem: 'der' };

/** Reads one certificate in DER. Never throws. */
export function readCertificate(der: Uint8Array): CertificateRead {
  try {
    const { validFromDate, validToDate, fingerprint256 } = new X509Certificate(der);
    const certificate: Certificate = {
      der,
      sha256: fingerprint256.replaceAll(':', '').toLowerCase(),
      notBeforeSeconds: validFromDate.getTime() / 1000,
      notAfterSeconds: validToDate.getTime() / 1000,
    };
    return { ok: true, certificate: Object.freeze(certificate) };
  } catch {
    return { ok: false, problem: 'der' };
  }
}
