// The X.509 authorities of one trust domain, out of its bundle (SPIFFE X509-SVID §6): of each `x509-svid` entry the first
// certificate of `x5c` and no other (SX-11). Each is read by itself, so that one bad entry never takes the good ones with it.
// Whether a certificate may sign is judged with the chain that it begins, in x509/.

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { keyProblem } from '../parsing/public-jwk.ts';
import { type Certificate, readCertificate } from '../x509/certificate.ts';
import type { IgnoredKey } from './jwk-set.ts';

export interface AuthoritiesRead {
  readonly authorities: readonly Certificate[];
  readonly ignored: readonly IgnoredKey[];
}

/** Whether an element of `keys` is for X.509-SVIDs. `use` is compared byte for byte (SB-04). */
export const isX509Entry = (element: Json | undefined): element is JsonObject =>
  isJsonObject(element) && element.use === 'x509-svid';

/** The authorities among the elements of `keys`, in their order; one that is there twice counts once. Never throws. */
export const readAuthorities = (elements: readonly Json[]): AuthoritiesRead =>
  collect(elements.flatMap((element, index) => (isX509Entry(element) ? [{ index, found: authorityOf(element) }] : [])));

/** The authorities among certificates in DER. */
export const readAuthorityCertificates = (certificates: readonly Uint8Array[]): AuthoritiesRead =>
  collect(certificates.map((der, index) => ({ index, found: certificateOf(der) })));

function collect(
  entries: readonly { readonly index: number; readonly found: Certificate | string }[],
): AuthoritiesRead {
  const authorities = new Map<string, Certificate>();
  const ignored: IgnoredKey[] = [];
  for (const { index, found } of entries) {
    if (typeof found === 'string') ignored.push({ index, why: found });
    else if (!authorities.has(found.sha256)) authorities.set(found.sha256, found);
  }
  return { authorities: Object.freeze([...authorities.values()]), ignored };
}

function authorityOf(element: JsonObject): Certificate | string {
  const problem = keyProblem(element);
  if (problem !== undefined) return problem;
  const { x5c } = element;
  if (x5c === undefined) return 'has no x5c';
  const first: Json | undefined = Array.isArray(x5c) ? x5c[0] : undefined;
  const der = typeof first === 'string' ? decodeBase64(first) : undefined;
  return der ? certificateOf(der) : 'has an x5c that does not begin with base64';
}

function certificateOf(der: Uint8Array): Certificate | string {
  const read = readCertificate(der);
  return read.ok ? read.certificate : `holds a certificate that cannot be read (${read.problem})`;
}

/** RFC 4648 §4, as RFC 7517 §4.7 says of `x5c`; Node's own decoder skips whatever is not base64. */
function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
