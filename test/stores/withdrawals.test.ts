// Blocks and revocations of the embedded store: the contract, and what is its own: the journal that also holds claims, its faults, and the
// bound on the wait for requests in work. Its nonces are of one process.

import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JOURNAL_SLACK_CHANGES } from '../../src/core/limits.ts';
import type { Spending } from '../../src/core/ports.ts';
import { drainedInTime } from '../../src/stores/drain.ts';
import type { JournalEvent } from '../../src/stores/journal.ts';
import { readLine, writeLine } from '../../src/stores/journal-line.ts';
import { type MemoryStore, openMemoryStore } from '../../src/stores/memory.ts';
import { noncesContract } from '../contract/nonces.ts';
import {
  asSubject,
  block,
  revocation,
  type WithdrawalsWorld,
  withdrawalStoreContract,
} from '../contract/withdrawal-store.ts';

const NOW = 1_800_000_000;
const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });

let root: string;
let events: JournalEvent[];
let opened: MemoryStore[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchequer-store-'));
  events = [];
  opened = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.map((store) => store.close()));
  await rm(root, { recursive: true });
});

async function openStore(world: Partial<WithdrawalsWorld> = {}): Promise<MemoryStore> {
  const { now = () => NOW, drained = () => Promise.resolve(), ...rest } = world;
  const store = await openMemoryStore({
    directory: join(root, 'state'),
    clock: { nowSeconds: now, elapsedMs: () => 0 },
    randomBytes,
    replica: 'alone',
    drained,
    onEvent: (event) => events.push(event),
    ...rest,
  });
  opened.push(store);
  return store;
}

const underTest = async (world: WithdrawalsWorld) => {
  const store = await openStore(world);
  return { store, close: () => store.close() };
};
withdrawalStoreContract('the embedded store', { open: underTest, reopen: underTest });

noncesContract('the embedded store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'exchequer-nonces-'));
  const clock = { nowSeconds: () => NOW, elapsedMs: () => 0 };
  const drained = () => Promise.resolve();
  const store = await openMemoryStore({
    directory: join(directory, 's'),
    clock,
    randomBytes,
    replica: 'alone',
    drained,
  });
  return { store, close: () => store.close().then(() => rm(directory, { recursive: true })) };
});

const journal = () => join(root, 'state', 'spent.journal');
const against = (store: MemoryStore, name: string) => store.against(asSubject(name), NOW)?.id;

async function fileHandles(): Promise<{ datasync(): Promise<void> }> {
  const handle = await open(root);
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('the journal with blocks and revocations', () => {
  it('is one journal: a claim and a block of one tick share a write and a sync', async () => {
    const store = await openStore();
    const datasync = vi.spyOn(await fileHandles(), 'datasync');
    await Promise.all([store.claim(spent('one'), 'D1', NOW + 330), store.add(block('B1', 'people:alice'))]);
    expect(datasync).toHaveBeenCalledTimes(1);
    await store.close();
    const again = await openStore();
    expect([await again.claim(spent('one'), 'D2', NOW + 330), against(again, 'people:alice')]).toEqual(['D1', 'B1']);
  });

  it('loads as versions wrote it that knew no blocks', async () => {
    const first = await openStore();
    await first.claim(spent('one'), 'D1', NOW + 330);
    await first.close();
    expect(await readFile(journal(), 'latin1')).toMatch(
      /^[0-9a-f]{8} exchequer spent credentials 1\n[0-9a-f]{8} claim /,
    );
    const second = await openStore();
    expect(await second.claim(spent('one'), 'D2', NOW + 330)).toBe('D1');
    expect(second.list(NOW)).toEqual([]);
  });

  it('can be read by people', async () => {
    const store = await openStore();
    await store.add({ ...block('B1', 'people:alice'), why: 'lost her laptop; see #42' });
    await store.add(revocation('R1', 'chain', 'hAnDlE'));
    await store.lift('B1');
    const lines = (await readFile(journal(), 'latin1')).split('\n').map((line) => line.slice(9));
    expect(lines.slice(1, 4)).toEqual([
      'block B1 1799999999.75 - people%3Aalice lost%20her%20laptop%3B%20see%20%2342',
      'revoke chain R1 1800000000 1800000300 hAnDlE ',
      'lift B1',
    ]);
  });

  it.each([
    'block B1 1 - people%3Aalice',
    'block B1 1 - %E0%A4 why',
    'block B1 now - a why',
    'block B1 1 - a why more',
    'revoke everything R1 1 2 a why',
    'lift',
    'lift B1 B2',
    'lift B 1',
  ])('does not start on a line that says nothing: %j', async (text) => {
    await (await openStore()).close();
    const [first = ''] = (await readFile(journal(), 'latin1')).split('\n');
    const { line } = writeLine(text, readLine(first, 0)?.checksum ?? 0);
    await writeFile(journal(), `${first}\n${line}`);
    await expect(openStore()).rejects.toThrow(`${journal()}: line 2 is damaged`);
  });

  it('takes names and reasons of full length by the hundred, in lines that it reads again', async () => {
    const store = await openStore();
    const long = (index: number) => `people:${index}:`.padEnd(2_700, 'ü');
    const ids = Array.from({ length: 200 }, (_, index) => index);
    await Promise.all(ids.map((id) => store.add({ ...block(`B${id}`, long(id)), why: '"'.repeat(1_000) })));
    await store.close();
    const again = await openStore();
    expect(ids.filter((id) => against(again, long(id)) === `B${id}`)).toEqual(ids);
  });

  it('is rewritten with all of them, those that come meanwhile too, and without what was lifted', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const store = await openStore();
    await store.add(block('B1', 'people:alice'));
    await store.add(block('B2', 'people:bob'));
    const claims = Array.from({ length: JOURNAL_SLACK_CHANGES }, (_, index) => spent(`${index}`));
    await Promise.all(claims.map((one) => store.claim(one, 'D1', NOW + 330)));
    await Promise.all(claims.map((one) => store.release(one, 'D1')));
    vi.advanceTimersByTime(1_000);
    await Promise.all([store.add(block('B3', 'people:carol')), store.lift('B2')]);
    await vi.waitFor(() => expect(events.map((one) => one.event)).toEqual(['journal_rewritten']));
    vi.useRealTimers();
    await store.close();
    const again = await openStore();
    expect(again.list(NOW).map(({ id }) => id)).toEqual(['B1', 'B3']);
  });

  it('takes back a block that it could not write down, says so, and takes it again later', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    const store = await openStore();
    await store.add(revocation('R0', 'token', 'h0'));
    const broken = vi.spyOn(await fileHandles(), 'datasync').mockRejectedValue(new Error('ENOSPC'));
    const three = await Promise.allSettled([
      store.add(block('B1', 'people:alice')),
      store.add(revocation('R1', 'token', 'h1')),
      // The same token again: it holds only if the first does.
      store.add(revocation('R2', 'token', 'h1')),
    ]);
    for (const one of three) expect(one).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } });
    expect(against(store, 'people:alice')).toBeUndefined();
    expect(store.list(NOW).map(({ id }) => id)).toEqual(['R0']);

    broken.mockRestore();
    vi.advanceTimersByTime(1_000);
    await vi.waitFor(() => expect(store.healthy()).toBe(true));
    vi.useRealTimers();
    await store.add(block('B1', 'people:alice'));
    await store.close();
    expect((await openStore()).list(NOW).map(({ id }) => id)).toEqual(['B1', 'R0']);
  });
});

describe('the wait for requests in work', () => {
  it('says that they have left, and does not wait for one that never does', async () => {
    expect(await drainedInTime(() => Promise.resolve(), 10_000)).toBe(true);
    expect(await drainedInTime(() => new Promise(() => undefined), 20)).toBe(false);
  });
});
