// Takes the steps that ring.ts names, one after the other: first on disk, then in memory, then told. Revoking goes the other
// way round, memory first: a stolen key is out of the published set even where its file cannot be deleted yet.
// Holds every key in memory; the caller sees to it that no two calls that change something overlap.

import type { JsonObject } from '../core/json.ts';
import type { Clock, SigningAlgorithm } from '../core/ports.ts';
import type { KeyFiles, StoredKey } from './key-files.ts';
import { createKeyMaterial } from './key-material.ts';
import { createKeyMemory, type KeyMemory } from './key-memory.ts';
import { type KeyRecord, nextStep, type RingStep } from './ring.ts';

/** The rings that every broker has: RS256 is the only algorithm that all three clouds accept. */
export const ALGORITHMS: readonly SigningAlgorithm[] = ['ES256', 'RS256'];

/** What happened to a key, for records and logs; or that the keys could not be kept in order. */
export type SigningKeysEvent =
  | {
      readonly event: 'created' | 'published' | 'activated' | 'retired' | 'deleted' | 'revoked';
      readonly kid: string;
      readonly algorithm: SigningAlgorithm;
    }
  | { readonly event: 'failed'; readonly error: unknown };

export interface RingKeeper {
  keys(): readonly StoredKey[];
  find(kid: string): StoredKey | undefined;
  current(algorithm: SigningAlgorithm): StoredKey | undefined;
  published(): { readonly keys: readonly JsonObject[] };
  /** Brings one ring into order; `replace` names a current key that must go. Rejects at the first step that fails. */
  settle(algorithm: SigningAlgorithm, replace?: string): Promise<void>;
  /** Brings all into order, one ring's failure not being another's. Rejects with the first failure. */
  settleAll(algorithms: readonly SigningAlgorithm[]): Promise<void>;
  revoke(key: StoredKey): Promise<void>;
  /** No step is begun from now on. */
  close(): void;
}

export interface RingKeeperParts {
  readonly files: KeyFiles;
  readonly stored: readonly StoredKey[];
  readonly clock: Clock;
  readonly rotateEverySeconds: () => number;
  readonly publishAheadSeconds: () => number;
  readonly longestLifetimeSeconds: () => number;
  readonly onEvent: (event: SigningKeysEvent) => void;
}

export function createRingKeeper(parts: RingKeeperParts): RingKeeper {
  const memory = createKeyMemory(parts.stored);
  const take = createStepTaker(parts, memory);
  const condemned = new Map<string, SigningAlgorithm>();
  let closed = false;

  const settle = async (algorithm: SigningAlgorithm, replace?: string): Promise<void> => {
    while (!closed) {
      const step = nextStep(memory.ring(algorithm), {
        nowSeconds: parts.clock.nowSeconds(),
        rotateEverySeconds: parts.rotateEverySeconds(),
        publishAheadSeconds: parts.publishAheadSeconds(),
        longestLifetimeSeconds: parts.longestLifetimeSeconds(),
        replace,
      });
      if (!step) return;
      await take(algorithm, step);
    }
  };

  /** Deletes the files of revoked keys; those that cannot be deleted now are tried again at the next tick. */
  const execute = async (): Promise<void> => {
    for (const [kid, algorithm] of condemned) {
      await parts.files.remove(kid);
      condemned.delete(kid);
      parts.onEvent({ event: 'deleted', kid, algorithm });
    }
  };

  return Object.freeze({
    keys: memory.all,
    find: memory.find,
    current: memory.current,
    published: memory.published,
    settle,
    settleAll: (algorithms: readonly SigningAlgorithm[]) =>
      everyOne([execute, ...algorithms.map((one) => () => settle(one))]),
    revoke: ({ record: { kid, algorithm } }: StoredKey) => {
      memory.remove(kid);
      condemned.set(kid, algorithm);
      parts.onEvent({ event: 'revoked', kid, algorithm });
      return everyOne([execute, () => settle(algorithm)]);
    },
    close: () => {
      closed = true;
    },
  });
}

/** Takes one step: on disk, in memory, told, in this order. */
function createStepTaker({ files, clock, onEvent, longestLifetimeSeconds }: RingKeeperParts, memory: KeyMemory) {
  // A ring that is not there yet has published nothing to anybody: its first next key is in every copy that there will be.
  const unserved = new Set(ALGORITHMS.filter((one) => memory.ring(one).length === 0));

  const create = async (algorithm: SigningAlgorithm): Promise<StoredKey> => {
    const material = await createKeyMaterial(algorithm);
    const record: KeyRecord = {
      kid: material.kid,
      algorithm,
      createdAtSeconds: Math.floor(clock.nowSeconds()),
      longestLifetimeSeconds: longestLifetimeSeconds(),
    };
    if (!unserved.has(algorithm)) return { material, record };
    if (memory.ring(algorithm).length > 0) unserved.delete(algorithm);
    return { material, record: { ...record, inEverySet: true } };
  };

  return async (algorithm: SigningAlgorithm, step: RingStep): Promise<void> => {
    if (step.step === 'delete') {
      await files.remove(step.key.kid);
      memory.remove(step.key.kid);
      onEvent({ event: 'deleted', kid: step.key.kid, algorithm });
      return;
    }
    const key = step.step === 'create' ? await create(algorithm) : { ...memory.get(step.key.kid), record: step.key };
    await files.write(key);
    memory.put(key);
    const event = step.step === 'create' ? 'created' : step.what;
    if (event !== 'lengthened') onEvent({ event, kid: key.record.kid, algorithm });
  };
}

/** Does all of it, whatever fails, and then rejects with the first failure. */
async function everyOne(work: readonly (() => Promise<void>)[]): Promise<void> {
  const failures: unknown[] = [];
  for (const one of work) await one().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
