// Watching real files in real temporary folders. Nothing waits for a fixed time: every expectation is polled up to a deadline, and
// "no second call" is shown by a later change that is told exactly once.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FileWatch, watchFiles } from '../../src/config/watch.ts';

const STILL_MS = 150;
/** Longer than any test: what is told within it was told by an event. */
const NEVER_MS = 600_000;

let folder = '';
let calls = 0;
let open: FileWatch[] = [];

const at = (...names: string[]): string => join(folder, ...names);

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1_000; tries += 1) {
    if (holds()) return;
    await pause(10);
  }
  throw new Error(`never: ${what}`);
}

/** Watches, and waits until the first look is over: a probe file is changed until it is told. */
async function watching(paths: readonly string[], pollMs = NEVER_MS): Promise<FileWatch> {
  mkdirSync(at('probe'), { recursive: true });
  const watched = watchFiles({
    stillAsRead: () => true,
    paths: [...paths, at('probe')],
    onChange: () => (calls += 1),
    stillMs: STILL_MS,
    pollMs,
  });
  open.push(watched);
  for (let probe = 0; calls === 0 && probe < 50; probe += 1) {
    writeFileSync(at('probe', `p${probe}`), '');
    for (let tries = 0; tries < 40 && calls === 0; tries += 1) await pause(10);
  }
  expect(calls).toBeGreaterThan(0);
  calls = 0;
  return watched;
}

const told = (count: number) => until(() => calls >= count, `${count} calls, ${calls} came`);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'exchequer-watch-'));
  calls = 0;
});

afterEach(() => {
  for (const one of open) one.close();
  open = [];
  rmSync(folder, { recursive: true });
});

describe('watchFiles', () => {
  it('tells once of a file that is written several times in a row, and again of the next change', async () => {
    writeFileSync(at('a.yaml'), '0');
    await watching([at('a.yaml')]);
    for (let round = 1; round <= 5; round += 1) writeFileSync(at('a.yaml'), 'x'.repeat(round));
    await told(1);
    writeFileSync(at('a.yaml'), 'next');
    await told(2);
    expect(calls).toBe(2);
  });

  it('survives editors that write a new file and rename it into place', async () => {
    writeFileSync(at('a.yaml'), '0');
    await watching([at('a.yaml')]);
    for (let round = 1; round <= 3; round += 1) {
      writeFileSync(at('.a.swp'), `${round}`);
      renameSync(at('.a.swp'), at('a.yaml'));
      await told(round);
    }
    expect(calls).toBe(3);
  });

  it("tells of Kubernetes' swap of `..data`, where no watched file is itself touched", async () => {
    mkdirSync(at('mount', '..1'), { recursive: true });
    mkdirSync(at('mount', '..2'));
    // The same bytes, as a change of another key of one ConfigMap leaves them; the swap alone is the news.
    writeFileSync(at('mount', '..1', 'a.yaml'), 'same');
    writeFileSync(at('mount', '..2', 'a.yaml'), 'same');
    symlinkSync('..1', at('mount', '..data'));
    symlinkSync('..data/a.yaml', at('mount', 'a.yaml'));
    await watching([at('mount', 'a.yaml')]);
    symlinkSync('..2', at('mount', '..data_tmp'));
    renameSync(at('mount', '..data_tmp'), at('mount', '..data'));
    await told(1);
    rmSync(at('mount', '..1'), { recursive: true });
    symlinkSync('..2', at('mount', '..data_tmp'));
    renameSync(at('mount', '..data_tmp'), at('mount', '..data'));
    writeFileSync(at('mount', '..2', 'a.yaml'), 'changed');
    unlinkSync(at('mount', 'a.yaml'));
    symlinkSync('..data/a.yaml', at('mount', 'a.yaml'));
    await told(2);
    expect(calls).toBe(2);
  });

  it('finds files and folders that are added anywhere below a watched folder, and files that go', async () => {
    mkdirSync(at('policies'));
    await watching([at('policies')]);
    mkdirSync(at('policies', 'team'));
    await told(1);
    writeFileSync(at('policies', 'team', 'a.yaml'), 'rules: []');
    await told(2);
    unlinkSync(at('policies', 'team', 'a.yaml'));
    await told(3);
    expect(calls).toBe(3);
  });

  it('tells of a file that is missing at first and appears', async () => {
    await watching([at('later.yaml')]);
    writeFileSync(at('later.yaml'), '');
    await told(1);
    expect(calls).toBe(1);
  });

  it('is not disturbed by other files in the same folder', async () => {
    writeFileSync(at('a.yaml'), '0');
    await watching([at('a.yaml')]);
    // Written all the time, as in a busy temporary folder: the watched file is still found to be still.
    const noise = setInterval(() => writeFileSync(at('noise'), String(Math.random())), 5);
    try {
      writeFileSync(at('a.yaml'), '1');
      await told(1);
    } finally {
      clearInterval(noise);
    }
    writeFileSync(at('a.yaml'), '2');
    await told(2);
    expect(calls).toBe(2);
  });

  it('finds by polling what sends no event', async () => {
    mkdirSync(at('far'));
    writeFileSync(at('far', 'a.yaml'), '0');
    symlinkSync(at('far', 'a.yaml'), at('near.yaml'));
    // Only the link's folder is listened to; the file that it leads to changes elsewhere.
    await watching([at('near.yaml')], 50);
    writeFileSync(at('far', 'a.yaml'), '1');
    await told(1);
    expect(calls).toBe(1);
  });

  it('keeps a change that happens while the paths are updated, and takes new paths as they are', async () => {
    writeFileSync(at('a.yaml'), '0');
    writeFileSync(at('b.yaml'), '0');
    const watched = await watching([at('a.yaml')]);
    writeFileSync(at('a.yaml'), '1');
    watched.update([at('a.yaml'), at('b.yaml')], () => true);
    await told(1);
    writeFileSync(at('b.yaml'), '1');
    await told(2);
    expect(calls).toBe(2);
  });

  it('says nothing once it is closed', async () => {
    writeFileSync(at('a.yaml'), '0');
    const watched = await watching([at('a.yaml')]);
    watched.close();
    let others = 0;
    open.push(
      watchFiles({
        stillAsRead: () => true,
        paths: [at('a.yaml')],
        onChange: () => (others += 1),
        stillMs: STILL_MS,
        pollMs: 20,
      }),
    );
    for (let round = 1; others === 0 && round < 20; round += 1) {
      writeFileSync(at('a.yaml'), 'x'.repeat(round));
      for (let tries = 0; tries < 50 && others === 0; tries += 1) await pause(10);
    }
    expect(others).toBeGreaterThan(0);
    expect(calls).toBe(0);
  });

  it('listens again to a folder that was deleted and made anew', async () => {
    mkdirSync(at('policies'));
    writeFileSync(at('policies', 'a.yaml'), '0');
    await watching([at('policies')]);
    rmSync(at('policies'), { recursive: true });
    await told(1);
    mkdirSync(at('policies'));
    await told(2);
    writeFileSync(at('policies', 'a.yaml'), '1');
    await told(3);
    expect(calls).toBe(3);
  });
});
