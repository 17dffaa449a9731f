// Who else serves from this store, as this replica has seen it: whoever says something new lives. Measured by our own clock that only
// grows, between answers of Redis, so that no wall clock that jumps makes a replica dead that may still issue.

import { REPLICA_FORGOTTEN_MS, REPLICA_LEASE_MS } from '../core/limits-store.ts';
import { RESTORING, type ReplicaWords } from './redis-replies.ts';

/** `gone`: it has stopped issuing by itself, long enough ago. */
export type Reach = 'has it' | 'not yet' | 'gone';

export interface Replicas {
  /** What an answer of Redis lists, to a question that was sent then. */
  update(listed: readonly ReplicaWords[], elapsedMs: number): void;
  /** Of every replica whether it has this change, and nothing in work from before it. */
  reach(seq: number): ReadonlyMap<string, Reach>;
  /** Somebody who remembers writes back what the store has lost. */
  isRestoring(): boolean;
  /** Ids and last words of those that nobody needs to wait for any more. */
  forgettable(): readonly string[];
}

interface Seen extends ReplicaWords {
  /** When it was first seen to say this. */
  readonly sinceMs: number;
}

export function createReplicas(): Replicas {
  let seen: ReadonlyMap<string, Seen> = new Map();
  let askedMs = 0;
  const silentMs = ({ sinceMs }: Seen): number => askedMs - sinceMs;
  const lives = (replica: Seen): boolean => silentMs(replica) < REPLICA_LEASE_MS;

  return Object.freeze({
    update(listed: readonly ReplicaWords[], elapsedMs: number) {
      askedMs = elapsedMs;
      const before = seen;
      seen = new Map(
        listed.map((replica) => {
          const known = before.get(replica.id);
          return [replica.id, known?.words === replica.words ? known : { ...replica, sinceMs: elapsedMs }];
        }),
      );
    },
    reach: (seq: number) => {
      const judge = (replica: Seen): Reach =>
        replica.confirmed >= seq ? 'has it' : lives(replica) ? 'not yet' : 'gone';
      return new Map([...seen].map(([id, replica]) => [id, judge(replica)]));
    },
    isRestoring: () => [...seen.values()].some((replica) => replica.confirmed === RESTORING && lives(replica)),
    forgettable: () =>
      [...seen.values()]
        .filter((replica) => silentMs(replica) > REPLICA_FORGOTTEN_MS)
        .flatMap(({ id, words }) => [id, words]),
  });
}
