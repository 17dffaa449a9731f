// The store, composed: a folder of this broker's own, or a Redis that replicas share, behind the same ports. What happens to it goes to the
// log, and is counted for the metrics. ioredis is loaded only where the configuration names a Redis.

import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { StoreConfig } from './config/store.ts';
import type { Sealing, SecretMemory } from './core/cloud-ports.ts';
import type { Clock, Nonces, RandomBytes, SpentStore, WithdrawalStore } from './core/ports.ts';
import type { JournalEvent } from './stores/journal.ts';
import { openMemoryStore } from './stores/memory.ts';
import { createMemorySecrets } from './stores/memory-secrets.ts';
import type { RedisEvent } from './stores/redis-store.ts';

export interface Store extends SpentStore, WithdrawalStore, Nonces {
  /** Credentials of clouds: in this process alone, or sealed where replicas share the store. */
  readonly secrets: SecretMemory;
  /** False while it cannot keep what must be kept: then nothing that needs it is issued. */
  healthy(): boolean;
  /** How often each event has happened since the start. */
  events(): ReadonlyMap<string, number>;
  close(): Promise<void>;
}

export interface StoreParts {
  readonly config: StoreConfig;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly log: Logger;
  /** What secrets are sealed with; asked only where the store is shared. */
  readonly sealing: () => Promise<Sealing>;
  /** Resolves when everybody who had entered by the time of the call has left. */
  readonly drained: () => Promise<void>;
}

/** Opens it. Rejects where a folder cannot be used; a Redis that is not there is waited for behind the scenes (F-19). */
export async function openStore(parts: StoreParts): Promise<Store> {
  const { config, log, clock, randomBytes, drained } = parts;
  const counts = new Map<string, number>();
  const onEvent = (event: JournalEvent | RedisEvent): void => {
    counts.set(event.event, (counts.get(event.event) ?? 0) + 1);
    const { level, text } = NOTICES[event.event];
    log[level]({ ...event, ...('error' in event ? { error: undefined, err: event.error } : {}) }, text);
  };
  const replica = `${hostname().replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${Buffer.from(randomBytes(REPLICA_BYTES)).toString('hex')}`;
  const needs = { clock, randomBytes, drained, replica, onEvent };
  const opened =
    'directory' in config
      ? { ...(await openMemoryStore({ ...needs, ...config })), secrets: createMemorySecrets({ clock }) }
      : (await import('./stores/redis-store.ts')).openRedisStore({
          ...needs,
          settings: config.redis,
          sealing: await parts.sealing(),
        });
  return Object.freeze({ ...opened, events: () => counts });
}

/** Two processes of one host are told apart. */
const REPLICA_BYTES = 4;

interface Notice {
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
}

const NOTICES: Readonly<Record<JournalEvent['event'] | RedisEvent['event'], Notice>> = {
  journal_cut: { level: 'warn', text: 'the last line of the journal was not finished' },
  journal_rewritten: { level: 'info', text: 'the journal was written anew' },
  journal_failed: { level: 'error', text: 'the journal cannot be written: single-use credentials are refused' },
  redis_problem: { level: 'warn', text: 'Redis' },
  redis_evicts: { level: 'error', text: 'Redis may evict what must be kept: set maxmemory-policy noeviction' },
  redis_evicted: { level: 'error', text: 'Redis has evicted keys: what was spent may be spent again' },
  redis_not_durable: { level: 'warn', text: 'Redis forgets with its process: set appendonly yes' },
  feed_silent: { level: 'error', text: 'nothing is issued: Redis has been silent for a second' },
  feed_following: { level: 'info', text: 'blocks and revocations are known' },
  store_begun: { level: 'warn', text: 'Redis held nothing, and this broker remembers nothing: begun anew' },
  store_lost: { level: 'error', text: 'Redis has lost what it held: what was spent may be spent again' },
  store_restored: { level: 'warn', text: 'blocks and revocations that Redis had lost were written back' },
};
