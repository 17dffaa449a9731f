// Blocks and revocations that replicas share: judged from memory that the feed keeps, refused where it is silent. A change is answered when
// every replica that lives has said that it has it; one that has not is named, and has stopped issuing by itself before that: it counts as
// gone only after REPLICA_LEASE_MS, and its own feed is silent after FEED_SILENT_MS.

import { WITHDRAWAL_CONFIRM_MS, WITHDRAWALS_MAX } from '../core/limits-delegation.ts';
import type { Clock, InForce, RandomBytes, WithdrawalStore } from '../core/ports.ts';
import type { Standing, Withdrawal } from '../core/withdrawal.ts';
import type { RedisConnection } from './redis-connection.ts';
import { type Feed, silent } from './redis-feed.ts';
import { MARK_BYTES, words } from './redis-history.ts';
import { number, statusOf } from './redis-replies.ts';
import type { ScriptName } from './redis-scripts.ts';
import { heldAlready, storeFull } from './withdrawal-keeping.ts';
import type { WithdrawalTable } from './withdrawal-table.ts';
import { writeWithdrawalChange } from './withdrawal-text.ts';

export interface RedisWithdrawalsParts {
  readonly connection: Pick<RedisConnection, 'run'>;
  readonly keys: readonly string[];
  readonly feed: Feed;
  readonly table: WithdrawalTable;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** For tests; WITHDRAWALS_MAX unless given. */
  readonly withdrawalsMax?: number;
}

export function createRedisWithdrawals(parts: RedisWithdrawalsParts): WithdrawalStore {
  const { feed, table } = parts;
  return Object.freeze({
    against: (standing: Standing, nowSeconds: number) => {
      if (!feed.isFresh()) throw silent();
      return table.against(standing, nowSeconds);
    },
    list: (nowSeconds: number) => table.list(nowSeconds),
    add: async (withdrawal: Withdrawal, heldMax?: number) => inForce(parts, await keep(parts, withdrawal, heldMax)),
    lift: async (id: string) => {
      const seq = await lift(parts, id);
      return seq === undefined ? undefined : inForce(parts, seq);
    },
  });
}

/** Writes it down, or finds that it stands there; gives its place in the history. */
async function keep(
  parts: RedisWithdrawalsParts,
  withdrawal: Withdrawal,
  heldMax = Number.POSITIVE_INFINITY,
): Promise<number> {
  const { feed, table, withdrawalsMax = WITHDRAWALS_MAX } = parts;
  if (!feed.isFresh()) throw silent();
  const held = heldAlready(table, withdrawal);
  const known = held && feed.history.seqOf(held.id);
  if (known !== undefined) return known;

  const most = Math.min(withdrawalsMax, heldMax);
  const reading = feed.history.reading();
  const { status, rest } = await change(parts, 'add', [String(most), ...words(parts, withdrawal)]);
  if (status === 'full') throw storeFull(most);
  if (status !== 'ok') throw silent();
  const seq = number(rest[0]);
  feed.history.own({ seq, change: { change: 'withdraw', withdrawal } }, reading);
  return seq;
}

async function lift(parts: RedisWithdrawalsParts, id: string): Promise<number | undefined> {
  const { feed, randomBytes } = parts;
  if (!feed.isFresh()) throw silent();
  const mark = Buffer.from(randomBytes(MARK_BYTES)).toString('base64url');
  const reading = feed.history.reading();
  const { status, rest } = await change(parts, 'lift', [mark, id, writeWithdrawalChange({ change: 'lift', id })]);
  if (status === 'absent') return undefined;
  if (status !== 'ok') throw silent();
  const seq = number(rest[0]);
  feed.history.own({ seq, change: { change: 'lift', id } }, reading);
  return seq;
}

const change = async ({ connection, keys, feed }: RedisWithdrawalsParts, script: ScriptName, args: readonly string[]) =>
  statusOf(await connection.run(script, keys, [feed.history.generation(), ...args]));

/** Waits until every replica has it, or is gone; at most WITHDRAWAL_CONFIRM_MS. */
async function inForce({ feed, clock }: RedisWithdrawalsParts, seq: number): Promise<InForce> {
  const untilMs = clock.elapsedMs() + WITHDRAWAL_CONFIRM_MS;
  const relax = feed.hasten();
  const unreached = new Set<string>();
  let awaited: ReadonlySet<string> | undefined;
  try {
    while (clock.elapsedMs() < untilMs) {
      // Only an answer to a question that was sent after the change lists everybody who may issue without it.
      if (!(await feed.next())) continue;
      const reach = feed.reach(seq);
      awaited ??= new Set(reach.keys());
      for (const id of awaited) if (reach.get(id) === 'gone') unreached.add(id);
      awaited = new Set([...awaited].filter((id) => reach.get(id) === 'not yet'));
      if (awaited.size === 0) return { unreached: [...unreached] };
    }
    const missing = awaited ?? [...feed.reach(seq)].flatMap(([id, reach]) => (reach === 'has it' ? [] : [id]));
    return { unreached: [...unreached, ...missing] };
  } finally {
    relax();
  }
}
