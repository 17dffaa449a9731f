// Certificates that are not DER, or not of the form of RFC 5280 §4.1.

import {
  attribute,
  bytes,
  extension,
  FALSE,
  flags,
  integer,
  name,
  octets,
  oid,
  printable,
  sequence,
  set,
  TRUE,
  tlv,
  uri,
} from './encode.ts';
import { ALGORITHMS, ID, type Mint, NAMES, names, noAuthority, type Plan, usage } from './mint.ts';
import { timeRows } from './times.ts';
import type { Plans, Row } from './vector.ts';

const REWRITTEN = 'OpenSSL may write it anew, in DER';
const NOT_LOADED = 'OpenSSL does not load it';
const leaf = (plan: Plan): Plans => ({ leaf: plan });
const spoiled = (spoil: (der: Buffer) => Buffer): Plans => leaf({ spoil });

/** The body of a certificate: what is behind its four bytes of header. */
const body = (der: Buffer): Buffer => der.subarray(4);

const BER: readonly Row[] = [
  [
    'a byte behind the certificate',
    'A-74',
    'der',
    spoiled((der) => bytes(der, '00')),
    {},
    'Node drops what is behind a PEM block’s DER',
  ],
  [
    'a second certificate behind the first',
    'A-74',
    'der',
    spoiled((der) => bytes(der, der)),
    {},
    'Node drops what is behind a PEM block’s DER',
  ],
  ['an element behind the signature', 'A-74', 'der', spoiled((der) => sequence(body(der), '0500')), {}, NOT_LOADED],
  ['the last byte missing', 'A-74', 'der', spoiled((der) => der.subarray(0, -1)), {}, NOT_LOADED],
  ['no bytes', 'A-74', 'der', spoiled(() => Buffer.alloc(0)), {}, NOT_LOADED],
  ['an indefinite length', 'X.690 §10.1', 'der', spoiled((der) => bytes('3080', body(der), '0000')), {}, NOT_LOADED],
  [
    'a length in more bytes than it needs',
    'X.690 §10.1',
    'der',
    spoiled((der) => bytes('308300', der.subarray(2))),
    {},
    REWRITTEN,
  ],
  [
    'a length of five bytes',
    'X.690 §10.1',
    'der',
    spoiled((der) => bytes('30850000', der.subarray(1, 2), der.subarray(2))),
    {},
    NOT_LOADED,
  ],
  [
    'a SET in place of the certificate',
    'RFC 5280 §4.1',
    'der',
    spoiled((der) => bytes('31', der.subarray(1))),
    {},
    NOT_LOADED,
  ],
  [
    'a tag number of several bytes',
    'RFC 5280 §4.1',
    'der',
    spoiled((der) => bytes('3f10', der.subarray(1))),
    {},
    NOT_LOADED,
  ],
  [
    'unused bits in the signature',
    'RFC 5280 §4.1.1.3',
    'der',
    leaf({ wrap: (signature) => tlv(0x03, '01', signature) }),
    {},
    REWRITTEN,
  ],
];

const critical = (value: Buffer): Plan => ({ bare: tlv(0xa3, sequence(...good(value))) });
const good = (first: Buffer): readonly Buffer[] => [first, usage(0), names(uri(ID))];

const EXTENSIONS: readonly Row[] = [
  [
    'critical FALSE written out',
    'X.690 §11.5',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), FALSE, octets(sequence())))),
    leaf(critical(sequence(oid('2.5.29.19'), octets(sequence())))),
  ],
  [
    'critical TRUE as 01',
    'X.690 §11.1',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), '010101', octets(sequence())))),
    leaf(critical(sequence(oid('2.5.29.19'), TRUE, octets(sequence())))),
  ],
  [
    'critical TRUE in two bytes',
    'X.690 §8.2',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), '0102ffff', octets(sequence())))),
    {},
    NOT_LOADED,
  ],
  [
    'a fourth part in an extension',
    'RFC 5280 §4.2',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), TRUE, octets(sequence()), '0500'))),
    {},
    NOT_LOADED,
  ],
  [
    'three values in an extension',
    'RFC 5280 §4.2',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), octets(sequence()), octets(sequence()), octets(sequence())))),
    leaf(critical(sequence(oid('2.5.29.19'), octets(sequence())))),
    NOT_LOADED,
  ],
  [
    'an extension without a value',
    'RFC 5280 §4.2',
    'der',
    leaf(critical(sequence(oid('2.5.29.19'), TRUE))),
    {},
    NOT_LOADED,
  ],
  [
    'an extension identifier with a padded part',
    'X.690 §8.19',
    'der',
    leaf(critical(sequence('0604551d8013', octets(sequence())))),
    {},
    NOT_LOADED,
  ],
  ['an empty list of extensions', 'RFC 5280 §4.1', 'der', leaf({ bare: tlv(0xa3, sequence()) })],
  [
    'two lists of extensions',
    'RFC 5280 §4.1',
    'der',
    leaf({ bare: bytes(tlv(0xa3, sequence(...good(noAuthority))), tlv(0xa3, sequence(noAuthority))) }),
    leaf({ bare: tlv(0xa3, sequence(...good(noAuthority))) }),
    NOT_LOADED,
  ],
  [
    'an extension that nobody knows, twice',
    'A-74',
    'extension_repeated',
    leaf({ extensions: { more: [unknown(), unknown()] } }),
    leaf({ extensions: { more: [unknown()] } }),
  ],
  ['key usage twice', 'A-74', 'extension_repeated', leaf({ extensions: { more: [usage(0)] } })],
  [
    'basic constraints twice, critical and not',
    'A-74',
    'extension_repeated',
    leaf({ extensions: { more: [extension('2.5.29.19', sequence())] } }),
  ],
];

function unknown(isCritical = false): Buffer {
  return extension('1.3.6.1.4.1.99999.1', flags(0), isCritical);
}

const FIELDS: readonly Row[] = [
  ['version 1', 'A-74', 'version', leaf({ version: bytes(), bare: bytes() })],
  ['version 2', 'A-74', 'version', leaf({ version: tlv(0xa0, integer(1)) })],
  ['version 4', 'A-74', 'version', leaf({ version: tlv(0xa0, integer(3)) })],
  ['version 3 without extensions', 'SX-01', 'uri_missing', leaf({ bare: bytes() })],
  [
    'a serial number of 21 bytes',
    'RFC 5280 §4.1.2.2',
    'serial',
    leaf({ serial: tlv(0x02, '7f'.repeat(21)) }),
    leaf({ serial: tlv(0x02, `00${'ff'.repeat(20)}`) }),
  ],
  [
    'a serial number with a zero before it',
    'X.690 §8.3',
    'der',
    leaf({ serial: bytes('02020001') }),
    leaf({ serial: bytes('020100') }),
    NOT_LOADED,
  ],
  [
    'a negative serial number with FF before it',
    'X.690 §8.3',
    'der',
    leaf({ serial: bytes('0202ff80') }),
    leaf({ serial: bytes('020180') }),
    NOT_LOADED,
  ],
  [
    'an empty serial number',
    'X.690 §8.3',
    'der',
    leaf({ serial: bytes('0200') }),
    leaf({ serial: bytes('0201ff') }),
    NOT_LOADED,
  ],
  [
    'another algorithm beside the signature',
    'RFC 5280 §4.1.1.2',
    'algorithms_differ',
    leaf({ outer: ALGORITHMS.es384.id }),
    leaf({ outer: ALGORITHMS.es256.id }),
  ],
  [
    'an unsigned parameter beside the signature',
    'RFC 5280 §4.1.1.2',
    'algorithms_differ',
    leaf({ outer: sequence(oid('1.2.840.10045.4.3.2'), '0500') }),
  ],
  ['no name of the issuer', 'RFC 5280 §4.1.2.4', 'name_missing', leaf({ issuer: sequence() })],
  ['no name of an intermediate', 'RFC 5280 §4.1.2.6', 'name_missing', { middle: { subject: sequence() } }],
  [
    'a subject of 1,025 bytes',
    'A-90',
    'name_too_long',
    leaf({ subject: name(['CN', 'x'.repeat(1_004)]) }),
    leaf({ subject: name(['CN', 'x'.repeat(1_003)]) }),
  ],
  [
    'an empty RDN',
    'RFC 5280 §4.1.2.4',
    'der',
    leaf({ subject: sequence(set()) }),
    leaf({ subject: sequence(set(attribute('CN', 'a'))) }),
  ],
  [
    'an RDN out of order',
    'X.690 §11.6',
    'der',
    leaf({ subject: sequence(set(attribute('O', 'a'), attribute('CN', 'a'))) }),
    leaf({ subject: sequence(set(attribute('CN', 'a'), attribute('O', 'a'))) }),
  ],
  [
    'an attribute of three parts',
    'RFC 5280 §4.1.2.4',
    'der',
    leaf({ subject: sequence(set(sequence(oid('2.5.4.3'), printable('a'), printable('b')))) }),
    {},
    NOT_LOADED,
  ],
  [
    'a unique identifier',
    'RFC 5280 §4.1.2.8',
    'unique_identifier',
    leaf({ tail: bytes('81020080') }),
    leaf({ tail: bytes() }),
  ],
  [
    'a third part in the key',
    'RFC 5280 §4.1',
    'der',
    leaf({ spki: sequence(sequence(oid('1.2.840.113549.1.1.1'), '0500'), '03020000', '0500') }),
    {},
    NOT_LOADED,
  ],
];

const issuers = (mint: Mint): readonly Row[] => [
  [
    'an intermediate with a byte behind it',
    'A-74',
    'der',
    { middle: { spoil: (der) => bytes(der, '00') } },
    {},
    'Node drops what is behind a PEM block’s DER',
  ],
  ['an intermediate of version 1', 'A-74', 'version', { middle: { version: bytes(), bare: bytes() } }],
  [
    'something unreadable beside a good chain',
    'A-74',
    'der',
    { chain: ({ leaf: own, middle }) => [own, middle, bytes('3003020101')] },
    { chain: ({ leaf: own, middle }) => [own, middle, mint.middle({ subject: NAMES.leaf })] },
    NOT_LOADED,
  ],
  ['no certificate', 'RFC 5280 §6.1', 'chain_empty', { chain: () => [] }, {}, 'there is nothing to present'],
  [
    'seventeen certificates',
    'A-91',
    'chain_too_long',
    { chain: ({ leaf: own, middle }) => [own, ...Array.from({ length: 16 }, () => middle)] },
    { chain: ({ leaf: own, middle }) => [own, ...Array.from({ length: 15 }, () => middle)] },
  ],
  [
    'certificates of 130 kB',
    'A-91',
    'chain_too_large',
    { chain: ({ leaf: own, middle }) => [own, middle, fat(mint), fat(mint), fat(mint)] },
    { chain: ({ leaf: own, middle }) => [own, middle, fat(mint)] },
    'OpenSSL refuses a handshake message of that size',
  ],
  [
    '1,025 names',
    'A-90',
    'names_too_many',
    leaf({ extensions: { names: names(uri(ID), ...many(1_024)) } }),
    leaf({ extensions: { names: names(uri(ID), ...many(1_023)) } }),
  ],
];

const fat = (mint: Mint): Buffer =>
  mint.middle({ extensions: { more: [extension('1.3.6.1.4.1.99999.2', octets(Buffer.alloc(45_000)))] } });
const many = (count: number): readonly Buffer[] =>
  Array.from({ length: count }, (_, index) => tlv(0x82, Buffer.from(`host-${index}.td.example`)));

export const encodingRows = (mint: Mint): readonly Row[] => [
  ...BER,
  ...EXTENSIONS,
  ...FIELDS,
  ...timeRows(mint),
  ...issuers(mint),
];
