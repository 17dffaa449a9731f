// DER, written element by element, so that every defect can be written too. Checks nothing.

export type Part = Buffer | string;

/** Bytes of parts: buffers as they are, texts as hex. */
export const bytes = (...parts: readonly Part[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part)));

export function tlv(tag: number, ...parts: readonly Part[]): Buffer {
  const body = bytes(...parts);
  return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
}

function length(count: number): Buffer {
  if (count < 0x80) return Buffer.from([count]);
  const size = count < 0x100 ? 1 : count < 0x10000 ? 2 : 3;
  const coded = Buffer.alloc(1 + size, 0x80 | size);
  coded.writeUIntBE(count, 1, size);
  return coded;
}

export const sequence = (...parts: readonly Part[]): Buffer => tlv(0x30, ...parts);
export const set = (...parts: readonly Part[]): Buffer => tlv(0x31, ...parts);
export const octets = (...parts: readonly Part[]): Buffer => tlv(0x04, ...parts);
export const bits = (...parts: readonly Part[]): Buffer => tlv(0x03, '00', ...parts);
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text));
export const printable = (text: string): Buffer => tlv(0x13, Buffer.from(text));
export const TRUE = bytes('0101ff');
export const FALSE = bytes('010100');
export const NULL = bytes('0500');

export function integer(value: number): Buffer {
  const hex = value.toString(16);
  const even = hex.length % 2 ? `0${hex}` : hex;
  return tlv(0x02, Number.parseInt(even.slice(0, 2), 16) >= 0x80 ? `00${even}` : even);
}

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const coded = [first * 40 + second, ...rest].flatMap((part) => {
    const septets = [part & 0x7f];
    for (let more = Math.floor(part / 128); more > 0; more = Math.floor(more / 128))
      septets.unshift((more & 0x7f) | 0x80);
    return septets;
  });
  return tlv(0x06, Buffer.from(coded));
}

const digits = (seconds: number): string => new Date(seconds * 1000).toISOString().replace(/[-:T]|\.\d+Z$/g, '');
export const utcTime = (seconds: number): Buffer => tlv(0x17, Buffer.from(`${digits(seconds).slice(2)}Z`));
export const generalizedTime = (seconds: number): Buffer => tlv(0x18, Buffer.from(`${digits(seconds)}Z`));

/** A BIT STRING of named bits in its shortest form. */
export function flags(...numbers: readonly number[]): Buffer {
  const last = Math.max(...numbers);
  const body = Buffer.alloc(2 + (last >> 3));
  body[0] = 7 - (last & 7);
  for (const bit of numbers) body[1 + (bit >> 3)] = (body[1 + (bit >> 3)] ?? 0) | (0x80 >> (bit & 7));
  return tlv(0x03, body);
}

/** An extension with the whole of its value. */
export const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));

const text =
  (tag: number) =>
  (value: string): Buffer =>
    tlv(tag, Buffer.from(value, 'latin1'));
export const email = text(0x81);
export const dns = text(0x82);
export const uri = text(0x86);
export const ip = (...parts: readonly number[]): Buffer => tlv(0x87, Buffer.from(parts));
export const directory = (name: Buffer): Buffer => tlv(0xa4, name);
export const registered = (dotted: string): Buffer => tlv(0x88, oid(dotted).subarray(2));
export const otherName = (dotted: string, value: Buffer): Buffer => tlv(0xa0, oid(dotted), tlv(0xa0, value));

/** A name of one attribute per RDN: `['CN', 'x']`. */
export const name = (
  ...attributes: readonly (readonly [type: keyof typeof ATTRIBUTES, value: string | Buffer])[]
): Buffer => sequence(...attributes.map(([type, value]) => set(attribute(type, value))));

export const ATTRIBUTES = { CN: '2.5.4.3', O: '2.5.4.10', C: '2.5.4.6', E: '1.2.840.113549.1.9.1' } as const;
export const attribute = (type: keyof typeof ATTRIBUTES, value: string | Buffer): Buffer =>
  sequence(oid(ATTRIBUTES[type]), typeof value === 'string' ? utf8(value) : value);
