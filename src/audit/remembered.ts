// The last decisions, as they were written, for `explain --decision` and `--last`. In memory only, bounded in number and
// bytes; the trail itself is what lasts.

import { LRUCache } from 'lru-cache';
import type { JsonObject } from '../core/json.ts';
import { DECISIONS_REMEMBERED_BYTES_MAX, DECISIONS_REMEMBERED_MAX } from '../core/limits.ts';

/** A record as it was written, without its place in the chain. */
export type RememberedRecord = JsonObject;

export interface Memory {
  remember(decision: string, body: string): void;
  find(decision: string): RememberedRecord | undefined;
  /** The newest first. */
  last(count: number): readonly RememberedRecord[];
}

export function createMemory(): Memory {
  // Bodies are kept as text, which is a quarter of the object, and read again by whoever asks.
  const bodies = new LRUCache<string, string>({
    max: DECISIONS_REMEMBERED_MAX,
    maxSize: DECISIONS_REMEMBERED_BYTES_MAX,
    sizeCalculation: (body) => body.length,
  });

  return Object.freeze({
    remember: (decision: string, body: string) => void bodies.set(decision, body),
    find(decision: string) {
      // Looking does not make a decision younger.
      const body = bodies.peek(decision);
      return body === undefined ? undefined : parse(body);
    },
    last(count: number) {
      const found: RememberedRecord[] = [];
      for (const body of bodies.values()) {
        if (found.length >= count) break;
        found.push(parse(body));
      }
      return found;
    },
  });
}

/** Our own text, made by `toLine`. */
const parse = (body: string): RememberedRecord => JSON.parse(body) as RememberedRecord;
