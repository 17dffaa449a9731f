// The documents of STS: no value can end its element, and whatever XML cannot write is not in them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { awsAnswer, awsErrorAnswer } from '../../../src/adapters/http/aws-xml.ts';

const valueIn = (body: string): string => /<Arn>(.*)<\/Arn>/s.exec(body)?.[1] ?? '';
const written = (value: string): string => valueIn(awsAnswer('d', 'GetCallerIdentity', [['Arn', value]]).body);

describe('a value', () => {
  it.each([
    ['<a href="x">&amp;\'</Arn>', '&lt;a href=&quot;x&quot;&gt;&amp;amp;&apos;&lt;/Arn&gt;'],
    ['ä\u2028😀', '&#xE4;&#x2028;&#x1F600;'],
    ['a\u0000\u0007\r\n\t\u0085\u009b\ufffeb\ud800', 'a????????b?'],
    [']]>', ']]&gt;'],
  ])('%j is written %s', (value, expected) => {
    expect(written(value)).toBe(expected);
  });

  it('of whatever characters is printable ASCII without markup', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(written(value)).toMatch(
          /^(?:[\x20-\x21\x23-\x25\x28-\x3b\x3d\x3f-\x7e]|&(?:amp|lt|gt|quot|apos|#x[0-9A-F]+);)*$/,
        );
      }),
    );
  });

  it('of an error cannot end its message', () => {
    const { body } = awsErrorAnswer('d', {
      status: 403,
      code: 'AccessDenied',
      message: '</Message><Code>x',
      headers: {},
    });
    expect(body.split('<Code>')).toHaveLength(2);
  });
});
