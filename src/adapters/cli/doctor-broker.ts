// What a running broker says of itself on its control socket: what it needs and has, its sources, its agents, its store, its signing keys. Each
// finding is the broker's own word; nothing is asked of anybody else.

import type { SigningKeyView } from '../../core/ports.ts';
import { about, type Finding } from './doctor-report.ts';

/** `/status`, as far as it is looked at. */
export interface BrokerStatus {
  readonly digests: { readonly config: string; readonly policy: string };
  readonly nowSeconds: number;
  readonly needs: Readonly<Record<string, boolean>>;
  readonly sources: readonly {
    readonly source: string;
    readonly keys: {
      readonly state: 'fresh' | 'stale' | 'missing';
      readonly lastProblem?: string | undefined;
      readonly fetchedAtSeconds?: number | undefined;
    };
  }[];
  readonly workloadApis: readonly {
    readonly socket: string;
    readonly state: 'connecting' | 'connected' | 'down';
    readonly lastProblem?: string | undefined;
  }[];
  /** How often each event of the store has happened since the start. */
  readonly storeEvents: Readonly<Record<string, number>>;
}

/** What to do where a need is not met; the words are those of `/readyz`. */
const NEEDS: Readonly<Record<string, string>> = {
  audit: 'the disk, or the reader of the pipe, that `audit.to` names: nothing is issued without a record',
  store: 'the disk of `store.directory`, or Redis: the log says why',
  signingKeys: '`keys.directory`: it must be readable, and hold a key for each algorithm; the log says why',
  policy: 'there is no rule: nobody can have anything',
  certificate: 'the SPIFFE agent gives no X.509-SVID: its log, and a registration entry for the broker',
};

export function readinessFindings({ needs }: BrokerStatus): readonly Finding[] {
  const { ok, fail } = about('ready');
  const failing = Object.entries(needs).filter(([, holds]) => !holds);
  return failing.length === 0
    ? [ok(`the broker has what it needs: ${Object.keys(needs).join(', ')}`)]
    : failing.map(([need]) => fail(`${need} fails: nobody can be served`, NEEDS[need] ?? 'the log says why'));
}

export function sourceFindings({ sources, workloadApis }: BrokerStatus, nowSeconds: number): readonly Finding[] {
  const fresh = sources.filter(({ keys }) => keys.state === 'fresh');
  return [
    ...(fresh.length === 0
      ? []
      : [about('sources').ok(`keys are fresh: ${fresh.map(({ source }) => source).join(', ')}`)]),
    ...sources.flatMap(({ source, keys: { state, lastProblem, fetchedAtSeconds } }): Finding[] => {
      const { warn, fail } = about(`source ${source}`);
      const why = lastProblem === undefined ? '' : ` (${lastProblem})`;
      const mend = 'its issuer must be reachable from the broker: route, DNS, certificate, `privateNetwork`';
      if (state === 'missing') return [fail(`its keys are not known${why}: its tokens are refused`, mend)];
      const age = fetchedAtSeconds === undefined ? 0 : Math.max(0, Math.round(nowSeconds - fetchedAtSeconds));
      return state === 'stale'
        ? [warn(`its keys are ${age} s old and cannot be fetched${why}; they serve for a day`, mend)]
        : [];
    }),
    ...workloadApis.map(({ socket, state, lastProblem }) => {
      const { ok, warn } = about('agent');
      const why = lastProblem === undefined ? '' : ` (${lastProblem})`;
      return state === 'connected'
        ? ok(`${socket} is connected`)
        : warn(
            `${socket} is ${state}${why}; what it gave last serves`,
            'the SPIFFE agent must run, and know the broker',
          );
    }),
  ];
}

/** By the event. */
const STORE: Readonly<
  Record<string, { readonly outcome: 'warn' | 'fail'; readonly says: string; readonly mend: string }>
> = {
  redis_evicts: {
    outcome: 'fail',
    says: 'Redis may evict what must be kept: what was spent could be spent again',
    mend: 'set maxmemory-policy noeviction',
  },
  redis_evicted: {
    outcome: 'fail',
    says: 'Redis has evicted keys: what was spent may be spent again',
    mend: 'set maxmemory-policy noeviction, and give it memory',
  },
  store_lost: {
    outcome: 'fail',
    says: 'Redis has lost what it held: what was spent may be spent again',
    mend: 'set appendonly yes; `exchequer blocks` says what is in force',
  },
  redis_not_durable: {
    outcome: 'warn',
    says: 'Redis forgets with its process',
    mend: 'set appendonly yes',
  },
  journal_failed: {
    outcome: 'warn',
    says: 'the journal could not be written at some time since the start',
    mend: 'the disk of `store.directory`; `ready` says whether it is well now',
  },
};

export function storeFindings({ storeEvents, needs }: BrokerStatus): readonly Finding[] {
  const { ok } = about('store');
  const found = Object.entries(STORE).flatMap(([event, { outcome, says, mend }]) =>
    (storeEvents[event] ?? 0) > 0 ? [{ area: 'store', outcome, says, mend }] : [],
  );
  return found.length === 0 && needs.store ? [ok('it keeps what it is given')] : found;
}

export function signingKeyFindings(keys: readonly SigningKeyView[]): readonly Finding[] {
  const { ok, warn, fail } = about('signing keys');
  return (['ES256', 'RS256'] as const).flatMap((algorithm) => {
    const has = (state: SigningKeyView['state']) =>
      keys.some((key) => key.algorithm === algorithm && key.state === state);
    if (!has('current')) return [fail(`no ${algorithm} key signs`, 'the log says why; `exchequer keys list`')];
    return has('next')
      ? [ok(`${algorithm}: one signs, and the next is published`)]
      : [warn(`${algorithm}: no next key is published`, '`keys.directory` must be writable; `exchequer keys list`')];
  });
}
