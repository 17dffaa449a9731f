// The only place that checks a signature: jose over one key that is bound to one algorithm (RFC 8725 §3.1).
// Everything that jose lets through (types, times, typ, duplicate members, spaces) has been judged before.

import { calculateJwkThumbprint, compactVerify, errors, importJWK } from 'jose';
import type { SignatureAlgorithm, VerificationKey } from '../core/outside.ts';
import type { UnprovedJws } from '../parsing/jws.ts';
import type { KeyMaterialJwk } from '../parsing/public-jwk.ts';

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

/** A key that came with what it signed, and its thumbprint (RFC 7638, SHA-256); undefined where the material is no key. */
export async function presentedKey(
  material: KeyMaterialJwk,
  alg: SignatureAlgorithm,
): Promise<{ readonly key: VerificationKey; readonly jkt: string } | undefined> {
  try {
    const key = await importJWK({ ...material }, alg);
    if (key instanceof Uint8Array) return undefined;
    return { key: { kid: undefined, alg, key }, jkt: await calculateJwkThumbprint({ ...material }, 'sha256') };
  } catch {
    // A point that is off its curve, and whatever else the import finds: the key is the caller's own text.
    return undefined;
  }
}
