// Every kind of trust source on a laptop: what `init` writes is what `dev` runs, and `token --as` has a token of each, by its real verifier
// and its one rule, without a claim being typed.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLATFORMS, sourceName } from '../../src/adapters/cli/init-platforms.ts';
import { type Dev, freePort, startDev, typed, typedHere } from '../support/laptop.ts';

describe('every kind on a laptop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'laptop-'));
  let dev: Dev | undefined;
  beforeAll(async () => {
    const wrote = await typed(folder, 'init', ...PLATFORMS.flatMap((kind) => ['--platform', kind]));
    expect(wrote.code).toBe(0);
    dev = await startDev(folder, await freePort());
  }, 30_000);
  afterAll(async () => {
    await dev?.end();
    rmSync(folder, { recursive: true });
  });

  it.each(PLATFORMS)('%s', async (kind) => {
    const granted = await typedHere(join(folder, 'exchequer.yaml'), 'token', 'deploy', '--as', sourceName(kind));
    expect(granted).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(granted.out)).toMatchObject({ aud: 'https://deploy.example' });
  });
});
