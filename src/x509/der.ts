// DER as X.690 §8 and §10 have it, and nothing of BER: one encoding for each value, lengths minimal and definite, nothing behind the
// last element. Hand-written because the certificate readers at hand (@peculiar/x509, asn1-schema, OpenSSL in Node) all take
// trailing bytes, TRUE as 01 and padded bit strings. What is not DER is thrown as CertificateError; readCertificate catches it.

import type { CertificateProblem } from '../core/certificate-problem.ts';

/** A certificate that cannot be read. Never leaves this folder. */
export class CertificateError extends Error {
  readonly problem: CertificateProblem;
  constructor(problem: CertificateProblem) {
    super(problem);
    this.problem = problem;
  }
}

export interface Element {
  readonly tag: number;
  readonly body: Buffer;
  /** Header and body. */
  readonly whole: Buffer;
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export function malformed(problem: CertificateProblem = 'der'): never {
  throw new CertificateError(problem);
}

/** Context-specific tags: `[n]` of a primitive, and of what has elements inside. */
export const context = (number: number): number => 0x80 | number;
export const within = (number: number): number => 0xa0 | number;

/** The element that begins at `offset`. */
function elementAt(bytes: Buffer, offset: number): Element {
  const tag = bytes[offset] ?? malformed();
  // Tag numbers from 31 on take several bytes; nothing in a certificate has one.
  if ((tag & 0x1f) === 0x1f) malformed();
  const first = bytes[offset + 1] ?? malformed();
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const size = first & 0x7f;
    // 0 is BER's indefinite length; four bytes and more are past every bound here.
    if (size === 0 || size > 3 || start + size > bytes.length) malformed();
    length = bytes.readUIntBE(start, size);
    start += size;
    if (length < 0x80 || length < 2 ** (8 * (size - 1))) malformed();
  }
  const end = start + length;
  if (end > bytes.length) malformed();
  return { tag, body: bytes.subarray(start, end), whole: bytes.subarray(offset, end) };
}

/** The one element that these bytes are. */
export function onlyElement(bytes: Buffer, tag: number): Element {
  const element = elementAt(bytes, 0);
  if (element.whole.length !== bytes.length) malformed();
  return expected(element, tag);
}

/** This element, which must be there and have this tag. */
export function expected(element: Element | undefined, tag: number): Element {
  return element?.tag === tag ? element : malformed();
}

/** The elements inside a constructed one. More than `countMax` are not read. */
export function elementsIn(parent: Element, countMax = Number.POSITIVE_INFINITY): readonly Element[] {
  const elements: Element[] = [];
  for (let offset = 0; offset < parent.body.length; ) {
    if (elements.length >= countMax) malformed('names_too_many');
    const element = elementAt(parent.body, offset);
    elements.push(element);
    offset += element.whole.length;
  }
  return elements;
}

/** The elements inside a SEQUENCE that is all of these bytes. */
export const sequenceOf = (bytes: Buffer, countMax?: number): readonly Element[] =>
  elementsIn(onlyElement(bytes, TAG.sequence), countMax);

/** The elements inside an element that must be there and be a SEQUENCE. */
export const sequenceIn = (element: Element | undefined): readonly Element[] =>
  elementsIn(expected(element, TAG.sequence));

/** X.690 §11.1: TRUE is FF. FALSE is only ever a default here, and defaults are left out (§11.5). */
export function readTrue(element: Element): true {
  return element.body.length === 1 && element.body[0] === 0xff ? true : malformed();
}

/** The bytes of an INTEGER in its shortest form, sign included. */
export function integerBytes(element: Element | undefined): Buffer {
  const { body } = expected(element, TAG.integer);
  const [first = malformed(), second] = body;
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) malformed();
  return body;
}

/** A count: not negative, and small. */
export function readCount(element: Element | undefined): number {
  const bytes = integerBytes(element);
  if ((bytes[0] ?? 0) >= 0x80 || bytes.length > 4) malformed();
  return bytes.readUIntBE(0, bytes.length);
}

/** The content of an OBJECT IDENTIFIER, hex. Each part of it is in its shortest form. */
export function readOid(element: Element | undefined): string {
  const { body } = expected(element, TAG.oid);
  let starts = true;
  for (const byte of body) {
    if (starts && byte === 0x80) malformed();
    starts = byte < 0x80;
  }
  return body.length > 0 && starts ? body.toString('hex') : malformed();
}

/** A BIT STRING of whole bytes. */
export function readBytes(element: Element | undefined): Buffer {
  const { body } = expected(element, TAG.bitString);
  return body.length > 0 && body[0] === 0 ? body.subarray(1) : malformed();
}

/** A BIT STRING of named bits (X.690 §11.2.2: no zero bits at its end), as a predicate of a bit's number. */
export function readFlags(element: Element): (bit: number) => boolean {
  const { body } = expected(element, TAG.bitString);
  const unused = body[0] ?? malformed();
  const last = body.length > 1 ? (body.at(-1) ?? 0) : malformed();
  if (unused > 7 || (last & ((1 << (unused + 1)) - 1)) !== 1 << unused) malformed();
  return (bit) => ((body[1 + (bit >> 3)] ?? 0) & (0x80 >> (bit & 7))) !== 0;
}

const UTC = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;

/** Seconds since the epoch. RFC 5280 §4.1.2.5: UTCTime to 2049, GeneralizedTime from 2050, both in seconds and with Z. */
export function readTime(element: Element | undefined): number {
  const inUtc = element?.tag === TAG.utcTime;
  if (element === undefined || !(inUtc || element.tag === TAG.generalizedTime)) malformed('time');
  const parts = (inUtc ? UTC : GENERALIZED).exec(element.body.toString('latin1')) ?? malformed('time');
  const [written = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.slice(1).map(Number);
  const year = inUtc ? written + (written < 50 ? 2000 : 1900) : written;
  if (!inUtc && year < 2050) malformed('time');
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // The 30th of February and the 61st second would be another instant.
  const same = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && date.getUTCHours() === hour;
  return same && minute < 60 && second < 60 ? date.getTime() / 1000 : malformed('time');
}
