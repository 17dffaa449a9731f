// Bundles out of a Workload API: rows SA-03, SA-05, SB-03, SB-04, SX-11, attack A-94. The API is a fake object that says what a test
// tells it; the real one over gRPC is tested where it lives.

import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { WorkloadApi, WorkloadApiStatus } from '../../src/core/outside.ts';
import type { KeysEvent } from '../../src/keys/status.ts';
import { createWorkloadBundle, SILENT_WORKLOAD_API } from '../../src/keys/workload-bundles.ts';
import { SPIFFE } from '../../src/platforms/spiffe.ts';
import { openSpiffeAuthority } from '../support/spiffe-authority.ts';

const [ours, theirs] = await Promise.all([openSpiffeAuthority('a.example'), openSpiffeAuthority('b.example')]);
const CONNECTED: WorkloadApiStatus = {
  state: 'connected',
  updatedAtSeconds: 1_790_000_000,
  failures: 0,
  lastProblem: undefined,
};

function fakeApi() {
  const listeners = new Set<() => void>();
  let x509: ReadonlyMap<string, readonly Uint8Array[]> | undefined;
  let jwt: ReadonlyMap<string, string> | undefined;
  let status: WorkloadApiStatus = { ...CONNECTED, state: 'connecting', updatedAtSeconds: undefined };
  const api: WorkloadApi = {
    ...SILENT_WORKLOAD_API,
    x509Bundles: () => x509,
    jwtBundles: () => jwt,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    status: () => status,
  };
  return {
    api,
    listeners,
    /** One message of each stream that is named. */
    says(message: {
      x509?: Record<string, readonly Uint8Array[]>;
      jwt?: Record<string, string>;
      status?: WorkloadApiStatus;
    }) {
      if (message.x509) x509 = new Map(Object.entries(message.x509));
      if (message.jwt) jwt = new Map(Object.entries(message.jwt));
      status = message.status ?? CONNECTED;
      for (const listener of listeners) listener();
    },
  };
}

function open(trustDomain = 'a.example') {
  const fake = fakeApi();
  const events: KeysEvent[] = [];
  const { algorithms } = SPIFFE;
  const onEvent = (event: KeysEvent) => events.push(event);
  const bundle = createWorkloadBundle({ api: fake.api, trustDomain, algorithms, onEvent });
  const find = async (kid: string) => (await bundle.find({ alg: 'ES256', kid })).found;
  return { ...fake, bundle, events, find, authorities: () => bundle.authorities.current().found };
}

const BOTH = {
  x509: { 'a.example': ours.rootDers(), 'b.example': theirs.rootDers() },
  jwt: { 'a.example': ours.jwks(), 'b.example': theirs.jwks() },
};
const known = [expect.objectContaining({ alg: 'ES256' })];

describe('a bundle out of a Workload API', () => {
  it('is not known before the first message of each stream', async () => {
    const { bundle, says, find, authorities } = open();
    const unknown = { found: 'unavailable', retryAfterSeconds: 1 };
    expect(bundle.authorities.current()).toEqual(unknown);
    expect(await bundle.find({ alg: 'ES256', kid: ours.kid() })).toEqual(unknown);
    expect(bundle.status()).toMatchObject({ state: 'missing', keys: 0, authorities: 0 });
    says({ x509: BOTH.x509 });
    expect(authorities()).toHaveLength(1);
    expect(await find(ours.kid())).toBe('unavailable');
    says({ jwt: BOTH.jwt });
    expect(await find(ours.kid())).toEqual(known);
    expect(bundle.status()).toEqual({
      keys: 1,
      authorities: 1,
      fetchedAtSeconds: 1_790_000_000,
      failures: 0,
      lastProblem: undefined,
      state: 'fresh',
    });
  });

  it('is there at once where the API has spoken before', async () => {
    const fake = fakeApi();
    fake.says(BOTH);
    const { algorithms } = SPIFFE;
    const bundle = createWorkloadBundle({ api: fake.api, trustDomain: 'a.example', algorithms });
    expect(bundle.authorities.current().found).toHaveLength(1);
    expect((await bundle.find({ alg: 'ES256', kid: ours.kid() })).found).toEqual(known);
  });

  it('is that of its own trust domain', async () => {
    const { says, find, authorities } = open('b.example');
    says(BOTH);
    const [root] = authorities() as readonly { der: Uint8Array }[];
    expect(Buffer.from(root?.der ?? [])).toEqual(Buffer.from(theirs.rootDers()[0] ?? []));
    expect(await find(ours.kid())).toBe('none');
    expect(await find(theirs.kid())).toEqual(known);
  });

  it('takes keys of JWT-SVIDs from the JWT stream alone, and authorities from the X.509 stream alone (SA-05)', async () => {
    const { says, find, authorities } = open();
    // Each stream carries what belongs to the other.
    says({ x509: { 'a.example': [Buffer.from(ours.jwks())] }, jwt: { 'a.example': ours.bundleJson() } });
    expect(authorities()).toEqual([]);
    expect(await find(ours.kid())).toEqual(known);
    says({ x509: BOTH.x509, jwt: {} });
    expect(authorities()).toHaveLength(1);
    expect(await find(ours.kid())).toBe('none');
  });

  it('takes keys without use, as SPIRE writes them here, and no key of another use (SB-04)', async () => {
    const { says, find } = open();
    const [key] = JSON.parse(ours.jwks()).keys;
    for (const [use, found] of [
      [undefined, known],
      ['jwt-svid', known],
      ['x509-svid', 'none'],
      ['JWT-SVID', 'none'],
      ['sig', 'none'],
    ]) {
      says({ jwt: { 'a.example': JSON.stringify({ keys: [{ ...key, use }] }) } });
      expect(await find(ours.kid()), String(use)).toEqual(found);
    }
  });

  it('ends at once where a message no longer has it (SA-03, SB-03)', async () => {
    const { bundle, says, find, authorities } = open();
    says(BOTH);
    expect(await find(ours.kid())).toEqual(known);
    says({ x509: { 'b.example': theirs.rootDers() }, jwt: { 'b.example': theirs.jwks() } });
    expect(authorities()).toEqual([]);
    expect(bundle.status()).toMatchObject({ keys: 0, authorities: 0, state: 'fresh' });
    expect(await find(ours.kid())).toBe('none');
  });

  it('does not come back by a slow reading of what was taken back since (SA-03)', async () => {
    const { says, find } = open();
    says(BOTH);
    says({ jwt: {} });
    await setImmediate();
    expect(await find(ours.kid())).toBe('none');
  });

  it('hands over one array of authorities while they are the same', () => {
    const { says, authorities } = open();
    says(BOTH);
    const before = authorities();
    says({ x509: { 'a.example': ours.rootDers().map((der) => Uint8Array.from(der)) } });
    expect(authorities()).toBe(before);
    says({ x509: { 'a.example': [...ours.rootDers(), ...theirs.rootDers()] } });
    expect(authorities()).not.toBe(before);
  });

  it('keeps its last keys where a message holds none that can be read, and says so (A-94)', async () => {
    const { bundle, says, find, events } = open();
    says(BOTH);
    await find(ours.kid());
    says({ jwt: { 'a.example': '<html>' } });
    expect(await find(ours.kid())).toEqual(known);
    expect(bundle.status()).toMatchObject({
      state: 'stale',
      lastProblem: 'JWT bundle: is not acceptable JSON (syntax)',
    });
    expect(events.at(-1)).toMatchObject({ kind: 'fetch_failed', keysKept: 1 });
    says({ jwt: BOTH.jwt });
    expect(await find(ours.kid())).toEqual(known);
    expect(bundle.status()).toMatchObject({ state: 'fresh', lastProblem: undefined });
  });

  it('goes on serving while the agent is away, visibly', async () => {
    const { bundle, says, find, authorities } = open();
    says(BOTH);
    says({ status: { ...CONNECTED, state: 'down', failures: 3, lastProblem: 'UNAVAILABLE' } });
    expect(authorities()).toHaveLength(1);
    expect(await find(ours.kid())).toEqual(known);
    expect(bundle.status()).toMatchObject({ state: 'stale', failures: 3, lastProblem: 'UNAVAILABLE' });
  });

  it('lists certificates that cannot be read, and takes the others (SX-11)', () => {
    const { says, events, authorities } = open();
    says({ x509: { 'a.example': [Uint8Array.of(1, 2), ...ours.rootDers()] } });
    expect(authorities()).toHaveLength(1);
    expect(events[0]).toMatchObject({ kind: 'fetched', ignored: [{ index: 0 }] });
  });

  it('stops following when it is closed, and what is known still answers', async () => {
    const { bundle, says, find, listeners } = open();
    says(BOTH);
    await find(ours.kid());
    bundle.close();
    expect(listeners.size).toBe(0);
    expect(await find(ours.kid())).toEqual(known);
  });
});
