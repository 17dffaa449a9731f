// `make demo`, as a stranger runs it first: it compares everything that it shows and ends with exit code 1 where anything came out
// otherwise. Here only: that it ends well, says each part, and leaves nothing behind.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const DEMO = join(import.meta.dirname, '../../src/adapters/cli/demo/demo.ts');

it('the demo shows exchanges, refusals, a rotation and a private cluster, and ends with exit code 0', () => {
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-demo-test-'));
  const env = { ...process.env, TMPDIR: folder };
  const { status, stdout, stderr } = spawnSync(process.execPath, [DEMO], { env, encoding: 'utf8', timeout: 60_000 });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const parts = [...stdout.matchAll(/^=== (.*?) =+$/gm)].map(([, title]) => title);
  expect(parts).toEqual([
    'Exchanges',
    'Refusals',
    'An X.509-SVID over mutual TLS, and a rotation of its root',
    'A private cluster',
  ]);
  expect(stdout).toContain('the old SVID is refused on its living connection');
  expect(stdout).toContain('reason    review_refused');
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
}, 60_000);
