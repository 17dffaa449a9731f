// Refusals in which nothing was proved cost their sender nothing, so they must not cost the trail a line each: above
// UNPROVED_RECORDS_PER_SECOND a second and address (a /64 for IPv6), they become one record with a count when the second
// ends. None is uncounted: a count that cannot be written is kept for the next second.

import ipaddr from 'ipaddr.js';
import { LRUCache } from 'lru-cache';
import { UNPROVED_ADDRESSES_MAX, UNPROVED_RECORDS_PER_SECOND } from '../core/limits.ts';
import type { RequestRecord } from '../core/own-token-record.ts';
import { cutText, timestamp } from './record.ts';

/** Refusals of one address that have no record of their own. */
export interface Coalesced {
  readonly peer: string;
  /** Seconds since the epoch, of the first and the last. */
  readonly since: number;
  readonly until: number;
  readonly count: number;
  /** How many for each reason; a closed set. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly transport: string;
}

export interface Coalescer {
  /** True where the record has been counted and needs none of its own; false where it must be written. */
  take(record: RequestRecord): boolean;
  /** Ends the second: hands over every count, and begins anew. */
  flush(): void;
}

interface Address {
  records: number;
  coalesced: Coalesced | undefined;
}

/** `write` gets each count once, and resolves to whether it was written. */
export function createCoalescer(
  write: (coalesced: Coalesced) => Promise<boolean>,
  addressesMax = UNPROVED_ADDRESSES_MAX,
): Coalescer {
  const addresses = new LRUCache<string, Address>({
    max: addressesMax,
    // An address dropped for lack of room, or at the end of the second, hands over its count.
    dispose: ({ coalesced }) => {
      if (coalesced) void hand(coalesced);
    },
  });

  async function hand(coalesced: Coalesced): Promise<void> {
    if (await write(coalesced)) return;
    const address = addresses.get(coalesced.peer) ?? { records: 0, coalesced: undefined };
    address.coalesced = address.coalesced ? sum(coalesced, address.coalesced) : coalesced;
    addresses.set(coalesced.peer, address);
  }

  return Object.freeze({
    take(record: RequestRecord) {
      if (record.outcome !== 'refused' || provedAnybody(record)) return false;
      const peer = addressKey(record.peer);
      const address = addresses.get(peer) ?? { records: 0, coalesced: undefined };
      addresses.set(peer, address);
      address.records += 1;
      if (address.records <= UNPROVED_RECORDS_PER_SECOND) return false;
      const { time, transport, reason = 'fault' } = record;
      const one = { peer, since: time, until: time, count: 1, reasons: { [reason]: 1 }, transport };
      address.coalesced = address.coalesced ? sum(address.coalesced, one) : one;
      return true;
    },
    flush: () => addresses.clear(),
  });
}

/** The record of many refusals. */
export const renderCoalesced = (coalesced: Coalesced): object => ({
  event: 'refusals',
  time: timestamp(coalesced.since),
  until: timestamp(coalesced.until),
  outcome: 'refused',
  count: coalesced.count,
  reasons: coalesced.reasons,
  transport: coalesced.transport,
  peer: coalesced.peer,
});

/** The network that one sender is taken to own: an IPv4 address, the /64 of an IPv6 address. */
export function addressKey(peer: string): string {
  if (!ipaddr.isValid(peer)) return cutText(peer);
  const address = ipaddr.process(peer);
  if (!(address instanceof ipaddr.IPv6)) return address.toString();
  return `${new ipaddr.IPv6([...address.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`;
}

function provedAnybody({ roles }: RequestRecord): boolean {
  return roles.subject !== undefined || roles.actor !== undefined || roles.client !== undefined;
}

function sum(earlier: Coalesced, later: Coalesced): Coalesced {
  const reasons: Record<string, number> = { ...earlier.reasons };
  for (const [reason, count] of Object.entries(later.reasons)) reasons[reason] = (reasons[reason] ?? 0) + count;
  const since = Math.min(earlier.since, later.since);
  const until = Math.max(earlier.until, later.until);
  return { ...earlier, since, until, count: earlier.count + later.count, reasons };
}
