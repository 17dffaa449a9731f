// DER values one after the other: where bytes may be cut, and where they may not. Bad inputs are named by their defect.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitSequences } from '../../src/parsing/der.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const split = (hex: string, countMax = 8) =>
  splitSequences(bytes(hex), countMax)?.map((value) => Buffer.from(value).toString('hex'));

/** A SEQUENCE around so many bytes, in DER. */
function sequence(length: number): Buffer {
  const size = [length >> 16, (length >> 8) & 255, length & 255];
  while (size.length > 1 && size[0] === 0) size.shift();
  const head = length < 128 ? [0x30, length] : [0x30, 0x80 + size.length, ...size];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(length, 7)]);
}

describe('values in DER that stand one after the other', () => {
  it('are cut where their lengths say', () => {
    expect(split('')).toEqual([]);
    expect(split('3000')).toEqual(['3000']);
    expect(split('3001aa 3000 3002bbcc')).toEqual(['3001aa', '3000', '3002bbcc']);
    expect(splitSequences(sequence(128), 1)).toEqual([sequence(128)]);
    expect(splitSequences(sequence(65_536), 1)).toEqual([sequence(65_536)]);
  });

  it('give back what was put together, whatever their lengths', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 5 }), (lengths) => {
        const whole = lengths.map(sequence);
        expect(splitSequences(Buffer.concat(whole), 5)?.map((one) => one.length)).toEqual(
          whole.map((one) => one.length),
        );
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    ['a tag that is no SEQUENCE', '3100'],
    ['a tag alone', '3000 30'],
    ['fewer bytes than the length says', '3002aa'],
    ['bytes behind the last value', '3000 00'],
    ['an indefinite length', '3080 0000'],
    ['a long form for a short length', '308101aa'],
    ['a length with a leading zero', `30820080${'07'.repeat(128)}`],
    ['a length that is cut off', '308201'],
    ['a length of four octets', '308400000001aa'],
    ['the reserved length octet', '30ff'],
  ])('are refused with %s', (_defect, hex) => {
    expect(split(hex)).toBeUndefined();
  });

  it('are refused where there are more than are asked for', () => {
    expect(split('3000 3000', 2)).toEqual(['3000', '3000']);
    expect(split('3000 3000', 1)).toBeUndefined();
  });
});
