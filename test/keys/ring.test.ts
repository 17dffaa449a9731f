// The life of signing keys as pure steps: whatever state a crash has left, the steps lead back into order, and no key signs
// before every verifier can know it (F-33, A-198, MD-09).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SIGNING_KEY_RETIRED_SECONDS } from '../../src/core/limits.ts';
import { currentKey, type KeyRecord, keyState, nextStep, type RingDemands } from '../../src/keys/ring.ts';

const NOW = 1_800_000_000;
const DAY = 86_400;
const DEMANDS: RingDemands = {
  nowSeconds: NOW,
  rotateEverySeconds: 30 * DAY,
  publishAheadSeconds: 2 * DAY,
  longestLifetimeSeconds: 300,
};

const key = (kid: string, more: Partial<KeyRecord> = {}): KeyRecord => ({
  kid,
  algorithm: 'ES256',
  createdAtSeconds: NOW,
  longestLifetimeSeconds: 300,
  ...more,
});
const current = (kid: string, since = NOW) => key(kid, { createdAtSeconds: since, currentSinceSeconds: since });
const next = (kid: string, published?: number) => key(kid, { publishedAtSeconds: published });

/** Takes steps until there are none, as the keeper does; tells each as a word. */
function settle(ring: readonly KeyRecord[], change: Partial<RingDemands> = {}) {
  const keys = new Map(ring.map((one) => [one.kid, one]));
  const told: string[] = [];
  for (let made = 0; ; ) {
    const step = nextStep([...keys.values()], { ...DEMANDS, ...change });
    if (!step) return { told, keys: [...keys.values()] };
    if (told.length > 20) throw new Error(`no end: ${told.join(' ')}`);
    if (step.step === 'create') {
      made += 1;
      const kid = `made-${made}`;
      keys.set(kid, key(kid, { createdAtSeconds: Math.floor(change.nowSeconds ?? NOW) }));
      told.push(`create ${kid}`);
    } else if (step.step === 'delete') {
      keys.delete(step.key.kid);
      told.push(`delete ${step.key.kid}`);
    } else {
      keys.set(step.key.kid, step.key);
      told.push(`${step.what} ${step.key.kid}`);
    }
  }
}

describe('a ring of signing keys', () => {
  it('begins with a key that signs at once, and a next one', () => {
    expect(settle([]).told).toEqual(['create made-1', 'activated made-1', 'create made-2', 'published made-2']);
  });

  it('needs nothing while it is in order', () => {
    expect(settle([current('a'), next('b', NOW)]).told).toEqual([]);
  });

  it('rotates when the current key is old enough, the spare first, so that a next key is published at all times', () => {
    const ring = [current('a', NOW - 30 * DAY), next('b', NOW - 2 * DAY)];
    expect(settle(ring).told).toEqual(['create made-1', 'published made-1', 'activated b', 'retired a']);
    expect(settle([current('a', NOW - 30 * DAY + 1), next('b', NOW - 2 * DAY)]).told).toEqual([]);
  });

  it('lets no next key sign before it has been published long enough, however old the current one is (A-198)', () => {
    expect(settle([current('a', NOW - 90 * DAY), next('b', NOW - 2 * DAY + 1)]).told).toEqual([]);
    expect(settle([current('a', NOW - 90 * DAY), next('b', NOW - 2 * DAY)]).told).toContain('activated b');
  });

  it('counts from when a key was published, not from when it was made: a crash may lie between (F-33)', () => {
    const ring = [current('a', NOW - 90 * DAY), key('b', { createdAtSeconds: NOW - 60 * DAY })];
    expect(settle(ring).told).toEqual(['published b']);
  });

  it('replaces a named key before its time, under the same rule', () => {
    expect(settle([current('a'), next('b', NOW - 2 * DAY)], { replace: 'a' }).told).toContain('activated b');
    expect(settle([current('a'), next('b', NOW - DAY)], { replace: 'a' }).told).toEqual([]);
    expect(settle([current('a'), next('b', NOW - 2 * DAY)], { replace: 'another' }).told).toEqual([]);
  });

  it('prefers the next key that is known longest, not a spare of the same second', () => {
    const ring = [current('z'), next('a', NOW), key('b', { inEverySet: true, publishedAtSeconds: NOW })];
    expect(settle(ring, { replace: 'z' }).told).toEqual(['activated b', 'retired z']);
  });

  it('keeps a retired key for the longest lifetime that it signed and the slack, then deletes it (MD-09)', () => {
    const gone = NOW - SIGNING_KEY_RETIRED_SECONDS - 43_200;
    const old = { ...current('old', gone - DAY), retiredAtSeconds: gone, longestLifetimeSeconds: 43_200 };
    const rest = [current('a', NOW - DAY), next('b', NOW)];
    expect(settle([old, ...rest]).told).toEqual(['delete old']);
    expect(settle([{ ...old, retiredAtSeconds: gone + 1 }, ...rest]).told).toEqual([]);
  });

  it('remembers the longest lifetime while a key signs, also when targets get shorter ones later', () => {
    const { told, keys } = settle([current('a'), next('b', NOW)], { longestLifetimeSeconds: 900 });
    expect(told).toEqual(['lengthened a']);
    expect(settle(keys, { longestLifetimeSeconds: 300 }).told).toEqual([]);
    expect(currentKey(keys)?.longestLifetimeSeconds).toBe(900);
  });

  it('does not take an older key for the newer one when the clock steps back', () => {
    const ring = [current('a', NOW + 3_600), next('b', NOW - 2 * DAY)];
    const { told, keys } = settle(ring, { replace: 'a' });
    expect(told.slice(-2)).toEqual(['activated b', 'retired a']);
    expect(currentKey(keys)?.kid).toBe('b');
  });

  it('comes into order from anything that a crash can leave, without deleting what may still be verified', () => {
    const times = fc.option(fc.integer({ min: NOW - 100 * DAY, max: NOW + DAY }), { nil: undefined });
    const records = fc
      .record({
        created: fc.integer({ min: NOW - 100 * DAY, max: NOW }),
        published: times,
        since: times,
        retired: times,
      })
      .map(({ created, published, since, retired }) => ({
        createdAtSeconds: created,
        publishedAtSeconds: published,
        currentSinceSeconds: since,
        retiredAtSeconds: since === undefined ? undefined : retired,
      }));
    fc.assert(
      fc.property(fc.array(records, { maxLength: 6 }), (found) => {
        const ring = found.map((one, index) => key(`k${index}`, one));
        const { told, keys } = settle(ring);
        const states = keys.map(keyState);
        expect(states.filter((state) => state === 'current')).toHaveLength(1);
        expect(states.filter((state) => state === 'next').length).toBeGreaterThan(0);
        for (const one of ring) {
          const until = (one.retiredAtSeconds ?? NOW) + 300 + SIGNING_KEY_RETIRED_SECONDS;
          if (told.includes(`delete ${one.kid}`) && one.retiredAtSeconds !== undefined)
            expect(until).toBeLessThanOrEqual(NOW);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
