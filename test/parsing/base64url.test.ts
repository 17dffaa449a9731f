// base64url: texts and bytes are one to one.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBase64url } from '../../src/parsing/base64url.ts';

const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

describe('decodeBase64url', () => {
  it('reads the vectors of RFC 4648 §10, without padding', () => {
    const vectors = { '': '', Zg: 'f', Zm8: 'fo', Zm9v: 'foo', Zm9vYg: 'foob', Zm9vYmE: 'fooba', Zm9vYmFy: 'foobar' };
    for (const [text, bytes] of Object.entries(vectors))
      expect(Buffer.from(decodeBase64url(text) ?? []).toString()).toBe(bytes);
    expect(decodeBase64url('-_-_')).toEqual(Buffer.from([0xfb, 0xff, 0xbf]));
  });

  it.each([
    ['padding', 'Zg=='],
    ['partial padding', 'Zm8='],
    ['padding where none is due', 'Zm9v='],
    ['the other alphabet', '+/+/'],
    ['both alphabets', '-/-_'],
    ['a length that no bytes have', 'Zm9vY'],
    ['one character alone', 'Z'],
    ['trailing bits in the last of two characters (A-26)', 'Zh'],
    ['trailing bits in the last of three characters (A-26)', 'Zm9'],
    ['a space inside', 'Zm 9v'],
    ['a leading space', ' Zm9v'],
    ['a final newline (JB-08)', 'Zm9v\n'],
    ['a NUL', 'Zm9v\0'],
    ['percent encoding', 'Zg%3D%3D'],
    ['letters that are not ASCII', 'Zm9\uff56'],
    ['look-alikes that share their low byte with the alphabet', '\u0141\u0141\u0141\u0141'],
    ['a dot', 'Zm9v.'],
  ])('refuses %s', (_, text) => {
    expect(decodeBase64url(text)).toBeUndefined();
  });

  it('decodes what was encoded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeBase64url(encode(bytes))).toEqual(Buffer.from(bytes));
      }),
    );
  });

  it('takes no second text for any bytes', () => {
    const near = fc.string({ unit: fc.constantFrom(...'AQgwZm9v-_+/= \n\u0141'), maxLength: 12 });
    fc.assert(
      fc.property(near, (text) => {
        const bytes = decodeBase64url(text);
        if (bytes) expect(encode(bytes)).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});
