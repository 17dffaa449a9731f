// Blocks and revocations in force, in memory, indexed by what they are about, so that a request asks about its own names and handles
// alone however many others there are. What each of them means is judged by core/withdrawal.ts; this only finds the candidates.
// Forgets what has ended, an hour later: a clock that steps back by less revives nothing that was revoked.

import { WITHDRAWN_KEPT_SECONDS } from '../core/limits-delegation.ts';
import { endsAll, lastsAsLong, type Standing, type Withdrawal, withdraws } from '../core/withdrawal.ts';

export interface WithdrawalTable {
  get(id: string): Withdrawal | undefined;
  /** Takes the place of one with the same id. */
  add(withdrawal: Withdrawal): void;
  remove(id: string): void;
  /** One that ends this request, now. */
  against(standing: Standing, nowSeconds: number): Withdrawal | undefined;
  /** One that already does, for as long, all that this one would do to a token, a chain or a key. */
  covering(withdrawal: Withdrawal): Withdrawal | undefined;
  /** Those in force, the oldest first. */
  list(nowSeconds: number): readonly Withdrawal[];
  /** Looks at up to so many, where it stopped last time, and forgets those that have ended. */
  sweep(nowSeconds: number, count: number): void;
  size(): number;
  /** All of them; may be walked while others come and go. */
  all(): IterableIterator<Withdrawal>;
}

export function createWithdrawalTable(): WithdrawalTable {
  const byId = new Map<string, Withdrawal>();
  const index = createIndex();
  let sweeper = byId.values();

  const remove = (id: string): void => {
    const held = byId.get(id);
    if (!held) return;
    byId.delete(id);
    index.remove(held);
  };

  return Object.freeze({
    get: (id: string) => byId.get(id),
    add: (withdrawal: Withdrawal) => {
      remove(withdrawal.id);
      byId.set(withdrawal.id, withdrawal);
      index.add(withdrawal);
    },
    remove,
    against: (standing: Standing, nowSeconds: number) => {
      if (byId.size === 0) return undefined;
      for (const withdrawal of index.about(standing))
        if (withdraws(withdrawal, standing, nowSeconds)) return withdrawal;
      return undefined;
    },
    covering: (withdrawal: Withdrawal) => index.like(withdrawal).find((held) => covers(held, withdrawal)),
    list: (nowSeconds: number) =>
      [...byId.values()]
        .filter(({ untilSeconds }) => untilSeconds === undefined || untilSeconds > nowSeconds)
        .sort((a, b) => a.atSeconds - b.atSeconds),
    sweep: (nowSeconds: number, count: number) => {
      for (let looked = 0; looked < count; looked += 1) {
        const { value, done } = sweeper.next();
        if (done) {
          sweeper = byId.values();
          return;
        }
        if (hasLongEnded(value, nowSeconds)) remove(value.id);
      }
    },
    size: () => byId.size,
    all: () => byId.values(),
  });
}

/** Whether it ended so long ago that no clock in use may still need it. */
export const hasLongEnded = ({ untilSeconds }: Withdrawal, nowSeconds: number): boolean =>
  untilSeconds !== undefined && untilSeconds + WITHDRAWN_KEPT_SECONDS < nowSeconds;

/** Who revokes one token again and again fills no store. */
const covers = (held: Withdrawal, wanted: Withdrawal): boolean =>
  held.kind === 'revocation' && wanted.kind === 'revocation' && endsAll(held, wanted) && lastsAsLong(held, wanted);

/** Withdrawals by what they are about: `=` a name, `*` what a name begins with, `#` a handle, `@` a kid. */
function createIndex() {
  const entries = new Map<string, Set<Withdrawal>>();
  /** How long the beginnings are that somebody is blocked by, and how many have each length. */
  const heads = new Map<number, number>();

  const count = (key: string, change: 1 | -1): void => {
    if (!key.startsWith('*')) return;
    const length = key.length - 1;
    const left = (heads.get(length) ?? 0) + change;
    if (left > 0) heads.set(length, left);
    else heads.delete(length);
  };

  function* keysOf({ parties, tokens, ancestors, keys = [] }: Standing): Generator<string> {
    for (const kid of keys) yield `@${kid}`;
    for (const handle of tokens) yield `#${handle}`;
    for (const handle of ancestors) yield `#${handle}`;
    for (const { name } of parties) {
      yield `=${name}`;
      for (const length of heads.keys()) if (length < name.length) yield `*${name.slice(0, length)}`;
    }
  }

  return {
    add(withdrawal: Withdrawal) {
      const key = keyOf(withdrawal);
      const entry = entries.get(key) ?? new Set();
      entries.set(key, entry.add(withdrawal));
      count(key, 1);
    },
    remove(withdrawal: Withdrawal) {
      const key = keyOf(withdrawal);
      const entry = entries.get(key);
      if (!entry?.delete(withdrawal)) return;
      if (entry.size === 0) entries.delete(key);
      count(key, -1);
    },
    like: (withdrawal: Withdrawal): readonly Withdrawal[] => [...(entries.get(keyOf(withdrawal)) ?? [])],
    *about(standing: Standing): Generator<Withdrawal> {
      for (const key of keysOf(standing)) yield* entries.get(key) ?? [];
    },
  };
}

function keyOf(withdrawal: Withdrawal): string {
  if (withdrawal.kind === 'block') {
    const { identity } = withdrawal;
    return identity.endsWith('*') ? `*${identity.slice(0, -1)}` : `=${identity}`;
  }
  const { what, of } = withdrawal;
  if (what === 'key') return `@${of}`;
  return what === 'token' || what === 'chain' ? `#${of}` : `=${of}`;
}
