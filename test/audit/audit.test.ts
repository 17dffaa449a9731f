// The trail as the path uses it: order, durability, restarts, checkpoints, what is remembered.

import { appendFile, chmod, mkdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { verifyTrail } from '../../src/audit/chain.ts';
import { AuditUnavailable } from '../../src/core/ports.ts';
import { createPipe, grantedRecord, openTrail, unprovedRecord } from './trail.ts';

const eventsOf = (lines: readonly string[]): unknown[] => lines.map((line) => JSON.parse(line).event);

describe('the audit trail', () => {
  const burst = Array.from({ length: 10_000 }, (_, index) => `D${index}`);

  it('writes 10,000 concurrent records as 10,000 lines in the order of the calls', async () => {
    const pipe = createPipe();
    const { audit, key } = await openTrail({ to: 'stdout', stdout: pipe });
    await Promise.all(burst.map((decision) => audit.write(grantedRecord(decision))));
    await audit.close();
    const records = pipe.records();
    expect(records.filter(({ event }) => event === 'exchange').map(({ decision }) => decision)).toEqual(burst);
    expect(records.map(({ seq }) => seq)).toEqual(records.map((_, index) => index + 1));
    expect(await verifyTrail(pipe.lines(), await key())).toMatchObject({
      intact: true,
      requests: 10_000,
      uncovered: 0,
    });
  });

  it('has on disk exactly what it acknowledged, in order, and accounts for the rest', async () => {
    const { directory, reopen, key } = await openTrail();
    const file = join(directory, 'synced.jsonl');
    const audit = await reopen({ to: { file, sync: true } });
    // How many of these a busy disk takes in time is its own affair.
    const written = await Promise.allSettled(burst.map((decision) => audit.write(grantedRecord(decision))));
    await audit.flush();
    await audit.close();
    const lines = (await readFile(file, 'latin1')).split('\n').slice(0, -1);
    const decisions = lines.map((line) => JSON.parse(line).decision).filter((decision) => decision !== undefined);
    expect(decisions).toEqual(burst.filter((_, index) => written[index]?.status === 'fulfilled'));
    expect(await verifyTrail(lines, await key())).toMatchObject({ intact: true, requests: 10_000 });
  });

  it('has the line on disk when it says so, in a file for nobody else', async () => {
    const { directory, reopen } = await openTrail();
    const file = join(directory, 'synced.jsonl');
    const audit = await reopen({ to: { file, sync: true } });
    await audit.write(grantedRecord('D1'));
    expect(await readFile(file, 'utf8')).toContain('"decision":"D1"');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('records what a record says at the time of the call', async () => {
    const { audit, lines } = await openTrail();
    const record = grantedRecord('D1');
    const write = audit.write(record);
    record.outcome = 'refused';
    await write;
    expect((await lines()).at(-1)).toContain('"outcome":"granted"');
  });

  it('signs a checkpoint at the start, every 1,000 records, every 10 seconds, and at the end', async () => {
    const { audit, lines, clock } = await openTrail();
    await audit.write(grantedRecord('D0'));
    expect(eventsOf(await lines())).toEqual(['checkpoint', 'exchange']);
    clock.advance(10);
    await audit.write(grantedRecord('D1'));
    expect(eventsOf(await lines()).slice(2)).toEqual(['checkpoint', 'exchange']);
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => audit.write(grantedRecord(`E${index}`))));
    expect(eventsOf(await lines()).indexOf('checkpoint', 4)).toBe(4 + 999);
    await audit.close();
    expect(eventsOf(await lines()).slice(-2)).toEqual(['exchange', 'checkpoint']);
  });

  it('signs a checkpoint that is due though nobody writes', async () => {
    const { audit, lines, clock } = await openTrail();
    await audit.write(grantedRecord('D0'));
    clock.advance(10);
    await vi.waitFor(
      async () => expect(eventsOf(await lines())).toEqual(['checkpoint', 'exchange', 'checkpoint']),
      5_000,
    );
  });

  it('goes on with its chain after a restart, and covers what the last run left uncovered', async () => {
    const { audit, lines, reopen, report, file } = await openTrail();
    await audit.write(grantedRecord('D1'));
    const crashed = await readFile(file);
    await audit.close();
    await writeFile(file, crashed);
    const again = await reopen();
    await again.write(grantedRecord('D2'));
    expect(eventsOf(await lines())).toEqual(['checkpoint', 'exchange', 'checkpoint', 'exchange']);
    expect(await report()).toMatchObject({ intact: true, uncovered: 1, chains: [{ checkpoints: 2 }] });
  });

  it('cuts off a line that a crash tore, and says so', async () => {
    const { audit, file, reopen, problems, report } = await openTrail();
    await audit.write(grantedRecord('D1'));
    await audit.close();
    await appendFile(file, '{"chain":"');
    expect(await report()).toMatchObject({ intact: true });
    const again = await reopen();
    expect(problems.at(-1)).toMatch(/its last 10 bytes, never acknowledged, were removed/);
    await again.write(grantedRecord('D2'));
    expect(await report()).toMatchObject({ intact: true, requests: 2 });
  });

  it('begins anew where only a torn first line is there', async () => {
    const { audit, file, reopen, report } = await openTrail();
    await audit.write(grantedRecord('D1'));
    await audit.close();
    await truncate(file, 100);
    await (await reopen()).write(grantedRecord('D2'));
    expect(await report()).toMatchObject({ intact: true, requests: 1 });
  });

  it('gives standard output a new chain at each start', async () => {
    const pipe = createPipe();
    const { reopen, audit } = await openTrail({ to: 'stdout', stdout: pipe });
    await audit.write(grantedRecord('D1'));
    await audit.close();
    await (await reopen()).write(grantedRecord('D2'));
    const chains = new Map(pipe.records().map(({ chain, event }) => [chain, event]));
    expect(chains.size).toBe(2);
    expect(pipe.records().map(({ seq }) => seq)).toEqual([1, 2, 3, 1, 2]);
  });

  it('takes nothing after its end, and ends once', async () => {
    const { audit, lines } = await openTrail();
    await audit.system({ event: 'stop', why: 'SIGTERM' });
    await Promise.all([audit.close(), audit.close()]);
    const before = await lines();
    await expect(audit.write(grantedRecord('D1'))).rejects.toThrow(AuditUnavailable);
    await expect(audit.system({ event: 'stop', why: 'again' })).rejects.toThrow(AuditUnavailable);
    expect(await lines()).toEqual(before);
    expect(eventsOf(before)).toEqual(['checkpoint', 'stop', 'checkpoint']);
  });

  it('remembers decisions as they were written, the newest first', async () => {
    const { audit } = await openTrail();
    for (const decision of ['D1', 'D2', 'D3']) await audit.write(grantedRecord(decision));
    expect(audit.find('D2')).toMatchObject({ decision: 'D2', outcome: 'granted', target: 'ledger' });
    expect(audit.find('D4')).toBeUndefined();
    expect(audit.last(2).map(({ decision }) => decision)).toEqual(['D3', 'D2']);
  });

  it('forgets the oldest decision beyond 10,000', async () => {
    const { audit } = await openTrail();
    for (let from = 0; from <= 10_000; from += 1_000)
      await Promise.all(Array.from({ length: 1_000 }, (_, index) => audit.write(grantedRecord(`D${from + index}`))));
    expect(audit.find('D999')).toBeUndefined();
    expect(audit.find('D1000')).toMatchObject({ decision: 'D1000' });
  });
});

describe('opening a trail', () => {
  const opening = async (prepare: (file: string, directory: string) => Promise<unknown>) => {
    const { directory, reopen } = await openTrail();
    const file = join(directory, 'other', 'audit.jsonl');
    await mkdir(join(directory, 'other'));
    await prepare(file, directory);
    return { opened: reopen({ to: { file, sync: true } }), file };
  };

  it('refuses a folder that is not there, and a path that is no file', async () => {
    const gone = await opening((_, directory) => rm(join(directory, 'other'), { recursive: true }));
    await expect(gone.opened).rejects.toMatchObject({ code: 'ENOENT' });
    const folder = await opening((file) => mkdir(file));
    await expect(folder.opened).rejects.toMatchObject({ code: 'EISDIR' });
    const { reopen } = await openTrail();
    await expect(reopen({ to: { file: '/dev/null/audit.jsonl', sync: true } })).rejects.toMatchObject({
      code: 'ENOTDIR',
    });
    await expect((await opening(async () => undefined)).opened).resolves.toBeDefined();
  });

  // Root may write everywhere.
  it.skipIf(process.getuid?.() === 0)(
    'refuses a file that it may not write (A-209; skipped for root, who may write anything)',
    async () => {
      const { opened } = await opening((file) => writeFile(file, '', { mode: 0o400 }));
      await expect(opened).rejects.toMatchObject({ code: 'EACCES' });
    },
  );

  it.each(['root:x:0:0::/root:/bin/sh\n', '{"some":"log"}\n', 'x', '{"chain":"a"}\n'])(
    'refuses somebody else’s file and leaves it as it is: %j',
    async (text) => {
      const { opened, file } = await opening((path) => writeFile(path, text));
      await expect(opened).rejects.toThrow(/is no audit trail of this broker/);
      expect(await readFile(file, 'utf8')).toBe(text);
    },
  );

  it('makes its key once, readable by nobody else, and refuses one that others can read', async () => {
    const { directory, reopen, key } = await openTrail();
    const pem = join(directory, 'audit-key.pem');
    expect((await stat(pem)).mode & 0o777).toBe(0o600);
    const before = await key();
    await reopen();
    expect(await key()).toBe(before);
    await chmod(pem, 0o640);
    await expect(reopen()).rejects.toThrow(/must have mode 0600, has 0640; others may have read it, replace it/);
    await chmod(pem, 0o600);
    await writeFile(pem, 'secret, but no key');
    await expect(reopen()).rejects.toThrow(/^[^ ]+audit-key\.pem is not a private key in PEM$/);
  });

  it('goes on in a new file, and says so, when its file has been deleted (A-209)', async () => {
    const { audit, file, problems, lines, directory } = await openTrail();
    await audit.write(grantedRecord('D1'));
    await rename(file, join(directory, 'kept'));
    await audit.write(grantedRecord('D2'));
    expect(await readFile(join(directory, 'kept'), 'utf8')).toContain('D2');
    await rm(join(directory, 'kept'));
    await vi.waitFor(() => expect(problems).toContain(`${file} has been deleted`), 5_000);
    await vi.waitFor(() => expect(audit.healthy()).toBe(true), 5_000);
    await audit.write(unprovedRecord('D3'));
    expect(await lines()).toEqual([expect.stringContaining('has been deleted'), expect.stringContaining('D3')]);
  });
});
