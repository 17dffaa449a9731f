// One X.509 certificate (RFC 5280 §4), taken apart strictly: DER with nothing behind it, version 3, no extension twice. What is
// read here is unproved; whether it may sign, or stand for somebody, is judged in path.ts and svid.ts. Its key is the one that
// OpenSSL reads in it, so that no certificate means one thing here and another in the TLS below.

import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import type { CertificateProblem } from '../core/certificate-problem.ts';
import { CERTIFICATE_BYTES_MAX, CERTIFICATE_SERIAL_BYTES_MAX } from '../core/limits-outside.ts';
import { keyAccepted, type SignatureAlgorithm, signatureAlgorithm } from './algorithms.ts';
import {
  CertificateError,
  context,
  type Element,
  elementsIn,
  expected,
  integerBytes,
  malformed,
  onlyElement,
  readBytes,
  readCount,
  readTime,
  sequenceIn,
  sequenceOf,
  TAG,
  within,
} from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';
import { type DistinguishedName, readDistinguishedName } from './names.ts';

/** A parsed certificate. Has no constructor but `readCertificate`. */
export interface Certificate extends Extensions {
  readonly der: Uint8Array;
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  /** SHA-256 of the DER, base64url: `x5t#S256` (RFC 8705 §3.1). */
  readonly thumbprint: string;
  readonly subject: DistinguishedName;
  readonly issuer: DistinguishedName;
  /** Subject and issuer have one name: an authority that changes its key (RFC 5280 §6.1). */
  readonly selfIssued: boolean;
  /** Seconds since the epoch; the certificate is valid at both. */
  readonly notBeforeSeconds: number;
  readonly notAfterSeconds: number;
  /** The names of these forms in subjectAltName, in its order. */
  readonly uriNames: readonly string[];
  readonly dnsNames: readonly string[];
  /** The DER of the subject's key, a byte per character. */
  readonly keyDer: string;
  /** Undefined where its kind or size is not taken. */
  readonly key: KeyObject | undefined;
  /** `algorithm` is undefined where it is not taken. */
  readonly signed: {
    readonly algorithm: SignatureAlgorithm | undefined;
    readonly bytes: Uint8Array;
    readonly signature: Uint8Array;
  };
}

export type CertificateRead =
  | { readonly ok: true; readonly certificate: Certificate }
  | { readonly ok: false; readonly problem: CertificateProblem };

/** Reads one certificate in DER. Never throws. */
export function readCertificate(der: Uint8Array): CertificateRead {
  if (der.length > CERTIFICATE_BYTES_MAX) return { ok: false, problem: 'certificate_too_large' };
  try {
    // Copied, so that nobody changes the bytes of what has been judged.
    return { ok: true, certificate: Object.freeze(read(Buffer.from(der))) };
  } catch (error) {
    if (error instanceof CertificateError) return { ok: false, problem: error.problem };
    throw error;
  }
}

function read(der: Buffer): Certificate {
  const [signedPart, algorithm, signature, ...rest] = sequenceOf(der);
  if (algorithm === undefined || rest.length > 0) malformed();
  const parts = [...sequenceIn(signedPart)];
  readVersion(parts[0]?.tag === within(0) ? parts.shift() : undefined);
  readSerial(parts.shift());
  // RFC 5280 §4.1.1.2: the algorithm outside is not signed, the one inside is.
  if (!expected(parts.shift(), TAG.sequence).whole.equals(algorithm.whole)) malformed('algorithms_differ');
  const issuer = readDistinguishedName(parts.shift());
  const [notBefore, notAfter, ...more] = sequenceIn(parts.shift());
  const notBeforeSeconds = readTime(notBefore);
  const notAfterSeconds = readTime(notAfter);
  if (more.length > 0 || notAfterSeconds < notBeforeSeconds) malformed('time');
  const subject = readDistinguishedName(parts.shift());
  const keyInfo = expected(parts.shift(), TAG.sequence);
  const extensions = readExtensions(readTail(parts));
  // RFC 5280 §4.1.2.4 and §4.1.2.6: an issuer has a name, in its own certificate too.
  if (issuer.rdns.length === 0 || (extensions.isAuthority && subject.rdns.length === 0)) malformed('name_missing');
  const digest = createHash('sha256').update(der).digest();
  return {
    ...extensions,
    der,
    sha256: digest.toString('hex'),
    thumbprint: digest.toString('base64url'),
    subject,
    issuer,
    selfIssued: subject.der === issuer.der,
    notBeforeSeconds,
    notAfterSeconds,
    uriNames: textsOf(extensions, 'uri'),
    dnsNames: textsOf(extensions, 'dns'),
    keyDer: keyInfo.whole.toString('latin1'),
    key: readKey(der, keyInfo),
    signed: {
      algorithm: signatureAlgorithm(algorithm),
      bytes: expected(signedPart, TAG.sequence).whole,
      signature: readBytes(signature),
    },
  };
}

/** Version 3 is written as 2; versions 1 and 2 cannot say that they are no authority. */
function readVersion(element: Element | undefined): void {
  if (element === undefined) malformed('version');
  if (readCount(onlyElement(element.body, TAG.integer)) !== 2) malformed('version');
}

/** RFC 5280 §4.1.2.2: at most 20 bytes. Zero and negative ones are in use and harm nobody. */
function readSerial(element: Element | undefined): void {
  const bytes = integerBytes(element);
  if (bytes.length - (bytes[0] === 0 ? 1 : 0) > CERTIFICATE_SERIAL_BYTES_MAX) malformed('serial');
}

/** What stands behind the key: extensions. Unique identifiers MUST NOT be made (RFC 5280 §4.1.2.8) and are not read. */
function readTail(parts: readonly Element[]): Element | undefined {
  if (parts.some(({ tag }) => tag === context(1) || tag === context(2))) malformed('unique_identifier');
  if (parts.length > 1) malformed();
  return parts[0] && expected(parts[0], within(3));
}

function readKey(der: Buffer, keyInfo: Element): KeyObject | undefined {
  const [identifier, bits, ...rest] = elementsIn(keyInfo);
  if (rest.length > 0) malformed();
  sequenceIn(identifier);
  readBytes(bits);
  try {
    const { publicKey } = new X509Certificate(der);
    return keyAccepted(keyInfo, publicKey) ? publicKey : undefined;
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    // OpenSSL reads no such key, or no such certificate.
    return undefined;
  }
}

const textsOf = ({ names }: Extensions, form: 'uri' | 'dns'): readonly string[] =>
  names.flatMap((name) => (name.form === form ? [name.text] : []));
