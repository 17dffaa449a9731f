// What the trail does when its sink does not: full, gone, stalled, slow, killed (F-47, A-209). Nothing is acknowledged that is
// not written, nobody waits for long, and what was lost is accounted for.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { verifyTrail } from '../../src/audit/chain.ts';
import { AuditUnavailable } from '../../src/core/ports.ts';
import { createPipe, grantedRecord, openTrail, temporaryFolder } from './trail.ts';

const onPipe = async () => {
  const pipe = createPipe();
  const opened = await openTrail({ to: 'stdout', stdout: pipe });
  await opened.audit.write(grantedRecord('before'));
  return { ...opened, pipe };
};

describe('a trail that cannot be written', () => {
  it('refuses on a full disk, and keeps its chain where it was (A-209)', async () => {
    const { reopen, problems } = await openTrail();
    const audit = await reopen({ to: { file: '/dev/full', sync: true } });
    for (const decision of ['D1', 'D2'])
      await expect(audit.write(grantedRecord(decision))).rejects.toThrow(/^no record could be written: ENOSPC/);
    expect(audit.healthy()).toBe(false);
    expect(problems).toEqual([expect.stringContaining('ENOSPC')]);
    expect(audit.find('D1')).toMatchObject({ outcome: 'refused', reason: 'audit_unavailable' });
  });

  it('fails everybody in a group, then accounts for them once it can write again', async () => {
    const { audit, pipe, problems, key } = await onPipe();
    pipe.fail(new Error('gone'));
    const failed = await Promise.allSettled(['D1', 'D2', 'D3'].map((decision) => audit.write(grantedRecord(decision))));
    const reason = expect.objectContaining({ name: 'AuditUnavailable', message: 'no record could be written: gone' });
    expect(failed).toEqual(Array.from({ length: 3 }, () => ({ status: 'rejected', reason })));
    pipe.fail(undefined);
    await audit.write(grantedRecord('after'));
    expect(pipe.records().slice(2)).toMatchObject([
      { event: 'audit', seq: 3, count: 3, events: 0, problem: 'no record could be written: gone' },
      { event: 'exchange', seq: 4, decision: 'after' },
    ]);
    expect(problems).toEqual(['no record could be written: gone', 'records are written again']);
    expect(await verifyTrail(pipe.lines(), await key())).toMatchObject({ intact: true, requests: 5 });
  });

  it('tries again by itself, or a broker that nobody asks would stay unready', async () => {
    const { audit, pipe } = await onPipe();
    pipe.fail(new Error('gone'));
    await expect(audit.write(grantedRecord('D1'))).rejects.toThrow(AuditUnavailable);
    expect(audit.healthy()).toBe(false);
    pipe.fail(undefined);
    await vi.waitFor(() => expect(audit.healthy()).toBe(true), 5_000);
    expect(pipe.records().at(-1)).toMatchObject({ event: 'audit', count: 1 });
  });

  it('refuses within about 100 ms when its pipe is not read, newcomers at once, and recovers (F-47)', async () => {
    const { audit, pipe, key } = await onPipe();
    pipe.hold();
    const started = performance.now();
    const first = audit.write(grantedRecord('D1'));
    await expect(first).rejects.toThrow('no record could be written within 100 ms');
    expect(performance.now() - started).toBeGreaterThan(95);
    await expect(audit.write(grantedRecord('D2'))).rejects.toThrow('an earlier record is still being written');
    await audit.flush();
    pipe.release();
    await vi.waitFor(() => expect(audit.healthy()).toBe(true), 5_000);
    await audit.write(grantedRecord('after'));
    // D1 is in the pipe and cannot be called back: the trail says that it was never acknowledged. D2 never got there.
    expect(pipe.records().slice(2)).toMatchObject([
      { event: 'exchange', decision: 'D1' },
      { event: 'audit', count: 1, unacknowledged: ['D1'], unacknowledgedCount: 1 },
      { event: 'exchange', decision: 'after' },
    ]);
    expect(await verifyTrail(pipe.lines(), await key())).toMatchObject({ intact: true, requests: 4 });
  });

  it('refuses whoever gathered behind a write that hangs', async () => {
    const { audit, pipe } = await onPipe();
    pipe.hold();
    const flying = audit.write(grantedRecord('D1'));
    flying.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const behind = audit.write(grantedRecord('D2'));
    await expect(Promise.all([flying, behind])).rejects.toThrow('no record could be written within 100 ms');
    await expect(behind).rejects.toThrow('no record could be written within 100 ms');
    pipe.release();
  });

  it('holds a bounded number of records while it waits (F-40)', async () => {
    const { audit, pipe } = await onPipe();
    pipe.hold();
    const writes = Array.from({ length: 16_385 }, (_, index) => audit.write(grantedRecord(`D${index}`)));
    const results = Promise.allSettled(writes);
    await expect(writes.at(-1)).rejects.toThrow('too many records wait to be written');
    pipe.release();
    const rejected = (await results).filter(({ status }) => status === 'rejected');
    expect(rejected.length).toBeGreaterThanOrEqual(1);
  });

  it('ends although its pipe is never read again, and says so (F-37)', async () => {
    const { audit, pipe, problems } = await onPipe();
    pipe.hold();
    await expect(audit.system({ event: 'stop', why: 'SIGTERM' })).rejects.toThrow(AuditUnavailable);
    await audit.close();
    expect(problems.at(-1)).toBe('the audit trail did not take its last records in time');
  });
});

type Child = ChildProcessByStdio<null, Readable, null>;

function spawnWriter(to: string, directory: string): Child {
  const program = fileURLToPath(new URL('writer.ts', import.meta.url));
  return spawn(process.execPath, [program, to, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('a process that writes a trail', () => {
  it('killed in the middle of its work, has lost nothing that it acknowledged', async () => {
    const opened = await openTrail();
    await opened.audit.close();
    const child = spawnWriter(opened.file, opened.directory);
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text;
      if (told.length > 20_000) child.kill('SIGKILL');
    });
    await new Promise((resolve) => child.on('close', resolve));
    expect(child.signalCode).toBe('SIGKILL');
    const acknowledged = told.split('\n').slice(0, -1);
    expect(acknowledged.length).toBeGreaterThan(1_000);

    const again = await opened.reopen();
    await again.write(grantedRecord('after'));
    const decisions = new Set((await opened.lines()).map((line) => JSON.parse(line).decision));
    expect(acknowledged.filter((decision) => !decisions.has(decision))).toEqual([]);
    expect(await opened.report()).toMatchObject({ intact: true, uncovered: 1, chains: [{}] });
  });

  it('does not stand still when nobody reads its standard output (F-47)', async () => {
    const directory = await temporaryFolder();
    const child = spawnWriter('stdout', directory);
    const beats = join(directory, 'beats.json');
    // The writer notes its loop's longest pause, and how a write fared once the pipe was full.
    const noted = await vi.waitFor(async () => JSON.parse(await readFile(beats, 'utf8')), 20_000);
    expect(noted).toMatchObject({ refused: true, healthy: false });
    expect(noted.pauseMs).toBeLessThan(2_000);
    child.kill('SIGKILL');
  });
});
