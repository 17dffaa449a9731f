// The shared store: what is spent, blocked and revoked, and the secret of nonces, in Redis, for any number of replicas. Opens at once, whether
// Redis is there or not: until its feed follows it refuses everything (F-19), and it goes on by itself.

import type { Sealing, SecretMemory } from '../core/cloud-ports.ts';
import { REDIS_INSPECT_MS } from '../core/limits-store.ts';
import type { Clock, Nonces, RandomBytes, SpentStore, WithdrawalStore } from '../core/ports.ts';
import type { RedisSettings } from '../core/store-settings.ts';
import { createRedisClaims } from './redis-claims.ts';
import { type ConnectionEvent, openRedisConnection } from './redis-connection.ts';
import { type FeedEvent, openFeed } from './redis-feed.ts';
import { createInspection, type InspectEvent } from './redis-inspect.ts';
import { withdrawalKeys } from './redis-keys.ts';
import { createRedisSecrets } from './redis-secrets.ts';
import { createRedisWithdrawals } from './redis-withdrawals.ts';
import { createWithdrawalTable } from './withdrawal-table.ts';

export type RedisEvent = ConnectionEvent | FeedEvent | InspectEvent;

export interface RedisStore extends SpentStore, WithdrawalStore, Nonces {
  /** Credentials of clouds, sealed. */
  readonly secrets: SecretMemory;
  /** False while nothing can be issued. */
  healthy(): boolean;
  /** Takes this replica off the list: nothing may be in work any more. */
  close(): Promise<void>;
}

export interface RedisStoreParts {
  readonly settings: RedisSettings;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** What secrets are sealed with; replicas share it. */
  readonly sealing: Sealing;
  /** What this replica is called: no other has the name, and there is no space in it. */
  readonly replica: string;
  /** Resolves when everybody who had entered by the time of the call has left (core/epochs.ts). */
  readonly drained: () => Promise<void>;
  readonly onEvent: (event: RedisEvent) => void;
  /** For tests; WITHDRAWALS_MAX unless given. */
  readonly withdrawalsMax?: number;
  /** For tests; SECRETS_MAX unless given. */
  readonly secretsMax?: number;
}

export function openRedisStore(parts: RedisStoreParts): RedisStore {
  const { settings, clock, replica } = parts;
  const onEvent = (event: RedisEvent): void => {
    parts.onEvent(event);
    if (event.event === 'feed_following') look();
  };
  const connection = openRedisConnection(settings, onEvent);
  const keys = withdrawalKeys(settings.prefix);
  const table = createWithdrawalTable();
  const feed = openFeed({ ...parts, onEvent, connection, keys, table });
  const inspect = createInspection(onEvent);
  const look = () => void connection.info().then(inspect, () => undefined);
  const timer = setInterval(look, REDIS_INSPECT_MS).unref();

  let closing: Promise<void> | undefined;
  return Object.freeze({
    ...createRedisClaims({ settings, connection, clock, redisSeconds: feed.redisSeconds }),
    ...createRedisWithdrawals({ ...parts, connection, keys, feed, table }),
    current: (nowSeconds: number) => feed.nonces().current(nowSeconds),
    accepts: (nonce: string, nowSeconds: number) => feed.nonces().accepts(nonce, nowSeconds),
    secrets: createRedisSecrets({ ...parts, prefix: settings.prefix, connection }),
    healthy: feed.isFresh,
    close: () => {
      closing ??= (async () => {
        clearInterval(timer);
        await feed.close();
        await connection.run('leave', keys, ['', replica]).catch(() => undefined);
        connection.close();
      })();
      return closing;
    },
  });
}
