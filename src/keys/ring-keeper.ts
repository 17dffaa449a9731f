// Takes the steps that ring.ts names, one after the other: first on disk, then in memory, then told. Each change is a turn in which no
// other broker changes anything: the directory is read anew, and what is due then is done. Revoking begins in memory: a stolen key is
// out of the published set even where its file cannot be deleted yet. Holds every key in memory; the caller sees to it that no two calls
// that change something overlap.

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
  /** Another broker changed the directory. */
  | { readonly event: 'followed'; readonly learned: readonly string[]; readonly dropped: readonly string[] }
  | { readonly event: 'failed'; readonly error: unknown };

export interface RingKeeper {
  keys(): readonly StoredKey[];
  find(kid: string): StoredKey | undefined;
  current(algorithm: SigningAlgorithm): StoredKey | undefined;
  published(): { readonly keys: readonly JsonObject[] };
  /** Takes over what other brokers have changed. Rejects where the directory cannot be read; what is known stays. */
  follow(): Promise<void>;
  /** Whether there is a step to take, by what is known. */
  isDue(): boolean;
  /** Brings all into order, in one turn, one ring's failure not being another's. Rejects with the first failure. */
  settle(): Promise<void>;
  /** Replaces the current keys that it is told, in one turn; `choose` is asked in it, and changes nothing where it throws. */
  rotate(choose: () => readonly Pick<KeyRecord, 'kid' | 'algorithm'>[]): Promise<void>;
  /** Takes the key out of memory at once, and says whether it was there. `settle` makes it durable. */
  condemn(kid: string): StoredKey | undefined;
  /** When the first look at the directory began that has not succeeded, by `clock.elapsedMs`; undefined while it can be read. */
  unreadSinceMs(): number | undefined;
  /** No step is begun from now on. */
  close(): void;
}

export interface RingKeeperParts {
  readonly files: KeyFiles;
  readonly clock: Clock;
  readonly rotateEverySeconds: () => number;
  readonly publishAheadSeconds: () => number;
  readonly longestLifetimeSeconds: () => number;
  readonly onEvent: (event: SigningKeysEvent) => void;
}

/** Reads the keys, or makes the first ones: of several brokers that begin at once, one does. */
export async function openRingKeeper(parts: RingKeeperParts): Promise<RingKeeper> {
  return parts.files.inTurn(async () => {
    const kept: Kept = {
      memory: createKeyMemory(await parts.files.readAll()),
      condemned: new Map(),
      closed: false,
      unreadSinceMs: undefined,
    };
    const rings = createRings(parts, kept);
    for (const algorithm of ALGORITHMS) await rings.settle(algorithm);
    return createRingKeeper(parts, kept, rings);
  });
}

interface Kept {
  readonly memory: KeyMemory;
  /** Revoked, and their files perhaps not deleted yet. */
  readonly condemned: Map<string, SigningAlgorithm>;
  closed: boolean;
  unreadSinceMs: number | undefined;
}

interface Rings {
  next(algorithm: SigningAlgorithm, replace?: string): RingStep | undefined;
  /** In a turn. */
  settle(algorithm: SigningAlgorithm, replace?: string): Promise<void>;
}

function createRings(parts: RingKeeperParts, kept: Kept): Rings {
  const take = createStepTaker(parts, kept);
  const next = (algorithm: SigningAlgorithm, replace?: string): RingStep | undefined =>
    nextStep(kept.memory.ring(algorithm), {
      nowSeconds: parts.clock.nowSeconds(),
      rotateEverySeconds: parts.rotateEverySeconds(),
      publishAheadSeconds: parts.publishAheadSeconds(),
      longestLifetimeSeconds: parts.longestLifetimeSeconds(),
      replace,
    });
  const settle = async (algorithm: SigningAlgorithm, replace?: string): Promise<void> => {
    while (!kept.closed) {
      const step = next(algorithm, replace);
      if (!step) return;
      await take(algorithm, step);
    }
  };
  return { next, settle };
}

function createRingKeeper(parts: RingKeeperParts, kept: Kept, rings: Rings): RingKeeper {
  const { files, clock, onEvent } = parts;
  const { memory, condemned } = kept;
  const follow = async (readsAnyway: boolean): Promise<void> => {
    // A look that hangs is none. A process that slept has missed none: it looks before a second has passed.
    kept.unreadSinceMs ??= clock.elapsedMs();
    if (readsAnyway || (await files.haveChanged())) {
      const found = (await files.readAll()).filter(({ record }) => !condemned.has(record.kid));
      const changed = memory.replace(found);
      if (changed.learned.length + changed.dropped.length > 0) onEvent({ event: 'followed', ...changed });
    }
    kept.unreadSinceMs = undefined;
  };
  const inTurn = (work: () => Promise<void>): Promise<void> =>
    files.inTurn(async () => {
      await follow(true);
      await work();
    });

  /** Deletes the files of revoked keys; those that cannot be deleted now are tried again at the next tick. */
  const execute = async (): Promise<void> => {
    for (const [kid, algorithm] of condemned) {
      await files.remove(kid);
      condemned.delete(kid);
      onEvent({ event: 'deleted', kid, algorithm });
    }
  };

  return Object.freeze({
    keys: memory.all,
    find: memory.find,
    current: memory.current,
    published: memory.published,
    follow: () => follow(false),
    isDue: () => condemned.size > 0 || ALGORITHMS.some((algorithm) => rings.next(algorithm) !== undefined),
    settle: () => inTurn(() => everyOne([execute, ...ALGORITHMS.map((one) => () => rings.settle(one))])),
    rotate: (choose: Parameters<RingKeeper['rotate']>[0]) =>
      inTurn(async () => {
        for (const { algorithm, kid } of choose()) await rings.settle(algorithm, kid);
      }),
    condemn(kid: string) {
      const key = memory.find(kid);
      if (!key) return undefined;
      memory.remove(kid);
      condemned.set(kid, key.record.algorithm);
      onEvent({ event: 'revoked', kid, algorithm: key.record.algorithm });
      return key;
    },
    unreadSinceMs: () => kept.unreadSinceMs,
    close: () => {
      kept.closed = true;
    },
  });
}

/** Takes one step: on disk, in memory, told, in this order. */
function createStepTaker(
  { files, clock, onEvent, longestLifetimeSeconds }: RingKeeperParts,
  { memory, condemned }: Kept,
) {
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
    // It may have been revoked while it was written; then its file goes next.
    if (condemned.has(key.record.kid)) return;
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
