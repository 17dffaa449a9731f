// The control socket's commands, composed: each is handed what the running broker has, as it is when it is asked. Decides nothing, and hands
// out nothing that a key signs with.

import type { ControlHandlers } from './adapters/control/server.ts';
import type { World } from './compose-configuration.ts';
import type { ComposedIncidents } from './compose-incidents.ts';
import { metadataOf } from './compose-listener.ts';
import { type Current, type Frame, keyOrigins, readinessOf, type State } from './compose-state.ts';
import type { ReloadResult } from './core/reload.ts';

export function controlHandlers(
  { clock }: World,
  state: State,
  frame: Frame,
  reload: () => Promise<ReloadResult>,
  incidents: ComposedIncidents,
): ControlHandlers {
  const metadata = metadataOf(() => state.current.configuration);
  return {
    reload,
    incidents: incidents.handlers,
    revokeKey: incidents.revokeKey,
    decision: (id) => state.audit.find(id),
    decisions: (last) => state.audit.last(last),
    keys: () => state.signingKeys.list(),
    rotateKeys: (algorithm) => state.signingKeys.rotate(algorithm),
    documents() {
      const { config } = state.current.configuration;
      const { rotateEverySeconds, publishAheadSeconds } = config.keys;
      const [document, jwks] = [JSON.stringify(metadata()), JSON.stringify(state.signingKeys.jwks())];
      const keys = state.signingKeys.list();
      return { issuer: config.issuer, metadata: document, jwks, keys, rotateEverySeconds, publishAheadSeconds };
    },
    status: () => ({
      generation: state.current.snapshot.generation,
      digests: digestsOf(state.current),
      sources: keyOrigins(state.current.configuration).map(({ name, keys }) => ({
        source: name,
        keys: keys.keys.status(),
      })),
      workloadApis: frame.workloadApis.list(),
      nowSeconds: clock.nowSeconds(),
      needs: readinessOf(state, frame, false).needs,
      storeEvents: Object.fromEntries(state.store.events()),
    }),
  };
}

export const digestsOf = ({ configuration }: Current) => ({
  config: configuration.config.digest,
  policy: configuration.compiled.digest,
});
