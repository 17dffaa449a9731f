// Every root of three trust domains rotates under two hundred exchanges each second; then bundles are emptied, sources are removed and an
// older bundle is served again. None fails that should pass, and none passes that should fail (F-16, A-80, A-95).
// FEDERATION_SECONDS=60 rotates that long.

import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { BUNDLE_REFRESH_SECONDS_MIN } from '../../src/core/limits-outside.ts';
import { report } from '../faults/load.ts';
import {
  asItself,
  bundleOf,
  DOMAINS,
  type Domain,
  emptyBundle,
  type Federation,
  openAuthorities,
  openFederation,
  trusting,
} from './federation.ts';
import { change, type Generation, openGeneration, REMOVED_MS_MAX, rotate, waysOf } from './generations.ts';
import { type Expected, type Sent, tallyOf, watchedLoad } from './watched-load.ts';

const SECONDS = Number(process.env.FEDERATION_SECONDS ?? 8);
vi.setConfig({ testTimeout: 60_000 + SECONDS * 2_000, hookTimeout: 60_000 });
const PER_SECOND = 200;
/** Something of every way must be sent and answered while a state stands, on a busy machine too. */
const STANDS_MS = 700;

let federation: Federation;
let generations: Record<Domain, Generation[]>;
beforeAll(async () => {
  federation = await openFederation(await openAuthorities(), { unrecorded: true });
  await trusting(federation);
});
beforeEach(async () => {
  generations = { filed: [], fetched: [], streamed: [] };
  for (const domain of DOMAINS) {
    const generation = await openGeneration(federation, domain);
    generation.root.publishing();
    generation.root.published();
    generations[domain].push(generation);
  }
});
afterAll(() => federation[Symbol.asyncDispose]());

/** Exchanges for all three domains until the work is done; nothing ends otherwise than it must. */
async function underLoad(
  title: string,
  work: Promise<unknown>,
  numbers: () => object,
  ends: readonly Expected[],
  refusals: readonly string[] = ['invalid_client', 'invalid_request'],
) {
  const ways = DOMAINS.flatMap((domain) => waysOf(federation, domain, generations[domain]));
  const sent = await watchedLoad(PER_SECOND, ways, work);
  await work;
  const tally = tallyOf(sent);
  report(title, { count: tally.count, ...sums(tally.by), refusals: tally.refusals, ...numbers() });
  for (const domain of DOMAINS) for (const { living } of generations[domain]) living.close();
  expect(tally.wrong.map(told)).toEqual([]);
  expect(Object.keys(tally.refusals).filter((error) => !refusals.includes(error))).toEqual([]);
  for (const { name } of ways)
    for (const end of ends) expect(tally.by[`${name} ${end}`], `${name} ${end}`).toBeGreaterThan(0);
  // A test whose every answer may be either proves nothing.
  expect(sums(tally.by).either ?? 0).toBeLessThan(tally.count / 2);
}

const removedMs = (): Record<Domain, number[]> => ({ filed: [], fetched: [], streamed: [] });

describe(`a federation of three trust domains under ${PER_SECOND} exchanges each second`, () => {
  it('F-16, A-80 rotates every root; SVIDs of the old one pass until it is removed, and fail from then on', async () => {
    const took = removedMs();
    const until = performance.now() + SECONDS * 1_000;
    const rotating = all(
      DOMAINS.map(async (domain) => {
        for (let turn = 0; performance.now() < until; turn += 1) {
          // The file is seen by the watch alone, and in every second turn told by a reload.
          const telling = domain === 'filed' && turn % 2 === 0 ? 'watch' : 'origin';
          const rotation = { federation, domain, generations: generations[domain], telling, bothMs: 500 } as const;
          took[domain].push(await rotate(rotation));
        }
      }),
    );
    const numbers = () => ({ rotations: DOMAINS.map((domain) => took[domain].length), ...worst(took) });
    await underLoad('F-16 rotation', rotating, numbers, ['granted', 'refused']);
    expect(Math.max(...Object.values(took).flat())).toBeLessThan(REMOVED_MS_MAX);
  });

  it('F-16, A-80, A-94 a bundle that becomes empty ends its trust domain on living connections, and no other', async () => {
    const took = removedMs();
    const emptying = (async () => {
      for (const domain of DOMAINS) {
        const authority = federation.authorities[domain];
        const [probe] = generations[domain];
        if (!probe) continue;
        await setTimeout(STANDS_MS);
        probe.root.removing();
        const bundle = emptyBundle(authority);
        took[domain].push(await change({ federation, domain, bundle, probe, granted: false }));
        probe.root.removed();
        await setTimeout(STANDS_MS);
        probe.root.publishing();
        if (domain === 'fetched') await federation.bootstrap();
        else await federation.publish(domain, bundleOf(authority));
        await trusting(federation, [domain]);
        probe.root.published();
      }
      await setTimeout(STANDS_MS);
    })();
    await underLoad('F-16 emptied', emptying, () => worst(took), ['granted', 'refused']);
  });

  it('F-16, A-80 a source that a reload removes is over when the reload has answered, also where connections live', async () => {
    const took = removedMs();
    const removing = (async () => {
      for (const domain of DOMAINS) {
        const [generation] = generations[domain];
        await setTimeout(STANDS_MS);
        const begun = performance.now();
        generation?.root.removing();
        await federation.trust(DOMAINS.filter((one) => one !== domain));
        generation?.root.removed();
        took[domain].push(performance.now() - begun);
        await setTimeout(STANDS_MS);
        generation?.root.publishing();
        await federation.trust(DOMAINS);
        // An endpoint is fetched anew, and a stream opened again, after the reload.
        await trusting(federation, [domain]);
        generation?.root.published();
      }
      await setTimeout(STANDS_MS);
    })();
    await underLoad('F-16 removed', removing, () => worst(took), ['granted', 'refused']);
  });

  it('A-95, SF-03 an endpoint that serves an older bundle again brings no removed root back', async () => {
    const domain = 'fetched';
    const authority = federation.authorities[domain];
    const older = bundleOf(authority);
    await rotate({ federation, domain, generations: generations[domain], telling: 'origin', bothMs: 100 });
    const serving = (async () => {
      for (let turn = 0; turn < 3; turn += 1) {
        await federation.publish(domain, older).catch((error: unknown) => error);
        await setTimeout(200);
        await federation.publish(domain, bundleOf(authority));
        await setTimeout(200);
      }
    })();
    // Of a kid that is not in the last good bundle nothing can be said while the endpoint's newer one is not taken.
    const refusals = ['invalid_client', 'invalid_request', 'temporarily_unavailable'];
    await underLoad('A-95 rollback', serving, () => ({}), ['granted'], refusals);
    expect(generations[domain]).toHaveLength(2);
    expect(federation.broker.logged()).toContain('bundle: has a lower spiffe_sequence than one before it');
  });
});

/** Half a minute of waiting, for runs that are long anyway; keys/bundle-endpoint.test.ts proves the interval without it. */
const BY_THE_CLOCK = SECONDS >= BUNDLE_REFRESH_SECONDS_MIN ? ['fetched' as const] : [];

describe.each(BY_THE_CLOCK)('the endpoint of the trust domain %s', (domain) => {
  it('F-16 is asked again at its hint by nobody but the clock, and what it removed is over then', async () => {
    const authority = federation.authorities[domain];
    const hinted = () => ({ ...bundleOf(authority), json: authority.bundleJson({ spiffe_refresh_hint: 1 }) });
    await authority.rotate();
    await federation.publish(domain, hinted());
    authority.retire();
    federation.serve(hinted());
    const [old] = generations[domain];
    const begun = performance.now();
    await vi.waitFor(async () => expect((await old?.living.token(asItself(domain)))?.status).toBe(400), {
      timeout: (BUNDLE_REFRESH_SECONDS_MIN + 2) * 1_000,
      interval: 100,
    });
    report('F-16 by the clock', { seconds: Math.round((performance.now() - begun) / 1_000) });
  });
});

/** All of them to their end, so that no work of one test goes on in the next; then the first failure, if any. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

const told = ({ way, expected, ended, sentMs, answeredMs, root }: Sent & { expected: string }): string =>
  `${way}: ${ended}, should be ${expected}: ${JSON.stringify({ sentMs, answeredMs, periods: root.periods })}`;

/** By what was expected. */
function sums(by: Readonly<Record<string, number>>): Partial<Record<Expected, number>> {
  const found: Partial<Record<Expected, number>> = {};
  for (const [name, count] of Object.entries(by)) {
    const expected = name.split(' ').at(-1) as Expected;
    found[expected] = (found[expected] ?? 0) + count;
  }
  return found;
}

const worst = (ms: Readonly<Record<Domain, readonly number[]>>) => ({
  removedMsMax: Object.fromEntries(DOMAINS.map((domain) => [domain, Math.round(Math.max(0, ...ms[domain]))])),
});
