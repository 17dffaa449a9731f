// Key sets of other parties as hostile text: attacks, faults F-5, F-6, F-11, rows JB-01 to JB-03.

import { generatePrimeSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { KEY_SET_BYTES_MAX, KEY_SET_KEYS_MAX } from '../../src/core/limits-outside.ts';
import type { SignatureAlgorithm } from '../../src/core/outside.ts';
import { type KeySet, readKeySet } from '../../src/keys/jwk-set.ts';
import { hasRocaFingerprint } from '../../src/parsing/roca.ts';
import { OIDC } from '../../src/platforms/oidc.ts';
import { publicJwk, setOf } from './public-jwk.ts';

const ALGORITHMS = OIDC.algorithms;
const read = (text: string, algorithms: readonly SignatureAlgorithm[] = ALGORITHMS) =>
  readKeySet(text, { use: 'sig', algorithms });
const names = (set: KeySet) => set.ok && set.keys.map(({ kid, alg }) => `${kid} ${alg}`);
const ignored = (set: KeySet) => set.ok && set.ignored;

let rsa: JWK;
let ec: JWK;
beforeAll(async () => {
  rsa = await publicJwk('RS256', 'rsa');
  ec = await publicJwk('ES256', 'ec');
});

/** Without some members. */
const without = (jwk: JWK, ...members: string[]): JWK =>
  Object.fromEntries(Object.entries(jwk).filter(([name]) => !members.includes(name)));

describe('a key set', () => {
  it('gives keys that verify, each bound to its own algorithm (JB-01)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const set = await read(setOf({ ...(await exportJWK(publicKey)), kid: 'one' }, rsa));
    expect(names(set)).toEqual(['one ES256', 'rsa RS256']);
    const key = set.ok ? set.keys[0]?.key : undefined;
    const token = await new SignJWT({ a: 1 }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    expect(key && (await jwtVerify(token, key)).payload).toEqual({ a: 1 });
  });

  it.each([
    ['<!doctype html><title>Sign in</title>', 'is not acceptable JSON (syntax)'],
    ['', 'is not acceptable JSON (syntax)'],
    ['{}', 'has no array `keys`'],
    ['{"keys":{}}', 'has no array `keys`'],
    ['{"keys":null}', 'has no array `keys`'],
    ['[]', 'is not a JSON object'],
    ['"keys"', 'is not a JSON object'],
    ['null', 'is not a JSON object'],
    ['{"error":"temporarily_unavailable"}', 'has no array `keys`'],
    ['{"keys":[],"keys":[]}', 'is not acceptable JSON (duplicate_member)'],
    ['{"__proto__":{"keys":[]}}', 'has no array `keys`'],
  ])('is not made of %j: that is a problem and never an empty set (A-188, F-5)', async (text, problem) => {
    expect(await read(text)).toEqual({ ok: false, problem });
  });

  it('may be empty, and then nothing can be proved (SB-03)', async () => {
    expect(await read('{"keys":[]}')).toEqual({ ok: true, keys: [], ignored: [] });
  });

  it(`holds ${KEY_SET_KEYS_MAX} keys and ${KEY_SET_BYTES_MAX} bytes at most (F-6, A-187)`, async () => {
    const many = (count: number) => setOf(...Array.from({ length: count }, () => 0));
    const long = (bytes: number) => `${' '.repeat(bytes - 11)}{"keys":[]}`;
    expect(await read(many(KEY_SET_KEYS_MAX))).toMatchObject({ ok: true, keys: [] });
    expect(await read(many(KEY_SET_KEYS_MAX + 1))).toEqual({ ok: false, problem: 'has more than 256 keys' });
    expect(await read(long(KEY_SET_BYTES_MAX))).toMatchObject({ ok: true });
    expect(await read(long(KEY_SET_BYTES_MAX + 1))).toEqual({ ok: false, problem: 'is larger than 524288 bytes' });
    // Bytes are counted, not characters.
    expect(await read(`{"keys":[],"x":"${'\u{1F511}'.repeat(KEY_SET_BYTES_MAX / 4)}"}`)).toMatchObject({ ok: false });
  });
});

describe('a large key set', () => {
  it('gives way to everybody else while it is read (F-6, F-41)', async () => {
    const text = setOf(...Array.from({ length: 100 }, (_, index) => ({ ...ec, kid: `k${index}` })));
    let turns = 0;
    let reading = true;
    const turn = () => {
      turns += 1;
      if (reading) setImmediate(turn);
    };
    setImmediate(turn);
    const set = await read(text);
    reading = false;
    expect(set.ok && set.keys).toHaveLength(100);
    expect(turns).toBeGreaterThan(50);
  });
});

describe('a bad key', () => {
  const cases: [string, (jwks: { rsa: JWK; ec: JWK }) => unknown, string][] = [
    ['that is no object', () => 'key', 'is not an object'],
    [
      'that is symmetric (A-2, A-12)',
      () => ({ kty: 'oct', k: 'c2VjcmV0', alg: 'HS256' }),
      'is a symmetric key: it can forge what it verifies',
    ],
    [
      'that is private (A-12)',
      ({ ec }) => ({ ...ec, d: 'AA' }),
      'publishes the private member d: whoever read it can forge',
    ],
    [
      'with a private factor (A-12)',
      ({ rsa }) => ({ ...rsa, p: 'AA' }),
      'publishes the private member p: whoever read it can forge',
    ],
    ['of an unknown type (SB-04)', ({ ec }) => ({ ...ec, kty: 'XYZ' }), 'has an unknown kty'],
    ['of the type OKP (A-4)', () => ({ kty: 'OKP', crv: 'Ed25519', x: 'AA', kid: 'o' }), 'has an unknown kty'],
    ['of no type', ({ ec }) => without(ec, 'kty'), 'has an unknown kty'],
    ['for encryption (A-18)', ({ ec }) => ({ ...ec, use: 'enc' }), 'has a use other than sig'],
    ['for certificates (A-18)', ({ ec }) => ({ ...ec, use: 'x509-svid' }), 'has a use other than sig'],
    ['whose use is no text', ({ ec }) => ({ ...ec, use: null }), 'has a use other than sig'],
    [
      'whose operations exclude verifying (A-18)',
      ({ ec }) => ({ ...ec, key_ops: ['sign'] }),
      'has key_ops without verify',
    ],
    ['whose operations are no list', ({ ec }) => ({ ...ec, key_ops: 'verify' }), 'has key_ops without verify'],
    ['with a numeric kid (A-8)', ({ ec }) => ({ ...ec, kid: 1 }), 'has a kid that is no text, empty or too long'],
    ['with an empty kid (A-8)', ({ ec }) => ({ ...ec, kid: '' }), 'has a kid that is no text, empty or too long'],
    [
      'with a huge kid (A-8)',
      ({ ec }) => ({ ...ec, kid: 'k'.repeat(257) }),
      'has a kid that is no text, empty or too long',
    ],
    ['with e = 1 (A-13)', ({ rsa }) => ({ ...rsa, e: 'AQ' }), 'has an unsafe exponent'],
    ['with an even e (A-13)', ({ rsa }) => ({ ...rsa, e: 'BA' }), 'has an unsafe exponent'],
    ['with e = 0 (A-13)', ({ rsa }) => ({ ...rsa, e: 'AA' }), 'has an unsafe exponent'],
    ['with an e beyond 2^31 (A-13)', ({ rsa }) => ({ ...rsa, e: 'gAAAAQ' }), 'has an unsafe exponent'],
    [
      'with an endless e (A-13)',
      ({ rsa }) => ({ ...rsa, e: 'A'.repeat(40) }),
      'has an n or e that is no base64url integer',
    ],
    ['with an empty n', ({ rsa }) => ({ ...rsa, n: '' }), 'has an n or e that is no base64url integer'],
    ['with padding in n', ({ rsa }) => ({ ...rsa, n: `${rsa.n}==` }), 'has an n or e that is no base64url integer'],
    ['with an even n', ({ rsa }) => ({ ...rsa, n: `${rsa.n?.slice(0, -2)}AA` }), 'has an even modulus'],
    ['without n', ({ rsa }) => without(rsa, 'n'), 'lacks n or e'],
    [
      'whose n is 8200 bits long (A-13)',
      ({ rsa }) => ({ ...rsa, n: Buffer.alloc(1025, 255).toString('base64url') }),
      'has a modulus over 8192 bits',
    ],
    ['whose n is a megabyte (A-13)', ({ rsa }) => ({ ...rsa, n: 'f'.repeat(100_000) }), 'has a modulus over 8192 bits'],
    ['whose point is off its curve (A-14, JB-03)', ({ ec }) => ({ ...ec, y: ec.x }), 'is not a valid public key'],
    [
      'at the origin (A-14)',
      ({ ec }) => ({ ...ec, x: 'A'.repeat(43), y: 'A'.repeat(43) }),
      'is not a valid public key',
    ],
    ['with a short coordinate (A-14)', ({ ec }) => ({ ...ec, x: 'AAAA' }), 'has a coordinate of the wrong length'],
    [
      'of another curve (A-14)',
      ({ ec }) => ({ ...ec, crv: 'P-384', alg: 'ES384' }),
      'has a coordinate of the wrong length',
    ],
    ['of an unlisted curve (A-4)', ({ ec }) => ({ ...ec, crv: 'secp256k1', alg: 'ES256K' }), 'has an unknown crv'],
    ['of a curve that only a prototype knows', ({ ec }) => ({ ...ec, crv: 'constructor' }), 'has an unknown crv'],
    [
      'whose alg belongs to another curve (A-3)',
      ({ ec }) => ({ ...ec, alg: 'ES384' }),
      'has no algorithm that this source takes',
    ],
    [
      'whose alg belongs to another type (A-3)',
      ({ rsa }) => ({ ...rsa, alg: 'ES256' }),
      'has no algorithm that this source takes',
    ],
    [
      'whose alg is symmetric (A-2)',
      ({ rsa }) => ({ ...rsa, alg: 'HS256' }),
      'has no algorithm that this source takes',
    ],
    ['whose alg is none (A-1)', ({ rsa }) => ({ ...rsa, alg: 'none' }), 'has no algorithm that this source takes'],
    ['whose alg is no text', ({ rsa }) => ({ ...rsa, alg: ['RS256'] }), 'has no algorithm that this source takes'],
  ];

  it.each(cases)('%s is skipped, and the good key beside it works (A-14, SB-04)', async (_title, make, why) => {
    const neighbour = { ...ec, kid: 'neighbour' };
    const set = await read(setOf(make({ rsa, ec }), neighbour));
    expect(names(set)).toEqual(['neighbour ES256']);
    expect(ignored(set)).toEqual([{ index: 0, why }]);
  });

  it('of 1024 bits is skipped (A-13, JB-02)', async () => {
    const vectors = vectorsNamed('keysize_too_small');
    expect(ignored(await read(vectors))).toEqual([{ index: 0, why: 'has a modulus under 2048 bits' }]);
  });

  it('with the fingerprint of CVE-2017-15361 is skipped (A-13)', async () => {
    const primes =
      '2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59 61 67 71 73 79 83 89 ' +
      '97 101 103 107 109 113 127 131 137 139 149 151 157 163 167';
    const product = primes
      .split(' ')
      .map(BigInt)
      .reduce((a, b) => a * b);
    const prime = (power: bigint) =>
      generatePrimeSync(1025, { bigint: true, add: product, rem: 65_537n ** power % product });
    const modulus = prime(5n) * prime(11n);
    expect(hasRocaFingerprint(modulus)).toBe(true);
    const n = Buffer.from(modulus.toString(16).padStart(514, '0'), 'hex').toString('base64url');
    expect(ignored(await read(setOf({ ...rsa, n })))).toEqual([
      { index: 0, why: 'has a modulus that can be factored (ROCA)' },
    ]);
  });

  it('is explained without any of its values', async () => {
    const secret = 'c2VjcmV0LXNlY3JldA';
    const set = await read(
      setOf({ kty: 'oct', k: secret }, { ...ec, d: secret }, { ...ec, kid: [secret] }, { ...rsa, n: secret }),
    );
    expect(ignored(set)).toHaveLength(4);
    expect(JSON.stringify(ignored(set))).not.toContain(secret);
  });
});

describe('the algorithm of a key', () => {
  it('is its own word where it says one, in one padding and one hash (JB-01, JB-02)', async () => {
    const set = await read(setOf({ ...rsa, alg: 'PS384' }));
    expect(names(set)).toEqual(['rsa PS384']);
  });

  it('is that of its curve where it says none', async () => {
    const keys = await Promise.all(
      ['ES256', 'ES384', 'ES512'].map(async (alg) => without(await publicJwk(alg, alg), 'alg')),
    );
    expect(names(await read(setOf(...keys)))).toEqual(['ES256 ES256', 'ES384 ES384', 'ES512 ES512']);
  });

  it('is of one padding where an RSA key says none: that which the source prefers (JB-02)', async () => {
    const silent = setOf(without(rsa, 'alg'));
    expect(names(await read(silent))).toEqual(['rsa RS256', 'rsa RS384', 'rsa RS512']);
    expect(names(await read(silent, ['PS256', 'RS256', 'ES256']))).toEqual(['rsa PS256']);
    expect(names(await read(silent, ['ES256']))).toEqual([]);
  });

  it('is one that the source takes, or the key is skipped', async () => {
    const set = await read(setOf(rsa, ec), ['RS256']);
    expect(names(set)).toEqual(['rsa RS256']);
    expect(ignored(set)).toEqual([{ index: 1, why: 'has no algorithm that this source takes' }]);
  });
});

describe('two keys of one kid', () => {
  it('are both refused where they differ, and the others work (A-11)', async () => {
    const set = await read(setOf(rsa, { ...ec, kid: 'same' }, { ...rsa, kid: 'same' }, ec));
    expect(names(set)).toEqual(['rsa RS256', 'ec ES256']);
    const why = 'shares its kid with a different key';
    expect(ignored(set)).toEqual([
      { index: 1, why },
      { index: 2, why },
    ]);
  });

  it('are both refused where one key is offered for two algorithms (JB-01)', async () => {
    expect(names(await read(setOf(rsa, { ...rsa, alg: 'PS256' })))).toEqual([]);
  });

  it('are one where they are one key', async () => {
    const set = await read(setOf(ec, { ...ec, use: 'sig', x5t: 'x' }));
    expect(names(set)).toEqual(['ec ES256']);
    expect(ignored(set)).toEqual([]);
  });

  it('do not disturb each other where one is not for signatures at all', async () => {
    expect(names(await read(setOf(ec, { ...rsa, kid: 'ec', use: 'enc' })))).toEqual(['ec ES256']);
  });

  it('that have none are both used (A-9)', async () => {
    const set = await read(setOf(without(ec, 'kid'), without(await publicJwk('ES256', 'x'), 'kid')));
    expect(names(set)).toEqual(['undefined ES256', 'undefined ES256']);
  });
});

interface Vector {
  readonly tcId: number;
  readonly defect: string;
  readonly valid: boolean;
  readonly set: unknown;
}

const VECTORS: Vector[] = JSON.parse(readFileSync(new URL('../vectors/wycheproof-jwk.json', import.meta.url), 'utf8'));

const vectorsNamed = (defect: string): string =>
  JSON.stringify(VECTORS.find((vector) => vector.defect.startsWith(defect))?.set);

describe('the key vectors of Wycheproof', () => {
  it.each(VECTORS)('$tcId $defect (JB-03)', async ({ valid, set }) => {
    const keys = await read(JSON.stringify(set));
    expect(keys).toMatchObject({ ok: true });
    expect(names(keys)).toHaveLength(valid ? 1 : 0);
  });
});
