// Our signing keys as the broker uses them: what is published, what signs, rotation under time, the theft drill, and crashes
// between any two steps (MD-09, A-197, A-198, F-33).

import { randomBytes } from 'node:crypto';
import { cpSync } from 'node:fs';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  calculateJwkThumbprint,
  compactVerify,
  createLocalJWKSet,
  decodeProtectedHeader,
  type JSONWebKeySet,
} from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SIGNING_KEY_RETIRED_SECONDS } from '../../src/core/limits.ts';
import type { SigningKeysEvent } from '../../src/keys/ring-keeper.ts';
import { openSigningKeys, type SigningKeys, type SigningKeysParts } from '../../src/keys/signing-keys.ts';

const NOW = 1_800_000_000;
const DAY = 86_400;

let root: string;
let directory: string;
let now: number;
let events: SigningKeysEvent[];
let opened: SigningKeys[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchequer-keys-'));
  directory = join(root, 'keys');
  now = NOW;
  events = [];
  opened = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  for (const keys of opened) keys.close();
  await rm(root, { recursive: true });
});

async function openKeys(change: Partial<SigningKeysParts> = {}): Promise<SigningKeys> {
  const keys = await openSigningKeys({
    directory,
    shared: false,
    clock: { nowSeconds: () => now, elapsedMs: () => now * 1_000 },
    randomBytes,
    isRevoked: () => false,
    rotateEverySeconds: () => 30 * DAY,
    publishAheadSeconds: () => 2 * DAY,
    longestLifetimeSeconds: () => 300,
    onEvent: (event) => events.push(event),
    ...change,
  });
  opened.push(keys);
  return keys;
}

const setOf = (keys: SigningKeys): JSONWebKeySet => JSON.parse(JSON.stringify(keys.jwks()));
const kids = (keys: SigningKeys, state?: string) =>
  keys
    .list()
    .filter((one) => one.algorithm === 'ES256' && (!state || one.state === state))
    .map((one) => one.kid);
const verifies = (token: string, set: JSONWebKeySet) =>
  compactVerify(token, createLocalJWKSet(set)).then(
    () => true,
    () => false,
  );
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

/** Node's own file handles, to make their calls fail as a disk does. */
async function fileHandles(): Promise<{ sync(): Promise<void> }> {
  const handle = await open(root);
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('the published set', () => {
  it('has a current and a next key for each algorithm, with public members only (A-197, MD-09)', async () => {
    const keys = await openKeys();
    const ec = ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'];
    const rsa = ['alg', 'e', 'kid', 'kty', 'n', 'use'];
    expect(keys.jwks().keys.map((jwk) => Object.keys(jwk).sort())).toEqual([ec, ec, rsa, rsa]);
    expect(keys.jwks().keys.map((jwk) => [jwk.alg, jwk.use])).toEqual([
      ['ES256', 'sig'],
      ['ES256', 'sig'],
      ['RS256', 'sig'],
      ['RS256', 'sig'],
    ]);
    expect(keys.list().map(({ algorithm, state }) => `${algorithm} ${state}`)).toEqual([
      'ES256 current',
      'ES256 next',
      'RS256 current',
      'RS256 next',
    ]);
  });

  it('names each key by its RFC 7638 thumbprint, none beginning like an option of the command line', async () => {
    const keys = await openKeys();
    const prints = await Promise.all(setOf(keys).keys.map((jwk) => calculateJwkThumbprint(jwk)));
    expect(keys.jwks().keys.map((jwk) => jwk.kid)).toEqual(prints);
    expect(new Set(prints).size).toBe(4);
    expect(prints.filter((kid) => kid.startsWith('-'))).toEqual([]);
  });
});

describe('signing', () => {
  it.each(['ES256', 'RS256'] as const)(
    'makes a JWS with alg, kid and typ that the set verifies: %s',
    async (algorithm) => {
      const keys = await openKeys();
      const token = await keys.sign(algorithm, 'at+jwt', { sub: 'github:s', n: 1 });
      const current = keys.list().find((one) => one.algorithm === algorithm && one.state === 'current');
      expect(decodeProtectedHeader(token)).toEqual({ alg: algorithm, kid: current?.kid, typ: 'at+jwt' });
      const { payload } = await compactVerify(token, createLocalJWKSet(setOf(keys)));
      expect(new TextDecoder().decode(payload)).toBe('{"sub":"github:s","n":1}');
    },
  );

  it('goes on while the disk fails, and what failed is made good later', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const keys = await openKeys();
    now += 31 * DAY;
    const sync = vi.spyOn(await fileHandles(), 'sync').mockRejectedValue(new Error('EIO'));
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ event: 'failed', error: new Error('EIO') }));
    expect(await verifies(await keys.sign('ES256', 'at+jwt', {}), setOf(keys))).toBe(true);
    sync.mockRestore();
    await keys.tick();
    expect(kids(keys, 'retired')).toHaveLength(1);
  });
});

describe('rotation', () => {
  it('happens by itself, from the timer, and keeps the same kids over a restart', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const keys = await openKeys();
    const [first, second] = kids(keys);
    now += 30 * DAY;
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(keys.list().filter((one) => one.state === 'retired')).toHaveLength(2), 10_000);
    expect(kids(keys, 'current')).toEqual([second]);
    expect(kids(keys, 'retired')).toEqual([first]);
    const before = keys.list();
    keys.close();
    expect((await openKeys()).list()).toEqual(before);
  });

  it('by command is refused, whole, while a verifier may not know the next key (A-198)', async () => {
    const first = await openKeys();
    first.close();
    const keys = await openKeys();
    const [, next] = kids(keys);
    // The first next key stands in every set that was ever published, also after a restart.
    await keys.rotate('ES256');
    expect(kids(keys, 'current')).toEqual([next]);
    const before = keys.list();
    await expect(keys.rotate()).rejects.toThrow(/^ES256: the next key .* may not sign before 2027-01-17T08:00:00.000Z/);
    expect(keys.list()).toEqual(before);
    now += 2 * DAY;
    await keys.rotate();
    // What ES256 retired two days ago is gone; each ring has retired one key now.
    expect(keys.list().filter((one) => one.state === 'retired')).toMatchObject([{ kid: next }, { algorithm: 'RS256' }]);
  });

  it('never breaks a token for a verifier that caches the set: 200 rotations (F-33, MD-09, A-198)', async () => {
    const ahead = 1_000;
    const lifetime = 300;
    const keys = await openKeys({ publishAheadSeconds: () => ahead, longestLifetimeSeconds: () => lifetime });
    const seen: { at: number; set: JSONWebKeySet; token: string }[] = [];
    for (let rotation = 0; rotation < 200; rotation += 1) {
      await keys.rotate('ES256');
      seen.push({ at: now, set: setOf(keys), token: await keys.sign('ES256', 'at+jwt', { rotation }) });
      // The last moment of the one key, and the first of the next.
      now += ahead;
      await keys.tick();
      seen.push({ at: now, set: setOf(keys), token: await keys.sign('ES256', 'at+jwt', { rotation }) });
    }
    expect(new Set(seen.map((one) => kidOf(one.token))).size).toBe(200);
    const broken = seen.flatMap(({ at, token }) =>
      seen
        .filter((other) => other.at > at - ahead && other.at <= at + lifetime)
        .filter((other) => !other.set.keys.some((jwk) => jwk.kid === kidOf(token))),
    );
    expect(broken).toEqual([]);
    const samples = seen.filter((_, index) => index % 40 === 0);
    expect(await Promise.all(samples.map((one) => verifies(one.token, one.set)))).toEqual(samples.map(() => true));
  });

  it('deletes a retired key when everything it signed has expired and the slack has passed, not before', async () => {
    const keys = await openKeys({ longestLifetimeSeconds: () => 43_200 });
    const [first] = kids(keys);
    await keys.rotate('ES256');
    now += 43_200 + SIGNING_KEY_RETIRED_SECONDS;
    await keys.tick();
    expect(kids(keys, 'retired')).toEqual([first]);
    now += 1;
    await keys.tick();
    expect(kids(keys, 'retired')).toEqual([]);
    expect((await readdir(directory)).join(' ')).not.toContain(first);
  });
});

describe('revoking a key', () => {
  it('takes it out of the set at once; the next one signs and another next is made', async () => {
    const keys = await openKeys();
    const [stolen, next] = kids(keys);
    const token = await keys.sign('ES256', 'at+jwt', {});
    expect(await verifies(token, setOf(keys))).toBe(true);
    const answer = keys.revoke(stolen ?? '');
    await vi.waitFor(() => expect(kids(keys)).not.toContain(stolen));
    expect(kidOf(await keys.sign('ES256', 'at+jwt', {}))).toBe(next);
    expect(await answer).toMatchObject({ revoked: { kid: stolen, state: 'current' } });
    expect(await verifies(token, setOf(keys))).toBe(false);
    expect(kids(keys, 'current')).toEqual([next]);
    expect(kids(keys, 'next')).toHaveLength(1);
    keys.close();
    expect(kids(await openKeys())).not.toContain(stolen);
  });

  it('lets nothing out that the key was signing at that moment: the next one signs it', async () => {
    const keys = await openKeys();
    // RSA, because its signatures are made in a thread: a P-256 one is made at once, and no moment lies in between.
    const [stolen, next] = keys.list().flatMap(({ algorithm, kid }) => (algorithm === 'RS256' ? [kid] : []));
    const signing = keys.sign('RS256', 'at+jwt', {});
    const revoking = keys.revoke(stolen ?? '');
    expect(kidOf(await signing)).toBe(next);
    await revoking;
  });

  it('also takes a next or a retired key, and refuses one that is unknown', async () => {
    const keys = await openKeys();
    await keys.rotate('ES256');
    const [current] = kids(keys, 'current');
    for (const kid of [...kids(keys, 'next'), ...kids(keys, 'retired')]) await keys.revoke(kid);
    expect(kids(keys)).toHaveLength(2);
    expect(kids(keys, 'current')).toEqual([current]);
    await expect(keys.revoke('nobody')).rejects.toThrow('there is no signing key with the kid "nobody"');
  });

  it('is in force though the disk fails, says so, and is made durable later', async () => {
    const keys = await openKeys();
    const [stolen, next] = kids(keys);
    const sync = vi.spyOn(await fileHandles(), 'sync').mockRejectedValue(new Error('EIO'));
    await expect(keys.revoke(stolen ?? '')).rejects.toThrow('EIO');
    expect(kids(keys)).not.toContain(stolen);
    expect(kidOf(await keys.sign('ES256', 'at+jwt', {}))).toBe(next);
    sync.mockRestore();
    await keys.tick();
    expect(events.filter((one) => one.event === 'deleted')).toMatchObject([{ kid: stolen }]);
    expect(kids(keys, 'current')).toEqual([next]);
  });
});

describe('a crash between any two steps', () => {
  it('of the first start, a rotation or a revocation leaves a directory that opens and comes into order (F-33)', async () => {
    let copies = 0;
    const onEvent = () => {
      copies += 1;
      cpSync(directory, join(root, `crash-${copies}`), { recursive: true });
    };
    const keys = await openKeys({ onEvent });
    const [first, second] = kids(keys);
    await keys.rotate('ES256');
    const rotated = copies;
    await keys.revoke(second ?? '');
    keys.close();

    for (let copy = 1; copy <= copies; copy += 1) {
      const again = await openKeys({ directory: join(root, `crash-${copy}`) });
      const found = again.list().map((one) => `${one.algorithm} ${one.state}`);
      expect(found.filter((one) => one.endsWith('current'))).toEqual(['ES256 current', 'RS256 current']);
      expect(found).toEqual(expect.arrayContaining(['ES256 next', 'RS256 next']));
      expect(kids(again)).toContain(first);
      // The event `revoked` comes before the file is gone: that is the one moment in which a crash revives the key.
      if (copy > rotated + 1) expect(kids(again)).not.toContain(second);
      expect(await verifies(await again.sign('ES256', 'at+jwt', {}), setOf(again))).toBe(true);
      again.close();
    }
    expect(copies).toBeGreaterThan(12);
  });
});
