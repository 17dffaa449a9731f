// Stores of several replicas on one Redis, as brokers open them, for the contract and for the faults.

import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Cluster, Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import type { Spending } from '../../src/core/ports.ts';
import type { RedisSettings } from '../../src/core/store-settings.ts';
import { createSealing } from '../../src/keys/sealing.ts';
import { openRedisStore, type RedisEvent, type RedisStore } from '../../src/stores/redis-store.ts';
import type { StoreMaker } from '../contract/spent-store.ts';
import type { WithdrawalsMaker, WithdrawalsWorld } from '../contract/withdrawal-store.ts';

export interface Replica {
  readonly store: RedisStore;
  readonly events: readonly RedisEvent[];
  /** Names of events so far. */
  told(): readonly string[];
}

export interface ReplicaOptions extends Partial<WithdrawalsWorld> {
  readonly elapsedMs?: () => number;
  /** Does not wait until it can be asked. */
  readonly eager?: true;
  /** What it seals with; one of its own unless given. */
  readonly sealingKey?: Uint8Array;
  readonly secretsMax?: number;
}

export async function openReplica(
  settings: RedisSettings,
  name: string,
  options: ReplicaOptions = {},
): Promise<Replica> {
  const { now, elapsedMs, drained, eager, sealingKey = randomBytes(32), ...rest } = options;
  const events: RedisEvent[] = [];
  const store = openRedisStore({
    settings,
    clock: { nowSeconds: now ?? (() => Date.now() / 1_000), elapsedMs: elapsedMs ?? (() => performance.now()) },
    randomBytes,
    sealing: createSealing(sealingKey),
    replica: name,
    drained: drained ?? (() => Promise.resolve()),
    onEvent: (event) => events.push(event),
    ...rest,
  });
  if (!eager) await ready(store);
  return { store, events, told: () => events.map(({ event }) => event) };
}

const lag = monitorEventLoopDelay({ resolution: 5 });
lag.enable();

/** How long one question may take, and what this machine has held everybody up by. */
export const answerMs = (): number => 250 + lag.max / 1_000_000;

/** Until it can be asked. */
export const ready = (store: RedisStore): Promise<void> =>
  vi.waitFor(() => expect(store.healthy()).toBe(true), { timeout: 10_000, interval: 5 });

/** A store that was begun long ago: who opens one that is new waits for others who may remember it. */
export const beginLongAgo = (admin: Pick<Redis | Cluster, 'hset'>, prefix: string): Promise<number> =>
  admin.hset(`{${prefix}:withdrawals}:state`, {
    generation: 'long-ago',
    seq: '0',
    held: '0',
    begun: '0',
    nonce: randomBytes(32).toString('base64url'),
  });

/** For the contract: an empty store for each test, by a prefix of its own. */
export function makerOn(
  settings: () => RedisSettings,
  admin: () => Pick<Redis | Cluster, 'hset'>,
): StoreMaker & WithdrawalsMaker {
  let prefix = '';
  const reopen = async (world: WithdrawalsWorld) => {
    const { store } = await openReplica({ ...settings(), prefix }, randomBytes(4).toString('hex'), world);
    return { store: patient(store), close: () => store.close(), settled: () => ready(store) };
  };
  const open = async (world: WithdrawalsWorld) => {
    prefix = randomBytes(6).toString('hex');
    await beginLongAgo(admin(), prefix);
    return reopen(world);
  };
  return {
    open: (world: WithdrawalsWorld | (() => number)) => open(typeof world === 'function' ? worldAt(world) : world),
    reopen: (world: WithdrawalsWorld | (() => number)) => reopen(typeof world === 'function' ? worldAt(world) : world),
  };
}

/** On a machine that is held up Redis answers late, and the claim is asked once more: it is the same claim. */
export const patient = (store: RedisStore): RedisStore => ({
  ...store,
  async claim(spending: Spending, decision: string, untilSeconds: number) {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await store.claim(spending, decision, untilSeconds);
      } catch (error) {
        if (attempt === 5 || !(error instanceof Error && /no answer|is not connected|silent/.test(error.message)))
          throw error;
        await ready(store);
      }
  },
});

const worldAt = (now: () => number): WithdrawalsWorld => ({ now, drained: () => Promise.resolve() });
