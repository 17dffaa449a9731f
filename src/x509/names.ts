// Names in certificates: distinguished names (RFC 5280 §4.1.2.4) and the general names of subjectAltName (§4.2.1.6), taken by
// their tags and never from a text that joins them, so that no name can pretend to be another (A-89, CVE-2021-44532).

import { CERTIFICATE_NAMES_MAX, DISTINGUISHED_NAME_BYTES_MAX } from '../core/limits-outside.ts';
import { type Element, elementsIn, expected, malformed, onlyElement, readOid, sequenceOf, TAG, within } from './der.ts';

export interface DistinguishedName {
  /** The whole DER, a byte per character. Names are the same if this is: stricter than RFC 5280 §7.1, which folds case. */
  readonly der: string;
  /** The DER of each RDN, in order. */
  readonly rdns: readonly string[];
  /** Each RDN with its values folded as widely as §7.1 could: for exclusions only, which must not be dodged by spelling. */
  readonly folded: readonly string[];
  readonly emails: readonly string[];
}

/** The forms of GeneralName by their tag numbers. */
export type NameForm = 'other' | 'email' | 'dns' | 'x400' | 'directory' | 'edi' | 'uri' | 'ip' | 'registered';

export const FORMS: readonly NameForm[] = [
  'other',
  'email',
  'dns',
  'x400',
  'directory',
  'edi',
  'uri',
  'ip',
  'registered',
];

/** One general name. Only the forms that are ever compared have a value. */
export type GeneralName =
  | { readonly form: 'email' | 'dns' | 'uri'; readonly text: string }
  | { readonly form: 'directory'; readonly name: DistinguishedName }
  | { readonly form: 'ip'; readonly bytes: Buffer }
  | { readonly form: 'other' | 'x400' | 'edi' | 'registered' };

const EMAIL_ADDRESS = '2a864886f70d010901';
const CONSTRUCTED = new Set([0, 3, 4, 5]);

/** The SEQUENCE of GeneralNames that these bytes are: at least one. */
export function readGeneralNames(bytes: Buffer): readonly GeneralName[] {
  const names = sequenceOf(bytes, CERTIFICATE_NAMES_MAX).map(readGeneralName);
  return names.length > 0 ? names : malformed();
}

/** One name. `ip` is left as its bytes, which a constraint has twice as many of. */
export function readGeneralName(element: Element): GeneralName {
  const number = element.tag & 0x1f;
  const form = FORMS[number] ?? malformed();
  if (element.tag !== (CONSTRUCTED.has(number) ? within(number) : 0x80 | number)) malformed();
  switch (form) {
    case 'email':
    case 'dns':
    case 'uri':
      return { form, text: readIa5(element.body) };
    case 'directory':
      return { form, name: readDistinguishedName(onlyElement(element.body, TAG.sequence)) };
    case 'ip':
      return { form, bytes: element.body };
    default:
      return { form };
  }
}

/** IA5 without control characters: none of them is part of a host, a URI or an address. */
function readIa5(bytes: Buffer): string {
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? bytes.toString('latin1') : malformed();
}

export function readDistinguishedName(element: Element | undefined): DistinguishedName {
  const sequence = expected(element, TAG.sequence);
  if (sequence.whole.length > DISTINGUISHED_NAME_BYTES_MAX) malformed('name_too_long');
  const emails: string[] = [];
  const folded: string[] = [];
  const rdns = elementsIn(sequence).map((rdn) => {
    const attributes = elementsIn(expected(rdn, TAG.set));
    if (attributes.length === 0 || !ordered(attributes)) malformed();
    const values = attributes.map((attribute) => {
      const [type, value, ...rest] = elementsIn(expected(attribute, TAG.sequence));
      const oid = readOid(type);
      if (value === undefined || rest.length > 0) malformed();
      const text = readText(value);
      if (oid === EMAIL_ADDRESS) emails.push(text);
      return `${oid}=${fold(text)}`;
    });
    folded.push(values.sort().join('+'));
    return rdn.whole.toString('latin1');
  });
  return { der: sequence.whole.toString('latin1'), rdns, folded, emails };
}

/** X.690 §11.6: what is in a SET OF stands in the order of its bytes. */
const ordered = (elements: readonly Element[]): boolean =>
  elements.every(({ whole }, index) => index === 0 || Buffer.compare(elements[index - 1]?.whole ?? whole, whole) <= 0);

const BMP_STRING = 0x1e;
const UTF8_STRING = 0x0c;

function readText({ tag, body }: Element): string {
  if (tag === UTF8_STRING) return body.toString('utf8');
  if (tag === BMP_STRING && body.length % 2 === 0) return Buffer.from(body).swap16().toString('utf16le');
  return body.toString('latin1');
}

const fold = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
