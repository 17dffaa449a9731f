// What secrets are sealed with: one key for all brokers that share a directory, in a private file that nothing replaces.

import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createSealing, openSealing } from '../../src/keys/sealing.ts';

describe('the key that seals', () => {
  let root: string;
  let directory: string;
  const file = () => join(directory, 'sealing.key');
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'exchequer-sealing-'));
    directory = join(root, 'keys');
  });
  afterEach(() => rm(root, { recursive: true }));
  const open = () => openSealing(directory, randomBytes);
  const failure = (opening: Promise<unknown>) =>
    opening.then(
      () => 'opened',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );

  it('is made once, in a file of its owner alone, by brokers that begin at once', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, open));
    const [first] = all;
    const sealed = await first?.seal('a', 'secret');
    for (const one of [...all, await open()]) expect(await one.unseal('a', sealed ?? '')).toBe('secret');
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).filter((name) => !name.endsWith('.lock'))).toEqual(['sealing.key']);
    expect(Buffer.from((await readFile(file(), 'utf8')).trim(), 'base64url')).toHaveLength(32);
  });

  it('A-199 stops the start, and stays as it is, where its file is no key', async () => {
    await open();
    const good = await readFile(file(), 'utf8');
    for (const bad of ['', '\n', good.slice(1), good.trim(), `${good}\n`, good.replace(/.\n/, '!\n'), 'A'.repeat(65)]) {
      await writeFile(file(), bad);
      expect(await failure(open())).toMatch(/sealing\.key: is (not a sealing key|larger than 64 bytes)$/);
      expect(await readFile(file(), 'utf8')).toBe(bad);
    }
    await writeFile(file(), good);
    expect(await failure(open())).toBe('opened');
  });

  it('A-199 stops the start where others may have read it, or it is a link', async () => {
    await open();
    await chmod(file(), 0o644);
    expect(await failure(open())).toContain(`${file()}: must have mode 0600, has 0644`);
    await rm(file());
    await writeFile(join(root, 'elsewhere'), 'x', { mode: 0o600 });
    await symlink(join(root, 'elsewhere'), file());
    expect(await failure(open())).toContain('ELOOP');
  });

  it('seals each text for its own name, and differently each time', async () => {
    const sealing = createSealing(randomBytes(32));
    const texts = await Promise.all([sealing.seal('a', 'secret'), sealing.seal('a', 'secret')]);
    expect(new Set(texts).size).toBe(2);
    for (const text of texts) {
      expect(await sealing.unseal('a', text)).toBe('secret');
      expect(await sealing.unseal('b', text)).toBeUndefined();
      expect(await createSealing(randomBytes(32)).unseal('a', text)).toBeUndefined();
    }
  });
});
