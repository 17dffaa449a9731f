// Bundle endpoints over time: rows SB-01 to SB-03, SB-06, SF-01 to SF-03, SF-08, SF-10, fault F-16, attacks. The outbound
// client is a fake and time moves by hand; real TLS is in endpoint-over-tls.test.ts.

import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BUNDLE_REFRESH_SECONDS_MAX,
  BUNDLE_REFRESH_SECONDS_MIN,
  KEYS_COOLDOWN_SECONDS,
  KEYS_REFRESH_SECONDS,
  KEYS_STALE_SECONDS_MAX,
} from '../../src/core/limits-outside.ts';
import type { OutboundAnswer, OutboundRequest } from '../../src/core/outside.ts';
import type { Clock } from '../../src/core/ports.ts';
import { type BundleEndpointParts, createBundleEndpoint } from '../../src/keys/bundle-endpoint.ts';
import type { KeysEvent } from '../../src/keys/status.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { openSpiffeAuthority } from '../support/spiffe-authority.ts';
import { freezeTime, REFUSED } from './fake-origin.ts';

const authority = await openSpiffeAuthority('a.example');
const OLD = authority.bundleJson({ spiffe_sequence: 5 });
const oldKid = authority.kid();
await authority.rotate();
authority.retire();
const rotated = (members: object) => authority.bundleJson(members);
const EMPTY = '{"keys":[]}';

beforeEach(freezeTime);
afterEach(() => {
  vi.useRealTimers();
});

const clock: Clock = { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() };
const seconds = (count: number) => vi.advanceTimersByTime(count * 1000);

function open(options: Partial<BundleEndpointParts> = {}) {
  const requests: OutboundRequest[] = [];
  let says: string | OutboundAnswer = REFUSED;
  let waiting = Promise.withResolvers<KeysEvent>();
  const keys = createBundleEndpoint({
    trustDomain: 'a.example',
    algorithms: SPIFFE.algorithms,
    outbound: {
      async request(request) {
        requests.push(request);
        return typeof says === 'string' ? { ok: true, body: Buffer.from(says) } : says;
      },
    },
    clock,
    randomBytes: (count) => new Uint8Array(count),
    url: 'https://bundles.example/a',
    privateNetwork: false,
    server: {},
    onEvent: (event) => waiting.resolve(event),
    ...options,
  });
  /** The event that this deed causes, once its fetch has ended. */
  async function after(deed: () => void): Promise<KeysEvent> {
    waiting = Promise.withResolvers();
    deed();
    const event = await waiting.promise;
    await setImmediate();
    return event;
  }
  return {
    requests,
    keys,
    started: (text: string | OutboundAnswer) => {
      says = text;
      return after(keys.start);
    },
    /** What the endpoint says to the fetch that is due after this time. */
    due: (count: number, text: string | OutboundAnswer) => {
      says = text;
      return after(() => seconds(count));
    },
  };
}

type Endpoint = ReturnType<typeof open>;
const authorities = ({ keys }: Endpoint) => keys.authorities.current().found;
const has = async ({ keys }: Endpoint, kid: string) => (await keys.find({ alg: 'ES256', kid })).found;
const known = [expect.objectContaining({ alg: 'ES256' })];

describe('a bundle endpoint', () => {
  it('gives the keys and the authorities of its bundle, and says how many and since when (SF-02)', async () => {
    const endpoint = open();
    expect(authorities(endpoint)).toBe('unavailable');
    await endpoint.started(OLD);
    expect(authorities(endpoint)).toHaveLength(1);
    expect(await has(endpoint, oldKid)).toEqual(known);
    expect(endpoint.keys.status()).toEqual({
      keys: 1,
      authorities: 1,
      fetchedAtSeconds: 1_790_000_000,
      failures: 0,
      lastProblem: undefined,
      state: 'fresh',
    });
  });

  it('is asked by the configured URL each time, with a capped body (SF-08)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    await endpoint.due(KEYS_REFRESH_SECONDS, OLD);
    const request = {
      url: 'https://bundles.example/a',
      bytesMax: 524_288,
      accept: 'application/json',
      privateNetwork: false,
    };
    expect(endpoint.requests).toEqual([request, request]);
  });

  it('is asked every five minutes where it gives no hint (SF-01)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    seconds(KEYS_REFRESH_SECONDS - 1);
    expect(endpoint.requests).toHaveLength(1);
    await endpoint.due(1, OLD);
    expect(endpoint.requests).toHaveLength(2);
  });

  it.each([
    ['600', 600],
    ['1', BUNDLE_REFRESH_SECONDS_MIN],
    ['1e12', BUNDLE_REFRESH_SECONDS_MAX],
    ['0', KEYS_REFRESH_SECONDS],
    ['-5', KEYS_REFRESH_SECONDS],
    ['"600"', KEYS_REFRESH_SECONDS],
  ])('with the hint %s is asked after %i s (SF-01, SB-02, F-16, A-96)', async (hint, pause) => {
    const endpoint = open();
    await endpoint.started(`{"keys":[],"spiffe_refresh_hint":${hint}}`);
    seconds(pause - 1);
    expect(endpoint.requests).toHaveLength(1);
    await endpoint.due(1, EMPTY);
    expect(endpoint.requests).toHaveLength(2);
  });

  it('that serves a map of bundles is not asked at the hint of one of them (SB-06)', async () => {
    const endpoint = open();
    await endpoint.started(`{"trust_domains":{"a.example":{"keys":[],"spiffe_refresh_hint":1}}}`);
    expect(authorities(endpoint)).toEqual([]);
    seconds(KEYS_REFRESH_SECONDS - 1);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('that serves the map of other trust domains gives nothing (SB-05, A-97)', async () => {
    const endpoint = open();
    const event = await endpoint.started(`{"trust_domains":{"b.example":${OLD}}}`);
    expect(event).toMatchObject({ kind: 'fetch_failed', problem: 'bundle: has no bundle of a.example' });
    expect(authorities(endpoint)).toBe('unavailable');
  });

  it('hands over one array of authorities while they are the same', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    const before = authorities(endpoint);
    await endpoint.due(KEYS_REFRESH_SECONDS, OLD);
    expect(authorities(endpoint)).toBe(before);
    // Another text, the same certificates.
    await endpoint.due(KEYS_REFRESH_SECONDS, JSON.stringify({ ...JSON.parse(OLD), spiffe_sequence: 6 }));
    expect(authorities(endpoint)).toBe(before);
    await endpoint.due(KEYS_REFRESH_SECONDS, rotated({ spiffe_sequence: 7 }));
    expect(authorities(endpoint)).not.toBe(before);
  });

  it('ends everybody at once by a valid bundle that is empty (SB-03, A-94)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    await endpoint.due(KEYS_REFRESH_SECONDS, EMPTY);
    expect(authorities(endpoint)).toEqual([]);
    expect(await has(endpoint, oldKid)).toBe('none');
    expect(endpoint.keys.status()).toMatchObject({ keys: 0, authorities: 0, state: 'fresh' });
  });

  it('is asked once in a cooldown for an unknown kid, whoever asks (SF-01)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    await Promise.all(Array.from({ length: 50 }, (_, at) => has(endpoint, `unknown-${at}`)));
    expect(endpoint.requests).toHaveLength(1);
    seconds(KEYS_COOLDOWN_SECONDS);
    await Promise.all(Array.from({ length: 50 }, (_, at) => has(endpoint, `unknown-${at}`)));
    expect(endpoint.requests).toHaveLength(2);
  });
});

describe('the sequence of a bundle', () => {
  const LOWER = 'bundle: has a lower spiffe_sequence than one before it';

  it('may grow or stay, and the newest is taken (SF-03)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, rotated({ spiffe_sequence: 5 }))).toMatchObject({ changed: true });
    expect(await has(endpoint, authority.kid())).toEqual(known);
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, rotated({ spiffe_sequence: 6 }))).toMatchObject({ changed: true });
  });

  it('may not go backwards: what was taken out would come back (SF-03, F-16, A-95)', async () => {
    const endpoint = open();
    await endpoint.started(rotated({ spiffe_sequence: 6 }));
    const event = await endpoint.due(KEYS_REFRESH_SECONDS, OLD);
    expect(event).toEqual({ kind: 'fetch_failed', problem: LOWER, failures: 1, keysKept: 1 });
    expect(await has(endpoint, authority.kid())).toEqual(known);
    expect(await has(endpoint, oldKid)).not.toEqual(known);
    expect(endpoint.keys.status()).toMatchObject({ state: 'stale', lastProblem: LOWER });
  });

  it('is exact beyond 2^53 (SB-01)', async () => {
    const bundle = (sequence: string, kid: string) =>
      kid === oldKid
        ? OLD.replace('"spiffe_sequence":5', `"spiffe_sequence":${sequence}`)
        : rotated({}).replace(/"spiffe_sequence":\d+/, `"spiffe_sequence":${sequence}`);
    const endpoint = open();
    // As numbers, both would be 9007199254740992.
    await endpoint.started(bundle('9007199254740993', authority.kid()));
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, bundle('9007199254740992', oldKid))).toMatchObject({
      problem: LOWER,
    });
    expect(await endpoint.due(BUNDLE_REFRESH_SECONDS_MIN, bundle('18446744073709551615', oldKid))).toMatchObject({
      kind: 'fetched',
    });
  });

  it('that is absent lets the newest fetch win, and is not forgotten for it (SF-03)', async () => {
    const endpoint = open();
    await endpoint.started(rotated({ spiffe_sequence: 6 }));
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, EMPTY)).toMatchObject({ kind: 'fetched', changed: true });
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, OLD)).toMatchObject({ kind: 'fetch_failed', problem: LOWER });
    expect(authorities(endpoint)).toEqual([]);
  });

  it('is not forgotten with a bundle that has grown too old (SF-03, SF-10)', async () => {
    const endpoint = open({ staleSecondsMax: 60 });
    await endpoint.started(rotated({ spiffe_sequence: 6 }));
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, OLD)).toMatchObject({ problem: LOWER, keysKept: 0 });
    expect(authorities(endpoint)).toBe('unavailable');
  });
});

describe('a bundle endpoint that is down', () => {
  it.each<[string, string | OutboundAnswer]>([
    ['answers 500', { ok: false, problem: 'status', detail: '500' }],
    ['is not who it should be', { ok: false, problem: 'tls', detail: 'its certificate: issuer_unknown' }],
    ['sends no JSON (A-94)', '<html>'],
    ['sends one member twice', '{"keys":[],"keys":[]}'],
    ['sends no keys', '{"spiffe_sequence":9}'],
    ['sends PEM', authority.bundlePem()],
    ['sends no UTF-8', { ok: true, body: Uint8Array.of(0xff) }],
  ])('and %s keeps its last bundle, with its age, and comes back (SF-10)', async (_title, answer) => {
    const endpoint = open();
    await endpoint.started(OLD);
    const before = authorities(endpoint);
    expect(await endpoint.due(KEYS_REFRESH_SECONDS, answer)).toMatchObject({ kind: 'fetch_failed', keysKept: 1 });
    expect(authorities(endpoint)).toBe(before);
    expect(await has(endpoint, oldKid)).toEqual(known);
    expect(endpoint.keys.status()).toMatchObject({ fetchedAtSeconds: 1_790_000_000, failures: 1, state: 'stale' });
    await endpoint.due(BUNDLE_REFRESH_SECONDS_MIN, OLD);
    expect(endpoint.keys.status()).toMatchObject({ fetchedAtSeconds: clock.nowSeconds(), state: 'fresh' });
  });

  it('is asked ever less often, up to the shortest interval: no tight loop (SF-10)', async () => {
    const endpoint = open();
    await endpoint.started(OLD);
    await endpoint.due(KEYS_REFRESH_SECONDS, REFUSED);
    for (const pause of [1, 2, 4, 8, 16, BUNDLE_REFRESH_SECONDS_MIN, BUNDLE_REFRESH_SECONDS_MIN]) {
      const before = endpoint.requests.length;
      vi.advanceTimersByTime(pause * 1000 - 1);
      expect(endpoint.requests).toHaveLength(before);
      await endpoint.due(0.001, REFUSED);
      expect(endpoint.requests).toHaveLength(before + 1);
    }
    expect(await has(endpoint, oldKid)).toEqual(known);
  });

  it('keeps its last bundle for ever, unless a limit is written (SF-10)', async () => {
    const [unlimited, limited] = [open(), open({ staleSecondsMax: 3_600 })];
    for (const endpoint of [unlimited, limited]) {
      await endpoint.started(OLD);
      await endpoint.due(KEYS_REFRESH_SECONDS, REFUSED);
      endpoint.keys.close();
    }
    seconds(3_600 - KEYS_REFRESH_SECONDS);
    expect(await has(limited, oldKid)).toEqual(known);
    seconds(1);
    expect(authorities(limited)).toBe('unavailable');
    expect(limited.keys.status()).toMatchObject({ keys: 0, state: 'missing' });
    seconds(2 * KEYS_STALE_SECONDS_MAX);
    expect(authorities(unlimited)).toHaveLength(1);
    expect(unlimited.keys.status()).toMatchObject({ keys: 1, authorities: 1, state: 'stale' });
  });
});
