// The audit key of a directory that brokers share: one key, whoever comes first, and a chain of its own for each broker, which the one
// public key verifies.

import { createPublicKey } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { keyId, openAuditKey } from '../../src/audit/audit-key.ts';
import { verifyTrail } from '../../src/audit/chain.ts';
import { grantedRecord, openTrail, temporaryFolder } from './trail.ts';

describe('brokers that share a directory of keys', () => {
  // They wrote the public half under one temporary name: one took the other's away, and the other did not start.
  it('have one audit key where all of them begin at once, with its public half beside it', async () => {
    const directory = join(await temporaryFolder(), 'keys');
    const keys = await Promise.all(Array.from({ length: 12 }, () => openAuditKey(directory)));
    const pem = await readFile(join(directory, 'audit-key.pub.pem'), 'utf8');
    expect(new Set(keys.map(({ kid }) => kid))).toEqual(new Set([keyId(createPublicKey(pem))]));
    expect((await stat(join(directory, 'audit-key.pub.pem'))).mode & 0o777).toBe(0o644);
    expect((await readdir(directory)).sort()).toEqual(['audit-key.pem', 'audit-key.pub.pem']);
  });

  it('have a chain each, and the one key verifies every trail, also all of them in one', async () => {
    const { audit, file, directory, key, reopen } = await openTrail();
    const other = join(directory, 'other.jsonl');
    const second = await reopen({ to: { file: other, sync: false } });
    for (const one of ['A', 'B', 'C']) {
      await audit.write(grantedRecord(`${one}1`));
      await second.write(grantedRecord(`${one}2`));
    }
    await Promise.all([audit.close(), second.close()]);
    const trails = await Promise.all(
      [file, other].map(async (one) => (await readFile(one, 'utf8')).split('\n').slice(0, -1)),
    );
    for (const lines of trails)
      expect(await verifyTrail(lines, await key())).toMatchObject({ intact: true, requests: 3 });
    const together = await verifyTrail(trails.flat(), await key());
    expect(together).toMatchObject({ intact: true, requests: 6, uncovered: 0, chains: { length: 2 } });
  });
});
