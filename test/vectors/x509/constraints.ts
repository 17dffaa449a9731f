// Name constraints (RFC 5280 §4.2.1.10): on the intermediate unless said otherwise, each with names inside and outside.

import { constraintFormRows, excluded, OF, OUTSIDE, permitted, UNREAD, under } from './constraint-forms.ts';
import { bytes, dns, integer, sequence, tlv, uri } from './encode.ts';
import { constraints, type Mint, NAMES, names, type Subtrees } from './mint.ts';
import type { Plans, Row } from './vector.ts';

const URIS: readonly Row[] = [
  [
    'a trust domain that is not permitted',
    OF,
    OUTSIDE,
    under(permitted(uri('other.example'))),
    under(permitted(uri('td.example'))),
  ],
  [
    'a trust domain that is excluded',
    OF,
    OUTSIDE,
    under(excluded(uri('td.example'))),
    under(excluded(uri('other.example'))),
  ],
  [
    'a trust domain below the permitted one',
    OF,
    OUTSIDE,
    under(permitted(uri('example'))),
    under(permitted(uri('.example'))),
  ],
  [
    'a trust domain that is not below itself',
    OF,
    OUTSIDE,
    under(permitted(uri('.td.example'))),
    under(permitted(uri('.td.example'), uri('td.example'))),
  ],
  [
    'a trust domain that only ends like the permitted one',
    OF,
    OUTSIDE,
    under(permitted(uri('d.example'))),
    under(permitted(uri('TD.Example'))),
  ],
  [
    'a trust domain below the excluded one',
    OF,
    OUTSIDE,
    under(excluded(uri('.example'))),
    under(excluded(uri('example'))),
  ],
  [
    'a trust domain permitted and excluded',
    OF,
    OUTSIDE,
    under({ permitted: [uri('td.example')], excluded: [uri('td.example')] }),
    under({ permitted: [uri('td.example')], excluded: [uri('.td.example')] }),
  ],
  [
    'a constraint with a scheme',
    OF,
    UNREAD,
    under(permitted(uri('spiffe://td.example'))),
    under(permitted(dns('spiffe'))),
  ],
  ['a constraint with a path', OF, UNREAD, under(permitted(uri('td.example/workload')))],
  ['a constraint with a port', OF, UNREAD, under(excluded(uri('other.example:443')))],
  ['a constraint with a wildcard', OF, UNREAD, under(permitted(uri('*.example')))],
  ['an empty URI constraint', OF, UNREAD, under(permitted(uri('')))],
  ['a URI constraint on an address', OF, UNREAD, under(excluded(uri('192.0.2.1')))],
  ['a constraint of a minimum', OF, UNREAD, under(permitted(bytes(uri('td.example'), '800101')))],
  ['a constraint of a maximum', OF, UNREAD, under(permitted(bytes(uri('td.example'), '810101')))],
  [
    'a URI whose host is an address, constrained',
    OF,
    OUTSIDE,
    ofUri('spiffe://192.0.2.1/workload', excluded(uri('td.example'))),
    ofUri('spiffe://td.example/workload', excluded(uri('other.example'))),
  ],
  [
    'a URI whose host ends in a dot, constrained',
    OF,
    OUTSIDE,
    ofUri('spiffe://td.example./workload', excluded(uri('other.example'))),
  ],
  [
    'a constraint that is not critical',
    OF,
    OUTSIDE,
    { middle: { extensions: { constraints: constraints(permitted(uri('other.example')), false) } } },
    { middle: { extensions: { constraints: constraints(permitted(uri('td.example')), false) } } },
  ],
  [
    'a self-issued leaf outside the constraint',
    OF,
    OUTSIDE,
    { ...under(permitted(uri('other.example'))), leaf: { subject: NAMES.middle } },
    { ...under(permitted(uri('td.example'))), leaf: { subject: NAMES.middle } },
  ],
  [
    'a constraint of the root',
    OF,
    OUTSIDE,
    {
      root: { extensions: { constraints: constraints(permitted(uri('other.example'))) } },
      middle: { extensions: { names: undefined } },
    },
    { root: { extensions: { constraints: constraints(permitted(uri('td.example'))) } } },
  ],
  [
    'an intermediate outside the constraint of the root',
    OF,
    OUTSIDE,
    {
      root: { extensions: { constraints: constraints(permitted(uri('td.example'))) } },
      middle: { extensions: { names: names(uri('spiffe://other.example')) } },
    },
    { root: { extensions: { constraints: constraints(permitted(uri('td.example'))) } } },
  ],
];

function ofUri(text: string, subtrees: Subtrees): Plans {
  return {
    middle: { extensions: { constraints: constraints(subtrees) } },
    leaf: { extensions: { names: names(uri(text)) } },
  };
}

const constrained = (value: Buffer): Plans => ({ middle: { extensions: { constraints: value } } });
const raw = (...parts: readonly Buffer[]): Plans =>
  constrained(sequence(bytes('0603551d1e0101ff'), tlv(0x04, sequence(...parts))));
const inside = tlv(0xa0, sequence(uri('td.example')));

const FORMS: readonly Row[] = [
  ['empty name constraints', 'RFC 5280 §4.2.1.10', 'extension_malformed', raw(), raw(inside)],
  ['an empty list of constraints', 'RFC 5280 §4.2.1.10', 'extension_malformed', raw(tlv(0xa0))],
  [
    'excluded before permitted',
    'RFC 5280 §4.2.1.10',
    'extension_malformed',
    raw(tlv(0xa1, sequence(uri('a.example'))), inside),
    raw(inside, tlv(0xa1, sequence(uri('a.example')))),
  ],
  [
    'a third list of constraints',
    'RFC 5280 §4.2.1.10',
    'extension_malformed',
    raw(inside, tlv(0xa1, sequence(uri('a.example'))), tlv(0xa2, integer(1))),
  ],
  ['a constraint without a name', 'RFC 5280 §4.2.1.10', 'extension_malformed', raw(tlv(0xa0, sequence()))],
];

/** An intermediate between that is bound by the root and issued by itself, and one that is not. */
const selfIssued = (mint: Mint): readonly Row[] => {
  const plans = (bound: Buffer): Plans => ({
    root: { extensions: { constraints: constraints(permitted(uri(bound.toString()))) } },
    middle: {
      subject: NAMES.root,
      spki: mint.keys.middle.spki,
      extensions: { names: names(uri('spiffe://other.example')) },
    },
    leaf: { issuer: NAMES.root },
  });
  return [
    [
      'a leaf below a self-issued authority, outside the constraint',
      OF,
      OUTSIDE,
      plans(Buffer.from('other.example')),
      plans(Buffer.from('td.example')),
    ],
  ];
};

export const constraintRows = (mint: Mint): readonly Row[] => [
  ...URIS,
  ...constraintFormRows,
  ...FORMS,
  ...selfIssued(mint),
];
