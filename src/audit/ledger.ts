// What stands on the trail so far, and what the next group of lines must say: opening and due checkpoints, the records
// themselves, and an account of every record that could not be written. The chain moves only when a group is committed.

import { CHECKPOINT_RECORDS, CHECKPOINT_SECONDS, RECORD_GROUP_MAX } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import { type Chain, type CheckpointKey, link, linkCheckpoint } from './links.ts';
import { cutText, type Labels, timestamp, toLine } from './record.ts';

/** One group of lines, and what becomes of it: exactly one of `commit` and `abandon` is called. */
export interface Group {
  readonly bytes: Buffer;
  commit(): void;
  abandon(): void;
}

export interface Ledger {
  /** Links these bodies. With `checkpoint`, whatever is not covered yet is covered at the end. */
  compose(bodies: readonly string[], checkpoint: boolean): Group;
  /** Whether a group is wanted even if nobody writes: a checkpoint is due, or losses have not been told. */
  due(): boolean;
  /** A record that was refused and will never stand on the trail. */
  lost(carried: 'request' | 'event' | 'nothing', problem: string): void;
  /** Decisions whose lines stand on the trail although their requests were told otherwise: what they granted never left. */
  unacknowledged(decisions: readonly string[]): void;
  /** Trouble to be told with the next group. */
  trouble(problem: string): void;
}

interface Uncovered {
  readonly records: number;
  /** Wall time when the first of them was linked; undefined for none. */
  readonly since: number | undefined;
}

interface Losses {
  requests: number;
  events: number;
  since: number;
  problem: string;
  decisions: string[];
  decisionsCount: number;
}

export function createLedger(parts: {
  readonly chain: Chain;
  readonly key: CheckpointKey;
  readonly clock: Clock;
  readonly labels: Labels;
}): Ledger {
  const { key, clock, labels } = parts;
  let chain = parts.chain;
  let uncovered: Uncovered = { records: 0, since: undefined };
  // A chain begins with a signed line, or nobody could tell it from one that a stranger began; after a restart, that line
  // covers what the last run left uncovered.
  let opened = false;
  let losses: Losses | undefined;

  const overdue = (now: number): boolean =>
    !opened || (uncovered.since !== undefined && now - uncovered.since >= CHECKPOINT_SECONDS);
  const missing = (): Losses => {
    losses ??= { requests: 0, events: 0, since: clock.nowSeconds(), problem: '', decisions: [], decisionsCount: 0 };
    return losses;
  };

  return Object.freeze({
    compose(bodies: readonly string[], checkpoint: boolean): Group {
      const now = clock.nowSeconds();
      const time = timestamp(now);
      const told = losses;
      losses = undefined;
      let text = '';
      let at = chain;
      let open = uncovered;

      const add = (linked: { line: string; chain: Chain }): void => {
        text += `${linked.line}\n`;
        at = linked.chain;
      };
      const sign = (): void => {
        add(linkCheckpoint(at, key, time));
        open = { records: 0, since: undefined };
      };
      const record = (body: string): void => {
        add(link(at, body));
        open = { records: open.records + 1, since: open.since ?? now };
        if (open.records >= CHECKPOINT_RECORDS) sign();
      };

      if (overdue(now)) sign();
      if (told) record(accountOf(told, now, labels));
      for (const body of bodies) record(body);
      if (checkpoint && open.records > 0) sign();

      return {
        bytes: Buffer.from(text, 'latin1'),
        commit: () => {
          chain = at;
          uncovered = open;
          opened = true;
        },
        abandon: () => {
          losses = merged(told, losses);
        },
      };
    },
    due: () => losses !== undefined || overdue(clock.nowSeconds()),
    lost(carried: 'request' | 'event' | 'nothing', problem: string) {
      if (carried === 'nothing') return;
      const account = missing();
      if (carried === 'request') account.requests += 1;
      else account.events += 1;
      account.problem ||= problem;
    },
    unacknowledged(decisions: readonly string[]) {
      const account = missing();
      account.decisions = [...account.decisions, ...decisions].slice(0, RECORD_GROUP_MAX);
      account.decisionsCount += decisions.length;
    },
    trouble(problem: string) {
      missing().problem ||= problem;
    },
  });
}

/** The record of what is missing from the trail, so that none is uncounted. */
const accountOf = (losses: Losses, now: number, labels: Labels): string =>
  toLine({
    event: 'audit',
    time: timestamp(now),
    since: timestamp(losses.since),
    problem: cutText(losses.problem),
    count: losses.requests,
    events: losses.events > 0 ? losses.events : undefined,
    unacknowledged: losses.decisionsCount > 0 ? losses.decisions : undefined,
    unacknowledgedCount: losses.decisionsCount > 0 ? losses.decisionsCount : undefined,
    labels: Object.keys(labels).length > 0 ? labels : undefined,
  });

function merged(earlier: Losses | undefined, later: Losses | undefined): Losses | undefined {
  if (!earlier || !later) return earlier ?? later;
  return {
    requests: earlier.requests + later.requests,
    events: earlier.events + later.events,
    since: earlier.since,
    problem: earlier.problem || later.problem,
    decisions: [...earlier.decisions, ...later.decisions].slice(0, RECORD_GROUP_MAX),
    decisionsCount: earlier.decisionsCount + later.decisionsCount,
  };
}
