// Records of incidents that cannot be written yet: none is lost silently, and their order is kept.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInsistentRecords } from '../../src/audit/insistent-records.ts';
import type { IncidentRecord } from '../../src/core/incidents.ts';
import { INCIDENT_RECORD_RETRY_MS, INCIDENT_RECORDS_WAITING_MAX } from '../../src/core/limits-delegation.ts';

const record = (id: string): IncidentRecord => ({
  change: 'withdrawn',
  withdrawal: { kind: 'block', id, identity: 'people:alice', why: '', atSeconds: 1, untilSeconds: undefined },
  already: false,
  unreached: [],
  by: 'ops',
});

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function open() {
  const state = { fails: false };
  const [written, lost]: [string[], string[]] = [[], []];
  const idOf = (one: IncidentRecord): string => one.withdrawal.id;
  const records = createInsistentRecords({
    write: async (one) => {
      if (state.fails) throw new Error('the disk is full');
      written.push(idOf(one));
    },
    onLost: (one, error) => void lost.push(`${idOf(one)}: ${error instanceof Error ? error.message : ''}`),
  });
  return { records, state, written, lost };
}

describe('a record of an incident', () => {
  it('is written at once where it can be', async () => {
    const { records, written } = open();
    expect(await records.insist(record('1'))).toBe(true);
    expect([written, vi.getTimerCount()]).toEqual([['1'], 0]);
  });

  it('is tried again until it is written, in order, once', async () => {
    const { records, state, written, lost } = open();
    state.fails = true;
    expect([await records.insist(record('1')), await records.insist(record('2'))]).toEqual([false, false]);
    await vi.advanceTimersByTimeAsync(5 * INCIDENT_RECORD_RETRY_MS);
    expect(written).toEqual([]);
    state.fails = false;
    await vi.advanceTimersByTimeAsync(INCIDENT_RECORD_RETRY_MS);
    expect([written, lost, vi.getTimerCount()]).toEqual([['1', '2'], [], 0]);
    state.fails = true;
    await records.insist(record('3'));
    state.fails = false;
    await vi.advanceTimersByTimeAsync(INCIDENT_RECORD_RETRY_MS);
    expect(written).toEqual(['1', '2', '3']);
  });

  it('that must be written first is not kept', async () => {
    const { records, state, written } = open();
    state.fails = true;
    await expect(records.write(record('1'))).rejects.toThrow('the disk is full');
    state.fails = false;
    await vi.advanceTimersByTimeAsync(5 * INCIDENT_RECORD_RETRY_MS);
    expect(written).toEqual([]);
  });

  it('is told as lost where too many wait, and where the broker stops', async () => {
    const { records, state, lost } = open();
    state.fails = true;
    for (let index = 0; index <= INCIDENT_RECORDS_WAITING_MAX; index += 1) await records.insist(record(String(index)));
    expect(lost).toEqual([`${INCIDENT_RECORDS_WAITING_MAX}: the disk is full`]);
    records.close();
    expect([lost.length, lost[1], vi.getTimerCount()]).toEqual([
      INCIDENT_RECORDS_WAITING_MAX + 1,
      '0: the broker has stopped',
      0,
    ]);
  });
});
