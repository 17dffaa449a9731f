// Public keys for the tests of key sets, made at run time.

import { exportJWK, generateKeyPair, type JWK } from 'jose';

/** A new public JWK that states its `kid` and `alg`. */
export async function publicJwk(alg: string, kid: string, modulusLength = 2048): Promise<JWK> {
  const { publicKey } = await generateKeyPair(alg, { extractable: true, modulusLength });
  return { ...(await exportJWK(publicKey)), kid, alg };
}

/** The text of a key set. */
export const setOf = (...keys: unknown[]): string => JSON.stringify({ keys });
