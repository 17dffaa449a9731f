// What every maker of DPoP nonces must do (RFC 9449 §8), run against each implementation.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DPOP_NONCE_SECONDS } from '../../src/core/limits-delegation.ts';
import type { Nonces } from '../../src/core/ports.ts';

const NOW = 1_800_000_010;

export function noncesContract(
  name: string,
  open: () => Promise<{ readonly store: Nonces; close(): Promise<void> }>,
): void {
  describe(`${name} keeps the contract of the nonces of DPoP`, () => {
    let under: Awaited<ReturnType<typeof open>>;
    beforeAll(async () => {
      under = await open();
    });
    afterAll(() => under.close());

    it('gives a nonce of the characters that a header and a proof may hold, and takes it', () => {
      const nonce = under.store.current(NOW);
      expect(nonce).toMatch(/^[\x21\x23-\x5b\x5d-\x7e]+$/);
      expect(under.store.accepts(nonce, NOW)).toBe(true);
    });

    it('takes a nonce for as long as it says, and not much longer', () => {
      const nonce = under.store.current(NOW);
      expect(under.store.accepts(nonce, NOW + DPOP_NONCE_SECONDS)).toBe(true);
      expect(under.store.accepts(nonce, NOW + DPOP_NONCE_SECONDS + 61)).toBe(false);
    });

    it('takes one of a replica whose clock is a little ahead, and none from further ahead', () => {
      expect(under.store.accepts(under.store.current(NOW + 25), NOW)).toBe(true);
      expect(under.store.accepts(under.store.current(NOW + 120), NOW)).toBe(false);
    });

    it('gives another nonce in another minute', () => {
      expect(under.store.current(NOW + 60)).not.toBe(under.store.current(NOW));
    });

    it.each([
      ['none', () => ''],
      ['one of another secret', (own: string) => `${own.slice(0, 12)}AAAA${own.slice(16)}`],
      ['one that is longer', (own: string) => `${own}A`],
      ['one that is shorter', (own: string) => own.slice(0, -1)],
      ['one with a byte that base64url has not', (own: string) => `${own.slice(0, -1)}=`],
      ['one whose time was moved', (own: string) => `${own.slice(0, 9)}B${own.slice(10)}`],
    ])('refuses %s', (_what, make) => {
      const own = under.store.current(NOW);
      expect(under.store.accepts(make(own), NOW)).toBe(false);
      expect(under.store.accepts(own, NOW)).toBe(true);
    });
  });
}
