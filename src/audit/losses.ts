// The account of what is missing from a trail, or stands on it without having been acknowledged: kept until it has itself been
// written, so that no request is uncounted. Bounded: it lists decisions up to a group's worth, and counts the rest.

import { RECORD_GROUP_MAX } from '../core/limits.ts';
import type { Carried } from './batches.ts';
import { cutText, type Labels, timestamp } from './record.ts';

export interface Losses {
  readonly requests: number;
  readonly events: number;
  /** Seconds since the epoch, of the first of them. */
  readonly since: number;
  /** What was wrong first. */
  readonly problem: string | undefined;
  /** Decisions whose lines stand on the trail although their requests were refused. */
  readonly unacknowledged: readonly string[];
  readonly unacknowledgedCount: number;
}

export const noLosses = (since: number): Losses => ({
  requests: 0,
  events: 0,
  since,
  problem: undefined,
  unacknowledged: [],
  unacknowledgedCount: 0,
});

export function addLost(losses: Losses, carried: Carried): Losses {
  if (carried === 'request') return { ...losses, requests: losses.requests + 1 };
  return carried === 'event' ? { ...losses, events: losses.events + 1 } : losses;
}

export const addUnacknowledged = (losses: Losses, decisions: readonly string[]): Losses => ({
  ...losses,
  unacknowledged: [...losses.unacknowledged, ...decisions].slice(0, RECORD_GROUP_MAX),
  unacknowledgedCount: losses.unacknowledgedCount + decisions.length,
});

/** Two accounts as one; the earlier one first. */
export function addLosses(earlier: Losses | undefined, later: Losses | undefined): Losses | undefined {
  if (!earlier || !later) return earlier ?? later;
  const sum = addUnacknowledged(earlier, later.unacknowledged);
  return {
    ...sum,
    requests: earlier.requests + later.requests,
    events: earlier.events + later.events,
    problem: earlier.problem ?? later.problem,
    unacknowledgedCount: earlier.unacknowledgedCount + later.unacknowledgedCount,
  };
}

/** The record of them: `count` is requests that have no line, `events` the broker's own that have none. */
export const renderLosses = (losses: Losses, nowSeconds: number, labels: Labels): object => ({
  event: 'audit',
  time: timestamp(nowSeconds),
  since: timestamp(losses.since),
  problem: losses.problem === undefined ? undefined : cutText(losses.problem),
  count: losses.requests,
  events: losses.events,
  unacknowledged: losses.unacknowledgedCount > 0 ? losses.unacknowledged : undefined,
  unacknowledgedCount: losses.unacknowledgedCount > 0 ? losses.unacknowledgedCount : undefined,
  labels: Object.keys(labels).length > 0 ? labels : undefined,
});
