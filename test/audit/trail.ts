// What the tests of the trail share: records of every size, a trail in a folder of its own, and a standard output that the
// test holds back, lets go, or breaks.

import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type AuditParts, type AuditTrail, openAudit } from '../../src/audit/audit.ts';
import { type Report, verifyTrail } from '../../src/audit/chain.ts';
import type { Clock } from '../../src/core/ports.ts';
import { type ExchangeRecord, noteRefusal, openRecord } from '../../src/core/record.ts';
import { refuse } from '../../src/core/refusal.ts';

export const NOW = 1_790_000_000.123;

/** Stands still until it is told to move. */
export function createClock(): Clock & { advance(seconds: number): void } {
  let now = NOW;
  return {
    nowSeconds: () => now,
    elapsedMs: () => (now - NOW) * 1000,
    advance: (seconds) => {
      now += seconds;
    },
  };
}

export interface Opened {
  readonly audit: AuditTrail;
  readonly directory: string;
  readonly file: string;
  readonly problems: string[];
  readonly clock: ReturnType<typeof createClock>;
  /** Opens the same trail again. */
  reopen(change?: Partial<AuditParts>): Promise<AuditTrail>;
  lines(): Promise<string[]>;
  key(): Promise<string>;
  report(): Promise<Report>;
}

export async function temporaryFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'trail-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function openTrail(change: Partial<AuditParts> = {}): Promise<Opened> {
  const directory = await temporaryFolder();
  const file = join(directory, 'audit.jsonl');
  const problems: string[] = [];
  const clock = createClock();
  const reopen = async (again: Partial<AuditParts> = {}): Promise<AuditTrail> => {
    const audit = await openAudit({
      to: { file, sync: false },
      keyDirectory: directory,
      labels: () => ({}),
      clock,
      randomBytes: (count) => new Uint8Array(randomBytes(count)),
      onProblem: (problem) => problems.push(problem),
      ...change,
      ...again,
    });
    onTestFinished(() => audit.close().catch(() => undefined));
    return audit;
  };
  const lines = async (): Promise<string[]> => (await readFile(file, 'latin1')).split('\n').slice(0, -1);
  const key = (): Promise<string> => readFile(join(directory, 'audit-key.pub.pem'), 'utf8');
  const report = async (): Promise<Report> => verifyTrail(await lines(), await key());
  return { audit: await reopen(), directory, file, problems, clock, reopen, lines, key, report };
}

/** A record of a request in which a subject was proved, and which was granted. */
export function grantedRecord(decision: string, change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return {
    ...unprovedRecord(decision),
    outcome: 'granted',
    reason: undefined,
    evidence: undefined,
    roles: {
      subject: { source: 'github', iss: 'https://gh.example', sub: 's', name: 'github:s', sha256: 'a'.repeat(64) },
    },
    target: 'ledger',
    rule: 'payments',
    jti: decision,
    exp: NOW + 300,
    ...change,
  };
}

/** A record of a request that was refused before anything was proved. */
export function unprovedRecord(decision: string, peer = '192.0.2.1', time = NOW): ExchangeRecord {
  const request = refuse({ reason: 'scope_malformed' });
  const received = {
    transport: 'oauth',
    peer,
    traceId: undefined,
    mtls: undefined,
    grantType: undefined,
    request,
  } as const;
  const record = openRecord(received, decision, time);
  noteRefusal(record, request.refusal);
  return record;
}

/** Standard output under the test's control. */
export function createPipe() {
  const held: (() => void)[] = [];
  let text = '';
  let holding = false;
  let broken: Error | undefined;
  return {
    write(bytes: Uint8Array, done: (error?: Error | null) => void) {
      const accept = (): void => {
        text += Buffer.from(bytes).toString('latin1');
        done();
      };
      if (broken) done(broken);
      else if (holding) held.push(accept);
      else setImmediate(accept);
    },
    hold() {
      holding = true;
    },
    release() {
      holding = false;
      for (const accept of held.splice(0)) accept();
    },
    fail(error: Error | undefined) {
      broken = error;
    },
    lines: () => text.split('\n').slice(0, -1),
    records: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line): Record<string, unknown> => JSON.parse(line)),
  };
}
