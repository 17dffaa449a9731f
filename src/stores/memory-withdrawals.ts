// Blocks and revocations of the embedded store: in force at once, answered when they are in the journal and when every request that was in
// work before has left. At WITHDRAWALS_MAX it refuses; it never forgets one that counts.

import { WITHDRAWALS_MAX } from '../core/limits-delegation.ts';
import type { InForce, WithdrawalStore } from '../core/ports.ts';
import type { Standing, Withdrawal } from '../core/withdrawal.ts';
import { drainedInTime } from './drain.ts';
import type { Journal } from './journal.ts';
import { heldAlready, storeFull } from './withdrawal-keeping.ts';
import type { WithdrawalTable } from './withdrawal-table.ts';
import type { WithdrawalChange } from './withdrawal-text.ts';

export interface MemoryWithdrawalsParts {
  readonly table: WithdrawalTable;
  readonly journal: Pick<Journal, 'write'>;
  /** Resolves when everybody who had entered by the time of the call has left (core/epochs.ts). */
  readonly drained: () => Promise<void>;
  /** What this process is called where it could not wait for its own requests. */
  readonly replica: string;
  /** For tests; WITHDRAWALS_MAX unless given. */
  readonly withdrawalsMax?: number | undefined;
}

/** Those that are being written, with their ends: until then nobody was told that they hold. */
export type Unwritten = Map<string, Promise<void>>;

export function createMemoryWithdrawals(parts: MemoryWithdrawalsParts, unwritten: Unwritten): WithdrawalStore {
  const { table, journal } = parts;
  return Object.freeze({
    against: (standing: Standing, nowSeconds: number) => table.against(standing, nowSeconds),
    list: (nowSeconds: number) => table.list(nowSeconds),
    add: async (withdrawal: Withdrawal, heldMax?: number) => {
      await keep(parts, unwritten, withdrawal, heldMax);
      return inForce(parts);
    },
    lift: async (id: string) => {
      await unwritten.get(id);
      if (table.get(id)?.kind !== 'block') return undefined;
      await journal.write({ change: 'lift', id });
      table.remove(id);
      return { unreached: [] };
    },
  });
}

async function keep(
  parts: MemoryWithdrawalsParts,
  unwritten: Unwritten,
  withdrawal: Withdrawal,
  heldMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { table, journal, withdrawalsMax = WITHDRAWALS_MAX } = parts;
  const held = heldAlready(table, withdrawal);
  if (held) return unwritten.get(held.id);
  const most = Math.min(withdrawalsMax, heldMax);
  if (table.size() >= most) throw storeFull(most);

  table.add(withdrawal);
  const written = journal.write({ change: 'withdraw', withdrawal });
  unwritten.set(withdrawal.id, written);
  try {
    await written;
  } catch (error) {
    table.remove(withdrawal.id);
    throw error;
  } finally {
    unwritten.delete(withdrawal.id);
  }
}

async function inForce({ drained, replica }: MemoryWithdrawalsParts): Promise<InForce> {
  return { unreached: (await drainedInTime(drained)) ? [] : [replica] };
}

/** Everything that is durably withdrawn, for the journal. */
export function* withdrawalChanges(table: WithdrawalTable, unwritten: Unwritten): Generator<WithdrawalChange> {
  for (const withdrawal of table.all()) if (!unwritten.has(withdrawal.id)) yield { change: 'withdraw', withdrawal };
}

/** Takes over what a journal tells. */
export function replayWithdrawal(table: WithdrawalTable, change: WithdrawalChange): void {
  if (change.change === 'withdraw') table.add(change.withdrawal);
  else table.remove(change.id);
}
