// Certificates in PEM, as bundles in the field have them, and what is refused by name.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PEM_CERTIFICATES_MAX } from '../../src/core/limits-outside.ts';
import { readPemCertificates } from '../../src/parsing/pem.ts';

const A = Buffer.from('not a certificate, which is not looked at here: only its base64 is');
const B = Buffer.from([0, 1, 2, 254, 255]);

const block = (der: Buffer, label = 'CERTIFICATE', width = 64): string =>
  `-----BEGIN ${label}-----\n${(der.toString('base64').match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\n')}\n-----END ${label}-----\n`;

const read = (text: string): readonly Buffer[] | string => {
  const found = readPemCertificates(text);
  return found.ok ? found.ders.map((der) => Buffer.from(der)) : found.problem;
};

describe('readPemCertificates', () => {
  it.each([
    ['one after another', block(A) + block(B)],
    [
      'comments and blank lines between',
      `# O=Example, CN=Root\n\n${block(A)}\n\n# second - with - hyphens\n${block(B)}\nend\n`,
    ],
    [
      'the text of openssl -text before each',
      `Certificate:\n    Data:\n        Version: 3 (0x2)\n${block(A)}Certificate:\n${block(B)}`,
    ],
    ['CRLF', (block(A) + block(B)).replaceAll('\n', '\r\n')],
    ['bare CR', (block(A) + block(B)).replaceAll('\n', '\r')],
    ['lines of other lengths', block(A, 'CERTIFICATE', 76) + block(B, 'CERTIFICATE', 1)],
    [
      'indented base64 and spaces at ends of lines',
      block(A).replaceAll('\n', '  \n') + block(B).replace('\nA', '\n  A'),
    ],
    ['no newline at the end', (block(A) + block(B)).trimEnd()],
  ])('reads every certificate in order: %s', (_what, text) => {
    expect(read(text)).toEqual([A, B]);
  });

  it.each([
    ['nothing', '', 'has no certificate'],
    ['only text', 'hello\n', 'has no certificate'],
    ['DER', Buffer.from('3082000030', 'hex').toString('latin1'), 'has no certificate'],
    ['a private key', block(A) + block(B, 'PRIVATE KEY'), 'has a private key at line 5; it takes certificates only'],
    [
      'an EC private key',
      block(B, 'EC PRIVATE KEY') + block(A),
      'has a private key at line 1; it takes certificates only',
    ],
    [
      'an encrypted key',
      block(A) + block(B, 'ENCRYPTED PRIVATE KEY'),
      'has a private key at line 5; it takes certificates only',
    ],
    [
      'a request',
      block(A, 'CERTIFICATE REQUEST'),
      'has CERTIFICATE REQUEST at line 1; it takes CERTIFICATE blocks only',
    ],
    [
      'OpenSSL’s trusted form',
      block(A, 'TRUSTED CERTIFICATE'),
      'has TRUSTED CERTIFICATE at line 1; it takes CERTIFICATE blocks only',
    ],
    ['the old label', block(A, 'X509 CERTIFICATE'), 'has X509 CERTIFICATE at line 1; it takes CERTIFICATE blocks only'],
    ['no end', block(A).replace(/-----END.*\n/, ''), 'has a CERTIFICATE at line 1 without its end'],
    [
      'a beginning inside',
      block(A).replace(/-----END.*\n/, '') + block(B),
      'has a CERTIFICATE at line 1 without its end',
    ],
    [
      'the end of something else',
      block(A).replace('END CERTIFICATE', 'END X'),
      'has a CERTIFICATE at line 1 without its end',
    ],
    [
      'an end without a beginning',
      `${block(A)}-----END CERTIFICATE-----\n`,
      'has no PEM boundary at line 5 where one seems to be meant',
    ],
    [
      'a boundary of four hyphens',
      block(A).replace('CERTIFICATE-----', 'CERTIFICATE----'),
      'has no PEM boundary at line 1 where one seems to be meant',
    ],
    ['a boundary in lower case', block(A).toLowerCase(), 'has no PEM boundary at line 1 where one seems to be meant'],
    ['an indented boundary', ` ${block(A)}`, 'has no PEM boundary at line 1 where one seems to be meant'],
    [
      'nothing inside',
      '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
      'has a CERTIFICATE at line 1 that is not base64',
    ],
    ['another alphabet', block(B).replace('AAEC/v8=', 'AAEC_v8='), 'has a CERTIFICATE at line 1 that is not base64'],
    ['no padding', block(B).replace('=', ''), 'has a CERTIFICATE at line 1 that is not base64'],
    ['stray bits', block(B).replace('v8=', 'v9='), 'has a CERTIFICATE at line 1 that is not base64'],
    [
      'headers',
      block(B).replace('\n', '\nProc-Type: 4,ENCRYPTED\n\n'),
      'has a CERTIFICATE at line 1 that is not base64',
    ],
    [
      'a second block that is broken',
      block(A) + block(B).replace('AAEC', 'A*EC'),
      'has a CERTIFICATE at line 5 that is not base64',
    ],
  ])('refuses %s', (_what, text, problem) => {
    expect(read(text)).toBe(problem);
  });

  it('repeats no key', () => {
    expect(read(block(A, 'PRIVATE KEY'))).not.toContain(A.toString('base64').slice(0, 8));
  });

  it('takes so many certificates and no more', () => {
    expect(read(block(B).repeat(PEM_CERTIFICATES_MAX))).toHaveLength(PEM_CERTIFICATES_MAX);
    expect(read(block(B).repeat(PEM_CERTIFICATES_MAX + 1))).toBe(`has more than ${PEM_CERTIFICATES_MAX} certificates`);
  });

  it('never throws, and reads back what was written', () => {
    const line = fc.constantFrom(
      '-----BEGIN CERTIFICATE-----',
      '-----END CERTIFICATE-----',
      'AAAA',
      '',
      '-----',
      '# x',
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        expect(() => read(lines.join('\n'))).not.toThrow();
      }),
    );
    const der = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.array(der, { minLength: 1, maxLength: 4 }), (ders) => {
        expect(read(ders.map((one) => block(one)).join('#\n'))).toEqual(ders);
      }),
    );
  });
});
