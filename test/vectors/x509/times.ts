// Validities that are not in the forms of RFC 5280 §4.1.2.5.

import { bytes, generalizedTime, printable, tlv, utcTime } from './encode.ts';
import type { Mint } from './mint.ts';
import type { Plans, Row } from './vector.ts';

const NOT_LOADED = 'OpenSSL does not load it';

export const timeRows = (mint: Mint): readonly Row[] => {
  const until = (notAfter: Buffer): Plans => ({ leaf: { notAfter } });
  const now = mint.nowSeconds;
  const written = (tag: number, text: string): Buffer => tlv(tag, Buffer.from(text));
  return [
    [
      'GeneralizedTime before 2050',
      'RFC 5280 §4.1.2.5',
      'time',
      until(generalizedTime(now + 60)),
      until(utcTime(now + 60)),
    ],
    [
      'UTCTime without seconds',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x17, '4901010000Z')),
      until(written(0x17, '490101000000Z')),
      NOT_LOADED,
    ],
    ['UTCTime with an offset', 'RFC 5280 §4.1.2.5', 'time', until(written(0x17, '490101000000+0000'))],
    [
      'GeneralizedTime with a fraction',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x18, '20500101000000.5Z')),
      until(written(0x18, '20500101000000Z')),
    ],
    [
      'GeneralizedTime in local time',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x18, '20500101000000')),
      until(written(0x18, '99991231235959Z')),
      NOT_LOADED,
    ],
    [
      'the 30th of February',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x17, '490230000000Z')),
      until(written(0x17, '480229000000Z')),
    ],
    [
      'the 61st second',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x17, '490101000060Z')),
      until(written(0x17, '490101000059Z')),
    ],
    [
      'the 24th hour',
      'RFC 5280 §4.1.2.5',
      'time',
      until(written(0x17, '490101240000Z')),
      until(written(0x17, '490101230000Z')),
    ],
    ['a month of zero', 'RFC 5280 §4.1.2.5', 'time', until(written(0x17, '490001000000Z'))],
    ['digits of another script', 'RFC 5280 §4.1.2.5', 'time', until(written(0x17, '４90101000000Z'))],
    [
      'a third time in the validity',
      'RFC 5280 §4.1',
      'time',
      until(bytes(utcTime(now + 60), utcTime(now + 60))),
      {},
      NOT_LOADED,
    ],
    ['a time as text', 'RFC 5280 §4.1.2.5', 'time', until(printable('490101000000Z')), {}, NOT_LOADED],
    [
      'an end before its beginning',
      'RFC 5280 §4.1.2.5',
      'time',
      until(utcTime(now - 61)),
      { leaf: { notAfter: utcTime(now) } },
    ],
  ];
};
