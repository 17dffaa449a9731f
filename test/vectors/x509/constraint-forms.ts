// Name constraints on other names than URIs: hosts, directory names, addresses, mailboxes, and forms that are not compared.

import {
  attribute,
  directory,
  dns,
  email,
  ip,
  name,
  otherName,
  printable,
  registered,
  sequence,
  set,
  tlv,
  uri,
  utf8,
} from './encode.ts';
import { constraints, ID, names, type Subtrees } from './mint.ts';
import type { Plans, Row } from './vector.ts';

/** An intermediate with these constraints and no names of its own, and a leaf with these names beside its ID. */
export const under = (subtrees: Subtrees, ...general: readonly Buffer[]): Plans => ({
  middle: { extensions: { constraints: constraints(subtrees) } },
  leaf: { extensions: { names: names(uri(ID), ...general) } },
});
export const permitted = (...list: readonly Buffer[]): Subtrees => ({ permitted: list });
export const excluded = (...list: readonly Buffer[]): Subtrees => ({ excluded: list });

export const OUTSIDE = 'name_constraints';
export const UNREAD = 'name_constraints_unsupported';
export const OF = 'A-79, SX-08';

const HOSTS: readonly Row[] = [
  [
    'a host that is not permitted',
    OF,
    OUTSIDE,
    under(permitted(dns('other.example')), dns('a.td.example')),
    under(permitted(dns('td.example')), dns('a.td.example'), dns('TD.example')),
  ],
  [
    'one host of two that is not permitted',
    OF,
    OUTSIDE,
    under(permitted(dns('td.example')), dns('td.example'), dns('other.example')),
    under(permitted(dns('td.example'), dns('other.example')), dns('td.example'), dns('other.example')),
  ],
  [
    'a host that only ends like the permitted one',
    OF,
    OUTSIDE,
    under(permitted(dns('d.example')), dns('td.example')),
    under(permitted(dns('example')), dns('td.example')),
  ],
  [
    'a host that is excluded',
    OF,
    OUTSIDE,
    under(excluded(dns('td.example')), dns('TD.EXAMPLE')),
    under(excluded(dns('td.example')), dns('example')),
  ],
  [
    'a wildcard over an excluded host',
    OF,
    OUTSIDE,
    under(excluded(dns('a.td.example')), dns('*.td.example')),
    under(excluded(dns('a.td.example')), dns('*.b.td.example')),
  ],
  [
    'a wildcard over one permitted host',
    OF,
    OUTSIDE,
    under(permitted(dns('a.td.example')), dns('*.td.example')),
    under(permitted(dns('td.example')), dns('*.td.example')),
  ],
  [
    'a host permitted only below a dot',
    OF,
    OUTSIDE,
    under(permitted(dns('.td.example')), dns('td.example')),
    under(permitted(dns('.td.example')), dns('a.td.example')),
  ],
  [
    'a host excluded below a dot',
    OF,
    OUTSIDE,
    under(excluded(dns('.td.example')), dns('td.example')),
    under(excluded(dns('.td.example')), dns('td2.example')),
  ],
  ['all hosts excluded', OF, OUTSIDE, under(excluded(dns('')), dns('td.example')), under(excluded(dns('')))],
  [
    'a host that cannot be compared',
    OF,
    OUTSIDE,
    under(excluded(dns('other.example')), dns('td.example, URI:x')),
    under(excluded(uri('other.example')), dns('td.example, URI:x')),
  ],
  [
    'a host with a dot at its end',
    OF,
    OUTSIDE,
    under(excluded(dns('td.example')), dns('td.example.')),
    under(excluded(dns('other.example')), dns('td.example')),
  ],
  [
    'a host constraint with a wildcard',
    OF,
    UNREAD,
    under(permitted(dns('*.example')), dns('td.example')),
    under(permitted(dns('*.example'))),
  ],
];

const LEAF_O = name(['O', 'td.example'], ['CN', 'Leaf']);
const subject = (own: Buffer, subtrees: Subtrees, ...general: readonly Buffer[]): Plans => ({
  ...under(subtrees, ...general),
  leaf: { subject: own, extensions: { names: names(uri(ID), ...general) } },
});
const shouted = sequence(set(attribute('O', printable('TD.EXAMPLE'))));
const mailbox = (text: string): Buffer => name(['E', tlv(0x16, Buffer.from(text))]);

const DIRECTORIES: readonly Row[] = [
  [
    'a subject that is not permitted',
    OF,
    OUTSIDE,
    subject(LEAF_O, permitted(directory(name(['O', 'other.example'])))),
    subject(LEAF_O, permitted(directory(name(['O', 'td.example'])))),
  ],
  [
    'a subject that is excluded',
    OF,
    OUTSIDE,
    subject(LEAF_O, excluded(directory(name(['O', 'td.example'])))),
    subject(LEAF_O, excluded(directory(name(['CN', 'Leaf'])))),
  ],
  [
    'a subject excluded in another spelling',
    OF,
    OUTSIDE,
    subject(LEAF_O, excluded(directory(shouted))),
    subject(LEAF_O, excluded(directory(sequence(set(attribute('O', printable('TD.EXAMPLES'))))))),
  ],
  ['a subject permitted in another spelling', OF, OUTSIDE, subject(LEAF_O, permitted(directory(shouted)))],
  [
    'a subject shorter than the permitted one',
    OF,
    OUTSIDE,
    subject(name(['O', 'td.example']), permitted(directory(LEAF_O))),
    subject(LEAF_O, permitted(directory(LEAF_O))),
  ],
  [
    'a directory name that is not permitted',
    OF,
    OUTSIDE,
    subject(LEAF_O, permitted(directory(name(['O', 'td.example']))), directory(name(['O', 'other.example']))),
    subject(LEAF_O, permitted(directory(name(['O', 'td.example']))), directory(LEAF_O)),
  ],
  [
    'every directory name excluded',
    OF,
    OUTSIDE,
    subject(LEAF_O, excluded(directory(sequence()))),
    subject(LEAF_O, permitted(directory(sequence()))),
  ],
];

const V6 = [0x20, 1, 0xd, 0xb8, ...Array.from({ length: 11 }, () => 0), 1];
const NET6 = [
  0x20,
  1,
  0xd,
  0xb8,
  ...Array.from({ length: 12 }, () => 0),
  0xff,
  0xff,
  0xff,
  0xff,
  ...Array.from({ length: 12 }, () => 0),
];
const NET = [192, 0, 2, 0, 255, 255, 255, 0];

const OTHERS: readonly Row[] = [
  [
    'an address that is not permitted',
    OF,
    OUTSIDE,
    under(permitted(ip(...NET)), ip(192, 0, 3, 1)),
    under(permitted(ip(...NET)), ip(192, 0, 2, 1)),
  ],
  [
    'an address that is excluded',
    OF,
    OUTSIDE,
    under(excluded(ip(...NET)), ip(192, 0, 2, 1)),
    under(excluded(ip(...NET)), ip(192, 0, 3, 1)),
  ],
  [
    'an address of the other family',
    OF,
    OUTSIDE,
    under(permitted(ip(...NET)), ip(...V6)),
    under(permitted(ip(...NET6)), ip(...V6)),
  ],
  [
    'an address of five bytes',
    OF,
    OUTSIDE,
    under(permitted(ip(...NET)), ip(192, 0, 2, 1, 1)),
    under(permitted(dns('td.example')), ip(192, 0, 2, 1, 1)),
  ],
  [
    'a mask with a hole',
    OF,
    UNREAD,
    under(permitted(ip(192, 0, 2, 0, 255, 0, 255, 0)), ip(192, 0, 2, 1)),
    under(permitted(ip(192, 0, 2, 0, 255, 0, 255, 0))),
  ],
  ['an address without a mask', OF, UNREAD, under(permitted(ip(192, 0, 2, 1)), ip(192, 0, 2, 1))],
  [
    'a mailbox that is not permitted',
    OF,
    OUTSIDE,
    under(permitted(email('td.example')), email('a@other.example')),
    under(permitted(email('td.example')), email('a@TD.example')),
  ],
  [
    'a mailbox on a host below the permitted one',
    OF,
    OUTSIDE,
    under(permitted(email('td.example')), email('a@x.td.example')),
    under(permitted(email('.td.example')), email('a@x.td.example')),
  ],
  [
    'one mailbox that is excluded',
    OF,
    OUTSIDE,
    under(excluded(email('a@td.example')), email('A@td.example')),
    under(excluded(email('a@td.example')), email('b@td.example')),
  ],
  [
    'another mailbox than the permitted one',
    OF,
    OUTSIDE,
    under(permitted(email('a@td.example')), email('A@td.example')),
    under(permitted(email('a@td.example')), email('a@td.example')),
  ],
  [
    'a mailbox in the subject',
    OF,
    OUTSIDE,
    subject(mailbox('a@other.example'), permitted(email('td.example'))),
    subject(mailbox('a@td.example'), permitted(email('td.example'))),
  ],
  [
    'a mailbox of two hosts',
    OF,
    OUTSIDE,
    under(excluded(email('other.example')), email('a@td.example@other.example')),
    under(excluded(email('other.example')), email('a@td.example')),
  ],
  [
    'a constrained otherName',
    OF,
    UNREAD,
    under(permitted(otherName('1.2.3', utf8('a'))), otherName('1.2.3', utf8('a'))),
    under(permitted(otherName('1.2.3', utf8('a')))),
  ],
  [
    'a constrained registered ID',
    OF,
    UNREAD,
    under(excluded(registered('1.2.3')), registered('1.2.4')),
    under(excluded(registered('1.2.3'))),
  ],
];

export const constraintFormRows: readonly Row[] = [...HOSTS, ...DIRECTORIES, ...OTHERS];
