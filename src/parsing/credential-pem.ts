// A private key and certificates in one PEM text, as SPIFFE Filesystem Delivery §2.1 has them ("credential bundle"), in either order.
// Only takes the two apart, in one pass over the lines: whether they belong together, and whether either can be used, is not judged
// here. Never repeats the key.

const BEGIN = /^-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----[ \t]*$/;
const DASHES = /^\s*-----/;

export interface CredentialPem {
  /** The text without private keys, for `readPemCertificates`; its lines keep their numbers. */
  readonly certificates: string;
  /** PEM, with the labels it had. Secret. */
  readonly keys: readonly string[];
}

/** Bounded by the caller. Never throws. A key without its end is left where it is. */
export function splitCredentialPem(text: string): CredentialPem {
  const keys: string[] = [];
  const others: string[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  for (let at = 0; at < lines.length; at += 1) {
    const label = BEGIN.exec(lines[at] ?? '')?.[1];
    const end = label === undefined ? at : nextBoundary(lines, at + 1);
    if (label === undefined || lines[end]?.trimEnd() !== `-----END ${label}-----`) {
      others.push(lines[at] ?? '');
      continue;
    }
    keys.push(lines.slice(at, end + 1).join('\n'));
    others.push(...Array<string>(end - at + 1).fill(''));
    at = end;
  }
  return { certificates: others.join('\n'), keys };
}

function nextBoundary(lines: readonly string[], from: number): number {
  let at = from;
  while (at < lines.length && !DASHES.test(lines[at] ?? '')) at += 1;
  return at;
}
