// The client of one SPIFFE Workload API (SPIFFE Workload API §4 to §6, rows SA-01 to SA-05, F-17): three streams kept open, what they
// said last, and how they are. While the agent cannot be reached everything stays as it was said, our identity until it expires.
// gRPC is loaded only once a client is opened. It is an agent's client, and no SPIFFE Broker API, which fetches for others.

import { OUTBOUND_MS } from '../core/limits-outside.ts';
import type { WorkloadApi, WorkloadApiStatus } from '../core/outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import { parseEndpointSocket } from '../parsing/endpoint-socket.ts';
import { parseJws } from '../parsing/jws.ts';
import { parseSpiffeId } from '../parsing/spiffe-id.ts';
import { codeName, type JwtSvidReceived, loadWorkloadRpc } from './workload-rpc.ts';
import { createWorkloadState } from './workload-state.ts';
import { createStreams, type WorkloadEvent } from './workload-streams.ts';

export interface WorkloadApiParts {
  /** As `parseEndpointSocket` takes it; anything else is a fault. */
  readonly socket: string;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told of every problem, without a byte of what the agent said. Must not throw. */
  readonly onEvent?: (event: WorkloadEvent) => void;
}

/** A JWT-SVID of ours for one audience. It is a credential: never printed, logged or put into a message. */
export type JwtSvidAnswer =
  | { readonly ok: true; readonly svid: string; readonly spiffeId: string }
  | { readonly ok: false; readonly problem: string };

export interface OpenWorkloadApi extends WorkloadApi {
  /** Asks for a JWT-SVID. Never rejects; dials nothing while the agent is away. */
  jwtSvid(audience: string): Promise<JwtSvidAnswer>;
  close(): void;
}

/** Opens the client: loads gRPC and connects in the background, and reconnects until it is closed. */
export function openWorkloadApi({ socket, clock, randomBytes, onEvent }: WorkloadApiParts): OpenWorkloadApi {
  const read = parseEndpointSocket(socket);
  if (!read.ok) throw new Error(`the socket of the Workload API ${read.problem}`);
  const state = createWorkloadState();
  const streams = createStreams({ clock, randomBytes, state, onEvent });
  let closed = false;
  const loading = loadWorkloadRpc(read.target).then(
    (rpc) => {
      if (!closed) streams.open(rpc);
      return rpc;
    },
    () => undefined,
  );
  let loadFailed = false;
  void loading.then((rpc) => {
    loadFailed = rpc === undefined;
  });

  async function jwtSvid(audience: string): Promise<JwtSvidAnswer> {
    const rpc = await loading;
    if (closed || !rpc) return { ok: false, problem: closed ? 'the client is closed' : LOAD_FAILED };
    // While nothing of it is there, those who ask must not dial in place of the streams (F-17).
    if (streams.away()) return { ok: false, problem: 'the Workload API is away' };
    return readJwtSvid(await rpc.jwtSvid(audience, OUTBOUND_MS), audience);
  }

  return Object.freeze({
    identity() {
      const identity = state.identity();
      return identity && clock.nowSeconds() < identity.expiresAtSeconds ? identity : undefined;
    },
    x509Bundles: state.x509Bundles,
    jwtBundles: state.jwtBundles,
    onChange: state.onChange,
    status(): WorkloadApiStatus {
      return loadFailed ? { ...streams.status(), state: 'down', lastProblem: LOAD_FAILED } : streams.status();
    },
    jwtSvid,
    close() {
      closed = true;
      streams.close();
      void loading.then((rpc) => rpc?.close());
    },
  });
}

const LOAD_FAILED = 'gRPC cannot be loaded';

/** The first JWT-SVID of an answer, where it is one, says the SPIFFE ID that it came with, and is for this audience alone. */
function readJwtSvid(received: JwtSvidReceived, audience: string): JwtSvidAnswer {
  if ('code' in received) return { ok: false, problem: codeName(received.code) };
  const [first] = received.message?.svids ?? [];
  if (!first) return { ok: false, problem: 'an answer without a JWT-SVID' };
  const id = parseSpiffeId(first.spiffe_id);
  const parsed = parseJws(first.svid);
  if (!id || id.path === '' || !parsed.ok) return { ok: false, problem: 'a JWT-SVID that cannot be read' };
  const { sub, aud } = parsed.jws.claims;
  const only = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  if (sub !== id.text || only !== audience) return { ok: false, problem: 'a JWT-SVID of or for somebody else' };
  return { ok: true, svid: first.svid, spiffeId: id.text };
}
