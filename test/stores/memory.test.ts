// The embedded store: the contract, and what is its own: the journal, its faults, its lock, and a process killed under load.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, chmod, mkdtemp, open, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { JOURNAL_SLACK_CHANGES } from '../../src/core/limits.ts';
import { type Spending, StoreUnavailable } from '../../src/core/ports.ts';
import type { JournalEvent } from '../../src/stores/journal.ts';
import { type MemoryStore, openMemoryStore } from '../../src/stores/memory.ts';
import { spentStoreContract } from '../contract/spent-store.ts';

const NOW = 1_800_000_000;
const UNTIL = NOW + 330;
const clockAt = (now: () => number) => ({ nowSeconds: now, elapsedMs: () => 0 });
const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });

let root: string;
let directory: string;
let events: JournalEvent[];
let opened: MemoryStore[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'exchequer-store-'));
  directory = join(root, 'state');
  events = [];
  opened = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all(opened.map((store) => store.close()));
  await rm(root, { recursive: true });
});

async function openStore(now: () => number = () => NOW, more: { claimsMax?: number } = {}): Promise<MemoryStore> {
  const store = await openMemoryStore({
    directory,
    clock: clockAt(now),
    randomBytes,
    replica: 'alone',
    drained: () => Promise.resolve(),
    onEvent: (event) => events.push(event),
    ...more,
  });
  opened.push(store);
  return store;
}

const underTest = async (now: () => number) => {
  const store = await openStore(now);
  return { store, close: () => store.close() };
};
spentStoreContract('the embedded store', { open: underTest, reopen: underTest });

const journal = () => join(directory, 'spent.journal');
const failure = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no failure',
    (error: Error) => error.message,
  );

/** Node's own file handles, to make their calls fail as a disk does. */
async function fileHandles(): Promise<{ datasync(): Promise<void>; write(...args: unknown[]): Promise<unknown> }> {
  const handle = await open(root);
  await handle.close();
  return Object.getPrototypeOf(handle);
}

describe('the journal', () => {
  it('takes many claims with one write and one sync', async () => {
    const store = await openStore();
    const datasync = vi.spyOn(await fileHandles(), 'datasync');
    await Promise.all(Array.from({ length: 500 }, (_, index) => store.claim(spent(`${index}`), 'D1', UNTIL)));
    expect(datasync).toHaveBeenCalledTimes(1);
  });

  it('answers only when the claim is on disk', async () => {
    const store = await openStore();
    let synced = false;
    const handles = await fileHandles();
    const datasync = handles.datasync;
    vi.spyOn(handles, 'datasync').mockImplementation(async function (this: typeof handles) {
      await datasync.call(this);
      synced = true;
    });
    await store.claim(spent('one'), 'D1', UNTIL);
    expect(synced).toBe(true);
  });

  it('cuts off a last line that was not finished, says so, and keeps what stands before it (F-38)', async () => {
    const first = await openStore();
    await first.claim(spent('one'), 'D1', UNTIL);
    await first.close();
    await appendFile(journal(), '0123abcd claim AAAA');
    const second = await openStore();
    expect(events).toEqual([{ event: 'journal_cut', bytes: 19 }]);
    expect(await second.claim(spent('one'), 'D2', UNTIL)).toBe('D1');
    expect(await second.claim(spent('two'), 'D2', UNTIL)).toBe('D2');
    await second.close();
    expect(await (await openStore()).claim(spent('two'), 'D3', UNTIL)).toBe('D2');
  });

  it.each<[string, (lines: string[]) => string[]]>([
    ['a changed byte', (lines) => lines.with(1, (lines[1] ?? '').replace('D1', 'D9'))],
    ['a line that is missing', (lines) => lines.toSpliced(2, 1)],
    ['lines in another order', (lines) => [lines[0] ?? '', lines[2] ?? '', lines[1] ?? '', ...lines.slice(3)]],
    ['a line twice', (lines) => lines.toSpliced(1, 0, lines[1] ?? '')],
    ['a damaged last line that is whole', (lines) => lines.with(3, (lines[3] ?? '').replace('D3', 'D9'))],
    ['no first line', (lines) => lines.slice(1)],
    ['nothing at all', () => ['']],
  ])('does not start on %s, and names the file and the line', async (_name, damage) => {
    const store = await openStore();
    for (const index of [1, 2, 3]) await store.claim(spent(`${index}`), `D${index}`, UNTIL);
    await store.close();
    const whole = await readFile(journal(), 'utf8');
    await writeFile(journal(), damage(whole.split('\n')).join('\n'));
    expect(await failure(openStore())).toContain(`${journal()}: line`);

    await writeFile(journal(), whole);
    expect(await (await openStore()).claim(spent('2'), 'D9', UNTIL)).toBe('D2');
  });

  it('is rewritten once most of it has ended, and forgets no live claim and no stepping clock (A-63)', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    let now = NOW;
    const store = await openStore(() => now);
    const claims = Array.from({ length: 2 * JOURNAL_SLACK_CHANGES }, (_, index) => `${index}`);
    await Promise.all(claims.map((jti) => store.claim(spent(jti), 'D1', UNTIL)));
    await store.claim(spent('live'), 'D1', UNTIL + 1_000);
    const before = (await stat(journal())).size;

    now = UNTIL + 1;
    vi.advanceTimersByTime(2_000);
    const during = Array.from({ length: 50 }, (_, index) => store.claim(spent(`during-${index}`), 'D2', UNTIL + 1_000));
    await Promise.all(during);
    await vi.waitFor(() => expect(events.map((one) => one.event)).toEqual(['journal_rewritten']));
    vi.useRealTimers();
    expect((await stat(journal())).size).toBeLessThan(before / 10);
    expect(store.size()).toBe(51);

    await store.close();
    now = NOW + 10;
    const again = await openStore(() => now);
    expect(await again.claim(spent('live'), 'D3', UNTIL + 1_000)).toBe('D1');
    expect(await again.claim(spent('during-7'), 'D3', UNTIL + 1_000)).toBe('D2');
    await expect(again.claim(spent('7'), 'D3', UNTIL)).rejects.toBeInstanceOf(StoreUnavailable);
  });
});

describe('a store that cannot write', () => {
  it.each(['write', 'datasync'] as const)(
    'refuses claims when %s fails, and recovers by itself (A-55)',
    async (call) => {
      vi.useFakeTimers({ toFake: ['setInterval'] });
      const store = await openStore();
      await store.claim(spent('before'), 'D1', UNTIL);
      const broken = vi.spyOn(await fileHandles(), call).mockRejectedValue(new Error('ENOSPC'));

      const both = await Promise.allSettled([
        store.claim(spent('one'), 'D1', UNTIL),
        store.claim(spent('one'), 'D2', UNTIL),
      ]);
      for (const one of both) expect(one).toMatchObject({ status: 'rejected', reason: { name: 'StoreUnavailable' } });
      expect(store.healthy()).toBe(false);
      await expect(store.claim(spent('two'), 'D1', UNTIL)).rejects.toBeInstanceOf(StoreUnavailable);
      // What is held for certain is still told.
      expect(await store.claim(spent('before'), 'D2', UNTIL)).toBe('D1');
      await store.release(spent('before'), 'D1');

      broken.mockRestore();
      vi.advanceTimersByTime(1_000);
      await vi.waitFor(() => expect(store.healthy()).toBe(true));
      vi.useRealTimers();
      expect(await store.claim(spent('one'), 'D3', UNTIL)).toBe('D3');
      expect(await store.claim(spent('before'), 'D2', UNTIL)).toBe('D1');
      await store.close();
      const again = await openStore();
      expect(await again.claim(spent('one'), 'D4', UNTIL)).toBe('D3');
      expect(await again.claim(spent('before'), 'D4', UNTIL)).toBe('D1');
    },
  );

  it('refuses what it has no room to remember, and takes it once others have ended', async () => {
    let now = NOW;
    const store = await openStore(() => now, { claimsMax: 2 });
    await store.claim(spent('one'), 'D1', UNTIL);
    await store.claim(spent('two'), 'D1', UNTIL);
    await expect(store.claim(spent('three'), 'D1', UNTIL)).rejects.toBeInstanceOf(StoreUnavailable);
    expect(await store.claim(spent('one'), 'D2', UNTIL)).toBe('D1');
    now = UNTIL + 1;
    await store.claim(spent('three'), 'D1', UNTIL + 300).catch(() => undefined);
    expect(await store.claim(spent('three'), 'D1', UNTIL + 300)).toBe('D1');
  });

  it('refuses after it has been closed', async () => {
    const store = await openStore();
    await store.close();
    await expect(store.claim(spent('one'), 'D1', UNTIL)).rejects.toBeInstanceOf(StoreUnavailable);
  });

  it.each(['D 1', 'D;1', '', 'D\n1'])('takes no decision id that would not stand in one line: %j', async (decision) => {
    const store = await openStore();
    await expect(store.claim(spent('one'), decision, UNTIL)).rejects.toThrow(
      'a decision id that cannot be written down',
    );
  });
});

describe('the directory of the store', () => {
  it('belongs to one process at a time, and to the next once the first has let go', async () => {
    const store = await openStore();
    expect(await failure(openStore())).toContain('another process uses this directory');
    await store.close();
    await openStore();
  });

  it('is refused where others can read it, and taken once they cannot', async () => {
    await (await openStore()).close();
    await chmod(directory, 0o750);
    expect(await failure(openStore())).toContain(`${directory}: must have mode 0700, has 0750`);
    await chmod(directory, 0o700);
    await chmod(journal(), 0o644);
    expect(await failure(openStore())).toContain(`${journal()}: must have mode 0600, has 0644`);
    await chmod(journal(), 0o600);
    await openStore();
  });

  it('is not left by way of a link', async () => {
    await (await openStore()).close();
    await rm(journal());
    await writeFile(join(root, 'elsewhere'), '');
    await symlink(join(root, 'elsewhere'), journal());
    expect(await failure(openStore())).toContain('ELOOP');
  });

  it('is taken over after its process was killed under load, with every claim that was answered (F-38)', async () => {
    const script = fileURLToPath(new URL('./claims-until-killed.ts', import.meta.url));
    const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    let told = '';
    for await (const chunk of child.stdout) {
      told += chunk;
      if (told.length > 40_000) child.kill('SIGKILL');
    }
    expect((await exited)[1]).toBe('SIGKILL');

    const answered = told.split('\n').slice(0, -1);
    expect(answered.length).toBeGreaterThan(1_000);
    const store = await openStore();
    const holders = await Promise.all(answered.map((jti) => store.claim(spent(jti), 'after', UNTIL)));
    expect(holders.filter((holder, index) => holder !== `D-${answered[index]}`)).toEqual([]);
  });
});
