// Metrics in Prometheus text: what the broker did (requests: request-metrics.ts), how old its keys are. Prom-client lives in this folder
// only. Labels come from closed sets or from the configuration, never from a caller: no subject, no key id, no free text
// (A-185, F-40). What others own (key sources, signing keys) is read when it is scraped and kept nowhere.

import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Observer } from '../../core/ports.ts';
import { addClouds, type CloudMetrics } from './cloud-metrics.ts';
import { addRequests } from './request-metrics.ts';
import { addStore, type StoreHealth } from './store-metrics.ts';

/** The state of one trust source's keys. */
export interface SourceKeys {
  readonly source: string;
  /** Since the last successful fetch; undefined while there are no keys. */
  readonly ageSeconds: number | undefined;
  /** False where they are missing, or older than they should be because their origin does not answer. */
  readonly fresh: boolean;
}

/** One of our signing keys. */
export interface SigningKeyAge {
  readonly algorithm: string;
  readonly state: string;
  readonly ageSeconds: number;
}

/** A SPIFFE Workload API that configuration names. */
export interface WorkloadApiHealth {
  readonly socket: string;
  /** Whether each of its streams has delivered since it was opened last. */
  readonly connected: boolean;
  /** Since its last message; undefined before the first. */
  readonly ageSeconds: number | undefined;
  /** Of our own X.509-SVID from there; undefined where there is none. */
  readonly svidExpiresAtSeconds: number | undefined;
}

/** Findings of the linter that are alike, counted. */
export type FindingCount = Readonly<{ lint: string; severity: string; accepted: boolean; count: number }>;

export interface MetricsParts {
  /** When the first configuration took effect. */
  readonly startedAtSeconds: number;
  readonly sourceKeys: () => readonly SourceKeys[];
  readonly signingKeys: () => readonly SigningKeyAge[];
  readonly workloadApis: () => readonly WorkloadApiHealth[];
  readonly findings: () => readonly FindingCount[];
  readonly store: () => StoreHealth;
  /** Blocks and revocations in force. */
  readonly withdrawals: () => Readonly<Record<'block' | 'revocation', number>>;
  /** Where a fault is written: metrics only count it. */
  readonly onFault: (decision: string, error: unknown) => void;
}

export interface Metrics extends Observer, CloudMetrics {
  connectionProblem(kind: string): void;
  /** A fetch of a source's keys ended. */
  keysFetched(source: string, succeeded: boolean): void;
  /** A reload ended: whether it took effect, and when. */
  reloaded(succeeded: boolean, nowSeconds: number): void;
  render(): Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Counts everything on a registry of its own; `render` is one scrape. */
export function createMetrics(parts: MetricsParts): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const faults = new Counter({ name: 'exchequer_faults_total', help: 'Faults of the broker itself.', registers });
  const connections = new Counter({
    name: 'exchequer_connection_problems_total',
    help: 'Connections that ended without a whole request or answer.',
    labelNames: ['kind'],
    registers,
  });
  const reloads = addReloads(registers, parts.startedAtSeconds);
  const fetches = new Counter({
    name: 'exchequer_source_key_fetches_total',
    help: 'Fetches of the keys of a trust source.',
    labelNames: ['source', 'outcome'],
    registers,
  });
  for (const add of [addKeys, addWorkloadApis, addFindings, addWithdrawals, addStore]) add(registers, parts);

  return Object.freeze({
    finished: addRequests(registers),
    ...addClouds(registers),
    fault(decision: string, error: unknown) {
      faults.inc();
      parts.onFault(decision, error);
    },
    connectionProblem: (kind: string) => connections.inc({ kind }),
    keysFetched: (source: string, ok: boolean) => fetches.inc({ source, outcome: ok ? 'succeeded' : 'failed' }),
    reloaded: reloads,
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  });
}

function addReloads(registers: Registry[], startedAtSeconds: number): Metrics['reloaded'] {
  const succeeded = new Gauge({
    name: 'exchequer_reload_success',
    help: '0 while an older configuration runs because the last reload was refused, else 1.',
    registers,
  });
  const time = new Gauge({
    name: 'exchequer_reload_timestamp_seconds',
    help: 'When a configuration last took effect.',
    registers,
  });
  const total = new Counter({
    name: 'exchequer_reloads_total',
    help: 'Reloads tried.',
    labelNames: ['outcome'],
    registers,
  });
  // Nothing has failed yet: an alert on 0 must not fire until a reload is refused.
  succeeded.set(1);
  time.set(startedAtSeconds);
  return (ok, nowSeconds) => {
    succeeded.set(ok ? 1 : 0);
    if (ok) time.set(nowSeconds);
    total.inc({ outcome: ok ? 'succeeded' : 'failed' });
  };
}

function addKeys(registers: Registry[], parts: MetricsParts): void {
  new Gauge({
    name: 'exchequer_source_keys_age_seconds',
    help: 'Time since the keys of a trust source were last fetched; absent while there are none.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      for (const { source, ageSeconds } of parts.sourceKeys())
        if (ageSeconds !== undefined) this.set({ source }, ageSeconds);
    },
  });
  new Gauge({
    name: 'exchequer_source_degraded',
    help: '1 while a trust source has no keys, or only old ones because their origin does not answer.',
    labelNames: ['source'],
    registers,
    collect() {
      this.reset();
      for (const { source, fresh } of parts.sourceKeys()) this.set({ source }, fresh ? 0 : 1);
    },
  });
  new Gauge({
    name: 'exchequer_signing_key_age_seconds',
    help: 'Age of our signing keys; the oldest, where several share a state.',
    labelNames: ['algorithm', 'state'],
    registers,
    collect() {
      this.reset();
      const youngestFirst = parts.signingKeys().toSorted((a, b) => a.ageSeconds - b.ageSeconds);
      for (const { algorithm, state, ageSeconds } of youngestFirst) this.set({ algorithm, state }, ageSeconds);
    },
  });
}

function addWorkloadApis(registers: Registry[], { workloadApis }: MetricsParts): void {
  const gauge = (name: string, help: string, read: (health: WorkloadApiHealth) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ['socket'],
      registers,
      collect() {
        this.reset();
        for (const health of workloadApis()) {
          const value = read(health);
          if (value !== undefined) this.set({ socket: health.socket }, value);
        }
      },
    });
  gauge(
    'exchequer_workload_api_connected',
    '1 while each stream of a SPIFFE Workload API delivers, else 0.',
    ({ connected }) => (connected ? 1 : 0),
  );
  gauge(
    'exchequer_workload_api_age_seconds',
    'Time since the last message of a SPIFFE Workload API, which speaks only when something changes.',
    ({ ageSeconds }) => ageSeconds,
  );
  gauge(
    'exchequer_workload_svid_expiry_timestamp_seconds',
    'When our own X.509-SVID from a SPIFFE Workload API expires; absent while there is none.',
    ({ svidExpiresAtSeconds }) => svidExpiresAtSeconds,
  );
}

function addFindings(registers: Registry[], { findings }: MetricsParts): void {
  new Gauge({
    name: 'exchequer_policy_findings',
    help: 'Findings of the linter about the configuration that runs.',
    labelNames: ['lint', 'severity', 'accepted'],
    registers,
    collect() {
      this.reset();
      for (const { lint, severity, accepted, count } of findings())
        this.set({ lint, severity, accepted: `${accepted}` }, count);
    },
  });
}

function addWithdrawals(registers: Registry[], { withdrawals }: MetricsParts): void {
  new Gauge({
    name: 'exchequer_withdrawals',
    help: 'Blocks and revocations in force.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, count] of Object.entries(withdrawals())) this.set({ kind }, count);
    },
  });
}
