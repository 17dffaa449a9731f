// Paths that RFC 5280 §6 does not allow, and searches that lead nowhere.

import {
  attribute,
  bytes,
  extension,
  flags,
  integer,
  name,
  oid,
  printable,
  sequence,
  set,
  tlv,
  utcTime,
} from './encode.ts';
import {
  authority,
  authorityKeyId,
  type Key,
  type Mint,
  NAMES,
  noAuthority,
  type Plan,
  purposes,
  subjectKeyId,
  usage,
} from './mint.ts';
import type { Made, Plans, Row } from './vector.ts';

const middle = (extensions: Plan['extensions']): Plans => ({ middle: { extensions: { ...extensions } } });
const root = (extensions: Plan['extensions']): Plans => ({ root: { extensions: { ...extensions } } });

const AUTHORITY: readonly Row[] = [
  [
    'an issuer without basic constraints',
    'A-72',
    'issuer_not_authority',
    middle({ basic: undefined }),
    middle({ basic: authority() }),
  ],
  ['an issuer with cA false', 'A-72', 'issuer_not_authority', middle({ basic: noAuthority })],
  [
    'an issuer without keyCertSign',
    'A-72',
    'issuer_key_usage',
    middle({ usage: usage(0, 6) }),
    middle({ usage: usage(0, 5, 6) }),
  ],
  [
    'an authority without keyCertSign',
    'RFC 5280 §6.1.4 (n)',
    'issuer_key_usage',
    root({ usage: usage(6) }),
    root({ usage: usage(5) }),
  ],
  ['an authority with cA false', 'RFC 5280 §6.1.4 (k)', 'issuer_not_authority', root({ basic: noAuthority })],
  [
    'an issuer for code signing only',
    'RFC 5280 §4.2.1.12',
    'issuer_extended_key_usage',
    middle({ purposes: purposes(3) }),
    middle({ purposes: purposes(2, 3) }),
  ],
  [
    'an issuer for servers only',
    'RFC 5280 §4.2.1.12',
    'issuer_extended_key_usage',
    middle({ purposes: purposes(1) }),
    middle({ purposes: extension('2.5.29.37', sequence(oid('2.5.29.37.0'))) }),
  ],
  [
    'an authority for code signing only',
    'RFC 5280 §4.2.1.12',
    'issuer_extended_key_usage',
    root({ purposes: purposes(3) }),
    root({ purposes: purposes(2) }),
  ],
];

const vague = (isCritical: boolean): Buffer => extension('1.3.6.1.4.1.99999.1', flags(0), isCritical);
const policy = (last: number, value: Buffer, isCritical: boolean): Buffer =>
  extension(`2.5.29.${last}`, value, isCritical);

const EXTENSIONS: readonly Row[] = (
  [
    ['an unknown critical extension', 'extension_unknown', vague],
    [
      'critical certificate policies',
      'policy_unsupported',
      (is: boolean) => policy(32, sequence(sequence(oid('2.5.29.32.0'))), is),
    ],
    ['critical policy constraints', 'policy_unsupported', (is: boolean) => policy(36, sequence(tlv(0x80, '00')), is)],
    [
      'critical policy mappings',
      'policy_unsupported',
      (is: boolean) => policy(33, sequence(sequence(oid('1.2.3'), oid('1.2.4'))), is),
    ],
    ['a critical inhibitAnyPolicy', 'policy_unsupported', (is: boolean) => policy(54, integer(0), is)],
  ] as const
).flatMap(([what, problem, make]) =>
  (['leaf', 'middle', 'root'] as const).map(
    (where): Row => [
      `${what} in the ${where}`,
      'A-74, RFC 5280 §4.2',
      problem,
      { [where]: { extensions: { more: [make(true)] } } },
      { [where]: { extensions: { more: [make(false)] } } },
    ],
  ),
);

const validity = (now: number): readonly Row[] =>
  (['leaf', 'middle', 'root'] as const).flatMap((where): readonly Row[] => {
    const plan = (from: number, to: number): Plans => ({
      [where]: { notBefore: utcTime(now + from), notAfter: utcTime(now + to) },
    });
    const issuer = where !== 'leaf';
    return [
      [
        `the ${where} expired one second ago`,
        'A-73, SX-08',
        issuer ? 'issuer_expired' : 'expired',
        plan(-60, -1),
        plan(-60, 0),
      ],
      [
        `the ${where} valid from the next second`,
        'A-73, SX-08',
        issuer ? 'issuer_not_yet_valid' : 'not_yet_valid',
        plan(1, 60),
        plan(0, 60),
      ],
    ];
  });

/** A second intermediate between the first and the leaf. */
function longer(mint: Mint, lower: Plan = {}): Plans {
  const subject = name(['CN', 'Lower']);
  const made = mint.middle({
    subject,
    issuer: NAMES.middle,
    signer: mint.keys.middle,
    spki: mint.keys.other.spki,
    ...lower,
  });
  return {
    leaf: { issuer: lower.subject ?? subject, signer: mint.keys.other },
    chain: ({ leaf, middle: upper }) => [leaf, made, upper],
  };
}

const lengths = (mint: Mint): readonly Row[] => {
  const upper = (pathLength: number): Plans => ({ ...longer(mint), ...middle({ basic: authority(pathLength) }) });
  const selfIssued: Plan = { subject: NAMES.middle, issuer: NAMES.middle };
  return [
    ['one authority more than the path length', 'A-72, SX-08', 'path_length', upper(0), upper(1)],
    [
      'one authority more than the root’s path length',
      'A-72',
      'path_length',
      root({ basic: authority(0) }),
      root({ basic: authority(1) }),
    ],
    [
      'a path length of zero, dodged by a longer one below',
      'A-72',
      'path_length',
      { ...longer(mint, { extensions: { basic: authority(9) } }), ...middle({ basic: authority(0) }) },
      { ...longer(mint, selfIssued), ...middle({ basic: authority(0) }) },
    ],
  ];
};

/** A leaf that signs another leaf. */
function leafAsIssuer(mint: Mint, isAuthority: boolean): Plans {
  const subject = name(['CN', 'Upper']);
  const extensions = isAuthority ? { basic: authority(), usage: usage(5) } : { basic: noAuthority, usage: usage(0) };
  const upper = mint.middle({
    subject,
    issuer: NAMES.middle,
    signer: mint.keys.middle,
    spki: mint.keys.other.spki,
    extensions,
  });
  return { leaf: { issuer: subject, signer: mint.keys.other }, chain: ({ leaf, middle: own }) => [leaf, upper, own] };
}

/** A certificate of the intermediate's name with another key. */
const namesake = (mint: Mint, key: Key, plan: Plan = {}): Buffer => mint.middle({ spki: key.spki, ...plan });

const searches = (mint: Mint): readonly Row[] => {
  const { keys } = mint;
  const crossed = name(['CN', 'Crossed']);
  const cross = mint.root({ subject: NAMES.root, issuer: crossed, spki: keys.root.spki, signer: keys.other });
  const elsewhere = mint.root({ subject: crossed, issuer: crossed, spki: keys.other.spki, signer: keys.other });
  const circle = [
    mint.middle({ subject: NAMES.middle, issuer: crossed, signer: keys.other }),
    mint.middle({ subject: crossed, issuer: NAMES.middle, spki: keys.other.spki, signer: keys.middle }),
  ];
  const arranged = (chain: (made: Made) => readonly Buffer[], anchors?: (made: Made) => readonly Buffer[]): Plans => ({
    chain,
    ...(anchors && { anchors }),
  });
  const linked: Plans = {
    leaf: { extensions: { authorityKeyId: authorityKeyId('middle') } },
    middle: { extensions: { subjectKeyId: subjectKeyId('middle') } },
    chain: ({ leaf, middle: own }) => [leaf, namesake(mint, keys.other), own],
  };
  return [
    ['a leaf as issuer', 'A-71', 'issuer_not_authority', leafAsIssuer(mint, false), leafAsIssuer(mint, true)],
    [
      'no intermediate',
      'SX-08',
      'issuer_unknown',
      arranged(({ leaf }) => [leaf]),
      arranged(({ leaf, middle: own, root: top }) => [leaf, top, own]),
    ],
    [
      'certificates that only go in circles',
      'A-90',
      'issuer_unknown',
      arranged(({ leaf }) => [leaf, ...circle]),
      arranged(({ leaf, middle: own }) => [leaf, ...circle, own]),
    ],
    [
      'a namesake of the intermediate',
      'A-77',
      'signature_invalid',
      arranged(({ leaf }) => [leaf, namesake(mint, keys.other)]),
      arranged(({ leaf, middle: own }) => [leaf, namesake(mint, keys.other), own]),
    ],
    [
      'key identifiers that lie',
      'RFC 5280 §4.2.1.1',
      'signature_invalid',
      {
        leaf: { extensions: { authorityKeyId: authorityKeyId('middle') } },
        chain: ({ leaf }) => [
          leaf,
          namesake(mint, keys.other, { extensions: { subjectKeyId: subjectKeyId('middle') } }),
        ],
      },
      linked,
    ],
    [
      'a key identifier that nobody has',
      'A-77',
      'issuer_unknown',
      { leaf: { extensions: { authorityKeyId: authorityKeyId('nobody') } }, chain: ({ leaf }) => [leaf] },
      { leaf: { extensions: { authorityKeyId: authorityKeyId('nobody') } } },
    ],
    [
      'the root presented, and not among the authorities',
      'SX-09',
      'issuer_unknown',
      arranged(
        ({ leaf, middle: own, root: top }) => [leaf, own, top],
        () => [elsewhere],
      ),
      arranged(
        ({ leaf, middle: own }) => [leaf, own, cross],
        () => [elsewhere],
      ),
    ],
    [
      'a cross-signed root that has expired',
      'SX-08',
      'issuer_expired',
      arranged(
        ({ leaf, middle: own }) => [
          leaf,
          own,
          mint.root({ issuer: crossed, signer: keys.other, notAfter: utcTime(mint.nowSeconds - 1) }),
        ],
        () => [elsewhere],
      ),
      arranged(
        ({ leaf, middle: own }) => [
          leaf,
          own,
          mint.root({ issuer: crossed, signer: keys.other, notAfter: utcTime(mint.nowSeconds - 1) }),
          cross,
        ],
        () => [elsewhere],
      ),
    ],
    [
      'an intermediate that has expired, and no renewal',
      'A-72',
      'issuer_expired',
      arranged(({ leaf }) => [leaf, namesake(mint, keys.middle, { notAfter: utcTime(mint.nowSeconds - 1) })]),
      arranged(({ leaf, middle: own }) => [
        leaf,
        namesake(mint, keys.middle, { notAfter: utcTime(mint.nowSeconds - 1) }),
        own,
      ]),
    ],
    [
      'the intermediate’s key under another name as authority',
      'RFC 5280 §6.1.1 (d)',
      'issuer_unknown',
      { anchors: () => [mint.middle({ subject: crossed })], chain: ({ leaf }) => [leaf] },
      { anchors: ({ middle: own }) => [own], chain: ({ leaf }) => [leaf] },
    ],
    [
      'the issuer’s name in another case',
      'RFC 5280 §7.1',
      'issuer_unknown',
      { leaf: { issuer: name(['O', 'td.example'], ['CN', 'MIDDLE']) } },
    ],
    [
      'the issuer’s name in another string type',
      'RFC 5280 §7.1',
      'issuer_unknown',
      {
        leaf: {
          issuer: sequence(set(attribute('O', printable('td.example'))), set(attribute('CN', printable('Middle')))),
        },
      },
    ],
    ['a signature with one bit changed', 'RFC 5280 §6.1.3 (a)', 'signature_invalid', { leaf: { spoil: lastBit } }],
    [
      'one bit changed in the intermediate’s signature',
      'RFC 5280 §6.1.3 (a)',
      'signature_invalid',
      { middle: { spoil: lastBit } },
      { root: { spoil: lastBit } },
    ],
    ['a path of thirteen', 'A-90', 'path_too_long', ladder(mint, 11), ladder(mint, 10)],
  ];
};

function lastBit(der: Buffer): Buffer {
  return bytes(der.subarray(0, -1), Buffer.from([(der.at(-1) ?? 0) ^ 1]));
}

/** So many intermediates between root and leaf, in no order. */
function ladder(mint: Mint, rungs: number): Plans {
  const rung = (index: number): Buffer => (index === 0 ? NAMES.root : name(['CN', `Rung ${index}`]));
  const made = Array.from({ length: rungs }, (_, index) =>
    mint.middle({
      subject: rung(index + 1),
      issuer: rung(index),
      signer: index === 0 ? mint.keys.root : mint.keys.middle,
    }),
  );
  const shuffled = [...made.filter((_, index) => index % 2 === 0), ...made.filter((_, index) => index % 2 === 1)];
  return { leaf: { issuer: rung(rungs) }, chain: ({ leaf }) => [leaf, ...shuffled] };
}

export const pathRows = (mint: Mint): readonly Row[] => [
  ...AUTHORITY,
  ...EXTENSIONS,
  ...validity(mint.nowSeconds),
  ...lengths(mint),
  ...searches(mint),
];
