// One line of the journal of the embedded store: a checksum, then the changes of one group commit. The checksum of each line goes
// on from that of the line before, so that a line that is lost, moved or altered shows. Text, so that people can read it.

import { crc32 } from 'node:zlib';
import { isInstant, readWithdrawalChange, type WithdrawalChange, writeWithdrawalChange } from './withdrawal-text.ts';

/** One change to what the store holds. */
export type Change = ClaimChange | WithdrawalChange;

/** One change to what is claimed. */
export type ClaimChange =
  | { readonly change: 'claim'; readonly key: string; readonly decision: string; readonly untilSeconds: number }
  | { readonly change: 'release'; readonly key: string; readonly decision: string }
  /** Claims that ended at or before this instant may have been forgotten. */
  | { readonly change: 'forget'; readonly untilSeconds: number };

/** What stands in the first line of every journal, also of those that hold blocks and revocations. */
export const JOURNAL_HEADER = 'exchequer spent credentials 1';

/** A decision id, as it may stand in a journal: it separates by spaces and semicolons. */
const DECISION = /^[A-Za-z0-9_-]{1,64}$/;
const KEY = /^[A-Za-z0-9_-]{43}$/;
const CHECKSUM = /^[0-9a-f]{8}$/;
const CHECKSUM_LENGTH = 8;

export const isDecision = (text: string): boolean => DECISION.test(text);

/** A line with its newline, and the checksum that the next line goes on from. */
export function writeLine(text: string, before: number): { readonly line: string; readonly checksum: number } {
  const checksum = crc32(text, before);
  return { line: `${checksum.toString(16).padStart(CHECKSUM_LENGTH, '0')} ${text}\n`, checksum };
}

/** The text of a line (without its newline) whose checksum holds, or undefined. */
export function readLine(
  line: string,
  before: number,
): { readonly text: string; readonly checksum: number } | undefined {
  const [written, text] = [line.slice(0, CHECKSUM_LENGTH), line.slice(CHECKSUM_LENGTH + 1)];
  if (!CHECKSUM.test(written) || line.charAt(CHECKSUM_LENGTH) !== ' ') return undefined;
  const checksum = crc32(text, before);
  return Number.parseInt(written, 16) === checksum ? { text, checksum } : undefined;
}

/** Changes, as `writeChange` made them, in one text. */
export const joinChanges = (changes: readonly string[]): string => changes.join(';');

export function writeChange(change: Change): string {
  if (change.change === 'withdraw' || change.change === 'lift') return writeWithdrawalChange(change);
  if (change.change === 'forget') return `forget ${change.untilSeconds}`;
  const { key, decision } = change;
  return change.change === 'claim' ? `claim ${key} ${decision} ${change.untilSeconds}` : `release ${key} ${decision}`;
}

/** The changes that a line tells, or undefined where one of them is not ours. */
export function readChanges(text: string): readonly Change[] | undefined {
  const changes: Change[] = [];
  for (const part of text.split(';')) {
    const change = readChange(part.split(' '));
    if (!change) return undefined;
    changes.push(change);
  }
  return changes;
}

function readChange(words: readonly string[]): Change | undefined {
  const [change, first = '', decision = '', last = ''] = words;
  if (change === 'forget' && words.length === 2 && isInstant(first)) return { change, untilSeconds: Number(first) };
  if (change !== 'claim' && change !== 'release') return readWithdrawalChange(words);
  if (!KEY.test(first) || !isDecision(decision)) return undefined;
  if (change === 'release' && words.length === 3) return { change, key: first, decision };
  if (change === 'claim' && words.length === 4 && isInstant(last))
    return { change, key: first, decision, untilSeconds: Number(last) };
  return undefined;
}
