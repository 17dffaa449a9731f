// Keeps what clouds gave, and gives it to whoever would get the same: one question for a thousand pods that start at once. Of several that
// miss together one asks, and the others are judged on their own by what it got; shortly before a credential is too old to be given away,
// the next one is asked for behind the scenes, for who asks and no other. A credential that leaves the process unsealed leaves it to its
// caller. Decides nothing: every caller has passed policy before, and passes the recheck after it.

import { LRUCache } from 'lru-cache';
import type { CacheUse, SecretMemory } from '../core/cloud-ports.ts';
import { CACHED_REST_MS, CACHED_RESTING_MAX } from '../core/limits-cloud.ts';
import {
  type Clock,
  type Issued,
  type IssueOrder,
  type Issuer,
  StoreUnavailable,
  type Withdrawals,
} from '../core/ports.ts';
import { type CloudRefusal, ok, type Result, type UnavailableRefusal } from '../core/refusal.ts';
import { refuseUnavailable } from '../core/unavailable.ts';
import { type CacheEntry, endOf, entryOf, lifeOf, mayHave, readEntry, writeEntry } from './cache-entry.ts';
import { type CachedPlace, cacheKeyOf, shownOf } from './cache-key.ts';

export interface CloudCacheParts {
  readonly secrets: SecretMemory;
  readonly withdrawals: Withdrawals;
  readonly clock: Pick<Clock, 'nowSeconds'>;
  /** Told of every use of it, for a target. */
  readonly onUse?: (target: string, use: CacheUse) => void;
  /** Of what was asked for behind the scenes: nobody waits for it. */
  readonly onFault?: (error: unknown) => void;
}

/** Outlives configurations. */
export interface CloudCache {
  over(issuer: Issuer, place: CachedPlace): Issuer;
}

type Made = Result<CacheEntry, CloudRefusal | UnavailableRefusal>;

/** One question of one caller. */
interface Asked {
  readonly issuer: Issuer;
  readonly order: IssueOrder;
  readonly shown: IssueOrder;
  readonly key: string;
  /** Those who ask at the same time and may have the same. */
  readonly together: string;
}

export function createCloudCache(parts: CloudCacheParts): CloudCache {
  const answer = createAnswer(parts);
  return Object.freeze({
    over: (issuer: Issuer, place: CachedPlace): Issuer =>
      Object.freeze({
        ...issuer,
        async issue(order: IssueOrder) {
          const shown = shownOf(order, place);
          const key = cacheKeyOf(shown, place);
          const together = order.grant.outlive?.upTo === 'lifetime' ? key : `${key} ${order.expiresAt}`;
          try {
            const made = await answer({ issuer, order, shown, key, together });
            return made.ok ? ok(givenTo(order, made.value)) : made;
          } catch (error) {
            return refuseUnavailable(error);
          }
        },
      }),
  });
}

/** What is kept, what somebody else asks for just now, or else what the cloud gives. */
function createAnswer(parts: CloudCacheParts): (asked: Asked) => Promise<Made> {
  const use = ({ order }: Asked, what: CacheUse) => parts.onUse?.(order.grant.target, what);
  const flights = createFlights();
  const kept = createKept(parts);
  const refresh = createRefresh({ ...parts, use, flights, make });

  async function make({ issuer, order, shown, key }: Asked): Promise<Made> {
    const made = await issuer.issue(shown);
    if (!made.ok) return made;
    const entry = entryOf(order, made.value);
    await kept.keep(key, entry);
    return ok(entry);
  }

  return async (asked) => {
    const found = await kept.find(asked);
    if (found) {
      use(asked, 'hit');
      if (found.due) void refresh(asked);
      return ok(found.entry);
    }
    const joined = flights.under(asked.together);
    use(asked, joined ? 'shared' : 'miss');
    if (!joined)
      return flights.begin(asked.together, async () => {
        // Whoever asked before may have finished since.
        const made = await kept.find(asked);
        return made ? ok(made.entry) : make(asked);
      });
    const made = await joined;
    return !made.ok || kept.mayHave(made.value, asked.order) ? made : make(asked);
  };
}

interface RefreshParts extends Pick<CloudCacheParts, 'onFault'> {
  readonly use: (asked: Asked, what: CacheUse) => void;
  readonly flights: Flights;
  readonly make: (asked: Asked) => Promise<Made>;
}

/** Has the next one made behind the scenes. Nobody waits for it, and it never rejects. */
function createRefresh({ use, flights, make, onFault }: RefreshParts): (asked: Asked) => Promise<void> {
  /** Keys for which the next one could not be had just now. */
  const resting = new LRUCache<string, true>({ max: CACHED_RESTING_MAX, ttl: CACHED_REST_MS });
  return async (asked) => {
    if (flights.under(asked.together) || resting.has(asked.key)) return;
    const made = await flights
      .begin(asked.together, () => make(asked))
      .catch((error: unknown) => {
        onFault?.(error);
      });
    use(asked, made?.ok ? 'refreshed' : 'not_refreshed');
    if (!made?.ok) resting.set(asked.key, true);
  };
}

const givenTo = ({ id }: IssueOrder, { issued, madeFor }: CacheEntry): Issued =>
  madeFor === id ? issued : { ...issued, madeFor };

type Flights = ReturnType<typeof createFlights>;

/** What is on its way, by what is asked. Ends by itself, whoever has gone away. */
function createFlights() {
  const flights = new Map<string, Promise<Made>>();
  return {
    under: (what: string): Promise<Made> | undefined => flights.get(what),
    begin(what: string, work: () => Promise<Made>): Promise<Made> {
      const flight = work().finally(() => flights.delete(what));
      flights.set(what, flight);
      return flight;
    },
  };
}

function createKept({ secrets, withdrawals, clock }: CloudCacheParts) {
  const mayHaveNow = (entry: CacheEntry, order: IssueOrder): boolean =>
    mayHave(entry, order, clock.nowSeconds(), withdrawals);
  return {
    mayHave: mayHaveNow,
    /** What may be given to whoever has the order, if it has enough life left. */
    async find({ key, order }: Asked): Promise<{ readonly entry: CacheEntry; readonly due: boolean } | undefined> {
      const text = await secrets.get(key).catch(unlessUnavailable);
      const entry = text === undefined ? undefined : readEntry(text, order);
      if (!entry) return undefined;
      const { enough, due } = lifeOf(entry, clock.nowSeconds());
      return enough && mayHaveNow(entry, order) ? { entry, due } : undefined;
    },
    keep: (key: string, entry: CacheEntry): Promise<void> => secrets.set(key, writeEntry(entry), endOf(entry)),
  };
}

/** Where nobody can know what is kept, the cloud is asked. */
function unlessUnavailable(error: unknown): undefined {
  if (!(error instanceof StoreUnavailable)) throw error;
}
