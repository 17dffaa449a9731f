// What Redis has told about blocks and revocations, as one history: which generation, how far, and by which mark it goes on. Redis may lose
// what it was told (a restart, a failover, an eviction, FLUSHALL). A history that does not go on from ours is read anew from its beginning,
// and what only this memory still has is written back: what was lost never lets anybody in.

import { FEED_RESTORED_ENTRIES, GENERATION_SETTLE_MS } from '../core/limits-store.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import type { Withdrawal } from '../core/withdrawal.ts';
import type { LogEntry, News, Status } from './redis-replies.ts';
import { NOT_YET, RESTORING, readNews } from './redis-replies.ts';
import type { ScriptName } from './redis-scripts.ts';
import { hasLongEnded, type WithdrawalTable } from './withdrawal-table.ts';
import { writeWithdrawalChange } from './withdrawal-text.ts';

export type HistoryEvent =
  /** There was nothing, and this process remembers nothing: a first start, or all replicas and Redis have lost everything at once. */
  | { readonly event: 'store_begun' }
  /** `lost`: all of it; `torn`: some keys; `diverged`: the last changes; `behind`: nothing, this replica was away for too long. */
  | { readonly event: 'store_lost'; readonly what: 'lost' | 'torn' | 'diverged' | 'behind' }
  /** What only this replica still had is back. */
  | { readonly event: 'store_restored'; readonly withdrawals: number };

export interface HistoryParts {
  readonly table: WithdrawalTable;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly run: (script: ScriptName, args: readonly string[]) => Promise<Status>;
  /** Whether another replica writes back what was lost. */
  readonly othersRestore: () => boolean;
  /** The secret that this process makes nonces of, so that a new generation keeps it. */
  readonly nonceSecret: () => Uint8Array;
  readonly onEvent: (event: HistoryEvent) => void;
}

/** What an answer has come to. `complete`: memory holds all that Redis does, and Redis all that memory does. */
export type Progress = 'more' | 'incomplete' | 'complete';

export interface History {
  /** Changes each time that the history is read anew. */
  readonly reading: () => number;
  readonly generation: () => string;
  readonly head: () => Head;
  /** Where the next question goes on. */
  readonly cursor: () => number;
  /** What to say of this replica before it has confirmed anything. */
  readonly standing: () => typeof NOT_YET | typeof RESTORING;
  readonly seqOf: (id: string) => number | undefined;
  /** A change of our own, in force at once, that was made while this was the reading. */
  readonly own: (entry: Omit<LogEntry, 'mark'>, reading: number) => void;
  /** The answer of the script `feed`. */
  readonly take: (answer: Status, news: (news: News) => void) => Promise<Progress>;
}

interface Head {
  readonly seq: number;
  readonly mark: string;
}

interface State {
  reading: number;
  generation: string;
  head: Head;
  cursor: number;
  /** Has been complete: what memory holds counts, whatever Redis says. */
  remembers: boolean;
  /** Not complete yet: ids that this reading has shown to be held. Undefined once it is. */
  shown: Set<string> | undefined;
  /** Memory goes by this reading alone. */
  replaces: boolean;
  restored: number;
  readonly seqs: Map<string, number>;
}

export function createHistory(parts: HistoryParts): History {
  const state: State = {
    reading: 0,
    generation: '',
    head: { seq: 0, mark: '' },
    cursor: 0,
    remembers: false,
    shown: new Set(),
    replaces: true,
    restored: 0,
    seqs: new Map(),
  };
  return Object.freeze({
    reading: () => state.reading,
    generation: () => state.generation,
    head: () => state.head,
    cursor: () => state.cursor,
    standing: () => (state.shown && state.remembers && !state.replaces ? RESTORING : NOT_YET),
    seqOf: (id: string) => state.seqs.get(id),
    own(entry: Omit<LogEntry, 'mark'>, reading: number) {
      if (reading === state.reading) apply(parts, state, entry);
      // Redis has lost it meanwhile, or may have: it is written back with the rest.
      else if (entry.change.change === 'withdraw') parts.table.add(entry.change.withdrawal);
    },
    async take(answer: Status, news: (news: News) => void) {
      if (answer.status !== 'ok') return interrupted(parts, state, answer);
      const read = readNews(answer.rest);
      news(read);
      return goOn(parts, state, read);
    },
  });
}

/** The history that we know does not go on. */
async function interrupted(parts: HistoryParts, state: State, { status, rest }: Status): Promise<Progress> {
  const [torn = ''] = rest;
  switch (status) {
    case 'empty':
    case 'torn':
      readAnew(parts, state, status === 'empty' ? 'lost' : 'torn');
      await beginGeneration(parts, state, String(torn));
      return 'incomplete';
    case 'other':
      readAnew(parts, state, 'lost');
      return 'incomplete';
    case 'diverged':
    case 'behind':
      readAnew(parts, state, status);
      return 'incomplete';
    default:
      throw new Error(`the feed answered ${status}`);
  }
}

function readAnew(parts: HistoryParts, state: State, what: 'lost' | 'torn' | 'diverged' | 'behind'): void {
  if (state.remembers) parts.onEvent({ event: 'store_lost', what });
  state.reading += 1;
  state.generation = '';
  state.head = { seq: 0, mark: '' };
  state.cursor = 0;
  state.shown = new Set();
  // Who was away for ten thousand changes cannot tell what was lost from what was lifted; the others can.
  state.replaces = !state.remembers || what === 'behind';
  state.restored = 0;
  state.seqs.clear();
}

async function beginGeneration(parts: HistoryParts, state: State, torn: string): Promise<void> {
  const generation = Buffer.from(parts.randomBytes(GENERATION_BYTES)).toString('base64url');
  const secret = Buffer.from(parts.nonceSecret()).toString('base64url');
  const { status } = await parts.run('begin', [torn, generation, secret]);
  if (status === 'ok' && !state.remembers) parts.onEvent({ event: 'store_begun' });
}

const GENERATION_BYTES = 16;
export const MARK_BYTES = 9;

async function goOn(parts: HistoryParts, state: State, news: News): Promise<Progress> {
  state.generation = news.generation;
  state.head = { seq: news.seq, mark: news.mark };
  for (const entry of news.entries) apply(parts, state, entry);
  const last = news.entries.at(-1);
  if (last && news.more) {
    state.cursor = last.seq;
    return 'more';
  }
  state.cursor = news.seq;
  return state.shown ? complete(parts, state, news, state.shown) : 'complete';
}

function apply({ table }: HistoryParts, state: State, { change, seq }: Omit<LogEntry, 'mark'>): void {
  if (change.change === 'withdraw') {
    table.add(change.withdrawal);
    state.seqs.set(change.withdrawal.id, seq);
    state.shown?.add(change.withdrawal.id);
    return;
  }
  table.remove(change.id);
  state.seqs.delete(change.id);
  state.shown?.delete(change.id);
}

/** Everything has been read. */
async function complete(parts: HistoryParts, state: State, news: News, shown: ReadonlySet<string>): Promise<Progress> {
  const { table, clock } = parts;
  const alone = [...table.all()].filter(({ id }) => !shown.has(id));
  if (state.replaces) for (const { id } of alone) table.remove(id);
  else {
    const lacking = alone.filter((withdrawal) => !hasLongEnded(withdrawal, clock.nowSeconds()));
    // They come back with the next news, and are shown then.
    if (lacking.length > 0) return writeBack(parts, state, lacking.slice(0, FEED_RESTORED_ENTRIES));
    if (state.restored > 0) parts.onEvent({ event: 'store_restored', withdrawals: state.restored });
  }
  const young = news.redisSeconds - news.begunSeconds < GENERATION_SETTLE_MS / 1_000;
  if (!state.remembers && (young || parts.othersRestore())) return 'incomplete';
  state.shown = undefined;
  state.remembers = true;
  state.replaces = false;
  return 'complete';
}

async function writeBack(parts: HistoryParts, state: State, lacking: readonly Withdrawal[]): Promise<Progress> {
  const { status } = await parts.run('add', [
    state.generation,
    UNBOUNDED,
    ...lacking.flatMap((one) => words(parts, one)),
  ]);
  if (status === 'ok') state.restored += lacking.length;
  return 'more';
}

/** What was in force stays so: no bound takes it away. */
const UNBOUNDED = '1000000000';

/** The arguments of the script `add` for one withdrawal. */
export function words({ randomBytes }: Pick<HistoryParts, 'randomBytes'>, withdrawal: Withdrawal): readonly string[] {
  const mark = Buffer.from(randomBytes(MARK_BYTES)).toString('base64url');
  const { id, untilSeconds } = withdrawal;
  const change = writeWithdrawalChange({ change: 'withdraw', withdrawal });
  return [mark, id, untilSeconds === undefined ? '' : String(untilSeconds), change];
}
