// The three streams of a Workload API together: each kept open on its own, so that one that the agent does not have, or does not give
// to us, leaves the others alive (SA-04). Hands messages to the state, and says how the streams are. What it says is in words of
// ours: names of streams, names of gRPC status codes, and what was wrong with a message.

import type { Clock, RandomBytes, WorkloadApiStatus } from '../core/ports.ts';
import {
  codeName,
  PERMISSION_DENIED,
  type Received,
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
  /** What is wrong with each stream now, the latest last. */
  const problems = new Map<StreamMethod, string>();
  let updatedAtSeconds: number | undefined;
  let failures = 0;
  let closed = false;

  function report(stream: StreamMethod, found: readonly string[]): void {
    problems.delete(stream);
    if (found.length > 0) problems.set(stream, `${stream}: ${found.join(', ')}`);
    for (const problem of found) onEvent?.({ stream, problem });
  }

  function received<T>(stream: StreamMethod, { message }: Received<T>, take: Take<T>): boolean {
    // Only what can be read is an answer: a stream that brings nothing else is given up after a while.
    if (message === undefined) report(stream, ['a message that cannot be read']);
    else {
      updatedAtSeconds = clock.nowSeconds();
      failures = 0;
      report(stream, take(message));
    }
    return message !== undefined;
  }

  function ended(stream: StreamMethod, code: StatusCode): void {
    failures += 1;
    report(stream, [codeName(code)]);
    if (code === PERMISSION_DENIED) state.takeBack(stream);
    if (code === UNIMPLEMENTED) state.doWithout(stream);
  }

  function keep<M extends StreamMethod>(rpc: WorkloadRpc, stream: M, take: Take<StreamResponses[M]>): void {
    const kept = keepStream({
      clock,
      randomBytes,
      open: (delivered, lost) =>
        rpc.stream(stream, {
          received(one) {
            if (received(stream, one, take)) delivered();
          },
          ended: lost,
        }),
      ended: (code) => ended(stream, code),
    });
    streams.set(stream, kept);
  }

  const states = () => [...streams.values()].map((stream) => stream.state());

  return Object.freeze({
    open(rpc: WorkloadRpc) {
      keep(rpc, 'FetchX509SVID', state.take.FetchX509SVID);
      keep(rpc, 'FetchX509Bundles', state.take.FetchX509Bundles);
      keep(rpc, 'FetchJWTBundles', state.take.FetchJWTBundles);
    },
    away: () => states().every((one) => one === 'waiting' || one === 'refused'),
    status: () => ({
      state: closed ? 'down' : overall(states()),
      updatedAtSeconds,
      failures,
      lastProblem: [...problems.values()].at(-1),
    }),
    close() {
      closed = true;
      for (const stream of streams.values()) stream.close();
    },
  });
}

/** Streams that the agent does not have are not waited for; an agent that has none of them is no Workload API. */
function overall(states: readonly StreamState[]): WorkloadApiStatus['state'] {
  const served = states.filter((one) => one !== 'unimplemented');
  if (served.some((one) => one === 'waiting' || one === 'refused')) return 'down';
  if (states.length > 0 && served.length === 0) return 'down';
  return served.length > 0 && served.every((one) => one === 'delivering') ? 'connected' : 'connecting';
}
