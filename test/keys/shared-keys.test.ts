// Brokers that share one directory of signing keys: one set at the first start, one change at a time, and what one of them changes is
// known to all at their next look. Some of them are processes of their own, for locks are between processes.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from 'jose';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SIGNING_KEY_TICK_MS } from '../../src/core/limits.ts';
import type { SigningKeysEvent } from '../../src/keys/ring-keeper.ts';
import { openSigningKeys, type SigningKeys } from '../../src/keys/signing-keys.ts';

const DAY = 86_400;

let root: string;
let directory: string;
let now: number;
let opened: SigningKeys[];
let children: ChildProcess[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchequer-shared-keys-'));
  directory = join(root, 'keys');
  now = 1_800_000_000;
  opened = [];
  children = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  for (const keys of opened) keys.close();
  for (const child of children) child.kill('SIGKILL');
  await rm(root, { recursive: true });
});

async function openKeys(
  onEvent: (event: SigningKeysEvent) => void = () => undefined,
  shared = true,
  isRevoked: (kid: string) => boolean = () => false,
) {
  const keys = await openSigningKeys({
    directory,
    shared,
    clock: { nowSeconds: () => now, elapsedMs: () => now * 1_000 },
    randomBytes,
    isRevoked,
    rotateEverySeconds: () => 30 * DAY,
    publishAheadSeconds: () => 2 * DAY,
    longestLifetimeSeconds: () => 300,
    onEvent,
  });
  opened.push(keys);
  return keys;
}

/** What a process says that opens the directory, line by line. */
function startProcess(...args: readonly string[]) {
  const script = fileURLToPath(new URL('first-keys.ts', import.meta.url));
  const child = spawn(process.execPath, [script, directory, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  return { child, lines, ended: once(reader, 'close').then(() => lines) };
}

const kids = (keys: SigningKeys, state?: string) =>
  keys
    .list()
    .filter((one) => one.algorithm === 'ES256' && (!state || one.state === state))
    .map((one) => one.kid);
const verifies = (token: string, keys: SigningKeys) => {
  const set: JSONWebKeySet = JSON.parse(JSON.stringify(keys.jwks()));
  return compactVerify(token, createLocalJWKSet(set)).then(
    () => true,
    () => false,
  );
};
const signed = (keys: SigningKeys) => keys.sign('ES256', 'at+jwt', {});
const kidOf = (token: string) => decodeProtectedHeader(token).kid;

describe('brokers that begin at once on an empty directory', () => {
  it('have one set of keys, which one of them made', async () => {
    const said = await Promise.all([startProcess(), startProcess(), startProcess()].map(({ ended }) => ended));
    const sets = said.map((lines) => lines.at(-1));
    expect(new Set(sets).size).toBe(1);
    expect(JSON.parse(sets[0] ?? '')).toHaveLength(4);
    expect(said.map((lines) => lines.filter((line) => line === 'created').length).sort()).toEqual([0, 0, 4]);
    expect((await openKeys()).jwks().keys.map(({ kid }) => kid)).toEqual(JSON.parse(sets[0] ?? ''));
  });

  it('wait for the one that has begun; where it is killed in the middle, the next one goes on from there (F-33)', async () => {
    const first = startProcess('activated');
    await vi.waitFor(() => expect(first.lines).toEqual(['created', 'activated']), 10_000);
    const events: string[] = [];
    const waiting = openKeys(({ event }) => events.push(event));
    const early = await Promise.race([waiting.then(() => 'opened'), once(AbortSignal.timeout(200), 'abort')]);
    expect(early).not.toBe('opened');
    first.child.kill('SIGKILL');
    const keys = await waiting;
    expect(events.filter((event) => event === 'created')).toHaveLength(3);
    expect(keys.list().map(({ algorithm, state }) => `${algorithm} ${state}`)).toEqual([
      'ES256 current',
      'ES256 next',
      'RS256 current',
      'RS256 next',
    ]);
  });
});

describe('what one broker changes', () => {
  it('is what every other one publishes and signs with at its next look, a second later at most', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const told: SigningKeysEvent[] = [];
    const [a, b] = [await openKeys(), await openKeys((event) => told.push(event))];
    const [first, second] = kids(a);
    expect(b.jwks()).toEqual(a.jwks());
    await a.rotate();
    expect(kids(b, 'current')).toEqual([first]);
    // What it signs with the key before is good everywhere: that is published for long after.
    expect(await verifies(await signed(b), a)).toBe(true);
    vi.advanceTimersByTime(SIGNING_KEY_TICK_MS);
    await vi.waitFor(() => expect(b.jwks()).toEqual(a.jwks()));
    expect(b.list()).toEqual(a.list());
    expect(kids(b, 'current')).toEqual([second]);
    expect(kidOf(await signed(b))).toBe(second);
    expect(told).toMatchObject([{ event: 'followed', learned: { length: 2 }, dropped: [] }]);
  });

  it('is a revocation: the key is dead in the others at their next look, and its successor is theirs too', async () => {
    const [a, b] = [await openKeys(), await openKeys()];
    const [stolen, next] = kids(a);
    const token = await signed(b);
    expect([await verifies(token, a), await verifies(token, b)]).toEqual([true, true]);
    await a.revoke(stolen ?? '');
    await b.tick();
    expect([await verifies(token, a), await verifies(token, b)]).toEqual([false, false]);
    expect(kidOf(await signed(b))).toBe(next);
    expect(b.jwks()).toEqual(a.jwks());
    expect(b.list()).toEqual(a.list());
  });

  it('is a revocation that the store tells sooner than the directory: dead at once, and deleted at the next look', async () => {
    const revoked = new Set<string>();
    const [a, b] = [await openKeys(), await openKeys(undefined, true, (kid) => revoked.has(kid))];
    const [stolen = '', next] = kids(a);
    const token = await signed(b);
    expect(await verifies(token, b)).toBe(true);
    revoked.add(stolen);
    expect(kidOf(await signed(b))).toBe(next);
    expect(await verifies(token, b)).toBe(false);
    expect(kids(b)).not.toContain(stolen);
    await b.tick();
    await a.tick();
    expect(await verifies(token, a)).toBe(false);
    expect(a.list()).toEqual(b.list());
    expect(kids(a, 'current')).toEqual([next]);
  });

  it('is never a key that was revoked: one that comes back from a copy of the directory is deleted again', async () => {
    const first = await openKeys();
    const [stolen = ''] = kids(first);
    cpSync(directory, join(root, 'copy'), { recursive: true });
    await first.revoke(stolen);
    cpSync(join(root, 'copy', `signing-${stolen}.json`), join(directory, `signing-${stolen}.json`));
    const again = await openKeys(undefined, true, (kid) => kid === stolen);
    expect(kidOf(await signed(again))).not.toBe(stolen);
    await again.tick();
    expect((await readdir(directory)).join(' ')).not.toContain(stolen);
  });

  it('is done once, where it is due in all of them at the same moment', async () => {
    const events: string[] = [];
    const brokers = [];
    for (let count = 0; count < 3; count += 1)
      brokers.push(await openKeys(({ event, ...rest }) => 'algorithm' in rest && events.push(event)));
    events.length = 0;
    now += 30 * DAY;
    await Promise.all(brokers.map((one) => one.tick()));
    expect(events.sort()).toEqual(['activated', 'created', 'published', 'retired'].flatMap((one) => [one, one]));
    await Promise.all(brokers.map((one) => one.tick()));
    for (const one of brokers) expect(one.list()).toEqual(brokers[0]?.list());
  });

  it('is not done twice by two commands at once: the second is judged by what the first has left', async () => {
    const [a, b] = [await openKeys(), await openKeys()];
    const [, next] = kids(a);
    const ended = await Promise.allSettled([a.rotate('ES256'), b.rotate('ES256')]);
    const refusals = ended.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []));
    expect(refusals).toEqual([expect.stringMatching(/^Error: ES256: the next key .* may not sign before /)]);
    await Promise.all([a.tick(), b.tick()]);
    expect(kids(a, 'current')).toEqual([next]);
    expect(a.list()).toEqual(b.list());
  });

  // A step that was being written when its key was revoked put the key back into memory.
  it('is not brought back by a step that is being taken with it, wherever in the step the revocation comes', async () => {
    const keys = await openKeys();
    const handle = await open(root);
    await handle.close();
    const files: { sync(): Promise<void> } = Object.getPrototypeOf(handle);
    const { sync } = files;
    for (let moment = 1; moment <= 10; moment += 1) {
      now += 2 * DAY;
      const [current = ''] = kids(keys, 'current');
      let syncs = 0;
      let revoking: Promise<unknown> | undefined;
      let known: readonly string[] = [];
      const revoke = () => {
        revoking = keys.revoke(current);
        known = kids(keys);
      };
      vi.spyOn(files, 'sync').mockImplementation(async function (this: typeof files) {
        syncs += 1;
        if (syncs === moment) revoke();
        await sync.call(this);
        if (revoking) expect(kids(keys)).not.toContain(current);
      });
      await keys.rotate('ES256').catch(() => undefined);
      vi.restoreAllMocks();
      if (!revoking) revoke();
      expect(known).not.toContain(current);
      expect(kids(keys)).not.toContain(current);
      await revoking;
      expect(kids(keys)).not.toContain(current);
      expect((await readdir(directory)).join(' ')).not.toContain(current);
    }
  });

  it('is not brought back by one that revoked another key of the same ring at the same time', async () => {
    const [a, b] = [await openKeys(), await openKeys()];
    const [current, next] = kids(a);
    await Promise.all([a.revoke(current ?? ''), b.revoke(next ?? '')]);
    await Promise.all([a.tick(), b.tick()]);
    expect(a.list()).toEqual(b.list());
    for (const gone of [current, next]) expect(kids(a)).not.toContain(gone);
    expect(
      (await readdir(directory)).filter((name) => name.includes(next ?? '') || name.includes(current ?? '')),
    ).toEqual([]);
    expect(kids(a, 'current')).toHaveLength(1);
    expect(await verifies(await signed(a), b)).toBe(true);
  });
});

describe('a broker that cannot read the directory any more', () => {
  it('goes on with the keys that it has, says so once, and stops before the others can have gone on without it', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const events: SigningKeysEvent[] = [];
    const keys = await openKeys((event) => events.push(event));
    events.length = 0;
    await rename(directory, `${directory}-away`);
    const look = async (seconds: number) => {
      now += seconds;
      vi.advanceTimersByTime(SIGNING_KEY_TICK_MS);
      await new Promise(setImmediate);
    };
    await look(1);
    await vi.waitFor(() => expect(events).toMatchObject([{ event: 'failed', error: { code: 'ENOENT' } }]));
    await look(1);
    await look(1);
    expect(events).toHaveLength(1);
    expect(await verifies(await signed(keys), keys)).toBe(true);
    expect(keys.healthy()).toBe(true);
    now += DAY / 2 - 3;
    expect(await verifies(await signed(keys), keys)).toBe(true);
    now += 1;
    await expect(signed(keys)).rejects.toThrow('the directory of our signing keys could not be read for too long');
    expect(keys.healthy()).toBe(false);
    await rename(`${directory}-away`, directory);
    await keys.tick();
    expect(await verifies(await signed(keys), keys)).toBe(true);
    expect(keys.healthy()).toBe(true);
  });

  it('makes no keys in the folder that a volume has left behind', async () => {
    const keys = await openKeys();
    const before = keys.list();
    await rename(directory, `${directory}-away`);
    await mkdir(directory, { mode: 0o700 });
    await expect(keys.tick()).rejects.toThrow(`${directory}: is another directory than at the start; restart`);
    await expect(keys.rotate()).rejects.toThrow('is another directory than at the start');
    expect(keys.list()).toEqual(before);
    expect((await readdir(directory)).filter((name) => name.endsWith('.json'))).toEqual([]);
  });
});

describe('a broker with a store of its own', () => {
  it('shares its keys with nobody: it knows nothing of what is spent and blocked elsewhere', async () => {
    const alone = await openKeys(undefined, false);
    await expect(openKeys()).rejects.toThrow('another process uses this directory');
    alone.close();
    await vi.waitFor(async () => {
      (await openKeys()).close();
    });
    const together = await openKeys();
    await openKeys();
    await expect(openKeys(undefined, false)).rejects.toThrow('another process uses this directory');
    expect(kids(together, 'current')).toHaveLength(1);
  });
});
