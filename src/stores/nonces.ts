// The nonces of DPoP (RFC 9449 §8): a slot of time and an HMAC over it, so that whoever has the secret makes and knows all of them and
// keeps none. Pure: the secret is a process's own, or what the replicas share.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { DPOP_NONCE_SECONDS, DPOP_NONCE_SLOT_SECONDS } from '../core/limits-delegation.ts';
import type { Nonces } from '../core/ports.ts';

/** 32 characters of base64url: eight bytes of slot, sixteen of HMAC-SHA-256. */
const NONCE = /^[A-Za-z0-9_-]{32}$/;
const SLOT_BYTES = 8;
const NONCE_BYTES = 24;

export function createNonces(secret: Uint8Array): Nonces {
  const nonceOf = (slot: number): Buffer => {
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeBigUInt64BE(BigInt(slot));
    const proof = createHmac('sha256', secret).update('dpop nonce:').update(nonce.subarray(0, SLOT_BYTES)).digest();
    proof.copy(nonce, SLOT_BYTES, 0, NONCE_BYTES - SLOT_BYTES);
    return nonce;
  };

  return Object.freeze({
    current: (nowSeconds: number) => nonceOf(slotOf(nowSeconds)).toString('base64url'),
    accepts: (nonce: string, nowSeconds: number) => {
      if (!NONCE.test(nonce)) return false;
      const presented = Buffer.from(nonce, 'base64url');
      const slot = Number(presented.readBigUInt64BE());
      // A replica whose clock is ahead may have given it; beyond that nobody has.
      if (slot > slotOf(nowSeconds + LEEWAY_SECONDS)) return false;
      if (nowSeconds > (slot + 1) * DPOP_NONCE_SLOT_SECONDS + DPOP_NONCE_SECONDS) return false;
      return timingSafeEqual(nonceOf(slot), presented);
    },
  });
}

const slotOf = (nowSeconds: number): number => Math.floor(nowSeconds / DPOP_NONCE_SLOT_SECONDS);
