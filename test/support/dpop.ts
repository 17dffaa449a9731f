// DPoP proofs as clients make them, and the verifier under test with nonces that count windows: the ones that a broker gives are the
// store's own business. `proof` changes any claim or header member; undefined leaves one out.

import { DPOP_NONCE_SECONDS } from '../../src/core/limits-delegation.ts';
import type { Nonces } from '../../src/core/ports.ts';
import { createDpopProofs } from '../../src/verifiers/dpop.ts';
import { createForge, type Forge, type Json } from './forge.ts';
import { NOW } from './sources.ts';

export const HTU = 'https://sts.example/t1/token';
export const KEY = createForge('ES256', 'client');
export const OTHER = createForge('ES256', 'other');
export const RSA = createForge('RS256', 'rsa');

/** One nonce for each window, taken until the end of the next. */
export const named = (window: number) => `nonce-${window}`;
export const windowOf = (nowSeconds: number) => Math.floor(nowSeconds / DPOP_NONCE_SECONDS);
export const NONCES: Nonces = {
  current: (nowSeconds) => named(windowOf(nowSeconds)),
  accepts: (nonce, nowSeconds) => [0, 1].some((ago) => nonce === named(windowOf(nowSeconds) - ago)),
};
export const NONCE = NONCES.current(NOW);
export const proofs = createDpopProofs({ nonces: NONCES });

export const publicOf = ({ jwk: { kid: _, ...jwk } }: Forge): Json => jwk;
export const CLAIMS = { jti: 'a-proof', htm: 'POST', htu: HTU, iat: NOW, nonce: NONCE };
export const header = (forge: Forge, more: Json = {}): Json => ({
  kid: undefined,
  typ: 'dpop+jwt',
  jwk: publicOf(forge),
  ...more,
});
export const proof = (claims: Json = {}, more: Json = {}, forge = KEY): string =>
  forge.token({ ...CLAIMS, ...claims }, header(forge, more));

/** What became of it: `proved`, a problem, or the nonce that is wanted. */
export async function verdict(texts: string | readonly string[], { htm = 'POST', htu = HTU, now = NOW } = {}) {
  const result = await proofs.verify({ texts: typeof texts === 'string' ? [texts] : texts, htm, htu }, now);
  if (result.ok) return 'proved';
  const { refusal } = result;
  if (refusal.reason === 'dpop_nonce_wanted') return `nonce ${refusal.nonce}`;
  return refusal.reason === 'dpop_proof_refused' ? refusal.problem : refusal.reason;
}
