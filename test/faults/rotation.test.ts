// An origin of keys that changes them: 200 rotations under load, and a set that is replaced while tokens are verified. Over TLS on
// loopback, against a whole broker (F-7, F-8).

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { KEYS_COOLDOWN_SECONDS } from '../../src/core/limits-outside.ts';
import { createForge, type Forge, setOf } from '../support/forge.ts';
import { load, report, SCALE } from './load.ts';
import { type Origin, openOrigin, says } from './origin.ts';
import { openScene, type Scene, taken, timed } from './scene.ts';

// Faults take seconds of real time, and a busy machine makes more of them.
vi.setConfig({ testTimeout: 60_000 });

const ROTATIONS = 200;
const EVERY_MS = 30 * SCALE;

let origin: Origin;
let scene: Scene;
let rings: readonly Forge[] = [];
beforeAll(async () => {
  rings = Array.from({ length: 8 }, (_, index) => createForge('ES256', `ring-${index}`));
  origin = await openOrigin(says(setOf()));
  scene = await openScene({ origin });
});
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
  await origin[Symbol.asyncDispose]();
});

/** Keys published at once: a token under load may be under way while several rotations pass. */
const PUBLISHED = 32;
/** The keys of one moment, the oldest about to go. Every name is new, so that none is known from before. */
const ringAt = (rotation: number): readonly Forge[] =>
  Array.from({ length: PUBLISHED }, (_, index) => named(rotation + index));
const newest = (rotation: number): Forge => named(rotation + PUBLISHED - 1);
const named = (rotation: number): Forge => {
  const forge = rings[rotation % rings.length] ?? createForge('ES256', 'none');
  const kid = `rotation-${rotation}`;
  return {
    ...forge,
    kid,
    jwk: { ...forge.jwk, kid },
    token: (payload, header = {}) => forge.token(payload, { kid, ...(typeof header === 'string' ? {} : header) }),
  };
};
const publish = (rotation: number): Promise<void> => origin.be(says(setOf(...ringAt(rotation).map(({ jwk }) => jwk))));

describe('an origin that rotates', () => {
  it(`F-7 ${ROTATIONS} times under 200 requests each second refuses no token of a published key, and takes a new kid within 1 s`, async () => {
    await publish(0);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    await taken(scene, newest(0));
    const underWay = new Map<number, number>();
    const count = (rotation: number, change: number): void => {
      underWay.set(rotation, (underWay.get(rotation) ?? 0) + change);
      if (underWay.get(rotation) === 0) underWay.delete(rotation);
    };
    /** A token by the newest key. Told to come again, it does once, as a client does. */
    let again = 0;
    const send = async (): Promise<number> => {
      const at = rotation;
      count(at, 1);
      const token = scene.token(newest(at), {}, { exp: Number(scene.claims().iat) + 3_600 });
      const first = await scene.status(token);
      if (first === 503) again += 1;
      const status = first === 503 ? await scene.status(token) : first;
      count(at, -1);
      return status;
    };
    let rotation = 0;
    const firsts: number[] = [];
    const fetchedBefore = origin.paths.length;
    const rotating = (async () => {
      while (rotation < ROTATIONS) {
        // No key is taken out while a token by it is under way, however slow this machine is.
        while (Math.min(...underWay.keys()) + PUBLISHED <= rotation + 2) await setTimeout(5);
        rotation += 1;
        await publish(rotation);
        // The time that passes between two rotations, for the broker's cooldown.
        scene.skip(KEYS_COOLDOWN_SECONDS);
        const { value, ms } = await timed(send());
        firsts.push(value === 200 ? ms : Number.POSITIVE_INFINITY);
        await setTimeout(EVERY_MS);
      }
    })();
    const served = await load({ perSecond: 200, seconds: { until: rotating }, send });
    const fetches = origin.paths.length - fetchedBefore;
    const late = firsts.filter((ms) => ms > 1_000).length;
    report('F-7', { rotations: rotation, served, again, late, newKidMaxMs: Math.max(...firsts), fetches });
    expect(served.statuses).toEqual({ 200: served.count });
    // The broker holds a token for a second at most, and then says when to come again: a machine that stalls gets there.
    expect(late).toBeLessThanOrEqual(ROTATIONS / 20);
    expect(again).toBeLessThanOrEqual(served.count / 10);
    expect(fetches).toBeLessThanOrEqual(ROTATIONS);
    expect(fetches).toBeGreaterThan(ROTATIONS / 2);
  }, 120_000);

  it('F-7 a removed kid ends with the next fetch, and not before', async () => {
    await publish(1_000);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    await taken(scene, named(1_000));
    await publish(1_001);
    expect(await scene.status(scene.token(named(1_000))), 'nobody has fetched since').toBe(200);
    scene.skip(KEYS_COOLDOWN_SECONDS);
    expect(await scene.status(scene.token(newest(1_001)))).toBe(200);
    expect(await scene.status(scene.token(named(1_000)))).toBe(400);
    expect(await scene.status(scene.token(named(1_001)))).toBe(200);
  });

  it('F-8 twenty times while tokens without a kid are verified: one whole set or the other judges each, and never half of one', async () => {
    // The same two names, and the keys behind them change places: whichever set is asked, both keys are in it.
    const [left = named(0), right = named(1), stranger = named(2)] = rings;
    const placed = (swapped: boolean): string =>
      setOf({ ...(swapped ? right : left).jwk, kid: 'left' }, { ...(swapped ? left : right).jwk, kid: 'right' });
    const replace = async (swapped: boolean): Promise<void> => {
      await origin.be(says(placed(swapped)));
      scene.skip(KEYS_COOLDOWN_SECONDS);
      await scene.status(scene.unknown());
      const named = [scene.token(left, { kid: 'left' }), scene.token(left, { kid: 'right' })];
      const statuses = await Promise.all(named.map((token) => scene.status(token)));
      expect(statuses).toEqual(swapped ? [400, 200] : [200, 400]);
    };
    await replace(false);
    const unnamed = { kid: undefined };
    const published = load({
      perSecond: 100,
      seconds: 1.5 * SCALE,
      send: (number) => scene.status(scene.token(number % 2 === 0 ? left : right, unnamed)),
    });
    const strange = load({
      perSecond: 50,
      seconds: 1.5 * SCALE,
      send: () => scene.status(scene.token(stranger, unnamed)),
    });
    for (let swap = 1; swap <= 20; swap += 1) {
      await replace(swap % 2 === 1);
      await setTimeout(50 * SCALE);
    }
    const [served, refused] = [await published, await strange];
    report('F-8', { served, refused });
    expect(served.statuses).toEqual({ 200: served.count });
    expect(refused.statuses).toEqual({ 400: refused.count });
  });
});
