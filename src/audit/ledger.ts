// What stands on the trail so far, and what the next group of lines must say: opening and due checkpoints, the records
// themselves, and an account of every record that could not be written. The chain moves only when a group is committed.

import { CHECKPOINT_RECORDS, CHECKPOINT_SECONDS } from '../core/limits.ts';
import type { Clock } from '../core/ports.ts';
import type { Carried } from './batches.ts';
import { type Chain, type CheckpointKey, link, linkCheckpoint } from './links.ts';
import { addLosses, addLost, addUnacknowledged, type Losses, noLosses, renderLosses } from './losses.ts';
import { type Labels, timestamp, toLine } from './record.ts';

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
  lost(carried: Carried): void;
  /** Decisions whose lines stand on the trail although their requests were told otherwise: what they granted never left. */
  unacknowledged(decisions: readonly string[]): void;
  /** Trouble to be told with the next group. */
  trouble(problem: string): void;
}

interface Parts {
  /** Where the trail stands. */
  readonly chain: Chain;
  readonly key: CheckpointKey;
  readonly clock: Clock;
  readonly labels: () => Labels;
}

/** Where the trail stands, and what of it no checkpoint covers. */
interface Position {
  readonly chain: Chain;
  /** Whether this run has signed the chain. A chain begins with a signed line, or nobody could tell it from one that a
   * stranger began; after a restart, that line covers what the last run left uncovered. */
  readonly opened: boolean;
  readonly uncovered: number;
  /** When the first uncovered record was linked, seconds since the epoch. */
  readonly since: number;
}

export function createLedger(parts: Parts): Ledger {
  const { clock, labels } = parts;
  let position: Position = { chain: parts.chain, opened: false, uncovered: 0, since: 0 };
  let losses: Losses | undefined;
  const account = (): Losses => losses ?? noLosses(clock.nowSeconds());

  return Object.freeze({
    compose(bodies: readonly string[], checkpoint: boolean): Group {
      const now = clock.nowSeconds();
      const told = losses;
      losses = undefined;
      const all = told ? [toLine(renderLosses(told, now, labels())), ...bodies] : bodies;
      const { text, after } = linkAll(parts.key, position, { bodies: all, checkpoint, now });
      return {
        bytes: Buffer.from(text, 'latin1'),
        commit: () => {
          position = after;
        },
        abandon: () => {
          losses = addLosses(told, losses);
        },
      };
    },
    due: () => losses !== undefined || isOverdue(position, clock.nowSeconds()),
    lost(carried: Carried) {
      if (carried !== 'nothing') losses = addLost(account(), carried);
    },
    unacknowledged(decisions: readonly string[]) {
      losses = addUnacknowledged(account(), decisions);
    },
    trouble(problem: string) {
      losses = { ...account(), problem: account().problem ?? problem };
    },
  });
}

interface Lines {
  readonly bodies: readonly string[];
  readonly checkpoint: boolean;
  readonly now: number;
}

function linkAll(key: CheckpointKey, from: Position, { bodies, checkpoint, now }: Lines) {
  let text = '';
  let at = from;
  const sign = (): void => {
    const { line, chain } = linkCheckpoint(at.chain, key, timestamp(now));
    text += `${line}\n`;
    at = { chain, opened: true, uncovered: 0, since: 0 };
  };

  if (isOverdue(at, now)) sign();
  for (const body of bodies) {
    const { line, chain } = link(at.chain, body);
    text += `${line}\n`;
    at = { chain, opened: true, uncovered: at.uncovered + 1, since: at.uncovered === 0 ? now : at.since };
    if (at.uncovered >= CHECKPOINT_RECORDS) sign();
  }
  if (checkpoint && at.uncovered > 0) sign();
  return { text, after: at };
}

const isOverdue = ({ opened, uncovered, since }: Position, now: number): boolean =>
  !opened || (uncovered > 0 && now - since >= CHECKPOINT_SECONDS);
