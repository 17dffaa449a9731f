// What both stores ask before they keep a block or a revocation: whether it can be written down, whether one is there that does all of it
// already, and what is said where there is no room. Throws; writes nothing.

import { StoreUnavailable } from '../core/ports.ts';
import type { Withdrawal } from '../core/withdrawal.ts';
import type { WithdrawalTable } from './withdrawal-table.ts';
import { isSameWithdrawal, withdrawalProblem } from './withdrawal-text.ts';

/** The one that is there already: itself, or one that ends all that it would. Throws where it must not be kept at all. */
export function heldAlready(table: WithdrawalTable, withdrawal: Withdrawal): Withdrawal | undefined {
  const problem = withdrawalProblem(withdrawal);
  if (problem) throw new Error(`a withdrawal with ${problem}`);
  const held = table.get(withdrawal.id);
  const covering = held && isSameWithdrawal(held, withdrawal) ? held : table.covering(withdrawal);
  if (held && !covering) throw new Error('a withdrawal with an id that another one has');
  return covering;
}

export const storeFull = (most: number): StoreUnavailable =>
  new StoreUnavailable(`${most} blocks and revocations are in force: lift some, or wait until some end`);
