// The clients of the SPIFFE Workload APIs that configuration names, one for each socket: opened when first asked for, closed when a reload
// no longer names it. They outlive configurations, so that a reload drops no stream.

import type { Logger } from 'pino';
import type { World } from './compose-configuration.ts';
import type { Config } from './config/config.ts';
import type { TlsIdentity, WorkloadApi } from './core/outside.ts';
import { type OpenWorkloadApi, openWorkloadApi } from './outbound/workload-api.ts';

export interface WorkloadApis {
  of(socket: string): WorkloadApi;
  /** The broker's own X.509-SVID, of the first API that gives one. */
  identity(): TlsIdentity | undefined;
  /** Closes every client but these. */
  retain(sockets: ReadonlySet<string>): void;
}

export function createWorkloadApis({ clock, randomBytes }: World, log: Logger): WorkloadApis {
  const opened = new Map<string, OpenWorkloadApi>();
  return Object.freeze({
    of(socket: string) {
      const known = opened.get(socket);
      if (known) return known;
      const onEvent = (event: object) => log.warn({ socket, ...event }, 'Workload API');
      const api = openWorkloadApi({ socket, clock, randomBytes, onEvent });
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
    retain(sockets: ReadonlySet<string>) {
      for (const [socket, api] of opened) {
        if (sockets.has(socket)) continue;
        api.close();
        opened.delete(socket);
      }
    },
  });
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
