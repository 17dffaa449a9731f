// The composition root of a running broker: hands every part its ports by hand, opens the listeners, and closes all of it in the
// opposite order. What it composes decides; nothing here does.

import { setTimeout } from 'node:timers/promises';
import { renderProblem } from './adapters/cli/check.ts';
import type { DevCommands } from './adapters/control/dev-commands.ts';
import { createControlListener } from './adapters/control/server.ts';
import type { PublicListener } from './adapters/http/app.ts';
import { createObserveListener } from './adapters/observe/listener.ts';
import type { Metrics } from './adapters/observe/metrics.ts';
import { type Configuration, readConfiguration } from './compose-configuration.ts';
import { controlHandlers, digestsOf } from './compose-control.ts';
import { composeIncidents } from './compose-incidents.ts';
import { acceptedFindings } from './compose-lint.ts';
import { followIdentity, inUse, openPublicListener } from './compose-listener.ts';
import { openMetrics } from './compose-metrics.ts';
import {
  type BrokerWorld,
  type Current,
  type Frame,
  keyOrigins,
  openFrame,
  openState,
  readinessOf,
  type State,
  snapshotOf,
} from './compose-state.ts';
import { socketsOf, tlsOf } from './compose-workload-apis.ts';
import type { Config } from './config/config.ts';
import { renamedSources, restartNeeded, type SourceNames, withNamesOf } from './config/restart.ts';
import { watchFiles } from './config/watch.ts';
import { RECORD_WRITE_MS, SHUTDOWN_MS, START_RECORD_MS } from './core/limits.ts';
import { AuditUnavailable } from './core/ports.ts';
import { createReload, type ReloadResult } from './core/reload.ts';
import { ruleChanges } from './policy/changes.ts';

export interface Broker {
  /** For people: `https://127.0.0.1:8443 (public)`, ... */
  readonly addresses: readonly string[];
  readonly ports: { readonly public: number; readonly observe: number };
  /** Names, as the configuration had them at the start. */
  readonly sources: readonly string[];
  readonly targets: readonly string[];
  reload(): Promise<ReloadResult>;
  /** Stops taking requests, answers those in work, writes the last records, closes everything. */
  stop(why: string): Promise<void>;
}

export type BrokerStart =
  | { readonly ok: true; readonly broker: Broker }
  | { readonly ok: false; readonly problems: readonly string[] };

/** What `exchequer dev` has in place of the frame of a broker that serves, and the commands that it has beside it. */
export interface Staging {
  readonly frame: Frame;
  dev(configuration: () => Configuration): DevCommands;
}

/** Starts a broker on a configuration file. Problems of its content are returned; what cannot run is thrown. */
export async function startBroker(world: BrokerWorld, path: string, staging?: Staging): Promise<BrokerStart> {
  const frame = staging?.frame ?? openFrame(world);
  const read = await readConfiguration(world, path, frame);
  if (!read.ok) {
    frame.close();
    return { ok: false, problems: read.problems.map(renderProblem) };
  }
  for (const warning of read.configuration.warnings) frame.log.warn(renderProblem(warning));
  const state = await openState(world, frame, read.configuration);
  try {
    await recordStart(world, state);
    const dev = staging?.dev(() => state.current.configuration);
    return { ok: true, broker: await openListeners({ world, path, frame, state, dev }, read.stillAsRead) };
  } catch (error) {
    await state.close();
    frame.close();
    throw error;
  }
}

/** No request is taken before the start is on record. A disk that is slow just now is asked again; one that stays so is a fault. */
async function recordStart(world: BrokerWorld, state: State): Promise<void> {
  const event = {
    event: 'start',
    version: world.version,
    digests: digestsOf(state.current),
    generation: 1,
    accepted: acceptedFindings(state.current.configuration.findings),
  } as const;
  const until = world.clock.elapsedMs() + START_RECORD_MS;
  for (;;) {
    try {
      await state.audit.system(event);
      return;
    } catch (error) {
      if (!(error instanceof AuditUnavailable) || world.clock.elapsedMs() > until) throw error;
      await setTimeout(RECORD_WRITE_MS);
    }
  }
}

interface Opened {
  readonly world: BrokerWorld;
  readonly path: string;
  readonly frame: Frame;
  readonly state: State;
  readonly dev: DevCommands | undefined;
}

async function openListeners(opened: Opened, stillAsRead: () => boolean): Promise<Broker> {
  const { world, path, frame, state, dev } = opened;
  const { config } = state.current.configuration;
  const { epochs } = state;
  const metrics = openMetrics(world, frame, state);
  const listener = openPublicListener(world, frame, state, { metrics, epochs });
  const unfollow = followIdentity(config, frame.workloadApis, listener);
  const life = { stopping: false };
  const readiness = () => readinessOf(state, frame, life.stopping);
  const observe = createObserveListener({ render: metrics.render, readiness });

  const files = { stillAsRead };
  const swap = reloadOf({ world, path, frame, state, files, listener, metrics, drained: epochs.drained });
  const reload = async (): Promise<ReloadResult> => {
    const result = await swap();
    watcher.update(state.current.configuration.config.watched, files.stillAsRead);
    return result;
  };
  const watcher = watchFiles({ paths: config.watched, stillAsRead, onChange: () => void reload() });
  const incidents = composeIncidents(world, frame, state);
  const control = createControlListener({
    socket: config.control.socket,
    handlers: { ...controlHandlers(world, state, frame, reload, incidents), ...(dev && { dev }) },
  });

  // What was opened before an address turned out to be taken would keep the process alive, ready and deaf.
  const { observed, listening } = await bindAll(config, { control, observe, listener }).catch(
    async (error: unknown) => {
      watcher.close();
      await Promise.allSettled([listener.close(0), control.close(), observe.close()]);
      throw error;
    },
  );
  frame.log.info({ issuer: config.issuer, sources: config.sources.length }, 'started');

  return Object.freeze({
    addresses: [
      `https://${config.listen.host}:${listening.port} (public)`,
      `http://${config.observe.host}:${observed.port} (observe)`,
      `${config.control.socket} (control)`,
    ],
    ports: { public: listening.port, observe: observed.port },
    sources: config.sources.map(({ name }) => name),
    targets: config.targets.map(({ name }) => name),
    reload,
    async stop(why: string) {
      life.stopping = true;
      watcher.close();
      unfollow();
      await listener.close(SHUTDOWN_MS);
      await state.audit.system({ event: 'stop', why }).catch((error: unknown) => frame.log.error({ err: error }));
      await control.close();
      incidents.close();
      await observe.close();
      await state.close();
      frame.close();
    },
  });
}

async function bindAll(
  { observe, listen }: Config,
  listeners: {
    readonly control: ReturnType<typeof createControlListener>;
    readonly observe: ReturnType<typeof createObserveListener>;
    readonly listener: PublicListener;
  },
) {
  await listeners.control.listen();
  const observed = await listeners.observe.listen(observe.host, observe.port).catch(inUse('observe', observe));
  const listening = await listeners.listener.listen(listen.host, listen.port).catch(inUse('listen', listen));
  return { observed, listening };
}

interface ReloadParts {
  readonly world: BrokerWorld;
  readonly path: string;
  readonly frame: Frame;
  readonly state: State;
  /** About the files as they were read last, whether they took effect or not. */
  readonly files: { stillAsRead: () => boolean };
  readonly listener: PublicListener;
  readonly metrics: Metrics;
  readonly drained: () => Promise<void>;
}

function reloadOf({
  world,
  path,
  frame,
  state,
  files,
  listener,
  metrics,
  drained,
}: ReloadParts): () => Promise<ReloadResult> {
  const keepOnlyCurrentKeys = () => {
    frame.caches.retain(keysInUse(state.current.configuration));
    frame.workloadApis.retain(socketsOf(state.current.configuration.config));
  };
  let names = withNamesOf(new Map(), state.current.configuration.config);
  let before = state.current;

  return createReload<Configuration>({
    generation: () => state.current.snapshot.generation,
    async prepare() {
      const read = await readConfiguration(world, path, frame, true);
      files.stillAsRead = read.stillAsRead;
      const problems = read.ok
        ? fixedProblems(state.current.configuration, names, read.configuration)
        : read.problems.map((problem) => renderProblem(problem));
      if (read.ok && problems.length === 0) return { ok: true as const, next: read.configuration };
      keepOnlyCurrentKeys();
      return { ok: false as const, problems };
    },
    swap(next) {
      const generation = state.current.snapshot.generation + 1;
      const snapshot = snapshotOf(
        next,
        { signingKeys: state.signingKeys, ownKeys: frame.ownKeys, clouds: state.clouds },
        generation,
      );
      listener.replaceCertificate(tlsOf(next.config, frame.workloadApis));
      before = state.current;
      state.current = { configuration: next, snapshot };
      names = withNamesOf(names, next.config);
      return generation;
    },
    drained,
    async report(result, next) {
      keepOnlyCurrentKeys();
      metrics.reloaded(result.ok, world.clock.nowSeconds());
      if (next) frame.log.info({ generation: result.generation }, 'reloaded');
      for (const warning of next?.warnings ?? []) frame.log.warn(renderProblem(warning));
      for (const problem of result.problems) frame.log.error({ problem }, 'the old configuration still runs');
      await state.audit
        .system(reloadEvent(result, before, next && state.current))
        .catch((error: unknown) => frame.log.error({ err: error }, 'a reload could not be recorded'));
    },
  });
}

/** What is on record of a reload; `now` where it took effect. */
const reloadEvent = (result: ReloadResult, before: Current, now: Current | undefined) =>
  now
    ? {
        event: 'reload' as const,
        outcome: 'applied' as const,
        generation: result.generation,
        digests: digestsOf(now),
        ...ruleChanges(before.configuration.compiled, now.configuration.compiled),
        accepted: acceptedFindings(now.configuration.findings),
      }
    : { event: 'reload' as const, outcome: 'refused' as const, problems: result.problems };

const keysInUse = (configuration: Configuration): ReadonlySet<string> =>
  new Set(keyOrigins(configuration).map(({ keys }) => keys.digest));

const fixedProblems = (before: Configuration, names: SourceNames, after: Configuration): readonly string[] => [
  ...restartNeeded(before.config, after.config).map((path) => `${path} differs: a change of it needs a restart`),
  ...renamedSources(names, after.config),
];
