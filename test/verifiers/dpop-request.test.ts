// DPoP proofs at their verifier (RFC 9449 §4.3, §8): the request that they were made for, their time and their nonce, each beside the
// proof that passes.

import { describe, expect, it } from 'vitest';
import { DPOP_WINDOW_SECONDS } from '../../src/core/limits-delegation.ts';
import { HTU, NONCE, NONCES, named, proof, proofs, verdict, windowOf } from '../support/dpop.ts';
import { NOW } from '../support/sources.ts';

describe('the request that it was made for', () => {
  it.each(['post', 'Post', 'GET', 'POST ', ''])('DP-03, A-151 has its method, byte for byte: never %j', async (htm) => {
    expect(await verdict(proof({ htm }))).toBe('htm');
  });

  it.each([
    ['as configured', HTU],
    ['in other case', 'HTTPS://STS.Example/t1/token'],
    ['with the default port', 'https://sts.example:443/t1/token'],
    ['with an empty port', 'https://sts.example:/t1/token'],
    ['with a query', `${HTU}?a=b`],
    ['with a fragment', `${HTU}#token`],
    ['with encoded letters', 'https://%73ts.example/t1/%74oken'],
    ['with dot segments', 'https://sts.example/t0/../t1/./token'],
    ['with encoded dot segments', 'https://sts.example/t0/%2e%2E/t1/token'],
  ])('DP-03 has its address %s', async (_what, htu) => {
    expect(await verdict(proof({ htu }))).toBe('proved');
  });

  it.each([
    ['of another endpoint', 'https://sts.example/t1/introspect'],
    ['without the path of the issuer', 'https://sts.example/token'],
    ['with a final slash', `${HTU}/`],
    ['with another host', 'https://sts.example.attacker.example/t1/token'],
    ['with a final dot', 'https://sts.example./t1/token'],
    ['with another port', 'https://sts.example:8443/t1/token'],
    ['in plain text', 'http://sts.example/t1/token'],
    ['in plain text on our port', 'http://sts.example:443/t1/token'],
    ['with userinfo', 'https://sts.example@attacker.example/t1/token'],
    ['with userinfo before our host', 'https://a@sts.example/t1/token'],
    ['with backslashes', 'https:\\\\sts.example\\t1\\token'],
    ['with an encoded slash', 'https://sts.example/t1%2Ftoken'],
    ['with its path in other case', 'https://sts.example/T1/token'],
    ['with a double slash', 'https://sts.example//t1/token'],
    ['with a blank', ` ${HTU}`],
    ['with a line end', `${HTU}\n`],
    ['without a scheme', '//sts.example/t1/token'],
    ['by its path', '/t1/token'],
    ['empty', ''],
    ['with a host beyond ASCII', 'https://sts.exаmple/t1/token'],
  ])('DP-03, A-151 never has one %s', async (_what, htu) => {
    expect(await verdict(proof({ htu }))).toBe('htu');
  });
});

describe('its time', () => {
  it.each([
    ['now', 0, 'proved'],
    ['at the end of the window', -DPOP_WINDOW_SECONDS, 'proved'],
    ['past it', -DPOP_WINDOW_SECONDS - 1, 'time'],
    ['an hour ago', -3_600, 'time'],
    ['early, within it', DPOP_WINDOW_SECONDS, 'proved'],
    ['too early', DPOP_WINDOW_SECONDS + 1, 'time'],
    ['an hour early', 3_600, 'time'],
  ])('DP-04, A-151 %s', async (_what, offset, expected) => {
    expect(await verdict(proof({ iat: NOW + offset }))).toBe(expected);
  });

  it('DP-04 is over where the proof says so', async () => {
    expect(await verdict(proof({ exp: NOW - 30 }))).toBe('time');
    expect(await verdict(proof({ nbf: NOW + 31 }))).toBe('time');
  });

  it('DP-05 is known to whoever spends it: no proof is taken after that', async () => {
    const iat = NOW - 100;
    const result = await proofs.verify({ texts: [proof({ iat })], htm: 'POST', htu: HTU }, NOW);
    const end = result.ok ? result.value.expiresAtSeconds : 0;
    const nonce = NONCES.current(end);
    expect(await verdict(proof({ iat, nonce }), { now: end })).toBe('proved');
    expect(await verdict(proof({ iat, nonce }), { now: end + 1 })).toBe('time');
  });
});

describe('the nonce', () => {
  it.each([
    ['absent', undefined],
    ['empty', ''],
    ['forged', 'nonce-0'],
    ['of another server', 'eyJ7S_zG.eyJH0-Z.HX4w-7v'],
    ['in other case', NONCE.toUpperCase()],
    ['stale', named(windowOf(NOW) - 2)],
    ['not given yet', named(windowOf(NOW) + 1)],
  ])('DP-06, DP-12, A-153 where it is %s, the newest is wanted, every time', async (_what, nonce) => {
    const text = proof({ nonce });
    expect(await verdict(text)).toBe(`nonce ${NONCE}`);
    expect(await verdict(text)).toBe(`nonce ${NONCE}`);
  });

  it('DP-06 is taken in the window after its own', async () => {
    expect(await verdict(proof({ nonce: named(windowOf(NOW) - 1) }))).toBe('proved');
  });

  it('DP-06 is not spoken of where something else is wrong', async () => {
    const without = { nonce: undefined };
    expect(await verdict(proof({ ...without, htu: 'https://other.example/token' }))).toBe('htu');
    expect(await verdict(proof({ ...without, iat: NOW - 3_600 }))).toBe('time');
    expect(await verdict(proof(without, { typ: 'JWT' }))).toBe('typ');
  });
});
