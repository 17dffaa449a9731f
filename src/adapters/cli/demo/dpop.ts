// A key of the caller's own, proved to the token endpoint by DPoP (RFC 9449) as any OAuth library does it. Decides nothing: what the broker
// makes of the proof is shown by delegation.ts.

import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

export interface DpopKey {
  /** The thumbprint that a token which is bound to the key has in `cnf`. */
  readonly jkt: string;
  /** A proof for one request to this address, with the nonce that the broker gave. */
  proof(htu: string, nonce: string): Promise<string>;
}

export async function createDpopKey(): Promise<DpopKey> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return Object.freeze({
    jkt: await calculateJwkThumbprint(jwk),
    proof: (htu: string, nonce: string) =>
      new SignJWT({ htm: 'POST', htu, nonce, jti: randomUUID() })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(privateKey),
  });
}
