// A private key and certificates in one PEM text, as SPIFFE Filesystem Delivery §2.1 has them ("credential bundle"), in either order.
// Only takes the two apart: whether they belong together, and whether either can be used, is not judged here. Never repeats the key.

const KEY = /^-----BEGIN ((?:[A-Z0-9]+ )*PRIVATE KEY)-----[ \t]*\r?\n[A-Za-z0-9+/=\s:,-]*?^-----END \1-----[ \t]*$/gm;

export interface CredentialPem {
  /** The text without private keys, for `readPemCertificates`. */
  readonly certificates: string;
  /** PEM, with the labels it had. Secret. */
  readonly keys: readonly string[];
}

/** Bounded by the caller. Never throws. */
export const splitCredentialPem = (text: string): CredentialPem => ({
  // The lines stay, so that problems name the right ones.
  certificates: text.replace(KEY, (block) => '\n'.repeat(block.split('\n').length - 1)),
  keys: text.match(KEY) ?? [],
});
