// base64url without padding (RFC 4648 §5, RFC 7515 §2), read so that texts and bytes are one to one: what decodes is exactly
// what encoding its bytes gives. Padding, white space, the other alphabet and stray trailing bits are refused (A-26, JB-08).

/** The bytes that this text spells, or undefined where it is not canonical base64url. */
export function decodeBase64url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  // Node skips what it does not know; encoding again shows whether it skipped anything.
  return bytes.toString('base64url') === text ? bytes : undefined;
}
