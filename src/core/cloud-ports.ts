// What issuers of cloud credentials need of the world: a cloud that is asked within bounds, and a memory for what must be found again. Each
// interface is implemented in one folder and handed over by the composition root; its comment is the contract, as in ports.ts.

import type { Cloud } from './cloud.ts';
import type { CloudRefusal, Result, UnavailableRefusal } from './refusal.ts';

/**
 * Keeps secret texts until an instant, in this process alone or sealed in the store that replicas share. `get` gives undefined for what is
 * not there, and throws StoreUnavailable where nobody can know. `set` never rejects for what a store does: what cannot be kept, ends already
 * or is too large is not kept, and what was used longest ago makes room. Calls may overlap.
 */
export interface SecretMemory {
  get(key: string): Promise<string | undefined>;
  set(key: string, secret: string, untilSeconds: number): Promise<void>;
}

/** Seals secret texts for a place that others can read. Calls may overlap. */
export interface Sealing {
  seal(name: string, secret: string): Promise<string>;
  /** Undefined for what was not sealed here under this name, or was changed since. */
  unseal(name: string, sealed: string): Promise<string | undefined>;
}

/** What one attempt at a cloud came to. */
export type CloudAttempt<Value> =
  | { readonly ok: true; readonly value: Value }
  /** `problem`: the cloud's own code, or ours for what it did; never a text of its answer. */
  | {
      readonly ok: false;
      readonly problem: string;
      /** `never`: the same would be said again. `busy`: the cloud says that it has too much to do. `failed`: nobody knows what became of it. */
      readonly again: 'never' | 'busy' | 'failed';
      readonly retryAfterSeconds?: number | undefined;
    };

/** One call of a cloud, or a question that found no place behind the others; for metrics. */
export interface CloudCall {
  readonly cloud: Cloud;
  readonly target: string;
  readonly outcome: 'given' | 'refused' | 'busy' | 'failed' | 'too_many';
  readonly tookMs: number;
}

/**
 * What a question to the cache came to: found; asked of the cloud; asked by somebody else at that moment; and behind the scenes, the next one
 * was got before it was needed, or was not.
 */
export type CacheUse = 'hit' | 'miss' | 'shared' | 'refreshed' | 'not_refreshed';

/**
 * Asks a cloud, within CLOUD_MS in all, with retries where they can help, and apart from those that ask for other accounts: `account` names
 * the bulkhead. Never throws for what a cloud does; what the attempt itself throws is a fault, and goes on.
 */
export type AskCloud = <Value>(
  asked: { readonly cloud: Cloud; readonly account: string; readonly target: string },
  attempt: (deadlineMs: number) => Promise<CloudAttempt<Value>>,
) => Promise<Result<Value, CloudRefusal | UnavailableRefusal>>;
