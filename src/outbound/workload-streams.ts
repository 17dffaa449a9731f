// The three streams of a Workload API together: each kept open on its own, so that one that the agent does not have, or does not give
// to us, leaves the others alive (SA-04). Hands messages to the state, and says how the streams are. What it says is in words of
// ours: names of streams, names of gRPC status codes, and what was wrong with a message.

import type { WorkloadApiStatus } from '../core/outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import {
  codeName,
  PERMISSION_DENIED,
  type StatusCode,
  type StreamMethod,
  type StreamResponses,
  UNIMPLEMENTED,
  type WorkloadRpc,
} from './workload-rpc.ts';
import type { Take, WorkloadState } from './workload-state.ts';
import { type KeptStream, keepStream, type StreamState } from './workload-stream.ts';

/** Something that was wrong, without a byte of what the agent said. */
export interface WorkloadEvent {
  readonly stream: StreamMethod;
  readonly problem: string;
}

interface StreamsParts {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly state: WorkloadState;
  readonly onEvent: ((event: WorkloadEvent) => void) | undefined;
}

export interface WorkloadStreams {
  open(rpc: WorkloadRpc): void;
  /** Whether no stream has anything to expect before it is opened again. */
  away(): boolean;
  status(): WorkloadApiStatus;
  close(): void;
}

export function createStreams({ clock, randomBytes, state, onEvent }: StreamsParts): WorkloadStreams {
  const streams = new Map<StreamMethod, KeptStream>();
  const told = createTold(clock, onEvent);
  let closed = false;

  function keep<M extends StreamMethod>(rpc: WorkloadRpc, stream: M, take: Take<StreamResponses[M]>): void {
    const open = (delivered: () => void, lost: (code: StatusCode) => void) =>
      rpc.stream(stream, {
        received({ message }) {
          // Only what can be read is an answer: a stream that brings nothing else is given up after a while.
          if (message !== undefined) delivered();
          told.received(stream, message === undefined ? undefined : () => take(message));
        },
        ended: lost,
      });
    const ended = (code: StatusCode) => {
      told.ended(stream, code);
      if (code === PERMISSION_DENIED) state.takeBack(stream);
      if (code === UNIMPLEMENTED) state.doWithout(stream);
    };
    streams.set(stream, keepStream({ clock, randomBytes, open, ended }));
  }

  const states = () => [...streams.values()].map((stream) => stream.state());

  return Object.freeze({
    open(rpc: WorkloadRpc) {
      keep(rpc, 'FetchX509SVID', state.take.FetchX509SVID);
      keep(rpc, 'FetchX509Bundles', state.take.FetchX509Bundles);
      keep(rpc, 'FetchJWTBundles', state.take.FetchJWTBundles);
    },
    away: () => states().every((one) => one === 'waiting' || one === 'refused'),
    status: () => ({ state: closed ? ('down' as const) : overall(states()), ...told.sofar() }),
    close() {
      closed = true;
      for (const stream of streams.values()) stream.close();
    },
  });
}

/** What has been heard of all streams, for people. */
function createTold(clock: Clock, onEvent: StreamsParts['onEvent']) {
  /** What is wrong with each stream now, the latest last. */
  const problems = new Map<StreamMethod, string>();
  let updatedAtSeconds: number | undefined;
  let failures = 0;

  function report(stream: StreamMethod, found: readonly string[]): void {
    problems.delete(stream);
    if (found.length > 0) problems.set(stream, `${stream}: ${found.join(', ')}`);
    for (const problem of found) onEvent?.({ stream, problem });
  }

  return Object.freeze({
    /** `take` is absent where the message cannot be read. */
    received(stream: StreamMethod, take: (() => readonly string[]) | undefined) {
      if (!take) return report(stream, ['a message that cannot be read']);
      updatedAtSeconds = clock.nowSeconds();
      failures = 0;
      report(stream, take());
    },
    ended(stream: StreamMethod, code: StatusCode) {
      failures += 1;
      report(stream, [codeName(code)]);
    },
    sofar: () => ({ updatedAtSeconds, failures, lastProblem: [...problems.values()].at(-1) }),
  });
}

/** Streams that the agent does not have are not waited for; an agent that has none of them is no Workload API. */
function overall(states: readonly StreamState[]): WorkloadApiStatus['state'] {
  const served = states.filter((one) => one !== 'unimplemented');
  if (served.some((one) => one === 'waiting' || one === 'refused')) return 'down';
  if (states.length > 0 && served.length === 0) return 'down';
  return served.length > 0 && served.every((one) => one === 'delivering') ? 'connected' : 'connecting';
}
