// The embedded store: what has been spent, blocked and revoked, in memory, and in a journal so that a restart forgets nothing (RFC 7519
// §4.1.7; A-52, F-38). One process at a time has the directory, by a lock of the kernel. Where it cannot know or cannot write, it
// throws StoreUnavailable: no credential ever passes unasked. Its nonces are of this process.

import {
  JOURNAL_TICK_MS,
  NUMERIC_DATE_MAX,
  SPENT_CLAIMS_MAX,
  SWEPT_PER_CLAIM,
  SWEPT_PER_TICK,
} from '../core/limits.ts';
import { DPOP_NONCE_SECRET_BYTES } from '../core/limits-delegation.ts';
import {
  type Clock,
  type Nonces,
  type RandomBytes,
  type Spending,
  type SpentStore,
  StoreUnavailable,
  type WithdrawalStore,
} from '../core/ports.ts';
import { removeLeftovers } from '../files/durable.ts';
import { lockExclusively } from '../files/exclusive-lock.ts';
import { openPrivateDirectory } from '../files/private-directory.ts';
import { claimKey } from './claim-key.ts';
import { type Claim, type ClaimTable, createClaimTable } from './claim-table.ts';
import { type Journal, type JournalEvent, type Journaled, openJournal } from './journal.ts';
import { JOURNAL_NAME } from './journal-file.ts';
import { type Change, isDecision } from './journal-line.ts';
import { createMemoryWithdrawals, replayWithdrawal, type Unwritten, withdrawalChanges } from './memory-withdrawals.ts';
import { createNonces } from './nonces.ts';
import { createWithdrawalTable, type WithdrawalTable } from './withdrawal-table.ts';

export interface MemoryStore extends SpentStore, WithdrawalStore, Nonces {
  /** False while the journal cannot be written: every claim and every change of what is withdrawn throws. */
  healthy(): boolean;
  /** Claims held now, ended ones that have not been swept included. */
  size(): number;
  close(): Promise<void>;
}

export interface MemoryStoreParts {
  readonly directory: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** What this process is called. */
  readonly replica: string;
  /** Resolves when everybody who had entered by the time of the call has left (core/epochs.ts). */
  readonly drained: () => Promise<void>;
  readonly onEvent?: (event: JournalEvent) => void;
  /** For tests; SPENT_CLAIMS_MAX unless given. */
  readonly claimsMax?: number;
  /** For tests; WITHDRAWALS_MAX unless given. */
  readonly withdrawalsMax?: number;
}

/** Opens the store. Rejects where its directory is open to others or in use, or its journal is damaged. */
export async function openMemoryStore(parts: MemoryStoreParts): Promise<MemoryStore> {
  const directory = await openPrivateDirectory(parts.directory);
  const unlock = lockExclusively(directory, 'store.lock');
  try {
    await removeLeftovers(directory.path, (name) => name === JOURNAL_NAME);
    const table = createClaimTable();
    const withdrawals = createWithdrawalTable();
    const unwritten: Unwritten = new Map();
    const held = journaled(table, withdrawals, unwritten);
    const journal = await openJournal({ directory, held, onEvent: parts.onEvent ?? (() => undefined) });
    return createMemoryStore({ ...parts, table, withdrawals, unwritten, journal, unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Claims and withdrawals as the one thing that the journal is kept for. */
const journaled = (claims: ClaimTable, withdrawals: WithdrawalTable, unwritten: Unwritten): Journaled => ({
  replay(change: Change) {
    if (change.change === 'withdraw' || change.change === 'lift') replayWithdrawal(withdrawals, change);
    else claims.replay(change);
  },
  *changes() {
    yield* withdrawalChanges(withdrawals, unwritten);
    yield* claims.changes();
  },
  size: () => claims.size() + withdrawals.size(),
  forgottenUntilSeconds: claims.forgottenUntilSeconds,
});

interface Needs extends MemoryStoreParts {
  readonly table: ClaimTable;
  readonly withdrawals: WithdrawalTable;
  readonly unwritten: Unwritten;
  readonly journal: Journal;
  readonly unlock: () => void;
}

function createMemoryStore(needs: Needs): MemoryStore {
  const { table, withdrawals, journal, clock, unlock } = needs;
  const timer = setInterval(() => {
    table.sweep(clock.nowSeconds(), SWEPT_PER_TICK);
    withdrawals.sweep(clock.nowSeconds(), SWEPT_PER_TICK);
    journal.tick();
  }, JOURNAL_TICK_MS).unref();
  let closing: Promise<void> | undefined;

  return Object.freeze({
    ...createMemoryWithdrawals({ ...needs, table: withdrawals }, needs.unwritten),
    ...createNonces(needs.randomBytes(DPOP_NONCE_SECRET_BYTES)),
    claim: (spending: Spending, decision: string, untilSeconds: number) =>
      claim(needs, { spending, decision, untilSeconds }),
    release: (spending: Spending, decision: string) => release(needs, claimKey(spending), decision),
    healthy: journal.healthy,
    size: table.size,
    close: () => {
      clearInterval(timer);
      closing ??= journal.close().finally(unlock);
      return closing;
    },
  });
}

interface Wanted {
  readonly spending: Spending;
  readonly decision: string;
  readonly untilSeconds: number;
}

async function claim(needs: Needs, wanted: Wanted): Promise<string> {
  const { table, journal, clock } = needs;
  const { decision } = wanted;
  const untilSeconds = Math.ceil(wanted.untilSeconds);
  if (!isDecision(decision)) throw new Error('a decision id that cannot be written down');
  if (!(untilSeconds > 0 && untilSeconds <= NUMERIC_DATE_MAX)) throw new Error('a claim needs an end');

  const key = claimKey(wanted.spending);
  // Until an earlier claim is on disk, nobody knows that it won; where its write fails, both callers are told so.
  for (let held = table.get(key); held; held = table.get(key)) {
    const unsettled = held.written ?? held.releasing;
    if (unsettled) await unsettled;
    else if (held.untilSeconds >= clock.nowSeconds()) return held.decision;
    else table.forget(key, held);
  }
  // The key is free, and nothing waits between here and `table.set`: of a hundred callers, one gets this far.
  table.sweep(clock.nowSeconds(), SWEPT_PER_CLAIM);
  refuseUnknowable(needs, untilSeconds);

  const written = journal.write({ change: 'claim', key, decision, untilSeconds });
  const mine: Claim = { decision, untilSeconds, written, releasing: undefined };
  table.set(key, mine);
  try {
    await written;
    return decision;
  } catch (error) {
    table.remove(key, mine);
    throw error;
  } finally {
    mine.written = undefined;
  }
}

/** Throws where an earlier claim may have been forgotten, and where there is no room to remember this one. */
function refuseUnknowable({ table, claimsMax = SPENT_CLAIMS_MAX }: Needs, untilSeconds: number): void {
  if (untilSeconds <= table.forgottenUntilSeconds())
    throw new StoreUnavailable('the clock has stepped back past claims that were already forgotten');
  if (table.size() >= claimsMax) throw new StoreUnavailable(`${claimsMax} credentials are held as spent`);
}

/** Gives back. What cannot be given back stays spent, and nobody is told: its caller has an answer already. */
async function release({ table, journal }: Needs, key: string, decision: string): Promise<void> {
  const held = table.get(key);
  if (held?.decision !== decision) return;
  held.releasing ??= giveBack({ table, journal, key, held });
  await held.releasing;
}

interface GivingBack {
  readonly table: ClaimTable;
  readonly journal: Journal;
  readonly key: string;
  readonly held: Claim;
}

async function giveBack({ table, journal, key, held }: GivingBack): Promise<void> {
  try {
    await held.written;
    await journal.write({ change: 'release', key, decision: held.decision });
    table.remove(key, held);
  } catch {
    held.releasing = undefined;
  }
}
