// Reads a trail back and judges it (`audit verify`; docs/records.md): gaps, edits, reordering, truncation before a checkpoint, lines
// of chains that our key never signed, lines that are none. Memory stays bounded however long the trail is. What it cannot
// know: whether lines are missing after the last one that it was given; the head of each chain is reported for that.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { CHECKPOINT_RECORDS, CHECKPOINT_SECONDS, TRAIL_CHAINS_MAX, TRAIL_PROBLEMS_MAX } from '../core/limits.ts';
import type { RequestRecord } from '../core/own-token-record.ts';
import { type Chain, checkpointSigned, lineHash, NO_LINE, readPlace } from './links.ts';

export type ProblemKind =
  | 'unparsable'
  | 'gap'
  | 'truncation'
  | 'edited'
  | 'out_of_order'
  | 'bad_signature'
  | 'checkpoint_overdue'
  | 'foreign_chain'
  | 'too_many_chains';

export interface Problem {
  /** From 1; 0 for the trail as a whole. */
  readonly line: number;
  readonly kind: ProblemKind;
  readonly text: string;
}

export interface ChainReport {
  readonly id: string;
  readonly firstSeq: number;
  /** The last line: its place and hash. Compare it with one noted elsewhere to notice a tail that was cut off. */
  readonly head: { readonly seq: number; readonly sha256: string };
  readonly checkpoints: number;
  /** Records after the last checkpoint: not yet covered by a signature. */
  readonly uncovered: number;
}

export interface Report {
  readonly intact: boolean;
  readonly lines: number;
  /** Requests that the trail accounts for: records, coalesced refusals, and those it says it lost. */
  readonly requests: number;
  /** Not yet covered by a checkpoint, over all chains. */
  readonly uncovered: number;
  readonly chains: readonly ChainReport[];
  /** In the order of lines, at most TRAIL_PROBLEMS_MAX. */
  readonly problems: readonly Problem[];
  readonly problemsCount: number;
}

interface Thread {
  readonly id: string;
  readonly firstSeq: number;
  readonly firstLine: number;
  /** The line that must come next says this. */
  seq: number;
  prev: string;
  lastLine: number;
  checkpoints: number;
  uncovered: number;
  uncoveredSince: number | undefined;
}

/** A gap, until every line that it misses has turned up out of order. */
interface Gap {
  readonly chain: string;
  readonly from: number;
  readonly to: number;
  readonly problem: Problem;
  missing: number;
}

/** Slack on CHECKPOINT_SECONDS: a record bears the time of its request, which may have waited, or a clock may have been set. */
const OVERDUE_SECONDS = 6 * CHECKPOINT_SECONDS;

/** Judges a whole trail: lines without their ends, in order. The key is the public half of the audit key, or its PEM. */
export async function verifyTrail(
  lines: AsyncIterable<string> | Iterable<string>,
  publicKey: KeyObject | string,
): Promise<Report> {
  const key = typeof publicKey === 'string' ? createPublicKey(publicKey) : publicKey;
  const threads = new Map<string, Thread>();
  const findings = createFindings();
  let number = 0;
  let requests = 0;

  for await (const line of lines) {
    number += 1;
    const place = readPlace(line);
    const record = place && readObject(line);
    if (!place || !record) {
      findings.add(number, 'unparsable', 'is no line of a trail');
      continue;
    }
    requests += requestsOf(record);
    const thread = threads.get(place.id) ?? begin(threads, place, number);
    if (!thread) {
      findings.add(number, 'too_many_chains', `belongs to more than ${TRAIL_CHAINS_MAX} chains`);
      continue;
    }
    const checkpoint = record.event === 'checkpoint';
    follow(thread, place, line, { number, checkpoint, findings });
    if (checkpoint && checkpointSigned(line, key)) {
      cover(thread);
      continue;
    }
    if (checkpoint) findings.add(number, 'bad_signature', 'is a checkpoint that the audit key did not sign');
    leaveUncovered(thread, record, number, findings);
  }
  if (number === 0) findings.add(0, 'truncation', 'there is no line at all; a trail begins with a checkpoint');
  for (const thread of threads.values()) judgeWhole(thread, findings);
  return reportOf(number, requests, [...threads.values()], findings);
}

function begin(threads: Map<string, Thread>, place: Chain, line: number): Thread | undefined {
  if (threads.size >= TRAIL_CHAINS_MAX) return undefined;
  const thread: Thread = {
    id: place.id,
    firstSeq: place.seq,
    firstLine: line,
    seq: place.seq,
    prev: place.seq === 1 ? NO_LINE : place.prev,
    lastLine: line,
    checkpoints: 0,
    uncovered: 0,
    uncoveredSince: undefined,
  };
  threads.set(place.id, thread);
  return thread;
}

interface At {
  readonly number: number;
  readonly checkpoint: boolean;
  readonly findings: Findings;
}

/** Holds a line against the one before it in its chain. */
function follow(thread: Thread, place: Chain, line: string, { number, checkpoint, findings }: At): void {
  if (place.seq < thread.seq) {
    findings.add(number, 'out_of_order', `has place ${place.seq}, behind place ${thread.seq - 1}`);
    findings.turnedUp(place);
    return;
  }
  if (place.seq > thread.seq) findings.gap(number, thread, place.seq, checkpoint);
  else if (place.prev !== thread.prev)
    findings.add(thread.lastLine, 'edited', `is not what line ${number} says that it was`);
  thread.seq = place.seq + 1;
  thread.prev = lineHash(line);
  thread.lastLine = number;
}

function cover(thread: Thread): void {
  thread.checkpoints += 1;
  thread.uncovered = 0;
  thread.uncoveredSince = undefined;
}

/** Whoever rewrites a part of a chain must drop the checkpoints that follow; the writer never leaves them out for long. */
function leaveUncovered(thread: Thread, record: JsonObject, number: number, findings: Findings): void {
  thread.uncovered += 1;
  // Counts of refusals are kept while nothing can be written, and then bear an old time.
  const time =
    record.event === 'refusals' || typeof record.time !== 'string' ? Number.NaN : Date.parse(record.time) / 1000;
  if (!Number.isNaN(time)) thread.uncoveredSince ??= time;
  const waited = time - (thread.uncoveredSince ?? time);
  if (thread.uncovered !== CHECKPOINT_RECORDS + 1 && !(waited > OVERDUE_SECONDS)) return;
  findings.add(number, 'checkpoint_overdue', `follows ${thread.uncovered - 1} records that no checkpoint covers`);
  // Said once for each stretch.
  thread.uncoveredSince = time;
}

function judgeWhole(thread: Thread, findings: Findings): void {
  if (thread.checkpoints === 0)
    findings.add(thread.firstLine, 'foreign_chain', `begins a chain that the audit key never signed: ${thread.id}`);
  else if (thread.firstSeq > 1)
    findings.add(thread.firstLine, 'gap', `is the first of its chain here, but has place ${thread.firstSeq}`);
}

type Findings = ReturnType<typeof createFindings>;

function createFindings() {
  const problems = new Set<Problem>();
  const gaps = new Set<Gap>();
  let count = 0;

  const add = (line: number, kind: ProblemKind, text: string): Problem => {
    const problem = { line, kind, text: line === 0 ? text : `line ${line} ${text}` };
    count += 1;
    if (problems.size < TRAIL_PROBLEMS_MAX) problems.add(problem);
    return problem;
  };

  return {
    add,
    gap(line: number, { id, seq }: Thread, to: number, checkpoint: boolean) {
      const missing = to - seq;
      const places = missing === 1 ? `place ${seq} is` : `places ${seq} to ${to - 1} are`;
      const problem = add(line, checkpoint ? 'truncation' : 'gap', `has place ${to}: ${places} missing before it`);
      if (gaps.size < TRAIL_PROBLEMS_MAX) gaps.add({ chain: id, from: seq, to, problem, missing });
    },
    /** A line that came too late: the gap that it left is no gap once it is filled, only disorder. */
    turnedUp({ id, seq }: Chain) {
      for (const gap of gaps) {
        if (gap.chain !== id || seq < gap.from || seq >= gap.to) continue;
        gap.missing -= 1;
        if (gap.missing > 0) return;
        gaps.delete(gap);
        problems.delete(gap.problem);
        count -= 1;
        return;
      }
    },
    all: () => ({ problems: [...problems].sort((a, b) => a.line - b.line), count }),
  };
}

function reportOf(lines: number, requests: number, threads: readonly Thread[], findings: Findings): Report {
  const { problems, count } = findings.all();
  const chains = threads.map((thread) => ({
    id: thread.id,
    firstSeq: thread.firstSeq,
    head: { seq: thread.seq - 1, sha256: thread.prev },
    checkpoints: thread.checkpoints,
    uncovered: thread.uncovered,
  }));
  const uncovered = threads.reduce((sum, thread) => sum + thread.uncovered, 0);
  return { intact: count === 0, lines, requests, uncovered, chains, problems, problemsCount: count };
}

/** Events of which each is the one record of a request. */
export const REQUESTS: readonly string[] = [
  'exchange',
  'introspection',
  'revocation',
  'caller_identity',
] satisfies readonly RequestRecord['event'][];

function requestsOf(record: JsonObject): number {
  if (typeof record.event === 'string' && REQUESTS.includes(record.event)) return 1;
  const counts = record.event === 'refusals' || record.event === 'audit';
  return counts && typeof record.count === 'number' ? record.count : 0;
}

function readObject(line: string): JsonObject | undefined {
  try {
    const value = JSON.parse(line) as Json;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
