// SPIFFE IDs and trust domain names: rows SI-01 to SI-06, and the cases of three SPIFFE libraries.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSpiffeId, parseTrustDomain } from '../../src/parsing/spiffe-id.ts';

/** Any UTF-16 code unit, lone surrogates among them. */
const unit = fc.nat({ max: 0xffff }).map((code) => String.fromCharCode(code));

describe('parseSpiffeId', () => {
  it('gives the parts of an ID, and its text unchanged', () => {
    expect(parseSpiffeId('spiffe://prod.acme.example/ns/payments/sa/Api')).toEqual({
      text: 'spiffe://prod.acme.example/ns/payments/sa/Api',
      trustDomain: 'prod.acme.example',
      path: '/ns/payments/sa/Api',
      segments: ['ns', 'payments', 'sa', 'Api'],
    });
    expect(parseSpiffeId('spiffe://td')).toMatchObject({ trustDomain: 'td', path: '', segments: [] });
    expect(Object.isFrozen(parseSpiffeId('spiffe://td/a'))).toBe(true);
  });

  it.each([
    ['SI-01', ['', 'spiffe', 'spiffe:', 'spiffe:/td/x', 'spiffe://', 'spiffe:///x', 'https://td/x', '//td/x', 'td/x']],
    ['SI-01', ['spiffe://td/x?y', 'spiffe://td/x?', 'spiffe://td/x#', 'spiffe://td?y', 'spiffe://td#y']],
    ['SI-02', ['spiffe://u@td/x', 'spiffe://u:p@td/x', 'spiffe://td:443/x', 'spiffe://td:/x', 'spiffe://[::1]/x']],
    ['SI-02', ['spiffe://t%64/x', 'spiffe://td\u00e9/x', 'spiffe://t d/x', 'spiffe://td\\x', 'spiffe://td,/x']],
    ['SI-03', ['spiffe://td/', 'spiffe://td//', 'spiffe://td/a//b', 'spiffe://td/a/', 'spiffe://td//a']],
    ['SI-03', ['spiffe://td/a/./b', 'spiffe://td/a/../b', 'spiffe://td/.', 'spiffe://td/..', 'spiffe://td/../x']],
    [
      'SI-03',
      ['/a%2Fb', '/a b', '/a+b', '/a~b', '/a@b', '/a:b', '/a\\b', '/a\u00e9', '/a*'].map((p) => `spiffe://td${p}`),
    ],
    ['SI-05', ['SPIFFE://td/x', 'Spiffe://td/x', 'spiffe://Td/x', 'spiffe://TD/x']],
    ['SI-06', ['spiffe://td/x\n', '\nspiffe://td/x', ' spiffe://td/x', 'spiffe://td/x ', 'spiffe://td/x\0']],
  ])('refuses what %s refuses: %j', (_, texts) => {
    expect(texts.filter((text) => parseSpiffeId(text))).toEqual([]);
    expect(parseSpiffeId('spiffe://td/x')).toBeDefined();
  });

  it('takes hosts and paths that only look special (SI-02, SI-03)', () => {
    const texts = ['1.2.3.4/x', 'a_b/x', 'a-b.c/x', 'td/...', 'td/.a', 'td/a..b', 'td/-', 'td/_/.-_'].map(
      (t) => `spiffe://${t}`,
    );
    expect(texts.map((text) => parseSpiffeId(text)?.text)).toEqual(texts);
  });

  it('takes 2,048 bytes and a trust domain of 255, and not one byte more (SI-04, A-87)', () => {
    const id = (bytes: number): string => 'spiffe://td/'.padEnd(bytes, 'x');
    expect(parseSpiffeId(id(2_048))).toBeDefined();
    expect(parseSpiffeId(id(2_049))).toBeUndefined();
    expect(parseSpiffeId(`spiffe://${'t'.repeat(255)}/x`)).toBeDefined();
    expect(parseSpiffeId(`spiffe://${'t'.repeat(256)}/x`)).toBeUndefined();
    expect(parseTrustDomain('t'.repeat(255))).toBeDefined();
    expect(parseTrustDomain('t'.repeat(256))).toBeUndefined();
  });

  it('keeps case apart in paths: two spellings are two identities (SI-05)', () => {
    expect(parseSpiffeId('spiffe://td/A')?.path).toBe('/A');
    expect(parseSpiffeId('spiffe://td/a')?.path).toBe('/a');
  });

  it('reads back every ID that is put together, and never throws (SI-06)', () => {
    const word = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), minLength: 1, maxLength: 20 });
    const segment = word('abzABZ019._-').filter((text) => text !== '.' && text !== '..');
    fc.assert(
      fc.property(word('abz019._-'), fc.array(segment, { maxLength: 8 }), (name, segments) => {
        const path = segments.map((part) => `/${part}`).join('');
        const text = `spiffe://${name}${path}`;
        expect(parseSpiffeId(text)).toEqual({ text, trustDomain: name, path, segments });
        expect(parseTrustDomain(name)).toBe(name);
      }),
    );
    const near = fc
      .string({ unit: fc.constantFrom(...'spiffe:/aA.._-%@#?\n \u00e9') })
      .map((tail) => `spiffe://${tail}`);
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit })), (text) => {
        const id = parseSpiffeId(text);
        if (id) expect(`spiffe://${id.trustDomain}${id.segments.map((part) => `/${part}`).join('')}`).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parseTrustDomain', () => {
  it('takes a bare name, and no URI', () => {
    expect(parseTrustDomain('prod.acme.example')).toBe('prod.acme.example');
    const others = ['', 'spiffe://td', 'td/', 'td/x', 'TD', 'td:1', 'a@b', 'td\n', 't d', '*', '*.example', 't\u00e9'];
    expect(others.filter((text) => parseTrustDomain(text))).toEqual([]);
  });
});

/** Where libraries differ (upper case), ours refuses, so that no identity has a second spelling (SI-05). */
interface Vectors {
  /** Trust domain and path, where the source says them. */
  readonly ids: Readonly<Record<string, readonly [string | null, string | null]>>;
  readonly notIds: readonly string[];
  readonly trustDomains: readonly string[];
  readonly notTrustDomains: readonly string[];
}

describe('the cases of go-spiffe, java-spiffe and rust-spiffe', () => {
  const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/spiffe-id.json', import.meta.url), 'utf8'));

  it('takes every valid ID, with the same parts', () => {
    const entries = Object.entries(vectors.ids);
    expect(entries.length).toBeGreaterThan(100);
    for (const [text, [trustDomain, path]] of entries) {
      const id = parseSpiffeId(text);
      expect(id?.text).toBe(text);
      if (trustDomain !== null) expect(id?.trustDomain).toBe(trustDomain);
      if (path !== null) expect(id?.path).toBe(path);
    }
  });

  it('refuses every invalid ID', () => {
    expect(vectors.notIds.length).toBeGreaterThan(400);
    expect(vectors.notIds.filter((text) => parseSpiffeId(text))).toEqual([]);
  });

  it('takes every valid trust domain name and refuses every other', () => {
    expect(vectors.trustDomains.filter((text) => parseTrustDomain(text) !== text)).toEqual([]);
    expect(vectors.notTrustDomains.filter((text) => parseTrustDomain(text))).toEqual([]);
  });
});
