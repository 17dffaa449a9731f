// What requests came to, counted: exchanges by everything that bounds them, dry runs and questions about our own tokens apart from them,
// what rules in preview would have changed, and claims that nobody accounts for. Labels are closed sets or the configuration's own names, and bounded even then
// (A-185, F-40): never a subject, never free text.

import { Counter, Histogram, type Registry } from 'prom-client';
import type { CallerIdentityRecord } from '../../core/caller-identity-record.ts';
import { METRIC_SERIES_MAX } from '../../core/limits.ts';
import type { OwnTokenRecord } from '../../core/own-token-record.ts';
import type { Observer } from '../../core/ports.ts';
import type { ExchangeRecord } from '../../core/record.ts';

/** OpenTelemetry's advice for `http.server.request.duration`, with two finer buckets below: an exchange takes about a millisecond. */
const DURATION_BUCKETS_SECONDS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1],
  ...[0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
];
const EXCHANGE_LABELS = ['grant', 'outcome', 'reason', 'rule', 'target', 'source', 'owner'] as const;
type ExchangeLabels = Record<(typeof EXCHANGE_LABELS)[number], string>;

const OTHER_LABELS = { rule: 'other', target: 'other', source: 'other', owner: 'other' };

/** Adds what is counted of requests; gives the function that counts one. */
export function addRequests(registers: Registry[]): Observer['finished'] {
  const exchanges = new Counter({
    name: 'exchequer_exchanges_total',
    help: 'Finished requests. Empty labels: not granted, not refused, or nothing proved.',
    labelNames: EXCHANGE_LABELS,
    registers,
  });
  const durations = new Histogram({
    name: 'exchequer_exchange_duration_seconds',
    help: 'From the request as received to its answer.',
    labelNames: ['grant', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const dryRun = addDryRuns(registers);
  const previews = addPreviews(registers);
  const unknownClaims = addUnknownClaims(registers);
  const ownTokens = addOwnTokens(registers);
  const callerIdentities = addCallerIdentities(registers);
  const bounded = createSeriesBound<ExchangeLabels>(OTHER_LABELS);
  return (record, elapsedMs) => {
    if (record.event === 'caller_identity') return callerIdentities(record);
    if (record.event !== 'exchange') return ownTokens(record, elapsedMs);
    if (record.dryRun) return dryRun(record);
    const labels = bounded(labelsOf(record));
    exchanges.inc(labels);
    previews(record);
    unknownClaims(record);
    durations.observe({ grant: labels.grant, outcome: labels.outcome }, elapsedMs / 1000);
  };
}

/** Questions about our own tokens: what they came to, and why; all labels are closed sets. */
function addOwnTokens(registers: Registry[]): (record: OwnTokenRecord, elapsedMs: number) => void {
  const introspections = new Counter({
    name: 'exchequer_introspections_total',
    help: 'Finished requests to /introspect: active, inactive, refused or failed, and why.',
    labelNames: ['outcome', 'reason'],
    registers,
  });
  const revocations = new Counter({
    name: 'exchequer_revocations_total',
    help: 'Finished requests to /revoke: revoked, unchanged, refused or failed, and why.',
    labelNames: ['outcome', 'reason'],
    registers,
  });
  const durations = new Histogram({
    name: 'exchequer_own_token_duration_seconds',
    help: 'From a request to /introspect or /revoke as received to its answer.',
    labelNames: ['event', 'outcome'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  return ({ event, outcome: ended, active, withdrawal, reason = '' }, elapsedMs) => {
    const isIntrospection = event === 'introspection';
    const told = isIntrospection ? (active ? 'active' : 'inactive') : withdrawal ? 'revoked' : 'unchanged';
    const outcome = ended === 'answered' ? told : ended;
    (isIntrospection ? introspections : revocations).inc({ outcome, reason });
    durations.observe({ event, outcome }, elapsedMs / 1000);
  };
}

/** Whose a cloud's credential is, as its holder asked; all labels are closed sets. */
function addCallerIdentities(registers: Registry[]): (record: CallerIdentityRecord) => void {
  const identities = new Counter({
    name: 'exchequer_caller_identities_total',
    help: "Finished questions whose a cloud's credential is, at /aws/sts and /gcp/introspect: answered, refused or failed, and why.",
    labelNames: ['outcome', 'reason'],
    registers,
  });
  return ({ outcome, reason = '' }) => identities.inc({ outcome, reason });
}

/** What was only asked is no exchange, and no preview of one; its labels are closed sets. */
function addDryRuns(registers: Registry[]): (record: ExchangeRecord) => void {
  const dryRuns = new Counter({
    name: 'exchequer_dry_runs_total',
    help: 'Requests that only asked what an exchange would answer; counted nowhere else.',
    labelNames: ['grant', 'outcome', 'reason'],
    registers,
  });
  return (record) => {
    const { grant, outcome, reason } = labelsOf(record);
    dryRuns.inc({ grant, outcome, reason });
  };
}

/** What rules in preview would have changed, counted for each of them. */
function addPreviews(registers: Registry[]): (record: ExchangeRecord) => void {
  const bounded = createSeriesBound({ rule: 'other', would: 'other' });
  const previews = new Counter({
    name: 'exchequer_previews_total',
    help: 'Finished requests that a rule in preview would have decided otherwise.',
    labelNames: ['rule', 'would'],
    registers,
  });
  return ({ would }) => {
    for (const one of would) previews.inc(bounded({ rule: withoutRow(one.rule), would: one.would }));
  };
}

/** Claims that nobody has accounted for: a platform may have changed what its tokens mean. */
function addUnknownClaims(registers: Registry[]): (record: ExchangeRecord) => void {
  const bounded = createSeriesBound({ source: 'other' });
  const claims = new Counter({
    name: 'exchequer_unknown_claims_total',
    help: 'Claims of proved tokens that no standard, platform table or rule accounts for.',
    labelNames: ['source'],
    registers,
  });
  return ({ unknownClaims, roles: { subject } }) => {
    if (subject && unknownClaims.length > 0) claims.inc(bounded({ source: subject.source }), unknownClaims.length);
  };
}

function labelsOf(record: ExchangeRecord): ExchangeLabels {
  return {
    grant: record.grantType?.split(':').at(-1) ?? '',
    outcome: record.outcome,
    reason: record.reason ?? '',
    rule: withoutRow(record.rule ?? ''),
    target: record.target ?? '',
    source: record.roles.subject?.source ?? refusedSource(record.evidence),
    owner: record.owner ?? '',
  };
}

/** One rule with a table of rows is one rule here: `production[shop]` is `production`. */
const withoutRow = (rule: string): string => rule.replace(/\[.*$/s, '');

/** A refusal's `source` is the configured name of the source that refused. */
const refusedSource = (evidence: object | undefined): string =>
  evidence && 'source' in evidence && typeof evidence.source === 'string' ? evidence.source : '';

/** Names from configurations that come and go must not grow without end: past the limit they are `other`. */
function createSeriesBound<Labels extends object>(other: Partial<Labels>): (labels: Labels) => Labels {
  const known = new Set<string>();
  return (labels) => {
    const key = JSON.stringify(labels);
    if (known.has(key)) return labels;
    if (known.size >= METRIC_SERIES_MAX) return { ...labels, ...other };
    known.add(key);
    return labels;
  };
}
