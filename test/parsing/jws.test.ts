// Compact JWS, taken apart: what is refused before any signature is looked at.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CREDENTIAL_BYTES_MAX, JOSE_HEADER_BYTES_MAX, KID_BYTES_MAX } from '../../src/core/limits.ts';
import { parseJws } from '../../src/parsing/jws.ts';

const encode = (text: string | Uint8Array): string => Buffer.from(text).toString('base64url');
const HEADER = '{"alg":"ES256","kid":"k1","typ":"JWT"}';
const CLAIMS = '{"iss":"https://issuer.example","sub":"me"}';
const SIGNATURE = encode(Buffer.alloc(64, 7));
const compact = (header = HEADER, claims: string | Uint8Array = CLAIMS, signature = SIGNATURE): string =>
  `${encode(header)}.${encode(claims)}.${signature}`;
const GOOD = compact();

/** The problem, or `ok`. */
const verdict = (text: string): string => {
  const result = parseJws(text);
  return result.ok ? 'ok' : result.problem;
};

/** Any UTF-16 code unit, lone surrogates among them. */
const unit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

describe('parseJws', () => {
  it('takes a compact JWS apart, and keeps the very text that was signed', () => {
    const result = parseJws(GOOD);
    if (!result.ok) throw new Error(result.problem);
    expect(result.jws).toMatchObject({ text: GOOD, alg: 'ES256', kid: 'k1', typ: 'JWT' });
    expect(result.jws.signingInput).toBe(`${encode(HEADER)}.${encode(CLAIMS)}`);
    expect(result.jws.signature).toEqual(Buffer.alloc(64, 7));
    expect({ ...result.jws.claims }).toEqual(JSON.parse(CLAIMS));
    expect(Object.isFrozen(result.jws)).toBe(true);
  });

  it('leaves kid and typ out where the header has none', () => {
    const result = parseJws(compact('{"alg":"RS256"}'));
    if (!result.ok) throw new Error(result.problem);
    expect([result.jws.alg, result.jws.kid, result.jws.typ]).toEqual(['RS256', undefined, undefined]);
  });

  it('carries header members that verifiers judge, and judges none of them', () => {
    const members = {
      crit: ['x'],
      b64: false,
      zip: 'DEF',
      jwk: {},
      jku: 'https://x.example',
      x5u: '',
      x5c: [],
      cty: 'JWT',
    };
    const result = parseJws(compact(JSON.stringify({ alg: 'none', ...members })));
    if (!result.ok) throw new Error(result.problem);
    expect(result.jws.header).toMatchObject(members);
  });

  it.each([
    ['no text', '', 'not_compact'],
    ['an opaque token', 'ghp_0123456789', 'not_compact'],
    ['two parts', GOOD.slice(0, GOOD.lastIndexOf('.')), 'not_compact'],
    ['four parts', `${GOOD}.AAAA`, 'not_compact'],
    ['six parts', `${GOOD}.AAAA.AAAA.AAAA`, 'not_compact'],
    ['five parts (JB-08)', `${GOOD}.AAAA.AAAA`, 'encrypted'],
    ['a JWE without an encrypted key', 'eyJhbGciOiJkaXIifQ..AAAA.AAAA.AAAA', 'encrypted'],
    ['dots alone', '..', 'not_compact'],
    ['many dots', '.'.repeat(CREDENTIAL_BYTES_MAX), 'not_compact'],
    ['no signature (A-1)', compact(HEADER, CLAIMS, ''), 'not_compact'],
    ['JSON serialisation (JB-08, SJ-01)', JSON.stringify({ payload: encode(CLAIMS), signatures: [] }), 'not_compact'],
    ['JSON serialisation with two dots', '{"payload":"a.b.c"}', 'base64url'],
    ['a detached payload', `${encode(HEADER)}..${SIGNATURE}`, 'payload_json'],
    ['a final newline (JB-08)', `${GOOD}\n`, 'base64url'],
    ['a leading space', ` ${GOOD}`, 'base64url'],
    ['a Bearer prefix', `Bearer ${GOOD}`, 'base64url'],
    ['padding', `${GOOD}==`, 'base64url'],
    ['stray bits in the signature (A-26)', `${GOOD.slice(0, -1)}x`, 'base64url'],
    ['the other alphabet in the signature', compact(HEADER, CLAIMS, '+/+/'), 'base64url'],
    ['a header that is not JSON', compact('alg'), 'header_json'],
    ['a header that is an array', compact('[]'), 'header_json'],
    ['a header that is null', compact('null'), 'header_json'],
    ['two algorithms (JB-09)', compact('{"alg":"ES256","alg":"none"}'), 'header_json'],
    ['a header after a byte order mark', compact(`\ufeff${HEADER}`), 'header_json'],
    ['no algorithm', compact('{"typ":"JWT"}'), 'header_member'],
    ['an algorithm that is no text', compact('{"alg":["ES256"]}'), 'header_member'],
    ['an algorithm that is null', compact('{"alg":null}'), 'header_member'],
    ['an empty algorithm', compact('{"alg":""}'), 'header_member'],
    ['an inherited algorithm', compact('{"__proto__":{"alg":"ES256"}}'), 'header_member'],
    ['a kid that is a number', compact('{"alg":"ES256","kid":1}'), 'header_member'],
    ['a kid that is null', compact('{"alg":"ES256","kid":null}'), 'header_member'],
    ['an empty kid', compact('{"alg":"ES256","kid":""}'), 'header_member'],
    ['a kid with a newline (A-8)', compact('{"alg":"ES256","kid":"a\\nb"}'), 'header_member'],
    ['a kid with a NUL', compact('{"alg":"ES256","kid":"a\\u0000"}'), 'header_member'],
    ['a kid that is not ASCII', compact('{"alg":"ES256","kid":"\u212a"}'), 'header_member'],
    ['a typ that is an object', compact('{"alg":"ES256","typ":{}}'), 'header_member'],
    ['claims that are not JSON', compact(HEADER, 'Test'), 'payload_json'],
    ['claims that are not UTF-8', compact(HEADER, Buffer.from('{"sub":"\xff"}', 'latin1')), 'payload_json'],
    ['one claim twice (A-28, JB-09)', compact(HEADER, '{"sub":"a","sub":"b"}'), 'payload_json'],
    ['claims that are an array', compact(HEADER, '[{}]'), 'payload_not_object'],
    ['claims that are a text', compact(HEADER, '"{}"'), 'payload_not_object'],
  ])('refuses %s', (_, text, problem) => {
    expect(verdict(GOOD)).toBe('ok');
    expect(verdict(text)).toBe(problem);
  });

  it('caps the whole text, the header and the kid before it decodes them (TX-15, A-30)', () => {
    const room = CREDENTIAL_BYTES_MAX - compact(HEADER, '{"x":""}').length;
    const filled = compact(HEADER, `{"x":"${'x'.repeat(Math.floor((room * 3) / 4))}"}`);
    expect(filled.length).toBeGreaterThan(CREDENTIAL_BYTES_MAX - 4);
    expect(verdict(filled)).toBe('ok');
    expect(verdict(`${filled}AAAA`)).toBe('too_large');
    expect(verdict('.'.repeat(10_000_000))).toBe('too_large');

    const header = (bytes: number): string =>
      `{"alg":"ES256","x":"${'x'.repeat(bytes - '{"alg":"ES256","x":""}'.length)}"}`;
    expect(verdict(compact(header(JOSE_HEADER_BYTES_MAX)))).toBe('ok');
    expect(verdict(compact(header(JOSE_HEADER_BYTES_MAX + 1)))).toBe('header_too_large');

    const kid = (bytes: number): string => JSON.stringify({ alg: 'ES256', kid: 'k'.repeat(bytes) });
    expect(verdict(compact(kid(KID_BYTES_MAX)))).toBe('ok');
    expect(verdict(compact(kid(KID_BYTES_MAX + 1)))).toBe('header_member');
  });

  it('has one text for each header, claims and signature: no other spelling of a token parses (A-26)', () => {
    const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'];
    const last = letters.filter((letter) => verdict(GOOD.slice(0, -1) + letter) === 'ok');
    // 64 bytes leave four unused bits in the last character: four of the 64 letters have them all zero.
    expect(last).toEqual(['A', 'Q', 'g', 'w']);
  });

  it('reads back whatever was put together, and never throws', () => {
    const claims = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean()));
    fc.assert(
      fc.property(claims, fc.uint8Array({ minLength: 1, maxLength: 300 }), (members, signature) => {
        const result = parseJws(compact(HEADER, JSON.stringify(members), encode(signature)));
        expect(result.ok && [JSON.stringify(result.jws.claims), encode(result.jws.signature)]).toEqual([
          JSON.stringify(JSON.parse(JSON.stringify(members))),
          encode(signature),
        ]);
      }),
    );
    const noise = fc.oneof(fc.string({ unit }), fc.string({ unit: fc.constantFrom(...GOOD, '.', '.', '{') }));
    fc.assert(
      fc.property(noise, (text) => {
        expect(() => parseJws(text)).not.toThrow();
      }),
    );
    const cut = fc.tuple(fc.nat(GOOD.length), fc.nat(GOOD.length), fc.string({ maxLength: 3 }));
    fc.assert(
      fc.property(cut, ([from, to, between]) => {
        const text = GOOD.slice(0, from) + between + GOOD.slice(to);
        const result = parseJws(text);
        if (result.ok) expect(text.startsWith(`${result.jws.signingInput}.`)).toBe(true);
      }),
    );
  });
});

interface Vectors {
  readonly malformed: Readonly<Record<string, string>>;
  readonly wellFormed: Readonly<Record<string, string>>;
  readonly encrypted: Readonly<Record<string, string>>;
}

describe('the Wycheproof cases that concern the form of a JWS', () => {
  const path = new URL('../vectors/wycheproof-jws-parsing.json', import.meta.url);
  const vectors: Vectors = JSON.parse(readFileSync(path, 'utf8'));

  it.each(Object.entries(vectors.malformed))('refuses %s before any signature is checked', (name, text) => {
    // Unsigned texts and JSON serialisation have the wrong parts; all others are not base64url.
    expect(verdict(text)).toBe(/algIsNone|JsonSerialization/.test(name) ? 'not_compact' : 'base64url');
  });

  it.each(Object.entries(vectors.wellFormed))('takes %s, with claims in place of its text', (_, text) => {
    const [header, , signature] = text.split('.');
    expect(verdict(text)).toBe('payload_json');
    expect(verdict(`${header}.${encode(CLAIMS)}.${signature}`)).toBe('ok');
  });

  it.each(Object.entries(vectors.encrypted))('refuses the JWE of %s', (_, text) => {
    expect(verdict(text)).toBe('encrypted');
  });
});
