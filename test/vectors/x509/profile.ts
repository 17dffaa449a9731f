// Leaves that break the SPIFFE profile (X509-SVID §2 to §5), and authorities that do.

import {
  bytes,
  directory,
  dns,
  email,
  extension,
  FALSE,
  flags,
  integer,
  ip,
  name,
  octets,
  oid,
  otherName,
  sequence,
  TRUE,
  tlv,
  uri,
  utf8,
} from './encode.ts';
import { authority, ID, type Mint, NAMES, names, noAuthority, purposes, usage } from './mint.ts';
import type { Plans, Row } from './vector.ts';

const leafNames = (...general: readonly Buffer[]): Plans => ({ leaf: { extensions: { names: names(...general) } } });
const leafUsage = (value: Buffer | undefined): Plans => ({ leaf: { extensions: { usage: value } } });
const leafPurposes = (value: Buffer | undefined): Plans => ({ leaf: { extensions: { purposes: value } } });

const notCritical = (...named: readonly number[]): Buffer => extension('2.5.29.15', flags(...named));
const any = extension('2.5.29.37', sequence(oid('2.5.29.37.0')));
const criticalNames = extension('2.5.29.17', sequence(uri(ID)), true);

const IDS: readonly Row[] = [
  ['no subjectAltName', 'SX-01, A-67', 'uri_missing', { leaf: { extensions: { names: undefined } } }],
  [
    'no URI among the names',
    'SX-01, A-67',
    'uri_missing',
    leafNames(dns('td.example')),
    leafNames(dns('td.example'), uri(ID)),
  ],
  [
    'the ID only in the common name',
    'A-67',
    'uri_missing',
    { leaf: { subject: name(['CN', ID]), extensions: { names: undefined } } },
    { leaf: { subject: name(['CN', ID]) } },
  ],
  ['the ID only in a dNSName', 'A-67', 'uri_missing', leafNames(dns(ID)), leafNames(dns('spiffe.example'), uri(ID))],
  ['the ID only in a mail address', 'A-67', 'uri_missing', leafNames(email(ID))],
  [
    'the ID only in an otherName',
    'A-67',
    'uri_missing',
    leafNames(otherName('1.3.6.1.4.1.311.20.2.3', utf8(ID))),
    leafNames(otherName('1.3.6.1.4.1.311.20.2.3', utf8(ID)), uri(ID)),
  ],
  ['the ID only in a directory name', 'A-67', 'uri_missing', leafNames(directory(name(['CN', ID])))],
  [
    'the ID only in the issuer alternative name',
    'A-67',
    'uri_missing',
    { leaf: { extensions: { names: undefined, more: [extension('2.5.29.18', sequence(uri(ID)))] } } },
  ],
  ['one ID twice', 'SX-01, A-68', 'uri_several', leafNames(uri(ID), uri(ID)), leafNames(uri(ID))],
  ['two IDs', 'SX-01, A-68', 'uri_several', leafNames(uri(ID), uri('spiffe://td.example/admin'))],
  [
    'an ID and another URI',
    'SX-01, A-68',
    'uri_several',
    leafNames(uri(ID), uri('https://td.example/workload')),
    leafNames(uri(ID), dns('td.example'), ip(192, 0, 2, 1)),
  ],
  [
    'another URI before the ID',
    'SX-01, A-68',
    'uri_several',
    leafNames(uri('https://td.example/workload'), uri(ID)),
    leafNames(dns('td.example'), uri(ID)),
  ],
  ['an empty URI beside the ID', 'SX-01, A-68', 'uri_several', leafNames(uri(''), uri(ID))],
  [
    'two subjectAltName extensions',
    'SX-01, A-68',
    'extension_repeated',
    { leaf: { extensions: { more: [names(uri('spiffe://td.example/admin'))] } } },
    { leaf: { extensions: { more: [extension('2.5.29.18', sequence(uri('spiffe://td.example/admin')))] } } },
  ],
  [
    'a second ID joined to a dNSName',
    'A-89',
    'uri_missing',
    leafNames(dns('td.example, URI:spiffe://td.example/admin')),
    leafNames(dns('td.example, URI:spiffe://td.example/admin'), uri(ID)),
  ],
  [
    'a NUL in a dNSName',
    'A-89, CVE-2021-44533',
    'extension_malformed',
    leafNames(uri(ID), dns('td.example\0.attacker.example')),
    leafNames(uri(ID), dns('td.example.attacker.example')),
  ],
  ['a URI of https', 'SX-01', 'spiffe_id', leafNames(uri('https://td.example/workload'))],
  ['upper case in the scheme', 'SI-02, A-86', 'spiffe_id', leafNames(uri('SPIFFE://td.example/workload'))],
  ['upper case in the trust domain', 'SI-02, A-86', 'spiffe_id', leafNames(uri('spiffe://TD.example/workload'))],
  ['a port in the ID', 'A-85', 'spiffe_id', leafNames(uri('spiffe://td.example:443/workload'))],
  ['a user in the ID', 'A-85', 'spiffe_id', leafNames(uri('spiffe://td.example@other.example/workload'))],
  ['a query in the ID', 'A-85', 'spiffe_id', leafNames(uri(`${ID}?a`))],
  ['a fragment in the ID', 'A-85', 'spiffe_id', leafNames(uri(`${ID}#a`))],
  ['percent encoding in the ID', 'A-85', 'spiffe_id', leafNames(uri('spiffe://td.example/work%6coad'))],
  ['a dot segment in the ID', 'A-85', 'spiffe_id', leafNames(uri('spiffe://td.example/x/../workload'))],
  ['a slash at the end of the ID', 'A-85', 'spiffe_id', leafNames(uri(`${ID}/`))],
  ['a space behind the ID', 'A-85', 'spiffe_id', leafNames(uri(`${ID} `))],
  [
    'an ID of 2,049 bytes',
    'SI-04, A-87',
    'spiffe_id',
    leafNames(uri(ID.padEnd(2_049, 'x'))),
    leafNames(uri(ID.padEnd(2_048, 'x'))),
  ],
  ['an ID of 60 kB', 'A-87', 'spiffe_id', leafNames(uri(ID.padEnd(60_000, 'x')))],
  [
    'an ID of 100 kB',
    'A-87',
    'certificate_too_large',
    leafNames(uri(ID.padEnd(100_000, 'x'))),
    {},
    'OpenSSL refuses a handshake message of that size',
  ],
  ['an ID without a path', 'SX-02, A-88', 'spiffe_id_path', leafNames(uri('spiffe://td.example'))],
];

const KINDS: readonly Row[] = [
  [
    'no subject, names not critical',
    'SX-03',
    'names_not_critical',
    { leaf: { subject: sequence() } },
    { leaf: { subject: sequence(), extensions: { names: criticalNames } } },
  ],
  [
    'an authority as leaf',
    'SX-05, A-69',
    'leaf_authority',
    { leaf: { extensions: { basic: authority() } } },
    { leaf: { extensions: { basic: undefined } } },
  ],
  [
    'an authority with a path of its own as leaf',
    'SX-04, A-70',
    'leaf_authority',
    { leaf: { extensions: { basic: authority(), usage: usage(5, 6) } } },
  ],
  ['no key usage', 'SX-06, A-76', 'key_usage_missing', leafUsage(undefined)],
  ['key usage that is not critical', 'SX-06', 'key_usage_not_critical', leafUsage(notCritical(0)), leafUsage(usage(0))],
  ['key usage without digitalSignature', 'SX-06, A-76', 'key_usage', leafUsage(usage(2, 4)), leafUsage(usage(0, 2, 4))],
  ['keyCertSign in a leaf', 'SX-06, A-69', 'leaf_signs', leafUsage(usage(0, 5))],
  ['cRLSign in a leaf', 'SX-06, A-69', 'leaf_signs', leafUsage(usage(0, 6)), leafUsage(usage(0, 8))],
  [
    'extended key usage for code signing only',
    'SX-07, A-75',
    'extended_key_usage',
    leafPurposes(purposes(3)),
    leafPurposes(undefined),
  ],
  [
    'extended key usage for servers only',
    'SX-07, A-75',
    'extended_key_usage',
    leafPurposes(purposes(1)),
    leafPurposes(purposes(2)),
  ],
  [
    'extended key usage for anything',
    'SX-07',
    'extended_key_usage',
    leafPurposes(any),
    leafPurposes(purposes(1, 2, 3)),
  ],
];

const AUTHORITIES: readonly Row[] = [
  [
    'an issuer whose ID has a path',
    'SX-04',
    'issuer_spiffe_id',
    { middle: { extensions: { names: names(uri('spiffe://td.example/spire/server')) } } },
    { middle: { extensions: { names: undefined } } },
  ],
  [
    'an issuer with two IDs',
    'SX-04',
    'issuer_spiffe_id',
    { middle: { extensions: { names: names(uri('spiffe://td.example'), uri('spiffe://td-b.example')) } } },
    { middle: { extensions: { names: names(uri('spiffe://td.example'), uri('https://ca.example/')) } } },
  ],
  [
    'an authority whose ID has a path',
    'SX-04',
    'issuer_spiffe_id',
    { root: { extensions: { names: names(uri('spiffe://td.example/root')) } } },
    { root: { extensions: { names: undefined } } },
  ],
  [
    'an issuer whose ID has a path and a scheme in upper case',
    'SX-04',
    'issuer_spiffe_id',
    { middle: { extensions: { names: names(uri('SPIFFE://td.example/x')) } } },
  ],
  [
    'an issuer whose ID is malformed',
    'SX-04',
    'issuer_spiffe_id',
    { middle: { extensions: { names: names(uri('spiffe://td.example:443')) } } },
  ],
  [
    'an issuer without key usage',
    'SX-06',
    'issuer_key_usage',
    { middle: { extensions: { usage: undefined } } },
    { root: { extensions: { usage: undefined } } },
  ],
];

/** An authority itself presented as a client's certificate, and leaves that stand among the authorities. */
const authorities = (mint: Mint): readonly Row[] => [
  [
    'the intermediate as leaf',
    'SX-04, A-70',
    'spiffe_id_path',
    { leafKey: mint.keys.middle, chain: ({ middle }) => [middle] },
  ],
  ['the authority as leaf', 'SX-04, A-70', 'spiffe_id_path', { leafKey: mint.keys.root, chain: ({ root }) => [root] }],
  [
    'a leaf that is an authority of the trust domain',
    'SX-04',
    'leaf_is_anchor',
    { anchors: ({ leaf, root }) => [leaf, root] },
  ],
  ['a self-signed leaf', 'A-77', 'issuer_unknown', { leaf: { issuer: NAMES.leaf, signer: mint.keys.leaf } }],
  [
    'the root of another trust domain with the same name',
    'A-77',
    'signature_invalid',
    { root: { signer: mint.keys.other, spki: mint.keys.other.spki } },
  ],
  ['no authority at all', 'SB-03, SX-11', 'issuer_unknown', { anchors: () => [] }],
  [
    'another authority',
    'SX-09, A-78',
    'issuer_unknown',
    {
      anchors: () => [
        mint.root({
          subject: name(['CN', 'Elsewhere']),
          issuer: name(['CN', 'Elsewhere']),
          spki: mint.keys.other.spki,
          signer: mint.keys.other,
        }),
      ],
    },
  ],
];

/** Values of extensions that are not what their standard says. */
const MALFORMED: readonly Row[] = (
  [
    ['cA FALSE written out', '2.5.29.19', sequence(FALSE), sequence()],
    ['cA TRUE as 01', '2.5.29.19', sequence(bytes('010101')), sequence()],
    ['a path length without cA', '2.5.29.19', sequence(integer(0)), sequence()],
    ['a path length in two bytes', '2.5.29.19', sequence(TRUE, bytes('02020001')), undefined],
    ['a negative path length', '2.5.29.19', sequence(TRUE, bytes('0201ff')), undefined],
    ['a third part in basic constraints', '2.5.29.19', sequence(TRUE, integer(0), integer(0)), undefined],
    ['bytes behind basic constraints', '2.5.29.19', bytes(sequence(), '0500'), sequence()],
    ['basic constraints as a SET', '2.5.29.19', tlv(0x31), sequence()],
    ['no flag in key usage', '2.5.29.15', bytes('03020700'), bytes('03020780')],
    ['empty key usage', '2.5.29.15', bytes('030100'), bytes('03020780')],
    ['zero bits at the end of key usage', '2.5.29.15', bytes('03020080'), bytes('03020780')],
    ['32 unused bits in key usage', '2.5.29.15', bytes('03022081'), bytes('03020780')],
    ['unused bits of key usage set', '2.5.29.15', bytes('03020781'), bytes('03020780')],
    ['bytes behind key usage', '2.5.29.15', bytes('0302078000'), bytes('03020780')],
    ['key usage as octets', '2.5.29.15', octets(bytes('80')), bytes('03020780')],
    ['an empty extended key usage', '2.5.29.37', sequence(), sequence(oid('1.3.6.1.5.5.7.3.2'))],
    ['a purpose that is no identifier', '2.5.29.37', sequence(bytes('06028001')), sequence(oid('1.3.6.1.5.5.7.3.2'))],
    ['an empty subjectAltName', '2.5.29.17', sequence(), sequence(uri(ID))],
    ['a byte behind subjectAltName', '2.5.29.17', bytes(sequence(uri(ID)), '00'), sequence(uri(ID))],
    ['a name of no form', '2.5.29.17', sequence(uri(ID), tlv(0x89, 'ff')), sequence(uri(ID), tlv(0x88, '2a03'))],
    ['a URI in a constructed form', '2.5.29.17', sequence(tlv(0xa6, uri(ID))), sequence(uri(ID))],
    ['a URI beyond ASCII', '2.5.29.17', sequence(tlv(0x86, Buffer.from(`${ID}/é`))), sequence(uri(ID))],
    ['a name beyond the end of its list', '2.5.29.17', sequence(bytes('8650')), sequence(uri(ID))],
    ['name constraints in a leaf', '2.5.29.30', sequence(tlv(0xa0, sequence(dns('td.example')))), undefined],
  ] as const
).map(([named, id, bad, good]): Row => {
  const replaced = (value: Buffer | undefined): Plans => ({
    leaf: {
      extensions: {
        ...(id === '2.5.29.19' && { basic: noAuthority }),
        ...(id === '2.5.29.19' && value && { basic: extension(id, value, true) }),
        ...(id === '2.5.29.15' && value && { usage: extension(id, value, true) }),
        ...(id === '2.5.29.37' && value && { purposes: extension(id, value) }),
        ...(id === '2.5.29.17' && value && { names: extension(id, value) }),
        ...(id === '2.5.29.30' && value && { constraints: extension(id, value, true) }),
      },
    },
  });
  return [named, 'RFC 5280 §4.2.1', 'extension_malformed', replaced(bad), replaced(good)];
});

export const profileRows = (mint: Mint): readonly Row[] => [
  ...IDS,
  ...KINDS,
  ...AUTHORITIES,
  ...authorities(mint),
  ...MALFORMED,
];
