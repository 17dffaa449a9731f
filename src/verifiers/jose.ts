// The only place that checks a signature: jose over one key that is bound to one algorithm (RFC 8725 §3.1).
// Everything that jose lets through (types, times, typ, duplicate members, spaces) has been judged before.

import { compactVerify, errors } from 'jose';
import type { VerificationKey } from '../core/outside.ts';
import type { UnprovedJws } from '../parsing/jws.ts';

/** Whether one of these keys signed the token. */
export async function signedByOne(jws: UnprovedJws, keys: readonly VerificationKey[]): Promise<boolean> {
  for (const { key, alg } of keys) {
    if (alg === jws.alg && (await signedBy(jws, key, alg))) return true;
  }
  return false;
}

async function signedBy(jws: UnprovedJws, key: CryptoKey, alg: string): Promise<boolean> {
  try {
    await compactVerify(jws.text, key, { algorithms: [alg] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
