// What has been spent, in Redis: one key for each credential, taken and given back by scripts, so that of all replicas one wins.
// A claim that arrives after its request was refused is not made (F-21). Where Redis does not answer, or may have forgotten, it throws
// StoreUnavailable: no credential ever passes unasked. A script that runs twice for one decision does what it did once.

import { NUMERIC_DATE_MAX } from '../core/limits.ts';
import { REDIS_ANSWER_MS, REDIS_LATE_CLUSTER_MS, REDIS_LATE_MS } from '../core/limits-store.ts';
import { type Clock, type Spending, type SpentStore, StoreUnavailable } from '../core/ports.ts';
import type { RedisSettings } from '../core/store-settings.ts';
import { claimKey } from './claim-key.ts';
import { isDecision } from './journal-line.ts';
import type { RedisConnection } from './redis-connection.ts';
import { claimKeyIn } from './redis-keys.ts';
import { statusOf } from './redis-replies.ts';

export interface RedisClaimsParts {
  readonly settings: RedisSettings;
  readonly connection: Pick<RedisConnection, 'run'>;
  readonly clock: Clock;
  /** The time that Redis has, as far as its last answer told; undefined where it has been silent for too long to be asked. */
  readonly redisSeconds: () => number | undefined;
}

export function createRedisClaims(parts: RedisClaimsParts): SpentStore {
  const { settings, connection } = parts;
  const keyOf = (spending: Spending): string => claimKeyIn(settings.prefix, claimKey(spending));

  return Object.freeze({
    claim: (spending: Spending, decision: string, untilSeconds: number) =>
      claim(parts, keyOf(spending), decision, Math.ceil(untilSeconds)),
    release: async (spending: Spending, decision: string) => {
      await connection.run('release', [keyOf(spending)], [decision]).catch(() => undefined);
    },
  });
}

async function claim(parts: RedisClaimsParts, key: string, decision: string, untilSeconds: number): Promise<string> {
  if (!isDecision(decision)) throw new Error('a decision id that cannot be written down');
  if (!(untilSeconds > 0 && untilSeconds <= NUMERIC_DATE_MAX)) throw new Error('a claim needs an end');
  const redisSeconds = parts.redisSeconds();
  if (redisSeconds === undefined)
    throw new StoreUnavailable('Redis has been silent: it is not asked until it answers again');

  const lateMs = parts.settings.reach.kind === 'cluster' ? REDIS_LATE_CLUSTER_MS : REDIS_LATE_MS;
  const latest = redisSeconds + (REDIS_ANSWER_MS + lateMs) / 1_000;
  const words = [decision, untilSeconds, parts.clock.nowSeconds(), latest].map(String);
  const { status, rest } = statusOf(await parts.connection.run('claim', [key], words));
  const [holder] = rest;
  if (status === 'held' && typeof holder === 'string') return holder;
  throw new StoreUnavailable(refusals(status, holder));
}

function refusals(status: string, by: unknown): string {
  switch (status) {
    case 'late':
      return 'Redis was asked too late';
    case 'behind':
      return `the clock of this broker is ${by} seconds behind that of Redis: what has ended there may count here`;
    case 'forgotten':
      return 'the clock has stepped back past claims that were already forgotten';
    default:
      return `Redis answered ${status}`;
  }
}
