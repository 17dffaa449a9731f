// Counting the fields of a protocol buffer message: what counts, and what is no message. Bad inputs are named by their defect.

import { describe, expect, it } from 'vitest';
import { hasFieldsWithin } from '../../src/parsing/protobuf.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

describe('a protocol buffer message', () => {
  it.each([
    ['nothing', '', 0],
    ['a varint', '08 9601', 1],
    ['a varint of ten bytes', '08 ffffffffffffffffff01', 1],
    ['eight bytes', '09 0102030405060708', 1],
    ['four bytes', '0d 01020304', 1],
    ['text', '12 0774657374696e67', 1],
    ['an element of nothing', '0a00', 1],
    ['a long tag', '8201 01 00', 1],
    ['one of each', '0801 09 0000000000000000 0d 00000000 0a00', 4],
  ])('of %s has exactly that many fields', (_what, hex, count) => {
    expect(hasFieldsWithin(bytes(hex), count)).toBe(true);
    if (count > 0) expect(hasFieldsWithin(bytes(hex), count - 1)).toBe(false);
  });

  it.each([
    ['a tag alone', '0a'],
    ['a tag without end', '8080'],
    ['a varint without end', '08 ff'],
    ['a varint of eleven bytes', '08 ffffffffffffffffffff01'],
    ['a length beyond its bytes', '0a 02 00'],
    ['a length beyond all memory', '0a ffffffffffffffffff01'],
    ['too few fixed bytes', '0d 000000'],
    ['a group', '0b 0c'],
    ['an unknown wire type', '0e 00'],
  ])('is none with %s', (_defect, hex) => {
    expect(hasFieldsWithin(bytes(hex), 8)).toBe(false);
  });
});
