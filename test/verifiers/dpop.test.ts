// DPoP proofs at their verifier (RFC 9449 §4.3): form, algorithm, key, signature and claims. Every mutation stands beside the proof that
// passes, with the exact problem. What they were made for is judged in dpop-request.test.ts.

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import fc from 'fast-check';
import { calculateJwkThumbprint } from 'jose';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { JTI_BYTES_MAX } from '../../src/core/limits.ts';
import { DPOP_PROOF_BYTES_MAX, DPOP_RSA_BITS_MAX, DPOP_WINDOW_SECONDS } from '../../src/core/limits-delegation.ts';
import { presentedKey } from '../../src/verifiers/jose.ts';
import { CLAIMS, HTU, header, KEY, NONCE, OTHER, proof, proofs, publicOf, RSA, verdict } from '../support/dpop.ts';
import { b64, createForge, type Json } from '../support/forge.ts';
import { NOW } from '../support/sources.ts';

describe('a proof that passes', () => {
  it('DP-07 proves its key, whose thumbprint is that of RFC 7638', async () => {
    const result = await proofs.verify({ texts: [proof()], htm: 'POST', htu: HTU }, NOW);
    const { crv, kty, x, y } = KEY.jwk;
    const jkt = createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
    expect(result).toEqual({
      ok: true,
      value: { jkt, jti: 'a-proof', expiresAtSeconds: NOW + DPOP_WINDOW_SECONDS },
    });
  });

  it('DP-07 the thumbprint does not depend on what else the key says, nor on its order', async () => {
    const of = async (jwk: Json) => {
      const result = await proofs.verify({ texts: [proof({}, { jwk })], htm: 'POST', htu: HTU }, NOW);
      return result.ok ? result.value.jkt : result.refusal;
    };
    const { crv, kty, x, y } = KEY.jwk;
    const plain = await of({ crv, kty, x, y });
    expect(plain).toMatch(/^[\w-]{43}$/);
    expect(await of({ y, x, kty, crv, use: 'sig', alg: 'ES256', key_ops: ['verify'], ext: true, kid: 'a' })).toBe(
      plain,
    );
  });

  it('DP-07 the vector of RFC 7638 §3.1 has its thumbprint', async () => {
    // The private half is not published, so that no proof can be made with it: the function that proofs are given theirs by.
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn' +
      'jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qM' +
      'QvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJ' +
      'zKnqDKgw';
    expect((await presentedKey({ kty: 'RSA', n, e: 'AQAB' }, 'RS256'))?.jkt).toBe(
      'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
    );
  });

  it.each([
    ['RS256 and RSA', RSA],
    ['ES384 and P-384', createForge('ES384', 'p384')],
  ])('DP-02 signed with %s', async (_what, forge) => {
    expect(await verdict(proof({}, {}, forge))).toBe('proved');
    const jkt = await calculateJwkThumbprint(publicOf(forge));
    const result = await proofs.verify({ texts: [proof({}, {}, forge)], htm: 'POST', htu: HTU }, NOW);
    expect(result).toMatchObject({ value: { jkt } });
  });

  it.each([
    ['claims of a proof for a resource server', { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' }],
    ['a claim of a draft', { content_digest: 'sha-256=:x:', sub: 7, aud: [] }],
    ['its own end, which is still to come', { exp: NOW + 1, nbf: NOW - 1 }],
  ])('DP-04 may have more: %s', async (_what, claims) => {
    expect(await verdict(proof(claims))).toBe('proved');
  });
});

describe('the header', () => {
  it('DP-01, A-151 stands there once, and its value is one proof', async () => {
    expect(await verdict([proof()])).toBe('proved');
    expect(await verdict([proof(), proof()])).toBe('repeated');
    expect(await verdict([proof(), ''])).toBe('repeated');
    expect(await verdict(`${proof()}, ${proof()}`)).toBe('repeated');
    expect(await verdict(`${proof()},`)).toBe('repeated');
    expect(await verdict([])).toBe('malformed');
  });

  it('DP-01, A-151 is bounded before it is read', async () => {
    const filled = (bytes: number) => proof({ pad: 'a'.repeat(bytes) });
    // Three bytes of a claim are four characters of the proof.
    const room = Math.floor(((DPOP_PROOF_BYTES_MAX - filled(0).length) * 3) / 4);
    expect(filled(room).length).toBeLessThanOrEqual(DPOP_PROOF_BYTES_MAX);
    expect(await verdict(filled(room))).toBe('proved');
    expect(await verdict(filled(room + 3))).toBe('too_large');
    expect(await verdict(proof({}, { pad: 'a'.repeat(2_048) }))).toBe('too_large');
  });
});

const raw = (payload: string, head: string = JSON.stringify({ alg: 'ES256', ...header(KEY) })) =>
  KEY.token(payload, head);
const twice = (json: string, member: string) => json.replace(/^\{/, `{${member},`);
const jwt = JSON.stringify(CLAIMS);
const head = JSON.stringify({ alg: 'ES256', typ: 'dpop+jwt', jwk: publicOf(KEY) });

describe('the form of a proof', () => {
  it.each([
    ['(the control)', raw(jwt, head), 'proved'],
    ['no JWT', 'proof', 'malformed'],
    ['empty', '', 'malformed'],
    ['without its signature', proof().replace(/[^.]+$/, ''), 'malformed'],
    ['in five parts', `${proof()}.a.b`, 'malformed'],
    ['with padding', proof().replace('.', '=.'), 'malformed'],
    ['with a blank before it', ` ${proof()}`, 'malformed'],
    ['with a claim twice', raw(twice(jwt, '"jti":"b"'), head), 'malformed'],
    ['with a header member twice', raw(jwt, twice(head, '"typ":"dpop+jwt"')), 'malformed'],
    ['with a member of the key twice', raw(jwt, head.replace('"kty"', '"crv":"P-256","kty"')), 'malformed'],
    ['of claims in a list', raw(`[${jwt}]`, head), 'malformed'],
    ['of no JSON', raw('claims', head), 'malformed'],
  ])('DP-02, A-151 %s', async (_what, text, expected) => {
    expect(await verdict(text)).toBe(expected);
  });

  it.each([
    ['without typ', { typ: undefined }, 'typ'],
    ['an access token by its typ', { typ: 'at+jwt' }, 'typ'],
    ['a JWT by its typ', { typ: 'JWT' }, 'typ'],
    ['with typ in other case', { typ: 'DPoP+JWT' }, 'typ'],
    ['with typ as a media type', { typ: 'application/dpop+jwt' }, 'typ'],
    ['with a blank behind its typ', { typ: 'dpop+jwt ' }, 'typ'],
    ['with crit', { crit: ['b64'], b64: true }, 'header'],
    ['with b64', { b64: false }, 'header'],
    ['with jku', { jku: 'https://client.example/keys.json' }, 'header'],
    ['with x5u', { x5u: 'https://client.example/key.pem' }, 'header'],
    ['with x5c', { x5c: ['MIIB'] }, 'header'],
    ['compressed', { zip: 'DEF' }, 'header'],
    ['with a member of nobody', { trace: 'x' }, 'proved'],
    ['with a kid, which names no key here', { kid: 'client' }, 'proved'],
  ])('DP-02, A-151 %s', async (_what, more, expected) => {
    expect(await verdict(proof({}, more))).toBe(expected);
  });
});

describe('the algorithm', () => {
  afterEach(() => vi.restoreAllMocks());
  it.each(['none', 'None', '', 'HS256', 'EdDSA', 'Ed25519', 'ES256K', 'es256', 'RSA-OAEP'])(
    'DP-02, A-151 is never %j',
    async (alg) => {
      expect(await verdict(proof({}, { alg }))).toBe(alg === '' ? 'malformed' : 'algorithm');
    },
  );

  it('DP-02, A-151 is no MAC under the public key', async () => {
    const mac = (input: string) =>
      createHash('sha256')
        .update(JSON.stringify(publicOf(KEY)))
        .update(input)
        .digest();
    expect(await verdict(KEY.token(CLAIMS, header(KEY, { alg: 'HS256' }), mac))).toBe('algorithm');
  });

  it.each([
    ['ES384 with P-256', KEY, { alg: 'ES384' }],
    ['RS256 with P-256', KEY, { alg: 'RS256' }],
    ['ES256 with RSA', RSA, { alg: 'ES256' }],
    ['another than the key states', KEY, { jwk: { ...publicOf(KEY), alg: 'ES384' } }],
  ])('DP-02, A-151 is that of its key: %s', async (_what, forge, more) => {
    const imports = vi.spyOn(crypto.subtle, 'importKey');
    expect(await verdict(proof({}, more, forge))).toBe('key');
    // It is known from the text: no key is imported for an algorithm that is not its own.
    expect(imports).not.toHaveBeenCalled();
  });

  it('DP-02 PS256 and RS256 are told apart by the signature', async () => {
    expect(await verdict(proof({}, { alg: 'PS256' }, RSA))).toBe('signature');
    expect(await verdict(proof({}, { alg: 'RS256' }, RSA))).toBe('proved');
  });
});

const jwkWith = (more: Json, forge = KEY) => ({ jwk: { ...publicOf(forge), ...more } });
const privateJwk = KEY.privateKey.export({ format: 'jwk' });
/** An odd number of this many bits, which nobody made of primes: enough to be judged by its size. */
const modulus = (bits: number) => b64(Buffer.alloc(bits / 8, 0xff));

describe('the key', () => {
  it.each([
    ['(the control)', {}, 'proved'],
    ['absent', { jwk: undefined }, 'key'],
    ['null', { jwk: null }, 'key'],
    ['a text', { jwk: JSON.stringify(publicOf(KEY)) }, 'key'],
    ['in a list', { jwk: [publicOf(KEY)] }, 'key'],
    ['with its private part', { jwk: { ...publicOf(KEY), d: privateJwk.d } }, 'key'],
    ['with an empty private part', jwkWith({ d: '' }), 'key'],
    ['symmetric', { jwk: { kty: 'oct', k: b64('a shared secret of 32 characters') } }, 'key'],
    ['with a symmetric part', jwkWith({ k: 'AAAA' }), 'key'],
    ['of Ed25519', { jwk: publicOf(createForge('EdDSA', 'ed')) }, 'key'],
    ['on secp256k1', { jwk: publicOf(createForge('ES256K', 'k1')) }, 'key'],
    ['on no curve', jwkWith({ crv: undefined }), 'key'],
    ['off its curve', jwkWith({ x: b64(Buffer.alloc(32, 1)) }), 'key'],
    ['with a short coordinate', jwkWith({ x: b64(Buffer.alloc(31, 1)) }), 'key'],
    ['for encryption', jwkWith({ use: 'enc' }), 'key'],
    ['for signing only', jwkWith({ key_ops: ['sign'] }), 'key'],
    ['with key_ops that are no list', jwkWith({ key_ops: 'verify' }), 'key'],
    ['of another', { jwk: publicOf(OTHER) }, 'signature'],
  ])('DP-02, A-151 %s', async (_what, more, expected) => {
    expect(await verdict(proof({}, more))).toBe(expected);
  });

  it.each([
    ['(the control)', {}, 'proved'],
    ['with its private part', { d: 'AQAB' }, 'key'],
    ['with a prime', { p: 'AQAB' }, 'key'],
    ['with an exponent of one', { e: 'AQ' }, 'key'],
    ['with an even modulus', { n: b64(Buffer.alloc(256, 0xfe)) }, 'key'],
  ])('DP-02, A-151 of RSA %s', async (_what, more, expected) => {
    expect(await verdict(proof({}, jwkWith(more, RSA), RSA))).toBe(expected);
  });
});

describe('a key that would be costly', () => {
  afterEach(() => vi.restoreAllMocks());

  it.each([
    [1_024, 'key'],
    [DPOP_RSA_BITS_MAX + 8, 'key'],
    [8_192, 'key'],
    [16_384, 'too_large'],
  ])('A-157 of RSA with %i bits is refused before it is imported', async (bits, expected) => {
    const imports = vi.spyOn(crypto.subtle, 'importKey');
    expect(await verdict(proof({}, jwkWith({ n: modulus(bits) }, RSA), RSA))).toBe(expected);
    expect(imports).not.toHaveBeenCalled();
    expect(await verdict(proof({}, {}, RSA))).toBe('proved');
    expect(imports).toHaveBeenCalled();
  });

  it.each([2_048, DPOP_RSA_BITS_MAX])('A-157 of RSA with %i bits is taken', async (modulusLength) => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength });
    const jwk = publicKey.export({ format: 'jwk' });
    const signed = (input: string) => sign('sha256', Buffer.from(input), privateKey);
    expect(await verdict(RSA.token(CLAIMS, header(RSA, { jwk }), signed))).toBe('proved');
  });
});

describe('the signature', () => {
  const flipped = (text: string) => text.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
  it.each([
    ['of another key', OTHER.token(CLAIMS, header(KEY)), 'signature'],
    ['of other claims', `${proof({ jti: 'b' }).replace(/[^.]+$/, '')}${proof().split('.')[2]}`, 'signature'],
    ['of zeros', KEY.token(CLAIMS, header(KEY), () => Buffer.alloc(64)), 'signature'],
    ['too short', KEY.token(CLAIMS, header(KEY), () => Buffer.alloc(8)), 'signature'],
    ['with a changed bit', flipped(proof()), /signature|malformed/],
  ])('DP-02, A-151 %s', async (_what, text, expected) => {
    expect(await verdict(text)).toMatch(expected);
  });

  it('DP-06 is judged before any nonce is spoken of, so that nobody unproved is told one', async () => {
    expect(await verdict(OTHER.token({ ...CLAIMS, nonce: undefined }, header(KEY)))).toBe('signature');
    expect(await verdict(proof({ nonce: undefined }))).toBe(`nonce ${NONCE}`);
  });
});

describe('the claims', () => {
  it.each([
    ['without jti', { jti: undefined }],
    ['with an empty jti', { jti: '' }],
    ['with a jti that is a number', { jti: 7 }],
    ['with a jti that is too long', { jti: 'a'.repeat(JTI_BYTES_MAX + 1) }],
    ['without htm', { htm: undefined }],
    ['with htm in a list', { htm: ['POST'] }],
    ['without htu', { htu: undefined }],
    ['with htu as an object', { htu: { url: HTU } }],
    ['without iat', { iat: undefined }],
    ['with iat as text', { iat: `${NOW}` }],
    ['with iat as a negative number', { iat: -1 }],
    ['with iat beyond all dates', { iat: 1e15 }],
    ['with a nonce that is a number', { nonce: 1 }],
    ['with exp as text', { exp: 'never' }],
    ['with nbf as text', { nbf: 'now' }],
    ['with names in other case', { JTI: 'a', jti: undefined }],
  ])('DP-02, A-151 %s', async (_what, claims) => {
    expect(await verdict(proof(claims))).toBe('claims');
  });

  it('DP-05 a jti may be as long as any', async () => {
    expect(await verdict(proof({ jti: 'a'.repeat(JTI_BYTES_MAX) }))).toBe('proved');
  });
});

describe('hostile texts', () => {
  const anyJson = fc.jsonValue({ maxDepth: 3 });

  it('A-151 never make it throw, and never pass', async () => {
    const parts = fc.record({
      head: fc.oneof(fc.string(), fc.record({ typ: fc.constant('dpop+jwt'), alg: fc.constant('ES256'), jwk: anyJson })),
      body: fc.oneof(fc.string(), anyJson),
      tail: fc.oneof(fc.string(), fc.constant(proof().split('.')[2] ?? '')),
    });
    const written = (value: unknown) => b64(typeof value === 'string' ? value : JSON.stringify(value));
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), parts), async (made) => {
        const text = typeof made === 'string' ? made : `${written(made.head)}.${written(made.body)}.${made.tail}`;
        expect(await verdict(text)).not.toMatch(/^(proved|nonce)/);
      }),
      { numRuns: 300 },
    );
  });

  it('A-151 with any one claim or member of another type never make it throw', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('jti', 'htm', 'htu', 'iat', 'nonce', 'exp', 'nbf'),
        fc.constantFrom('kty', 'crv', 'x', 'y', 'use', 'key_ops', 'alg'),
        anyJson,
        async (claim, member, value) => {
          expect(await verdict(proof({ [claim]: value }, jwkWith({ [member]: value })))).toEqual(expect.any(String));
        },
      ),
      { numRuns: 200 },
    );
  });
});
