// A client of the Workload API beside a server of its own, and how to wait for what they do: by events where there are any, else by
// looking again. Time is the real one, for gRPC has timers of its own; the clock of the client can be set apart.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type OpenWorkloadApi, openWorkloadApi } from '../../src/outbound/workload-api.ts';
import type { WorkloadEvent } from '../../src/outbound/workload-streams.ts';
import { openWorkloadApiServer, serve, type WorkloadApiServer } from '../support/workload-api-server.ts';
import { type Authority, createAuthority } from '../support/workload-authority.ts';

export const DOMAIN = 'prod.acme.example';
export const PARTNER = 'prod.partner.example';
export const JWKS = '{"keys":[]}';
/** Everything here was made for this instant. */
export const NOW = 1_800_000_000;

export interface Setting extends AsyncDisposable {
  readonly server: WorkloadApiServer;
  readonly authority: Authority;
  readonly api: OpenWorkloadApi;
  readonly events: WorkloadEvent[];
  /** What the client takes the time for. */
  readonly now: { seconds: number };
}

/** A server with one SVID and the bundles of two domains, and a client that has heard all of it. */
export async function connected(options: { readonly compressed?: boolean } = {}): Promise<Setting> {
  const setting = await opened(options);
  await until(() => setting.api.status().state === 'connected');
  return setting;
}

export async function opened({ compressed = false } = {}): Promise<Setting> {
  const server = await openWorkloadApiServer(compressed ? { 'grpc.default_compression_algorithm': 2 } : {});
  const authority = await createAuthority(DOMAIN);
  const partner = await createAuthority(PARTNER);
  serve(server, {
    svids: [await authority.mint('/broker', NOW + 3_600)],
    x509: { [`spiffe://${DOMAIN}`]: authority.der, [`spiffe://${PARTNER}`]: partner.der },
    jwt: { [`spiffe://${DOMAIN}`]: JWKS, [`spiffe://${PARTNER}`]: JWKS },
  });
  const now = { seconds: NOW };
  const events: WorkloadEvent[] = [];
  const api = openClient(server.socket, { now, onEvent: (event) => events.push(event) });
  return {
    server,
    authority,
    api,
    events,
    now,
    async [Symbol.asyncDispose]() {
      api.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

export const openClient = (
  socket: string,
  { now = { seconds: NOW }, onEvent }: { now?: { seconds: number }; onEvent?: (event: WorkloadEvent) => void } = {},
): OpenWorkloadApi =>
  openWorkloadApi({
    socket,
    clock: { nowSeconds: () => now.seconds, elapsedMs: () => performance.now() },
    randomBytes: (count) => randomBytes(count),
    ...(onEvent ? { onEvent } : {}),
  });

/** Waits until it holds, and says how long that took in milliseconds. The test's own deadline ends what never does. */
export async function until(holds: () => boolean): Promise<number> {
  const start = performance.now();
  while (!holds()) await sleep(5);
  return performance.now() - start;
}

/** The most attempts in any one second. */
export const densest = (instants: readonly number[]): number =>
  Math.max(0, ...instants.map((from) => instants.filter((at) => at >= from && at < from + 1_000).length));
