// Follows what is withdrawn: asks Redis for news five times a second, and says with the same question that this replica lives and which
// change it has, with nothing of its own in work from before it. Counts as silent from the moment that the last good question was sent: a
// process that was stopped, cut off or held up knows by itself that it must not issue.

import { SWEPT_PER_TICK } from '../core/limits.ts';
import { DPOP_NONCE_SECRET_BYTES, FEED_SILENT_MS, WITHDRAWN_KEPT_SECONDS } from '../core/limits-delegation.ts';
import { FEED_HASTE_MS, FEED_PAGE_ENTRIES, FEED_POLL_MS } from '../core/limits-store.ts';
import { type Clock, type Nonces, type RandomBytes, StoreUnavailable } from '../core/ports.ts';
import { createNonces } from './nonces.ts';
import type { RedisConnection } from './redis-connection.ts';
import { createHistory, type History, type HistoryEvent, type Progress } from './redis-history.ts';
import { createReplicas, type Reach, type Replicas } from './redis-replicas.ts';
import { type News, statusOf } from './redis-replies.ts';
import type { ScriptName } from './redis-scripts.ts';
import type { WithdrawalTable } from './withdrawal-table.ts';

export type FeedEvent =
  | HistoryEvent
  /** Nothing is issued until it follows again. */
  | { readonly event: 'feed_silent' }
  | { readonly event: 'feed_following' };

export interface FeedParts {
  readonly connection: RedisConnection;
  readonly keys: readonly string[];
  readonly table: WithdrawalTable;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly replica: string;
  readonly drained: () => Promise<void>;
  readonly onEvent: (event: FeedEvent) => void;
}

export interface Feed {
  /** Memory holds what every other replica may have been told is in force. */
  isFresh(): boolean;
  /** The time of Redis now; undefined where it has been silent. */
  redisSeconds(): number | undefined;
  nonces(): Nonces;
  readonly history: Pick<History, 'generation' | 'reading' | 'seqOf' | 'own'>;
  /** Resolves after the next question that is sent from now on: with whether it was answered. */
  next(): Promise<boolean>;
  /** Asks more often until the function that it gives is called. */
  hasten(): () => void;
  /** Of every replica, this one included, whether it has a change. */
  reach(seq: number): ReadonlyMap<string, Reach>;
  /** Resolves when nothing more is asked. */
  close(): Promise<void>;
}

/** When a question was sent, by both clocks: a machine that was suspended may have stopped the one that only grows. */
interface Instant {
  readonly elapsedMs: number;
  readonly seconds: number;
}

interface FeedState {
  closed: boolean;
  asked: number;
  hurried: number;
  /** When the last question was sent whose answer left nothing open. */
  fresh: Instant | undefined;
  wasFresh: boolean;
  redis: Instant | undefined;
  /** Our own until Redis tells another one. */
  secret: Uint8Array;
  nonces: Nonces;
  /** The last change that this replica has, with nothing in work from before it, in which reading of the history. */
  confirmed: { readonly reading: number; readonly seq: number } | undefined;
  confirming: { readonly reading: number; readonly seq: number } | undefined;
  waiting: { readonly from: number; readonly resolve: (answered: boolean) => void }[];
  wake: () => void;
}

interface Following extends FeedParts {
  readonly state: FeedState;
  readonly history: History;
  readonly replicas: Replicas;
}

export function openFeed(parts: FeedParts): Feed {
  const { clock, connection, keys, randomBytes } = parts;
  const secret = randomBytes(DPOP_NONCE_SECRET_BYTES);
  const state: FeedState = {
    closed: false,
    asked: 0,
    hurried: 0,
    fresh: undefined,
    wasFresh: false,
    redis: undefined,
    secret,
    nonces: createNonces(secret),
    confirmed: undefined,
    confirming: undefined,
    waiting: [],
    wake: () => undefined,
  };
  const replicas = createReplicas();
  const run = async (script: ScriptName, args: readonly string[]) => statusOf(await connection.run(script, keys, args));
  const history = createHistory({
    ...parts,
    run,
    othersRestore: replicas.isRestoring,
    nonceSecret: () => state.secret,
  });
  const feed: Following = { ...parts, state, history, replicas };
  const done = follow(feed);

  return Object.freeze({
    isFresh: () => isWithin(clock, state.fresh),
    redisSeconds: () => redisSeconds(clock, state),
    nonces: () => state.nonces,
    history,
    next: () =>
      new Promise<boolean>((resolve) => {
        state.waiting.push({ from: state.asked + 1, resolve });
      }),
    hasten: () => {
      state.hurried += 1;
      state.wake();
      return () => {
        state.hurried -= 1;
      };
    },
    reach: (seq: number) => replicas.reach(seq),
    close: () => {
      state.closed = true;
      state.wake();
      return done;
    },
  });
}

/** Silence is measured from when a question was sent: that it was answered late makes nobody's news younger. */
const isWithin = (clock: Clock, since: Instant | undefined): boolean =>
  since !== undefined &&
  clock.elapsedMs() - since.elapsedMs < FEED_SILENT_MS &&
  clock.nowSeconds() - since.seconds < FEED_SILENT_MS / 1_000;

function redisSeconds(clock: Clock, { fresh, redis }: FeedState): number | undefined {
  const elapsedMs = clock.elapsedMs();
  if (!fresh || !redis || elapsedMs - fresh.elapsedMs >= FEED_SILENT_MS) return undefined;
  return redis.seconds + (elapsedMs - redis.elapsedMs) / 1_000;
}

/** One question after the other, until it is closed. */
async function follow(feed: Following): Promise<void> {
  const { state } = feed;
  while (!state.closed) {
    state.asked += 1;
    const number = state.asked;
    const progress = await ask(feed).catch((error: unknown) => {
      // That there is no connection, the connection has told.
      if (feed.connection.isReady()) feed.connection.tell(error instanceof Error ? error.message : 'a fault');
      return undefined;
    });
    const answered = state.waiting.filter(({ from }) => from <= number);
    state.waiting = state.waiting.filter(({ from }) => from > number);
    for (const { resolve } of answered) resolve(progress !== undefined);
    if (progress !== 'more') await pause(feed);
  }
  for (const { resolve } of state.waiting) resolve(false);
}

/** Until it is time to ask again, or somebody wants to know. */
async function pause(feed: Following): Promise<void> {
  const { state, connection } = feed;
  tellSilence(feed);
  if (state.closed) return;
  // Without a connection, asking costs nothing and sends nothing.
  const soon = state.hurried > 0 || !connection.isReady();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, soon ? FEED_HASTE_MS : FEED_POLL_MS).unref();
    state.wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}

/** That nothing is issued any more, or again, is told once. */
function tellSilence({ state, clock, onEvent }: Following): void {
  const isFresh = isWithin(clock, state.fresh);
  if (isFresh !== state.wasFresh) onEvent({ event: isFresh ? 'feed_following' : 'feed_silent' });
  state.wasFresh = isFresh;
}

async function ask(feed: Following): Promise<Progress> {
  const { state, history, replicas, clock, connection, keys } = feed;
  const sent: Instant = { elapsedMs: clock.elapsedMs(), seconds: clock.nowSeconds() };
  const answer = statusOf(await connection.run('feed', keys, question(feed)));
  const progress = await history.take(answer, (news) => {
    replicas.update(news.replicas, sent.elapsedMs);
    state.redis = { elapsedMs: sent.elapsedMs, seconds: news.redisSeconds };
    keepSecret(state, news);
  });
  feed.table.sweep(clock.nowSeconds(), SWEPT_PER_TICK);
  if (progress !== 'complete') {
    state.fresh = undefined;
    return progress;
  }
  state.fresh = sent;
  confirm(feed);
  return progress;
}

function keepSecret(state: FeedState, { nonceSecret }: News): void {
  if (Buffer.compare(state.secret, nonceSecret) === 0) return;
  state.secret = nonceSecret;
  state.nonces = createNonces(nonceSecret);
}

/** The arguments of the script `feed`. */
function question({ state, history, replicas, replica, clock }: Following): readonly string[] {
  const { confirmed } = state;
  const own = confirmed?.reading === history.reading() ? confirmed.seq : history.standing();
  const { seq, mark } = history.head();
  return [
    history.generation(),
    String(history.cursor()),
    String(seq),
    mark,
    replica,
    `${state.asked} ${own}`,
    String(FEED_PAGE_ENTRIES),
    String(clock.nowSeconds() - WITHDRAWN_KEPT_SECONDS),
    ...replicas.forgettable(),
  ];
}

/** Says that this replica has what it has read, as soon as everything that was in work before has left. */
function confirm({ state, history, drained }: Following): void {
  const now = { reading: history.reading(), seq: history.head().seq };
  if (state.confirming?.reading === now.reading && state.confirming.seq >= now.seq) return;
  state.confirming = now;
  void drained().then(() => {
    const { confirmed } = state;
    if (now.reading !== history.reading() || (confirmed?.reading === now.reading && confirmed.seq >= now.seq)) return;
    state.confirmed = now;
    state.wake();
  });
}

/** For whoever needs news that there are not. */
export const silent = (): StoreUnavailable =>
  new StoreUnavailable('what is blocked and revoked is not known: Redis has been silent, or has lost what it held');
