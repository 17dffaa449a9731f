// An origin of keys that is not there: refused, blackholed, dripping, behind a resolver that hangs, with a certificate that is no
// good any more. Over TLS on loopback, against a whole broker (F-1 to F-4, F-14, F-15).

import { describe, expect, it, vi } from 'vitest';
import { KEYS_STALE_SECONDS_MAX } from '../../src/core/limits.ts';
import { createForge, setOf } from '../support/forge.ts';
import { load, report, SCALE } from './load.ts';
import { BLACKHOLE, openOrigin, REFUSE, says } from './origin.ts';
import { openScene, type Scene } from './scene.ts';

const forge = createForge('ES256', 'one');
const GOOD = says(setOf(forge.jwk));
const DEGRADED = 'exchequer_source_degraded{source="login"}';
const FAILED = 'exchequer_source_key_fetches_total{source="login",outcome="failed"}';

/** Until tokens of the origin are taken: what every fault is measured against. */
const warm = (scene: Scene): Promise<void> =>
  vi.waitFor(async () => expect(await scene.status(scene.token(forge))).toBe(200), { timeout: 10_000, interval: 20 });

describe('an origin that refuses', () => {
  it('F-1 fails no token under a known kid, at once, after 11 minutes, and after 23 hours, and is seen to be down', async () => {
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin });
    await warm(scene);
    expect(await scene.metric(DEGRADED)).toBe(0);
    await origin.be(REFUSE);

    for (const seconds of [0, 660, 22 * 3_600 + 3_000]) {
      scene.skip(seconds);
      expect(await scene.status(scene.unknown()), 'whoever has an unknown kid is told to come again').toBe(
        seconds === 0 ? 400 : 503,
      );
      const served = await load({ perSecond: 100, seconds: SCALE, send: () => scene.status(scene.token(forge)) });
      report(`F-1 after ${seconds} s more`, served);
      expect(served.statuses).toEqual({ 200: served.count });
    }
    expect(await scene.metric(DEGRADED)).toBe(1);
    expect((await scene.readyz()).body).toMatchObject({ status: 'degraded', degraded: ['login'] });
    expect(scene.warnings()).toHaveLength((await scene.metric(FAILED)) ?? 0);
    expect(scene.warnings()[0]).toMatchObject({
      source: 'login',
      problem: 'key set: network (ECONNREFUSED)',
      keysKept: 1,
    });

    scene.skip(KEYS_STALE_SECONDS_MAX);
    expect(await scene.status(scene.token(forge))).toBe(503);
    await origin.be(GOOD);
    await warm(scene);
    expect(await scene.metric(DEGRADED)).toBe(0);
  });
});

describe('an origin that takes connections and says nothing', () => {
  it('F-3 keeps p99 of known kids within 50 ms, answers unknown ones within 1 s, and holds one connection', async () => {
    await using origin = await openOrigin(GOOD);
    await using scene = await openScene({ origin });
    await warm(scene);
    await origin.be(BLACKHOLE);
    scene.skip(10);
    const unknown = load({ perSecond: 20, seconds: 2 * SCALE, send: () => scene.status(scene.unknown()) });
    const known = await load({ perSecond: 100, seconds: 2 * SCALE, send: () => scene.status(scene.token(forge)) });
    const strangers = await unknown;
    report('F-3', { known, strangers, connections: origin.openMax() });
    expect(known.statuses).toEqual({ 200: known.count });
    expect(known.p99).toBeLessThan(50);
    expect(strangers.statuses).toEqual({ 503: strangers.count });
    expect(strangers.max).toBeLessThan(1_200);
    expect(origin.openMax()).toBe(1);
  });
});
