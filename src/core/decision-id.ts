// The decision id: 26 characters of Crockford base 32, 10 of time and 16 of randomness, as a ULID is written. It names one
// request in its answer, its record, its token's `jti` and `explain`.

import type { RandomBytes } from './ports.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_CHARACTERS = 10;
const RANDOM_CHARACTERS = 16;

const WRITTEN = new RegExp(`^[${ALPHABET}]{${TIME_CHARACTERS + RANDOM_CHARACTERS}}$`);

/** Whether a text is written as decision ids are. */
export const isDecisionId = (text: string): boolean => WRITTEN.test(text);

/** A new decision id for this instant (seconds since the epoch). */
export function decisionId(nowSeconds: number, randomBytes: RandomBytes): string {
  let time = Math.floor(nowSeconds * 1000);
  let head = '';
  for (let index = 0; index < TIME_CHARACTERS; index += 1) {
    head = ALPHABET.charAt(time % 32) + head;
    time = Math.floor(time / 32);
  }
  // One byte for each character: 256 is a multiple of 32, so every character is equally likely.
  let tail = '';
  for (const byte of randomBytes(RANDOM_CHARACTERS)) tail += ALPHABET.charAt(byte % 32);
  return head + tail;
}
