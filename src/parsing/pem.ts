// Certificates in PEM (RFC 7468): bundles as trust-manager and people write them, with comments and blank lines between blocks.
// Takes nothing but CERTIFICATE blocks: a private key among authorities is somebody's mistake, and said to be one (the key is not
// repeated). Bounded by the caller's bytes and by a count. Whether a block holds a certificate is not read here.

import { PEM_CERTIFICATES_MAX } from '../core/limits-outside.ts';

export type PemRead =
  | { readonly ok: true; readonly ders: readonly Uint8Array[] }
  /** A sentence's end, for a message that begins with the file's name. Repeats nothing of the file but a label. */
  | { readonly ok: false; readonly problem: string };

/** RFC 7468 §3: labels are printable, and end without a space or hyphen. */
const BEGIN = /^-----BEGIN ([A-Z0-9]+(?:[ -][A-Z0-9]+)*)-----[ \t]*$/;
const DASHES = /^\s*-----/;

/** Reads every certificate of a text, in order; at least one. Never throws. */
export function readPemCertificates(text: string): PemRead {
  const ders: Uint8Array[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    // Whatever else stands between blocks is a comment (§2), but not what looks like a boundary and is none.
    if (!DASHES.test(line)) continue;
    const label = BEGIN.exec(line)?.[1];
    if (label === undefined) return no(`has no PEM boundary at line ${at + 1} where one seems to be meant`);
    if (/PRIVATE KEY$/.test(label)) return no(`has a private key at line ${at + 1}; it takes certificates only`);
    if (label !== 'CERTIFICATE') return no(`has ${label} at line ${at + 1}; it takes CERTIFICATE blocks only`);
    if (ders.length >= PEM_CERTIFICATES_MAX) return no(`has more than ${PEM_CERTIFICATES_MAX} certificates`);
    let end = at + 1;
    while (end < lines.length && !DASHES.test(lines[end] ?? '')) end += 1;
    if (lines[end]?.trimEnd() !== '-----END CERTIFICATE-----')
      return no(`has a CERTIFICATE at line ${at + 1} without its end`);
    const der = decodeBase64(lines.slice(at + 1, end));
    if (der === undefined) return no(`has a CERTIFICATE at line ${at + 1} that is not base64`);
    ders.push(der);
    at = end;
  }
  return ders.length > 0 ? { ok: true, ders } : no('has no certificate');
}

const no = (problem: string): PemRead => ({ ok: false, problem });

/** The one spelling of these bytes, in lines of any length (§2 wants 64 characters; not everybody keeps to it). */
function decodeBase64(lines: readonly string[]): Uint8Array | undefined {
  const text = lines.map((line) => line.trim()).join('');
  const bytes = Buffer.from(text, 'base64');
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined;
}
