// What outlives a request and a configuration: signing keys, the spent store, the audit trail, key caches, the way outward, and
// the holder of the current snapshot. Each is opened here once, in order, and closed in the opposite order.

import { type Logger, pino } from 'pino';
import { type AuditTrail, openAudit } from './audit/audit.ts';
import type { Stdout } from './audit/sinks.ts';
import { clientsOf } from './compose-clients.ts';
import { type Clouds, issuersOf, openClouds } from './compose-clouds.ts';
import type { Configuration, Reach, World } from './compose-configuration.ts';
import { openStore, type Store } from './compose-store.ts';
import { createWorkloadApis, tlsOf, type WorkloadApis } from './compose-workload-apis.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import { createEpochs } from './core/epochs.ts';
import { ASSERTION_SECONDS } from './core/limits-cloud.ts';
import type { Epochs, Snapshot } from './core/ports.ts';
import { isKeyRevoked } from './core/standing.ts';
import { createKeyCaches } from './keys/key-caches.ts';
import { createOwnKeys, type OwnKeys } from './keys/own-keys.ts';
import type { SigningKeysEvent } from './keys/ring-keeper.ts';
import { openSealing } from './keys/sealing.ts';
import { openSigningKeys, type SigningKeys } from './keys/signing-keys.ts';
import type { KeysEvent } from './keys/status.ts';
import { createOutbound } from './outbound/fetch.ts';
import type { Lookup } from './outbound/lookups.ts';
import { createPolicy } from './policy/decide.ts';
import { createTargetsOf } from './policy/targets-of.ts';
import { createOwnTokens } from './verifiers/own-token.ts';

/** What a running broker needs of the world, beside what every verb needs. */
export interface BrokerWorld extends World {
  readonly version: string;
  /** Where records go with `audit: { to: stdout }`; file descriptor 1 where absent. */
  readonly stdout?: Stdout;
  /** Where logs go, one JSON line each. */
  readonly log: { write(text: string): void };
  /** Instead of the system's resolver, in tests. */
  readonly lookup?: Lookup;
}

/** Opened before there is a configuration: the log, the way outward, and other parties' keys. */
export interface Frame extends Reach {
  readonly log: Logger;
  readonly workloadApis: WorkloadApis;
  readonly ownKeys: OwnKeys;
  /** Tells of every fetch of keys, those before the call included: at a cold start they say what is missing (F-2). */
  followKeys(listener: (digest: string, event: KeysEvent) => void): void;
  close(): void;
}

export function openFrame(world: BrokerWorld): Frame {
  const early: [string, KeysEvent][] = [];
  let listener: ((digest: string, event: KeysEvent) => void) | undefined;
  const log = pino({ base: { name: 'exchequer' } }, world.log);
  const workloadApis = createWorkloadApis(world, log);
  const outbound = createOutbound({
    permitLoopback: world.permitLoopback ?? false,
    ...(world.lookup ? { lookup: world.lookup } : {}),
  });
  const ownKeys = createOwnKeys();
  const caches = createKeyCaches({
    outbound,
    ownKeys,
    clock: world.clock,
    randomBytes: world.randomBytes,
    workloadApi: workloadApis.of,
    identity: workloadApis.identity,
    onEvent: (digest, event) => (listener ? listener(digest, event) : early.push([digest, event])),
  });
  return {
    log,
    caches,
    outbound,
    ownKeys,
    workloadApis,
    followKeys(following) {
      listener = following;
      for (const [digest, event] of early.splice(0)) following(digest, event);
    },
    close() {
      caches.retain(new Set());
      workloadApis.retain(new Set());
      outbound.close();
    },
  };
}

/** What requests read, and what it was made of. Reload replaces it; requests that hold the old one are let out first. */
export interface Current {
  readonly configuration: Configuration;
  readonly snapshot: Snapshot;
}

export interface State {
  current: Current;
  readonly signingKeys: SigningKeys;
  /** What is spent, blocked and revoked, and the nonces of DPoP. */
  readonly store: Store;
  /** What clouds are reached by, and what is remembered of what they gave. */
  readonly clouds: Clouds;
  /** Requests in work: reloads, blocks and revocations are answered when those that entered before have left. */
  readonly epochs: Epochs & { drained(): Promise<void> };
  readonly audit: AuditTrail;
  close(): Promise<void>;
}

/** Opens everything that the configuration says where to find. Throws, and leaves nothing open, where a part of it cannot run. */
export async function openState(world: BrokerWorld, frame: Frame, configuration: Configuration): Promise<State> {
  const opened: (() => Promise<void>)[] = [];
  try {
    return await openParts(world, frame, configuration, opened);
  } catch (error) {
    // A connection to Redis would keep the process alive.
    for (const close of opened.reverse()) await close();
    throw error;
  }
}

async function openParts(
  world: BrokerWorld,
  frame: Frame,
  configuration: Configuration,
  opened: (() => Promise<void>)[],
): Promise<State> {
  const { config } = configuration;
  const { clock, randomBytes } = world;
  const problem = (text: string) => frame.log.error(text);
  const held: { current: Current | undefined } = { current: undefined };
  const inForce = () => held.current?.configuration ?? configuration;
  const epochs = createEpochs();
  // Before the trail: who does not get the lock of the store must not touch the lines of the one who has it.
  const store = await openStore({
    ...world,
    config: config.store,
    log: frame.log,
    sealing: () => openSealing(config.keys.directory, randomBytes),
    drained: epochs.drained,
  });
  opened.push(store.close);
  const audit = await openAudit({
    to: config.audit.to === 'stdout' ? 'stdout' : { file: config.audit.to, sync: config.audit.sync },
    ...(world.stdout ? { stdout: world.stdout } : {}),
    keyDirectory: config.keys.directory,
    labels: () => inForce().config.audit.labels,
    clock,
    randomBytes,
    onProblem: problem,
  });
  opened.push(audit.close);
  const signingKeys = await openOwnKeys(world, frame, { inForce, store, audit });
  frame.ownKeys.follow(signingKeys.jwks);
  const clouds = openClouds({ clock, outbound: frame.outbound, store, log: frame.log });
  const first: Current = {
    configuration,
    snapshot: snapshotOf(configuration, { signingKeys, ownKeys: frame.ownKeys, clouds }, 1),
  };
  held.current = first;

  return {
    get current() {
      return held.current ?? first;
    },
    set current(next) {
      held.current = next;
    },
    signingKeys,
    store,
    clouds,
    epochs,
    audit,
    async close() {
      signingKeys.close();
      await audit.close();
      await store.close();
    },
  };
}

interface BehindKeys {
  readonly inForce: () => Configuration;
  readonly store: Store;
  readonly audit: AuditTrail;
}

function openOwnKeys({ clock, randomBytes }: BrokerWorld, { log }: Frame, { inForce, store, audit }: BehindKeys) {
  const { keys, store: storeConfig } = inForce().config;
  return openSigningKeys({
    directory: keys.directory,
    // Brokers that do not know of each other what is spent and blocked are no replicas of each other.
    shared: 'redis' in storeConfig,
    clock,
    randomBytes,
    isRevoked: (kid) => isKeyRevoked(store, kid, clock.nowSeconds()),
    rotateEverySeconds: () => inForce().config.keys.rotateEverySeconds,
    publishAheadSeconds: () => inForce().config.keys.publishAheadSeconds,
    longestLifetimeSeconds: () => longestLifetime(inForce()),
    onEvent: (event) => void recordKeyChange(log, audit, event),
  });
}

/** What `/readyz` tells. */
export const readinessOf = (state: State, frame: Frame, stopping: boolean) => ({
  needs: {
    audit: state.audit.healthy(),
    store: state.store.healthy(),
    signingKeys: state.signingKeys.healthy(),
    policy: state.current.configuration.compiled.rules.length > 0,
    certificate: tlsOf(state.current.configuration.config, frame.workloadApis) !== undefined,
  },
  stopping,
  degraded: keyOrigins(state.current.configuration)
    .filter(({ keys }) => keys.keys.status().state !== 'fresh')
    .map(({ name }) => name),
});

/** Whose keys are fetched or read: sources, and clients that sign their assertions. */
export const keyOrigins = ({ sources, clients }: Configuration) => [
  ...sources.map(({ config, keys }) => ({ name: config.name, keys })),
  ...clients.flatMap(({ settings, keys }) => (keys ? [{ name: `${CLIENTS_SOURCE}:${settings.id}`, keys }] : [])),
];

interface Behind {
  readonly signingKeys: SigningKeys;
  readonly ownKeys: OwnKeys;
  readonly clouds: Clouds;
}

/** The immutable value that requests read. */
export function snapshotOf(
  configuration: Configuration,
  { signingKeys: signer, ownKeys, clouds }: Behind,
  generation: number,
): Snapshot {
  const { config, compiled, verifiers } = configuration;
  const clients = clientsOf(config, configuration.clients, verifiers);
  const issuers = issuersOf(configuration, { signer, clouds });
  const ownTokens = createOwnTokens(config.issuer, ownKeys);
  const targetsOf = createTargetsOf(compiled);
  const policy = createPolicy(compiled);
  return Object.freeze({ generation, clients, verifiers, policy, ownTokens, targetsOf, issuers });
}

/** Of what our keys sign: a cloud's credential is the cloud's, and what it is asked with lives minutes. */
const longestLifetime = ({ compiled }: Configuration): number =>
  Math.max(
    0,
    ...compiled.targets.map(({ lifetimeSecondsMax, cloud }) => (cloud ? ASSERTION_SECONDS : lifetimeSecondsMax)),
  );

async function recordKeyChange(log: Logger, audit: AuditTrail, event: SigningKeysEvent): Promise<void> {
  if (event.event === 'failed') {
    log.error({ err: event.error }, 'signing keys could not be kept in order');
    return;
  }
  if (event.event === 'followed') {
    const { learned, dropped } = event;
    log.info({ learned, dropped }, 'another broker changed the signing keys');
    return;
  }
  const change = event.event === 'deleted' ? 'removed' : event.event;
  const { kid, algorithm } = event;
  log.info({ change, kid, algorithm }, 'signing key');
  await audit
    .system({ event: 'signing_key', change, kid, algorithm })
    .catch((error: unknown) => log.error({ err: error }, 'a key change could not be recorded'));
}
