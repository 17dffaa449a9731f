// Asks clouds within bounds, apart for each account: what one of them does to us touches nobody who asks for another (F-50). Retries what
// may come out otherwise, after a pause that differs each time, and never what would be said again (F-52); honours `Retry-After` where that
// fits, and else hands it on at once. Holds nothing of an account that nobody asks. Never throws for what a cloud does.

import {
  type BulkheadPolicy,
  BulkheadRejectedError,
  bulkhead,
  DelegateBackoff,
  ExponentialBackoff,
  handleWhenResult,
  retry,
} from 'cockatiel';
import type { AskCloud, CloudAttempt, CloudCall } from '../core/cloud-ports.ts';
import {
  CLOUD_AT_ONCE_MAX,
  CLOUD_ATTEMPT_MS,
  CLOUD_ATTEMPT_MS_MIN,
  CLOUD_ATTEMPTS_MAX,
  CLOUD_GRACE_MS,
  CLOUD_MS,
  CLOUD_PAUSE_MS,
  CLOUD_PAUSE_MS_MAX,
  CLOUD_RETRY_SECONDS,
  CLOUD_RETRY_SECONDS_MAX,
  CLOUD_WAITING_MAX,
} from '../core/limits-cloud.ts';
import type { Clock } from '../core/ports.ts';
import { type CloudRefusal, ok, refuse, type UnavailableRefusal } from '../core/refusal.ts';

export interface AskCloudParts {
  readonly clock: Pick<Clock, 'elapsedMs'>;
  /** Told of every call, and of every question that found no place. */
  readonly onCall?: (call: CloudCall) => void;
}

type Failed = Extract<CloudAttempt<never>, { ok: false }>;

const TOO_MANY: Failed = { ok: false, problem: 'too_many', again: 'failed' };
const TIMEOUT: Failed = { ok: false, problem: 'timeout', again: 'failed' };

export function createAskCloud({ clock, onCall = () => undefined }: AskCloudParts): AskCloud {
  const place = createBulkheads();

  return async ({ cloud, account, target }, attempt) => {
    const startedMs = clock.elapsedMs();
    const leftMs = () => startedMs + CLOUD_MS - clock.elapsedMs();
    const call = async (): Promise<Awaited<ReturnType<typeof attempt>>> => {
      const deadlineMs = Math.min(CLOUD_ATTEMPT_MS, leftMs());
      if (deadlineMs <= 0) return TIMEOUT;
      const calledMs = clock.elapsedMs();
      const made = await within(Math.min(deadlineMs + CLOUD_GRACE_MS, leftMs()), TIMEOUT, () => attempt(deadlineMs));
      onCall({
        cloud,
        target,
        outcome: made.ok ? 'given' : OUTCOMES[made.again],
        tookMs: clock.elapsedMs() - calledMs,
      });
      return made;
    };
    const over = new AbortController();
    try {
      const made = await within(CLOUD_MS, TIMEOUT, () =>
        place(`${cloud} ${account}`, (bulkheaded) => bulkheaded.execute(() => retried(call, leftMs), over.signal)),
      );
      return made.ok ? ok(made.value) : refuse(refusalOf(made, { cloud, target }));
    } catch (error) {
      if (!(error instanceof BulkheadRejectedError)) throw error;
      onCall({ cloud, target, outcome: 'too_many', tookMs: 0 });
      return refuse(refusalOf(TOO_MANY, { cloud, target }));
    } finally {
      // Who waits behind the others no longer needs to be asked for.
      over.abort();
    }
  };
}

const OUTCOMES = { never: 'refused', busy: 'busy', failed: 'failed' } as const;

/** Calls again as long as that can help, and there is time for a pause and an answer. */
async function retried<Value>(
  call: () => Promise<CloudAttempt<Value>>,
  leftMs: () => number,
): Promise<CloudAttempt<Value>> {
  let last: CloudAttempt<Value> = TIMEOUT;
  let pause = new ExponentialBackoff({ initialDelay: CLOUD_PAUSE_MS, maxDelay: CLOUD_PAUSE_MS_MAX }).next();
  let pauseMs = 0;
  const isWorthAnother = (): boolean => {
    if (last.ok || last.again === 'never') return false;
    // Of two that were told the same `Retry-After`, neither comes with the other.
    pauseMs = (last.retryAfterSeconds ?? 0) * 1_000 + pause.duration;
    pause = pause.next(undefined);
    return pauseMs + CLOUD_ATTEMPT_MS_MIN <= leftMs();
  };
  await retry(handleWhenResult(isWorthAnother), {
    maxAttempts: CLOUD_ATTEMPTS_MAX - 1,
    backoff: new DelegateBackoff(() => pauseMs),
  }).execute(async () => {
    last = await call();
  });
  return last;
}

/** One bulkhead for each account that somebody asks just now; one that nobody uses holds nothing, and is let go. */
function createBulkheads() {
  const busy = new Map<string, { readonly bulkheaded: BulkheadPolicy; users: number }>();
  return async <Value>(account: string, use: (bulkheaded: BulkheadPolicy) => Promise<Value>): Promise<Value> => {
    const entry = busy.get(account) ?? { bulkheaded: bulkhead(CLOUD_AT_ONCE_MAX, CLOUD_WAITING_MAX), users: 0 };
    busy.set(account, entry);
    entry.users += 1;
    try {
      return await use(entry.bulkheaded);
    } finally {
      entry.users -= 1;
      if (entry.users === 0) busy.delete(account);
    }
  };
}

/** What the work comes to, or something else where it takes longer: nobody waits for it then. */
async function within<Value>(ms: number, otherwise: Value, work: () => Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<Value>();
  const timer = setTimeout(late.resolve, ms, otherwise);
  try {
    return await Promise.race([work(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function refusalOf(
  { problem, again, retryAfterSeconds = CLOUD_RETRY_SECONDS }: Failed,
  about: Pick<Parameters<AskCloud>[0], 'cloud' | 'target'>,
): CloudRefusal | UnavailableRefusal {
  if (again === 'never') return { reason: 'cloud_refused', ...about, problem };
  const seconds = Math.min(Math.max(1, Math.ceil(retryAfterSeconds)), CLOUD_RETRY_SECONDS_MAX);
  return { reason: 'cloud_unavailable', ...about, problem, retryAfterSeconds: seconds };
}
