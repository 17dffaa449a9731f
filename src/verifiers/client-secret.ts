// Shared secrets of clients (RFC 6749 §2.3.1, OA-09): kept as SHA-256, compared in constant time, one of at most two that are in
// force. `exchequer keys secret` makes them of 256 random bits, so that a hash without salt or stretching hides them.

import { createHash, timingSafeEqual } from 'node:crypto';
import { CLIENTS_SOURCE } from '../core/client.ts';
import { asProved, type Principal, type Proof, type ProvedPrincipal } from '../core/principal.ts';
import type { ClientProblem } from '../core/refusal.ts';
import { CLIENT } from '../platforms/client.ts';
import type { ClientSecret } from './client-kind.ts';
import { encodeName } from './name.ts';

/** Why none of the readings of what was sent is a secret in force; undefined where one is. */
export function secretProblem(
  kept: readonly ClientSecret[],
  sent: readonly string[],
  nowSeconds: number,
): Extract<ClientProblem, 'secret_wrong' | 'secret_expired'> | undefined {
  const hashes = sent.map((secret) => createHash('sha256').update(secret).digest());
  const found = kept.filter(({ sha256 }) => hashes.map((hash) => equal(hash, sha256)).includes(true));
  if (found.length === 0) return 'secret_wrong';
  const inForce = found.some(({ untilSeconds }) => untilSeconds === undefined || nowSeconds < untilSeconds);
  return inForce ? undefined : 'secret_expired';
}

const equal = (hash: Uint8Array, sha256: string): boolean => timingSafeEqual(hash, Buffer.from(sha256, 'hex'));

/** A registered client as a principal, proved or not. */
export const registeredClient = (id: string, ownIssuer: string): Principal => ({
  source: CLIENTS_SOURCE,
  kind: CLIENT.kind,
  issuer: ownIssuer,
  subject: id,
  name: `${CLIENTS_SOURCE}:${encodeName(id)}`,
  claims: { sub: id },
});

/** The same, proved. `proof`: what its credential proved beside its identity; nothing for a secret. */
export function clientPrincipal(id: string, ownIssuer: string, proof: Partial<Proof> = {}): ProvedPrincipal {
  return asProved(registeredClient(id, ownIssuer), {
    sha256: proof.sha256,
    jti: undefined,
    // Neither a secret nor an assertion says how long its client lasts; a certificate does.
    expiresAt: proof.expiresAt ?? Number.POSITIVE_INFINITY,
    replay: 'reusable',
    tell: 'caller',
    presenter: 'self',
    audience: ownIssuer,
    boundTo: proof.boundTo,
  });
}
