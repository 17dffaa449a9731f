// What scripts answer, read with suspicion: other programs may write to the same Redis. An answer that is not ours is none, and nothing is
// issued on it.

import { FEED_PAGE_ENTRIES } from '../core/limits-store.ts';
import { StoreUnavailable } from '../core/ports.ts';
import { readWithdrawalChange, type WithdrawalChange } from './withdrawal-text.ts';

export interface Status {
  readonly status: string;
  readonly rest: readonly unknown[];
}

/** Every script answers with a list that begins with a word. */
export function statusOf(answer: unknown): Status {
  const [status, ...rest] = Array.isArray(answer) ? answer : [];
  if (typeof status !== 'string') throw new StoreUnavailable('Redis answered something else than the script');
  return { status, rest };
}

/** One entry of the log of blocks and revocations. */
export interface LogEntry {
  readonly seq: number;
  readonly mark: string;
  readonly change: WithdrawalChange;
}

/** What a replica says of itself: `beat confirmed`. */
export interface ReplicaWords {
  readonly id: string;
  readonly words: string;
  /** The last change that it has, and under which nothing of its own is in work any more; below 0 while it has not caught up. */
  readonly confirmed: number;
}

/** Before a replica has read everything; and while it writes back what was lost. */
export const NOT_YET = -1;
export const RESTORING = -2;

export interface News {
  readonly generation: string;
  readonly seq: number;
  readonly mark: string;
  readonly redisSeconds: number;
  readonly begunSeconds: number;
  readonly nonceSecret: Uint8Array;
  readonly entries: readonly LogEntry[];
  /** There may be further entries. */
  readonly more: boolean;
  readonly replicas: readonly ReplicaWords[];
}

/** The answer of the script `feed`, after its status. */
export function readNews(rest: readonly unknown[]): News {
  const [generation, seq, mark, redisSeconds, begunSeconds, secret, log, replicas] = rest;
  const entries = texts(log).map(readEntry);
  return {
    generation: text(generation),
    seq: number(seq),
    mark: text(mark),
    redisSeconds: number(redisSeconds),
    begunSeconds: number(begunSeconds),
    nonceSecret: Buffer.from(text(secret), 'base64url'),
    entries,
    more: entries.length >= FEED_PAGE_ENTRIES,
    replicas: pairs(texts(replicas)).map(([id, words]) => readReplica(id, words)),
  };
}

function readEntry(entry: string): LogEntry {
  const [seq = '', mark = '', ...words] = entry.split(' ');
  const change = readWithdrawalChange(words);
  if (!change) throw foreign();
  return { seq: number(seq), mark, change };
}

function readReplica(id: string, words: string): ReplicaWords {
  return { id, words, confirmed: number(words.split(' ')[1]) };
}

export function number(value: unknown): number {
  const read = typeof value === 'string' || typeof value === 'number' ? Number(value) : Number.NaN;
  if (!Number.isFinite(read) || value === '') throw foreign();
  return read;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw foreign();
  return value;
}

const texts = (value: unknown): readonly string[] => {
  if (!Array.isArray(value)) throw foreign();
  return value.map(text);
};

const pairs = (flat: readonly string[]): readonly (readonly [string, string])[] =>
  flat.flatMap((first, index) => (index % 2 === 0 ? [[first, flat[index + 1] ?? ''] as const] : []));

const foreign = (): StoreUnavailable => new StoreUnavailable('Redis holds something under our names that is not ours');
