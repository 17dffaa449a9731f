// Keys and signature algorithms that are refused, and those that are taken.

import { createHash } from 'node:crypto';
import { bits, bytes, integer, NULL, oid, type Part, sequence, tlv } from './encode.ts';
import { ALGORITHMS, type Algorithm, type Key, type KeyName, type Mint, pssAlgorithm } from './mint.ts';
import type { Plans, Row } from './vector.ts';

const OF = 'A-92';

/** An RSA key of so many bits that nobody has the other half of: enough to be refused, or not. */
export function rsaKey(bitsLong: number, exponent: Part = '010001', seed = ''): Buffer {
  const modulus = Buffer.concat(
    Array.from({ length: Math.ceil(bitsLong / 256) }, (_, index) =>
      createHash('sha256').update(`${seed}${index}`).digest(),
    ),
  ).subarray(0, Math.ceil(bitsLong / 8));
  const top = (bitsLong - 1) % 8;
  modulus[0] = ((modulus[0] ?? 0) & ((1 << top) - 1)) | (1 << top);
  modulus[modulus.length - 1] = (modulus.at(-1) ?? 0) | 1;
  const padded = (modulus[0] ?? 0) >= 0x80 ? bytes('00', modulus) : modulus;
  return sequence(sequence(oid('1.2.840.113549.1.1.1'), NULL), bits(sequence(tlv(0x02, padded), tlv(0x02, exponent))));
}

/** The key's own SEQUENCE with a NULL behind it, where OpenSSL does not look. */
const rsaTail = ({ spki }: Key): Buffer =>
  sequence(sequence(oid('1.2.840.113549.1.1.1'), NULL), bits(spki.subarray(24), NULL));

const compressed = ({ spki }: Key): Buffer => {
  const point = spki.subarray(-65);
  return sequence(
    sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7')),
    bits(Buffer.from([2 + ((point.at(-1) ?? 0) & 1)]), point.subarray(1, 33)),
  );
};

/** X9.62's third form: uncompressed, and the sign as well. OpenSSL takes it. */
const hybrid = ({ spki }: Key): Buffer =>
  bytes(spki.subarray(0, -65), Buffer.from([6 + ((spki.at(-1) ?? 0) & 1)]), spki.subarray(-64));

/** The intermediate has this key, and signs the leaf so. */
const signing = (key: Key, algorithm: Algorithm): Plans => ({
  middle: { spki: key.spki },
  leaf: { signer: key, algorithm },
});
/** The leaf has this key. */
const holding = (key: Key): Plans => ({ leaf: { spki: key.spki }, leafKey: key });
const TOO_WEAK = 'OpenSSL does not load so weak a key';
const NO_ALGORITHM = 'TLS 1.3 has no signature algorithm for it';
const NO_KEY = 'the private key at hand is another';

const keys = (mint: Mint): readonly Row[] => {
  const own = (name: KeyName): Plans => holding(mint.keys[name]);
  const bare = (spki: Buffer): Plans => ({ leaf: { spki }, unpresentable: NO_KEY });
  const weak = (name: KeyName, algorithm: Algorithm): Plans => signing(mint.keys[name], algorithm);
  return [
    ['a leaf with RSA of 1024 bits', OF, 'key', own('rsa1024'), own('rsa'), TOO_WEAK],
    ['a leaf with RSA of 2047 bits', OF, 'key', bare(rsaKey(2_047)), bare(rsaKey(2_048))],
    ['a leaf with RSA of 8193 bits', OF, 'key', bare(rsaKey(8_193)), bare(rsaKey(8_192))],
    ['an RSA exponent of one', OF, 'key', bare(rsaKey(2_048, '01')), bare(rsaKey(2_048, '03'))],
    ['an even RSA exponent', OF, 'key', bare(rsaKey(2_048, '010000')), bare(rsaKey(2_048))],
    ['an RSA exponent of 33 bits', OF, 'key', bare(rsaKey(2_048, '0100000001')), bare(rsaKey(2_048, '7fffffff'))],
    ['a leaf on P-192', OF, 'key', own('p192'), own('p384'), TOO_WEAK],
    ['a leaf on secp256k1', OF, 'key', own('k256'), own('p521'), NO_ALGORITHM],
    ['a leaf with Ed25519', 'RFC 8410', 'key', own('ed25519')],
    ['a hybrid point', 'RFC 5480 §2.2', 'key', { leaf: { spki: hybrid(mint.keys.leaf) } }],
    ['a compressed point', 'RFC 5480 §2.2', 'key', { leaf: { spki: compressed(mint.keys.leaf) } }],
    [
      'a point beside the curve',
      'RFC 5480 §2.2',
      'key',
      bare(bytes(mint.keys.leaf.spki.subarray(0, -1), Buffer.from([(mint.keys.leaf.spki.at(-1) ?? 0) ^ 1]))),
    ],
    [
      'an RSA key without its NULL',
      'RFC 3279 §2.3.1',
      'key',
      bare(sequence(sequence(oid('1.2.840.113549.1.1.1')), mint.keys.rsa.spki.subarray(19))),
      bare(sequence(sequence(oid('1.2.840.113549.1.1.1'), NULL), mint.keys.rsa.spki.subarray(19))),
    ],
    ['bytes behind an RSA key', 'RFC 8017 §A.1.1', 'der', bare(rsaTail(mint.keys.rsa)), bare(mint.keys.rsa.spki)],
    [
      'a DSA key',
      OF,
      'key',
      bare(
        sequence(sequence(oid('1.2.840.10040.4.1'), sequence(integer(23), integer(11), integer(4))), bits(integer(8))),
      ),
    ],
    [
      'an issuer with RSA of 1024 bits',
      OF,
      'issuer_key',
      weak('rsa1024', ALGORITHMS.rs256),
      weak('rsa', ALGORITHMS.rs256),
      TOO_WEAK,
    ],
    ['an issuer on P-192', OF, 'issuer_key', weak('p192', ALGORITHMS.es256), weak('p384', ALGORITHMS.es256), TOO_WEAK],
    ['an issuer on secp256k1', OF, 'issuer_key', weak('k256', ALGORITHMS.es256), weak('p521', ALGORITHMS.es512)],
  ];
};

const sha = (last: number): Buffer => sequence(oid(`2.16.840.1.101.3.4.2.${last}`), NULL);
const sha1 = sequence(oid('1.3.14.3.2.26'), NULL);
const named = (id: Buffer, like: Algorithm): Algorithm => ({ ...like, id });

const signatures = (mint: Mint): readonly Row[] => {
  const { rsa } = mint.keys;
  const by = (algorithm: Algorithm): Plans => signing(rsa, algorithm);
  const ec = (algorithm: Algorithm): Plans => ({ leaf: { algorithm } });
  const pss = (hash: Buffer, mgf: Buffer, salt: number): Plans =>
    by(named(pssAlgorithm(hash, mgf, salt), ALGORITHMS.ps256));
  return [
    ['RSA with SHA-1', OF, 'signature_algorithm', by(ALGORITHMS.rs1), by(ALGORITHMS.rs384)],
    ['RSA with MD5', OF, 'signature_algorithm', by(ALGORITHMS.rsMd5), by(ALGORITHMS.rs512)],
    ['ECDSA with SHA-1', OF, 'signature_algorithm', ec(ALGORITHMS.es1), ec(ALGORITHMS.es384)],
    ['PSS with a salt of 20 bytes', OF, 'signature_algorithm', by(ALGORITHMS.ps256short), by(ALGORITHMS.ps256)],
    [
      'PSS with defaults, which are SHA-1',
      'RFC 4055 §3.1',
      'signature_algorithm',
      by(named(sequence(oid('1.2.840.113549.1.1.10'), sequence()), ALGORITHMS.ps256)),
      by(ALGORITHMS.ps256bare),
    ],
    ['PSS with MGF1 of SHA-1', 'RFC 4055 §3.1', 'signature_algorithm', pss(sha(1), sha1, 32), by(ALGORITHMS.ps384)],
    ['PSS with two hashes', 'RFC 4055 §3.1', 'signature_algorithm', pss(sha(1), sha(2), 32), by(ALGORITHMS.ps512)],
    ['Ed25519', 'RFC 8410', 'signature_algorithm', signing(mint.keys.ed25519, ALGORITHMS.ed25519)],
    [
      'DSA with SHA-256',
      OF,
      'signature_algorithm',
      ec(named(sequence(oid('2.16.840.1.101.3.4.3.2')), ALGORITHMS.es256)),
    ],
    [
      'an ECDSA algorithm with a parameter',
      'RFC 5758 §3.2',
      'signature_algorithm',
      ec(named(sequence(oid('1.2.840.10045.4.3.2'), NULL), ALGORITHMS.es256)),
      by(ALGORITHMS.rs256bare),
    ],
    [
      'an unknown algorithm',
      OF,
      'signature_algorithm',
      ec(named(sequence(oid('1.3.6.1.4.1.99999.3')), ALGORITHMS.es256)),
    ],
    [
      'an RSA algorithm over an ECDSA signature',
      OF,
      'signature_invalid',
      ec(named(ALGORITHMS.rs256.id, ALGORITHMS.es256)),
    ],
    [
      'an ECDSA algorithm over an RSA signature',
      OF,
      'signature_invalid',
      by(named(ALGORITHMS.es256.id, ALGORITHMS.rs256)),
    ],
    ['another hash than the algorithm says', OF, 'signature_invalid', ec(named(ALGORITHMS.es256.id, ALGORITHMS.es384))],
    ['PKCS #1 v1.5 under the name of PSS', OF, 'signature_invalid', by(named(ALGORITHMS.ps256.id, ALGORITHMS.rs256))],
    ['PSS under the name of PKCS #1 v1.5', OF, 'signature_invalid', by(named(ALGORITHMS.rs256.id, ALGORITHMS.ps256))],
    [
      'an empty signature',
      OF,
      'signature_invalid',
      ec(named(ALGORITHMS.es256.id, { ...ALGORITHMS.es256, sign: () => Buffer.alloc(0) })),
    ],
    [
      'an intermediate signed with SHA-1',
      OF,
      'signature_algorithm',
      { middle: { algorithm: ALGORITHMS.es1 } },
      { root: { algorithm: ALGORITHMS.es1 } },
    ],
  ];
};

export const algorithmRows = (mint: Mint): readonly Row[] => [...keys(mint), ...signatures(mint)];
