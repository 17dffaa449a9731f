// An origin of keys that is not there: refused, blackholed, dripping, behind a resolver that hangs, with a certificate that is no
// good any more. Over TLS on loopback, against a whole broker (F-1 to F-4, F-14, F-15).

import { execFileSync } from 'node:child_process';
import { pbkdf2 } from 'node:crypto';
import { lookup as systemLookup } from 'node:dns';
import { closeSync, constants, mkdtempSync, open, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { KEYS_COOLDOWN_SECONDS, KEYS_STALE_SECONDS_MAX, LOOKUPS_AT_ONCE_MAX } from '../../src/core/limits-outside.ts';
import type { Lookup } from '../../src/outbound/lookups.ts';
import { createForge, setOf } from '../support/forge.ts';
import { load, report, SCALE } from './load.ts';
import { BLACKHOLE, drips, openOrigin, REFUSE, says } from './origin.ts';
import { besides, expectServed, knownLoad, openScene, taken, timed } from './scene.ts';

// Faults take seconds of real time, and a busy machine makes more of them.
vi.setConfig({ testTimeout: 60_000 });

const forge = createForge('ES256', 'one');
const GOOD = says(setOf(forge.jwk));
const DEGRADED = 'exchequer_source_degraded{source="login"}';
const FAILED = 'exchequer_source_key_fetches_total{source="login",outcome="failed"}';

describe('an origin that refuses', () => {
  it('F-1 fails no token under a known kid, at once, after 11 minutes and after 23 hours, and is seen to be down', async () => {
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin });
    await taken(scene, forge);
    expect(await scene.metric(DEGRADED)).toBe(0);
    await origin.be(REFUSE);

    for (const seconds of [0, 660, 22 * 3_600 + 3_000]) {
      scene.skip(seconds);
      // Within the cooldown the set is known to be whole; after it nobody knows, and is told to come again.
      expect(await scene.status(scene.unknown())).toBe(seconds === 0 ? 400 : 503);
      const served = await knownLoad(scene, forge, 100, 1);
      report(`F-1 ${seconds} s later`, served);
      expect(served.statuses).toEqual({ 200: served.count });
    }
    expect(await scene.metric(DEGRADED)).toBe(1);
    expect(await scene.metric('exchequer_source_keys_age_seconds{source="login"}')).toBeGreaterThan(23 * 3_600);
    expect((await scene.readyz()).body).toMatchObject({ status: 'degraded', degraded: ['login'] });
    const failed = await scene.metric(FAILED);
    expect(failed).toBeGreaterThan(0);
    expect(scene.warnings(), 'one line for each fetch that failed, however many tokens came').toHaveLength(failed ?? 0);
    expect(scene.warnings()[0]).toMatchObject({
      source: 'login',
      problem: 'key set: network (ECONNREFUSED)',
      keysKept: 1,
    });

    scene.skip(KEYS_STALE_SECONDS_MAX);
    expect(await scene.status(scene.token(forge))).toBe(503);
    await origin.be(GOOD);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    await taken(scene, forge);
    expect(await scene.metric(DEGRADED)).toBe(0);
  });

  it('F-2 at a cold start fails only its own source, with 503 within 200 ms, and is found again within 10 s of its return', async () => {
    await using origin = await openOrigin(REFUSE);
    await using scene = await openScene({ origin });
    expect((await scene.readyz()).status).toBe(200);
    expect((await scene.readyz()).body).toMatchObject({ status: 'degraded', degraded: ['login'] });
    expect(await scene.metric(DEGRADED)).toBe(1);

    const others = load({
      perSecond: 100,
      seconds: 3 * SCALE,
      send: async () => scene.status(await scene.mesh()),
    });
    const own = await knownLoad(scene, forge, 50, 3);
    const answer = await scene.broker.exchange(scene.token(forge));
    expect(answer.body.error).toBe('temporarily_unavailable');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    expect(own.statuses).toEqual({ 503: own.count });
    const { statuses, count, p99 } = await others;
    expect(own.p99).toBeLessThan(Math.max(200, 2 * p99));
    expect(statuses).toEqual({ 200: count });

    await origin.be(GOOD);
    const { ms } = await timed(taken(scene, forge));
    report('F-2', { own, others: statuses, recoveredMs: ms });
    expect(ms).toBeLessThan(10_000);
    expect((await scene.readyz()).body).toMatchObject({ status: 'ready', degraded: [] });
  });
});

describe('an origin that takes connections and says nothing', () => {
  it('F-3 keeps p99 of known kids within 50 ms, answers unknown ones within 1 s, and holds one connection', async () => {
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin });
    await taken(scene, forge);
    await origin.be(BLACKHOLE);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    const unknown = load({ perSecond: 20, seconds: 2 * SCALE, send: () => scene.status(scene.unknown()) });
    const served = await besides(scene, forge, 50, 2);
    const strangers = await unknown;
    report('F-3', { ...served, unknown: strangers, connections: origin.openMax() });
    expectServed(served, 50);
    expect(strangers.statuses).toEqual({ 503: strangers.count });
    expect(strangers.max).toBeLessThan(1_200 + served.control.max);
    expect(origin.openMax()).toBe(1);
  });

  it('F-2 is found again within 10 s of its return, although a fetch hangs on it as it does', async () => {
    await using origin = await openOrigin(BLACKHOLE);
    await using scene = await openScene({ origin });
    await vi.waitFor(() => expect(origin.open()).toBe(1));
    expect(await scene.status(scene.token(forge))).toBe(503);
    await origin.be(GOOD);
    const { ms } = await timed(taken(scene, forge));
    report('F-2 blackholed', { recoveredMs: ms });
    expect(ms).toBeLessThan(10_000);
  });
});

describe('an origin that drips', () => {
  it('F-4 a byte each second is cut off 5 s after it was asked, and known kids are served meanwhile', async () => {
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin });
    await taken(scene, forge);
    await origin.be(drips(1_000));
    scene.skip(KEYS_COOLDOWN_SECONDS);
    expect(await scene.status(scene.unknown())).toBe(503);
    const served = await besides(scene, forge, 50, 1);
    expectServed(served, 50);
    await vi.waitFor(() => expect(origin.lastedMs).toHaveLength(2), { timeout: 7_000 });
    report('F-4', { ...served, lastedMs: Math.round(origin.lastedMs[1] ?? 0) });
    expect(origin.lastedMs[1]).toBeGreaterThan(4_900);
    expect(origin.lastedMs[1]).toBeLessThan(6_000);
    expect(scene.warnings()).toMatchObject([{ problem: 'key set: timeout (no answer within 5000 ms)', keysKept: 1 }]);
  });
});

/** A resolver that holds a thread of libuv for each name, as getaddrinfo does, until it is let go. */
function hangingResolver() {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-resolver-'));
  const pipe = join(folder, 'never');
  execFileSync('mkfifo', [pipe]);
  const state = { hangs: false, held: 0 };
  const lookup: Lookup = (name, options, callback) => {
    if (!state.hangs) return systemLookup(name, options, callback);
    state.held += 1;
    // Nobody writes, so opening does not return, and it costs no time of a processor.
    open(pipe, 'r', () => callback(Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' }), []));
  };
  return {
    lookup,
    held: () => state.held,
    hang() {
      state.hangs = true;
    },
    [Symbol.dispose]() {
      closeSync(openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK));
      rmSync(folder, { recursive: true });
    },
  };
}

describe('a resolver', () => {
  it('F-14 that hangs on five names is waited for 1 s at most, keeps known kids at p99 50 ms, and leaves half the threads', async () => {
    using resolver = hangingResolver();
    await using origin = await openOrigin(GOOD);
    const more = [1, 2, 3, 4].map(
      (n) =>
        `  more${n}: { kind: oidc, issuer: https://login${n}.example, subjects: workloads, jwks: { url: https://keys${n}.example/jwks }, tokens: [jwt] }\n`,
    );
    const config = (yaml: string): string => yaml.replace('targets:', `${more.join('')}targets:`);
    await using scene = await openScene({ origin, world: { lookup: resolver.lookup }, broker: { config } });
    await taken(scene, forge);
    resolver.hang();
    scene.skip(KEYS_COOLDOWN_SECONDS);
    // A token for each of the other sources asks for its keys, and an unknown kid for those of the first.
    const waiting = [1, 2, 3, 4].map((n) =>
      timed(scene.status(scene.token(forge, {}, { iss: `https://login${n}.example` }))),
    );
    waiting.push(timed(scene.status(scene.unknown())));
    const served = await besides(scene, forge, 50, 1);
    const answers = await Promise.all(waiting);
    const derived = await timed(promisify(pbkdf2)('a', 'b', 1_000, 32, 'sha256'));
    report('F-14', { ...served, waited: answers, held: resolver.held(), derivedMs: derived.ms });
    expect(answers.map(({ value }) => value)).toEqual([503, 503, 503, 503, 503]);
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(1_200 + served.control.max);
    expectServed(served, 50);
    expect(resolver.held()).toBe(LOOKUPS_AT_ONCE_MAX);
    expect(derived.ms).toBeLessThan(100 + served.control.max);
  });

  it('F-14 that knows no such name costs no known kid, and is reported', async () => {
    const state = { fails: false };
    const lookup: Lookup = (name, options, callback) =>
      state.fails
        ? callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
        : systemLookup(name, options, callback);
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin, world: { lookup } });
    await taken(scene, forge);
    state.fails = true;
    scene.skip(KEYS_COOLDOWN_SECONDS);
    expect(await scene.status(scene.unknown())).toBe(503);
    expect(await scene.status(scene.token(forge))).toBe(200);
    expect(scene.warnings()).toMatchObject([{ problem: 'key set: network (ENOTFOUND)', keysKept: 1 }]);
  });
});

describe("an origin's certificate", () => {
  it.each([
    [
      'has expired',
      'CERT_HAS_EXPIRED',
      () => mintServerCertificate(['localhost'], { notAfter: new Date(Date.now() - 1_000), authorityName: 'Other' }),
    ],
    ['is of another authority by the same name', 'CERT_SIGNATURE_FAILURE', () => mintServerCertificate(['localhost'])],
    [
      'is for another name',
      'ERR_TLS_CERT_ALTNAME_INVALID',
      () => mintServerCertificate(['other.example'], { authorityName: 'Other' }),
    ],
  ])('F-15 that %s: keys stay, nothing is asked without trust, and the problem is %s', async (_title, code, mint) => {
    const bad = await mint();
    const good = await mintServerCertificate(['localhost']);
    const ca = code === 'CERT_SIGNATURE_FAILURE' ? good.ca : `${good.ca}\n${bad.ca}`;
    await using origin = await openOrigin(GOOD, good);
    await using scene = await openScene({ origin, broker: { files: { 'origin-ca.crt': ca } } });
    await taken(scene, forge);
    origin.present(bad);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    const rotated = createForge('ES256', 'two');
    await origin.be(says(setOf(rotated.jwk)));
    expect(await scene.status(scene.token(rotated)), 'a key that came without trust').toBe(503);
    expect(await scene.status(scene.token(forge))).toBe(200);
    expect(origin.paths).toEqual(['/jwks']);
    expect(scene.warnings()).toMatchObject([{ problem: `key set: tls (${code})`, keysKept: 1 }]);
    expect(await scene.metric(DEGRADED)).toBe(1);

    origin.present(good);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    expect(await scene.status(scene.token(rotated))).toBe(200);
    expect(await scene.status(scene.token(forge))).toBe(400);
  });
});
