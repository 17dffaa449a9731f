// Incidents, composed: blocks and revocations over the store, on record in the trail, read with the names of the configuration that runs.
// Decides nothing itself.

import type { IncidentHandlers } from './adapters/control/incident-commands.ts';
import { createInsistentRecords } from './audit/insistent-records.ts';
import { timestamp } from './audit/record.ts';
import type { SystemEvent } from './audit/system.ts';
import { namedSources } from './compose-names.ts';
import type { BrokerWorld, Frame, State } from './compose-state.ts';
import type { CloudReach } from './core/cloud.ts';
import { type Command, createIncidents, type IncidentRecord } from './core/incidents.ts';
import { LEEWAY_SECONDS } from './core/limits.ts';
import type { RevokedKey } from './core/ports.ts';
import type { ClientSettings } from './verifiers/client-kind.ts';
import { registeredClient } from './verifiers/client-secret.ts';
import { readIdentity } from './verifiers/name-read.ts';

export interface ComposedIncidents {
  readonly handlers: IncidentHandlers;
  /** The theft drill, answered when nothing leaves any more, anywhere, that the key signed; undefined where there is no such key. */
  revokeKey(kid: string, command: Command): Promise<RevokedKey | undefined>;
  close(): void;
}

export function composeIncidents(world: BrokerWorld, frame: Frame, state: State): ComposedIncidents {
  const { clock, randomBytes } = world;
  const { store, audit, signingKeys } = state;
  const records = createInsistentRecords({
    write: (record) => audit.system(eventOf(record)),
    onLost: (record, error) => frame.log.error({ record, err: error }, 'an incident could not be recorded'),
  });
  const incidents = createIncidents({ store, records, clock, randomBytes });
  return {
    handlers: {
      ...incidents,
      known: () => knownNames(state),
      issuer: () => state.current.configuration.config.issuer,
      clouds: () => cloudsReached(state, clock.nowSeconds()),
      offlineUntilSeconds: () => clock.nowSeconds() + signingKeys.longestSignedSeconds() + LEEWAY_SECONDS,
    },
    async revokeKey(kid, command) {
      if (!signingKeys.list().some((key) => key.kid === kid)) return undefined;
      // Dead here with the call, whatever comes of the disk and of the store; either tells the other brokers.
      const [durably, everywhere] = await Promise.allSettled([
        signingKeys.revoke(kid),
        incidents.revoke('key', kid, command),
      ]);
      if (durably.status === 'rejected') throw durably.reason;
      if (everywhere.status === 'rejected')
        throw new Error(
          'the key is revoked here, and its file is gone: other brokers drop it when they look next, within a second; ' +
            `whether they have is not known (${problemOf(everywhere.reason)})`,
        );
      const { unreached, recorded } = everywhere.value;
      return { ...durably.value, unreached, recorded, clouds: cloudsReached(state, clock.nowSeconds()) };
    },
    close: records.close,
  };
}

/** Every cloud that a target is in, with the principals of its targets. */
function cloudsReached({ current: { configuration } }: State, nowSeconds: number): readonly CloudReach[] {
  const { config, compiled } = configuration;
  const lifetimes = new Map(compiled.targets.map(({ name, lifetimeSecondsMax }) => [name, lifetimeSecondsMax]));
  return (['aws', 'gcp', 'azure'] as const).flatMap((cloud) => {
    const targets = config.targets.filter(({ kind }) => kind === cloud);
    if (targets.length === 0) return [];
    const delivered = targets.some(({ options }) => options.deliver === 'assertion');
    const longest = Math.max(...targets.map(({ name }) => lifetimes.get(name) ?? 0));
    const principals = [...new Set(targets.map(({ address }) => address))];
    return [{ cloud, principals, untilSeconds: delivered ? undefined : nowSeconds + longest }];
  });
}

/** What a block or revocation is on record as. */
function eventOf(record: IncidentRecord): SystemEvent {
  const { by, problem } = record;
  if (record.change === 'lifted') {
    const { id, identity } = record.withdrawal;
    return { event: 'unblock', id, identity, why: record.why, by, problem };
  }
  const { withdrawal, already, unreached } = record;
  const { id, why, atSeconds, untilSeconds } = withdrawal;
  const common = {
    ...{ id, why, by, problem, unreached, at: timestamp(atSeconds) },
    until: untilSeconds === undefined ? undefined : timestamp(untilSeconds),
    already: already ? (true as const) : undefined,
  };
  if (withdrawal.kind === 'block') return { event: 'block', identity: withdrawal.identity, ...common };
  return { event: 'revoke', what: withdrawal.what, of: withdrawal.of, ...common };
}

const problemOf = (error: unknown): string => (error instanceof Error ? error.message : 'no reason was given');

function knownNames({ current: { configuration } }: State): ReturnType<IncidentHandlers['known']> {
  const { config, clients } = configuration;
  return {
    sources: config.sources.map(({ name, kind, issuer }) => ({ name, kind, issuer })),
    clients: clients.map(({ settings: { id, method } }) => ({
      id,
      name: registeredClient(id, config.issuer).name,
      spiffe: spiffeOf(method),
    })),
    nameProblem(name) {
      const read = readIdentity(namedSources(configuration), name);
      return read.ok ? undefined : read.problem;
    },
  };
}

const spiffeOf = (method: ClientSettings['method']): string | undefined =>
  method.by === 'spiffe' ? method.pattern : undefined;
