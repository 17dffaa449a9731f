// The clients of the SPIFFE Workload APIs that configuration names, one for each socket: opened when first asked for, closed when a reload
// no longer names it. They outlive configurations, so that a reload drops no stream.

import type { Logger } from 'pino';
import type { World } from './compose-configuration.ts';
import type { Config } from './config/config.ts';
import { NOTICE_SECONDS } from './core/limits.ts';
import type { TlsIdentity, WorkloadApi, WorkloadApiStatus, WorkloadIdentity } from './core/outside.ts';
import type { Clock } from './core/ports.ts';
import { type OpenWorkloadApi, openWorkloadApi } from './outbound/workload-api.ts';
import type { WorkloadEvent } from './outbound/workload-streams.ts';

/** How one of them is, for people and for metrics. No key in it. */
export interface WorkloadApiView extends WorkloadApiStatus {
  readonly socket: string;
  /** The broker's own X.509-SVID from there, while it is good. */
  readonly identity: Omit<WorkloadIdentity, 'tls'> | undefined;
}

export interface WorkloadApis {
  of(socket: string): WorkloadApi;
  /** The broker's own X.509-SVID, of the first API that gives one. */
  identity(): TlsIdentity | undefined;
  list(): readonly WorkloadApiView[];
  /** Closes every client but these. */
  retain(sockets: ReadonlySet<string>): void;
}

export function createWorkloadApis({ clock, randomBytes }: World, log: Logger): WorkloadApis {
  const opened = new Map<string, OpenWorkloadApi>();
  return Object.freeze({
    of(socket: string) {
      const known = opened.get(socket);
      if (known) return known;
      const warn = (event: WorkloadEvent) => log.warn({ socket, ...event }, 'Workload API');
      const api = openWorkloadApi({ socket, clock, randomBytes, onEvent: seldom(clock, warn) });
      opened.set(socket, api);
      return api;
    },
    identity() {
      for (const api of opened.values()) {
        const identity = api.identity();
        if (identity) return identity.tls;
      }
      return undefined;
    },
    list: () =>
      [...opened].map(([socket, api]) => {
        const held = api.identity();
        const identity = held && { spiffeId: held.spiffeId, expiresAtSeconds: held.expiresAtSeconds };
        return { socket, ...api.status(), identity };
      }),
    retain(sockets: ReadonlySet<string>) {
      for (const [socket, api] of opened) {
        if (sockets.has(socket)) continue;
        api.close();
        opened.delete(socket);
      }
    },
  });
}

/** An agent that is away is asked for ever, several times a second: the same problem of a stream is told once in NOTICE_SECONDS. */
function seldom(clock: Clock, tell: (event: WorkloadEvent) => void): (event: WorkloadEvent) => void {
  /** By stream: there are three. */
  const said = new Map<string, { readonly problem: string; readonly atMs: number }>();
  return (event) => {
    const nowMs = clock.elapsedMs();
    const last = said.get(event.stream);
    if (last?.problem === event.problem && nowMs - last.atMs < NOTICE_SECONDS * 1_000) return;
    said.set(event.stream, { problem: event.problem, atMs: nowMs });
    tell(event);
  };
}

/** The sockets that a configuration names: those of its sources, and that of its listener. */
export function socketsOf({ sources, listen }: Config): ReadonlySet<string> {
  const named = sources.map(({ options }) => options.workloadApi).filter((socket) => typeof socket === 'string');
  return new Set('workloadApi' in listen.tls ? [...named, listen.tls.workloadApi] : named);
}

/** The certificate that a configuration says to show; undefined where the Workload API has given none. */
export function tlsOf({ listen: { tls } }: Config, workloadApis: WorkloadApis): TlsIdentity | undefined {
  if ('workloadApi' in tls) return workloadApis.of(tls.workloadApi).identity()?.tls;
  return { certificate: tls.certificatePem, key: tls.keyPem };
}
