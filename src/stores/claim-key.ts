// The name under which a spent credential is remembered: SHA-256 of length-prefixed purpose, issuer, `jti` and target, so that
// no two spendings share one however their texts are cut, and no role spends for another. Made from
// proved values, never from the text of a token.

import { createHash } from 'node:crypto';
import type { Spending } from '../core/ports.ts';

/** 43 characters of base64url. */
export function claimKey(spending: Spending): string {
  const { purpose, issuer, jti, target } = spending;
  const hash = createHash('sha256');
  // Whether there is a target is told by the number of parts, which stands first.
  const parts = target === undefined ? [purpose, issuer, jti] : [purpose, issuer, jti, target];
  hash.update(`${parts.length}:`);
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part);
  return hash.digest('base64url');
}
