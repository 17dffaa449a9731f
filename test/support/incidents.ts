// Incidents over a real embedded store in a folder of the test: records are kept here, and fail where the test says so.

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { IncidentHandlers } from '../../src/adapters/control/incident-commands.ts';
import { createIncidents, type IncidentRecord, type Incidents } from '../../src/core/incidents.ts';
import type { WithdrawalStore } from '../../src/core/ports.ts';
import { openMemoryStore } from '../../src/stores/memory.ts';

export const NOW = 1_800_000_000;
const random = (count: number) => new Uint8Array(randomBytes(count));

export interface IncidentsUnderTest {
  readonly incidents: Incidents;
  readonly store: WithdrawalStore;
  readonly records: IncidentRecord[];
  /** What the trail says of every record from now on; undefined: it takes them. */
  fail(problem: string | undefined): void;
  at(seconds: number): void;
}

/** `change`: what the store does otherwise. */
export async function openIncidents(change: Partial<WithdrawalStore> = {}): Promise<IncidentsUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'incidents-'));
  const state = { now: NOW, problem: undefined as string | undefined };
  const clock = { nowSeconds: () => state.now, elapsedMs: () => 0 };
  const opened = await openMemoryStore({
    directory,
    clock,
    randomBytes: random,
    replica: 'here',
    drained: () => Promise.resolve(),
  });
  onTestFinished(async () => {
    await opened.close();
    await rm(directory, { recursive: true });
  });
  const records: IncidentRecord[] = [];
  const store: WithdrawalStore = { ...opened, ...change };
  const write = async (record: IncidentRecord): Promise<void> => {
    if (state.problem !== undefined) throw new Error(state.problem);
    records.push(record);
  };
  const insist = (record: IncidentRecord): Promise<boolean> =>
    write(record).then(
      () => true,
      () => false,
    );
  return {
    incidents: createIncidents({ store, records: { write, insist }, clock, randomBytes: random }),
    store,
    records,
    fail: (problem) => {
      state.problem = problem;
    },
    at: (seconds) => {
      state.now = seconds;
    },
  };
}

const no = () => Promise.reject(new Error('nobody is blocked here'));

/** For tests of other commands. */
export const nobodyIsBlocked = (): IncidentHandlers => ({
  block: no,
  unblock: no,
  revoke: no,
  inForce: () => [],
  known: () => ({ sources: [], clients: [], nameProblem: () => undefined }),
  issuer: () => 'https://sts.example',
  offlineUntilSeconds: () => NOW,
  clouds: () => [],
});
