// One stream of the Workload API, kept open (SPIFFE Workload API §4.2): opened again after whatever ended it, with pauses that double
// and scatter (SA-04, F-17). Never opened again after InvalidArgument, which says that the client is wrong, nor after
// Unimplemented (SPIFFE Workload Endpoint §6). Knows nothing of what its messages say.

import {
  WORKLOAD_FIRST_MESSAGE_MS,
  WORKLOAD_RETRY_MS_MAX,
  WORKLOAD_RETRY_MS_MIN,
  WORKLOAD_STABLE_MS,
} from '../core/limits-outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import { DEADLINE_EXCEEDED, INVALID_ARGUMENT, type StatusCode, UNIMPLEMENTED } from './workload-rpc.ts';

export type StreamState =
  /** Opened for the first time; nothing has come yet. */
  | 'opening'
  | 'delivering'
  /** It failed, and nothing has come since; it is opened again after a pause, or open again already. */
  | 'waiting'
  /** The agent does not have it. */
  | 'unimplemented'
  /** The agent says that we are wrong. */
  | 'refused';

export interface StreamParts {
  /** Opens it once. Gives the function that ends it, after which neither listener is called. */
  readonly open: (delivered: () => void, ended: (code: StatusCode) => void) => () => void;
  readonly ended: (code: StatusCode) => void;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export interface KeptStream {
  state(): StreamState;
  close(): void;
}

/** Opens the stream and keeps it open. */
export function keepStream({ open, ended, clock, randomBytes }: StreamParts): KeptStream {
  let state: StreamState = 'opening';
  let failures = 0;
  let deliveringSinceMs: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let cancel: (() => void) | undefined;

  function wait(ms: number, then: () => void): void {
    clearTimeout(timer);
    timer = setTimeout(then, ms);
    timer.unref();
  }

  function start(): void {
    deliveringSinceMs = undefined;
    wait(WORKLOAD_FIRST_MESSAGE_MS, () => {
      cancel?.();
      lost(DEADLINE_EXCEEDED);
    });
    cancel = open(delivered, lost);
  }

  function delivered(): void {
    if (state !== 'delivering') clearTimeout(timer);
    state = 'delivering';
    deliveringSinceMs ??= clock.elapsedMs();
  }

  function lost(code: StatusCode): void {
    clearTimeout(timer);
    cancel = undefined;
    if (code === UNIMPLEMENTED) state = 'unimplemented';
    else if (code === INVALID_ARGUMENT) state = 'refused';
    else {
      state = 'waiting';
      const lasted = deliveringSinceMs !== undefined && clock.elapsedMs() - deliveringSinceMs >= WORKLOAD_STABLE_MS;
      failures = lasted ? 1 : failures + 1;
      wait(pauseMs(failures, randomBytes), start);
    }
    ended(code);
  }

  start();
  return Object.freeze({
    state: () => state,
    close() {
      clearTimeout(timer);
      cancel?.();
    },
  });
}

/** Between half and all of the pause that doubles, so that the streams of many brokers do not come back in step. */
export function pauseMs(failures: number, randomBytes: RandomBytes): number {
  const whole = Math.min(WORKLOAD_RETRY_MS_MIN * 2 ** (failures - 1), WORKLOAD_RETRY_MS_MAX);
  const [byte = 0] = randomBytes(1);
  return (whole / 2) * (1 + byte / 255);
}
