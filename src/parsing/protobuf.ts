// How much a protocol buffer message holds (proto3 wire format), counted before anything is made of it: two bytes are enough for an
// element of a list, and four MiB of those would take the reader ten seconds and two gigabytes. Looks at tags and lengths of the
// outermost fields alone; what they mean is for the reader.

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/** Whether these bytes are a message of at most so many fields. Never throws. */
export function hasFieldsWithin(bytes: Uint8Array, countMax: number): boolean {
  let count = 0;
  for (let at = 0; at < bytes.length; count += 1) {
    const tag = readVarint(bytes, at);
    const next = tag && endOfField(bytes, tag.end, tag.value & 7);
    if (next === undefined || next > bytes.length || count === countMax) return false;
    at = next;
  }
  return true;
}

function endOfField(bytes: Uint8Array, start: number, wireType: number): number | undefined {
  switch (wireType) {
    case VARINT:
      return readVarint(bytes, start)?.end;
    case FIXED64:
      return start + 8;
    case FIXED32:
      return start + 4;
    case DELIMITED: {
      const length = readVarint(bytes, start);
      return length && length.end + length.value;
    }
    // Groups are not in proto3.
    default:
      return undefined;
  }
}

/** Ten bytes hold any; beyond 53 bits the value is inexact, and only ever too large for what it counts. */
function readVarint(bytes: Uint8Array, start: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = bytes[start + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  return undefined;
}
