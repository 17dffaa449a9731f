// Name look-ups for the outbound client. getaddrinfo runs in libuv's pool of four threads, which crypto and files share, and
// cannot be cancelled: a resolver that never answers holds its thread. So look-ups are few at once (LOOKUPS_AT_ONCE_MAX), one
// for each name however many ask, and the callers' own deadline does not wait for them (F-14). No answer is kept.

import type { LookupAddress } from 'node:dns';
import { LOOKUPS_AT_ONCE_MAX } from '../core/limits-outside.ts';

/** `dns.lookup`, as far as it is used here; a test gives its own. */
export type Lookup = (
  hostname: string,
  options: { all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface Lookups {
  /** Every address of a name. Rejects as the look-up does. May stay pending for ever: the caller has its own deadline. */
  addresses(hostname: string): Promise<readonly LookupAddress[]>;
}

export function createLookups(lookup: Lookup): Lookups {
  const underWay = new Map<string, Promise<readonly LookupAddress[]>>();
  const waiting: (() => void)[] = [];
  let running = 0;

  function next(): void {
    while (running < LOOKUPS_AT_ONCE_MAX) {
      const start = waiting.shift();
      if (!start) return;
      running += 1;
      start();
    }
  }

  function addresses(hostname: string): Promise<readonly LookupAddress[]> {
    const shared = underWay.get(hostname);
    if (shared) return shared;
    const answer = Promise.withResolvers<readonly LookupAddress[]>();
    const finish = () => {
      running -= 1;
      underWay.delete(hostname);
      next();
    };
    // Names come from configuration and discovery documents only, so both the map and the queue are small.
    underWay.set(hostname, answer.promise);
    waiting.push(() => {
      lookup(hostname, { all: true }, (error, found) => {
        finish();
        if (error) answer.reject(error);
        else answer.resolve(found);
      });
    });
    next();
    return answer.promise;
  }

  return Object.freeze({ addresses });
}
