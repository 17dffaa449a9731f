// The handle of a token, by which `lineage` names the tokens that another was made of, and a whole chain is withdrawn at once. Made of
// what was proved, never of the token's text.

import { hash } from 'node:crypto';
import { HANDLE_BYTES } from '../core/limits-delegation.ts';

/** The handle of a token: a hash of its issuer and `jti`, base64url, 22 characters. Length-prefixed: no two tokens share one. */
export function handleOf(issuer: string, jti: string): string {
  const parts = [issuer, jti].map((part) => `${Buffer.byteLength(part)}:${part}`);
  return hash('sha256', parts.join(''), 'buffer').subarray(0, HANDLE_BYTES).toString('base64url');
}
