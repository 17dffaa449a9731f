// Reading certificates: what others make is taken and read as they meant it, what is broken at random is refused, and nothing throws.

import { createHash, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { readPemCertificates } from '../../src/parsing/pem.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { readChain } from '../../src/x509/chain.ts';
import { judgeSvid } from '../../src/x509/svid.ts';
import { attribute, dns, extension, name, oid, sequence, set, uri } from '../vectors/x509/encode.ts';
import { createMint, ID, makeKeys, names } from '../vectors/x509/mint.ts';
import { present } from '../vectors/x509/vector.ts';

const NOW = Date.UTC(2026, 0, 15, 12) / 1000;
const MINT = createMint(makeKeys(), NOW);
const GOOD = present(MINT);

function certificateOf(der: Uint8Array): Certificate {
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.problem);
  return read.certificate;
}

const ANCHORS = GOOD.anchors.map(certificateOf);

function judge(chain: readonly Uint8Array[], anchors = ANCHORS): string {
  const read = readChain(chain);
  if (!read.ok) return read.problem;
  const judged = judgeSvid({ chain: read.chain, anchors, nowSeconds: NOW, purpose: 'client' });
  return judged.ok ? judged.id.text : judged.problem;
}

describe('readCertificate', () => {
  it('reads what a library makes as the library and OpenSSL read it', async () => {
    const notAfter = new Date(Date.UTC(2049, 11, 31, 23, 59, 59));
    const { ca, cert } = await mintServerCertificate(['localhost', 'broker.example', '127.0.0.1'], { notAfter });
    for (const pem of [ca, cert]) {
      const read = readPemCertificates(pem);
      if (!read.ok) throw new Error(read.problem);
      const [der = new Uint8Array()] = read.ders;
      const openssl = new X509Certificate(der);
      expect(certificateOf(der)).toMatchObject({
        sha256: openssl.fingerprint256.replaceAll(':', '').toLowerCase(),
        notBeforeSeconds: openssl.validFromDate.getTime() / 1000,
        notAfterSeconds: openssl.validToDate.getTime() / 1000,
        isAuthority: openssl.ca,
        dnsNames: pem === cert ? ['localhost', 'broker.example'] : [],
      });
    }
  });

  it('reads the end of time and the last second of the two-digit years', () => {
    const read = (notAfter: string, tag: number) =>
      certificateOf(
        MINT.leaf({ notAfter: Buffer.concat([Buffer.from([tag, notAfter.length]), Buffer.from(notAfter)]) }),
      );
    expect(read('99991231235959Z', 0x18).notAfterSeconds).toBe(253_402_300_799);
    expect(read('491231235959Z', 0x17).notAfterSeconds).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000);
  });

  it('says the thumbprint of the DER as x5t#S256 (RFC 8705 §3.1), and the names by their tags (A-89)', () => {
    const der = MINT.leaf({
      extensions: { names: names(dns('a.example, URI:spiffe://td.example/x'), uri(ID), dns('b.example')) },
    });
    expect(certificateOf(der)).toMatchObject({
      thumbprint: createHash('sha256').update(der).digest('base64url'),
      uriNames: [ID],
      dnsNames: ['a.example, URI:spiffe://td.example/x', 'b.example'],
    });
  });

  it('keeps its own copy of the bytes', () => {
    const der = Buffer.from(MINT.leaf());
    const certificate = certificateOf(der);
    der.fill(0);
    expect(createHash('sha256').update(certificate.der).digest('hex')).toBe(certificate.sha256);
    expect(Object.isFrozen(certificate)).toBe(true);
  });
});

describe('certificates broken at random', () => {
  const [leaf = Buffer.alloc(0), middle = Buffer.alloc(0)] = GOOD.chain;

  it('prove nothing with one bit changed anywhere in the leaf, the intermediate or the authority', () => {
    expect(judge(GOOD.chain)).toBe(ID);
    const flipped = (der: Buffer, bit: number): Buffer => {
      const copy = Buffer.from(der);
      copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return copy;
    };
    for (let bit = 0; bit < leaf.length * 8; bit += 1) expect(judge([flipped(leaf, bit), middle])).not.toBe(ID);
    for (let bit = 0; bit < middle.length * 8; bit += 1) expect(judge([leaf, flipped(middle, bit)])).not.toBe(ID);
  });

  it('prove nothing cut short or with bytes removed, inserted or replaced', () => {
    const edit = fc.record({ at: fc.nat(leaf.length), remove: fc.nat(4), insert: fc.uint8Array({ maxLength: 4 }) });
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        const der = edits.reduce(
          (bytes, { at, remove, insert }) =>
            Buffer.concat([bytes.subarray(0, at), insert, bytes.subarray(at + remove)]),
          leaf,
        );
        expect(der.equals(leaf) || judge([der, middle]) !== ID).toBe(true);
      }),
      { numRuns: 1_000 },
    );
    for (let length = 0; length < leaf.length; length += 1)
      expect(readCertificate(leaf.subarray(0, length)).ok).toBe(false);
  });

  it('are answered and never thrown, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(readCertificate(bytes).ok).toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  it('are answered and never thrown, whatever stands in a field or an extension', () => {
    const value = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(value, fc.constantFrom(14, 15, 17, 19, 30, 35, 37), (bytes, last) => {
        const wrapped = Buffer.concat([Buffer.from([0x04, bytes.length]), bytes]);
        const id = Buffer.from([0x06, 3, 0x55, 0x1d, last]);
        const whole = Buffer.concat([Buffer.from([0x30, id.length + wrapped.length]), id, wrapped]);
        const der = MINT.leaf({
          extensions: { basic: undefined, usage: undefined, purposes: undefined, names: undefined, more: [whole] },
        });
        const read = readCertificate(der);
        expect(read.ok || ['extension_malformed', 'names_too_many'].includes(read.problem)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('certificates that are slow to read (A-90)', () => {
  const repeated = (count: number, make: (index: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, index) => make(index));

  it.each([
    // Folding this name once took 330 ms: Unicode orders combining marks, and takes quadratic time for it.
    [
      'a name of combining marks',
      MINT.leaf({ subject: name(['CN', `a${'\u0315\u0300'.repeat(15_000)}`]) }),
      'name_too_long',
    ],
    [
      'a name of 5,500 parts',
      MINT.leaf({ subject: sequence(...repeated(5_500, () => set(attribute('CN', '')))) }),
      'name_too_long',
    ],
    [
      '4,000 extensions',
      MINT.leaf({ extensions: { more: repeated(4_000, (at) => extension(`1.2.3.${at}`, sequence())) } }),
      'read',
    ],
    [
      '12,000 purposes',
      MINT.leaf({
        extensions: { purposes: extension('2.5.29.37', sequence(...repeated(12_000, () => oid('1.2.3')))) },
      }),
      'read',
    ],
    ['30,000 elements', sequence(...repeated(30_000, () => sequence())), 'der'],
  ])('are answered within 50 ms: %s', (_what, der, expected) => {
    const before = process.threadCpuUsage();
    const read = readCertificate(der);
    const { user, system } = process.threadCpuUsage(before);
    expect(read.ok ? 'read' : read.problem).toBe(expected);
    expect((user + system) / 1_000).toBeLessThan(50);
  });
});
