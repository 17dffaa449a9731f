// Metrics, composed: what is read when somebody scrapes, from the parts that own it; and key fetches, which go to the log as well.
// Counts nothing itself.

import { createMetrics, type Metrics } from './adapters/observe/metrics.ts';
import { withNotices } from './adapters/observe/notices.ts';
import { createSharedRootNotice } from './compose-bundles.ts';
import { findingCounts } from './compose-lint.ts';
import { type BrokerWorld, type Frame, keyOrigins, type State } from './compose-state.ts';

/** Counts what happens, and warns of what only an operator can mend. */
export function openMetrics(world: BrokerWorld, frame: Frame, state: State): Metrics {
  const age = (sinceSeconds: number) => world.clock.nowSeconds() - sinceSeconds;
  const metrics = createMetrics({
    startedAtSeconds: world.clock.nowSeconds(),
    sourceKeys: () =>
      keyOrigins(state.current.configuration).map(({ name, keys }) => {
        const { fetchedAtSeconds, state: freshness } = keys.keys.status();
        return {
          source: name,
          ageSeconds: fetchedAtSeconds === undefined ? undefined : age(fetchedAtSeconds),
          fresh: freshness === 'fresh',
        };
      }),
    signingKeys: () =>
      state.signingKeys
        .list()
        .map((key) => ({ algorithm: key.algorithm, state: key.state, ageSeconds: age(key.createdAtSeconds) })),
    workloadApis: () =>
      frame.workloadApis.list().map(({ socket, state: how, updatedAtSeconds, identity }) => ({
        socket,
        connected: how === 'connected',
        ageSeconds: updatedAtSeconds === undefined ? undefined : age(updatedAtSeconds),
        svidExpiresAtSeconds: identity?.expiresAtSeconds,
      })),
    store: () => ({ healthy: state.store.healthy(), events: state.store.events() }),
    withdrawals: () => {
      const all = state.store.list(world.clock.nowSeconds());
      const block = all.filter(({ kind }) => kind === 'block').length;
      return { block, revocation: all.length - block };
    },
    findings: () => findingCounts(state.current.configuration.findings),
    onFault: (decision, error) => frame.log.error({ decision, err: error }, 'fault'),
  });
  state.clouds.follow(metrics);
  const noticeSharedRoots = createSharedRootNotice(frame.log, state.current.configuration.sources);
  frame.followKeys((digest, event) => {
    if (event.kind === 'fetched' && event.changed) noticeSharedRoots(state.current.configuration.sources);
    for (const { name, keys } of keyOrigins(state.current.configuration)) {
      if (keys.digest !== digest) continue;
      metrics.keysFetched(name, event.kind === 'fetched');
      if (event.kind === 'fetch_failed') frame.log.warn({ source: name, ...event }, 'keys could not be fetched');
      else if (event.changed)
        frame.log.info({ source: name, keys: event.keys, ignored: event.ignored }, 'keys changed');
    }
  });
  const warn = (fields: object, text: string) => frame.log.warn(fields, text);
  return withNotices({ observer: metrics, clock: world.clock, warn });
}
