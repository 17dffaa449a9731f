// Metrics as a scraper reads them: what is counted, and that no caller can make another time series.

import { describe, expect, it } from 'vitest';
import { createMetrics, type MetricsParts } from '../../../src/adapters/observe/metrics.ts';
import { openCallerIdentityRecord } from '../../../src/core/caller-identity-record.ts';
import { METRIC_SERIES_MAX } from '../../../src/core/limits.ts';
import { type OwnTokenRecord, openOwnTokenRecord } from '../../../src/core/own-token-record.ts';
import { type ExchangeRecord, openRecord } from '../../../src/core/record.ts';
import { refuse } from '../../../src/core/refusal.ts';
import { TOKEN_EXCHANGE_GRANT } from '../../../src/core/request.ts';
import { ASKED } from '../../support/own-token-path.ts';

const faults: unknown[][] = [];
const metrics = (parts: Partial<MetricsParts> = {}) =>
  createMetrics({
    startedAtSeconds: 1_790_000_000,
    sourceKeys: () => [],
    signingKeys: () => [],
    workloadApis: () => [],
    findings: () => [],
    store: () => ({ healthy: true, events: new Map() }),
    withdrawals: () => ({ block: 0, revocation: 0 }),
    onFault: (...fault) => faults.push(fault),
    ...parts,
  });

const record = (change: Partial<ExchangeRecord>): ExchangeRecord => ({
  ...openRecord(
    {
      transport: 'oauth',
      peer: '192.0.2.1',
      traceId: undefined,
      mtls: undefined,
      grantType: TOKEN_EXCHANGE_GRANT,
      request: refuse({ reason: 'query_forbidden' }),
    },
    '01JCX5ZZZZ0123456789ABCDEF',
    1_800_000_000,
  ),
  ...change,
});
const principal = {
  source: 'github',
  iss: 'https://i.example',
  sub: 'secret-sub',
  name: 'github:secret',
  sha256: 'ff',
};

/** The lines of one metric. */
async function lines(rendering: { render(): Promise<{ body: string }> }, name: string): Promise<string[]> {
  const { body } = await rendering.render();
  return body.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

const ownToken = (event: OwnTokenRecord['event'], change: Partial<OwnTokenRecord>): OwnTokenRecord => ({
  ...openOwnTokenRecord(event)(ASKED, 'D', 1_800_000_000),
  outcome: 'answered',
  reason: undefined,
  ...change,
});

describe('questions whose credentials of a cloud they are', () => {
  it('are counted by what they came to, and why, and as no exchange', async () => {
    const all = metrics();
    const opened = openCallerIdentityRecord(ASKED, 'D', 1_800_000_000);
    all.finished({ ...opened, outcome: 'answered', reason: undefined }, 1);
    all.finished({ ...opened, outcome: 'refused', reason: 'key_unknown' }, 1);
    expect(await lines(all, 'exchequer_caller_identities_total')).toEqual([
      'exchequer_caller_identities_total{outcome="answered",reason=""} 1',
      'exchequer_caller_identities_total{outcome="refused",reason="key_unknown"} 1',
    ]);
    expect(await lines(all, 'exchequer_exchanges_total')).toEqual([]);
  });
});

describe('questions about a token', () => {
  it('are counted by what they came to, and why, and as no exchange', async () => {
    const all = metrics();
    all.finished(ownToken('introspection', { active: true }), 2);
    all.finished(ownToken('introspection', { active: false, reason: 'withdrawn' }), 1);
    all.finished(ownToken('introspection', { outcome: 'refused', reason: 'store_unavailable' }), 1);
    all.finished(ownToken('revocation', { withdrawal: 'w' }), 1);
    all.finished(ownToken('revocation', { reason: 'not_its_own' }), 1);
    all.finished(ownToken('revocation', { outcome: 'failed', reason: 'fault' }), 1);
    expect(await lines(all, 'exchequer_introspections_total')).toEqual([
      'exchequer_introspections_total{outcome="active",reason=""} 1',
      'exchequer_introspections_total{outcome="inactive",reason="withdrawn"} 1',
      'exchequer_introspections_total{outcome="refused",reason="store_unavailable"} 1',
    ]);
    expect(await lines(all, 'exchequer_revocations_total')).toEqual([
      'exchequer_revocations_total{outcome="revoked",reason=""} 1',
      'exchequer_revocations_total{outcome="unchanged",reason="not_its_own"} 1',
      'exchequer_revocations_total{outcome="failed",reason="fault"} 1',
    ]);
    expect(await lines(all, 'exchequer_own_token_duration_seconds_count')).toHaveLength(6);
    expect(await lines(all, 'exchequer_exchanges_total')).toEqual([]);
  });
});

describe('exchanges', () => {
  it('are counted by grant, outcome, reason, rule, target, source and owner, a row as its rule', async () => {
    const all = metrics();
    const granted = { outcome: 'granted', reason: undefined, target: 'deploy', owner: 'platform' } as const;
    for (const row of ['shop', 'blog'])
      all.finished(record({ ...granted, rule: `production[${row}]`, roles: { subject: principal } }), 2);
    all.finished(record({ outcome: 'refused', reason: 'expired', evidence: { role: 'subject', source: 'eks' } }), 1);
    all.finished(record({ outcome: 'failed', reason: 'fault', grantType: undefined }), 1);
    expect(await lines(all, 'exchequer_exchanges_total')).toEqual([
      'exchequer_exchanges_total{grant="token-exchange",outcome="granted",reason="",rule="production",target="deploy",source="github",owner="platform"} 2',
      'exchequer_exchanges_total{grant="token-exchange",outcome="refused",reason="expired",rule="",target="",source="eks",owner=""} 1',
      'exchequer_exchanges_total{grant="",outcome="failed",reason="fault",rule="",target="",source="",owner=""} 1',
    ]);
    expect((await all.render()).body).not.toMatch(/secret|192\.0\.2\.1|01JCX5/);
  });

  it('that were only asked about are counted apart, in closed sets, and nowhere else', async () => {
    const all = metrics();
    const asked = { dryRun: true, would: [{ rule: 'tried', would: 'allow' }], rule: 'r', target: 't' } as const;
    all.finished(record({ ...asked, outcome: 'granted', reason: undefined, roles: { subject: principal } }), 2);
    all.finished(record({ ...asked, outcome: 'refused', reason: 'no_rule', grantType: undefined }), 2);
    expect(await lines(all, 'exchequer_dry_runs_total')).toEqual([
      'exchequer_dry_runs_total{grant="token-exchange",outcome="granted",reason=""} 1',
      'exchequer_dry_runs_total{grant="",outcome="refused",reason="no_rule"} 1',
    ]);
    for (const name of [
      'exchequer_exchanges_total',
      'exchequer_previews_total',
      'exchequer_exchange_duration_seconds_count',
    ])
      expect(await lines(all, name)).toEqual([]);
  });

  it('are counted apart where a rule in preview would have decided otherwise', async () => {
    const all = metrics();
    const would = [{ rule: 'production[shop]', would: 'allow' }] as const;
    for (const outcome of ['granted', 'refused'] as const) all.finished(record({ outcome, would }), 1);
    all.finished(record({ outcome: 'refused' }), 1);
    expect(await lines(all, 'exchequer_previews_total')).toEqual([
      'exchequer_previews_total{rule="production",would="allow"} 2',
    ]);
    for (let index = 0; index < METRIC_SERIES_MAX + 50; index += 1)
      all.finished(record({ would: [{ rule: `r${index}`, would: 'deny' }] }), 1);
    expect(await lines(all, 'exchequer_previews_total')).toHaveLength(METRIC_SERIES_MAX + 1);
  });

  it('whose tokens have claims that nobody accounted for count them by source, bounded like all names', async () => {
    const all = metrics();
    const unknownClaims = ['brand_new', 'other_new'];
    for (const outcome of ['granted', 'refused'] as const)
      all.finished(record({ outcome, roles: { subject: principal }, unknownClaims }), 1);
    all.finished(record({ outcome: 'granted', roles: { subject: principal } }), 1);
    all.finished(record({ outcome: 'refused', roles: {}, unknownClaims }), 1);
    expect(await lines(all, 'exchequer_unknown_claims_total')).toEqual([
      'exchequer_unknown_claims_total{source="github"} 4',
    ]);
    expect((await all.render()).body).not.toContain('brand_new');
    for (let index = 0; index < METRIC_SERIES_MAX + 50; index += 1)
      all.finished(record({ roles: { subject: { ...principal, source: `s${index}` } }, unknownClaims }), 1);
    expect(await lines(all, 'exchequer_unknown_claims_total')).toHaveLength(METRIC_SERIES_MAX + 1);
  });

  it('take time, in seconds', async () => {
    const all = metrics();
    all.finished(record({ outcome: 'granted', reason: undefined }), 3);
    const buckets = await lines(all, 'exchequer_exchange_duration_seconds_bucket');
    expect(buckets).toContain(
      'exchequer_exchange_duration_seconds_bucket{le="0.0025",grant="token-exchange",outcome="granted"} 0',
    );
    expect(buckets).toContain(
      'exchequer_exchange_duration_seconds_bucket{le="0.005",grant="token-exchange",outcome="granted"} 1',
    );
    expect(await lines(all, 'exchequer_exchange_duration_seconds_sum')).toEqual([
      'exchequer_exchange_duration_seconds_sum{grant="token-exchange",outcome="granted"} 0.003',
    ]);
  });

  it('of names without end become `other`: the series stay bounded (A-185, F-40)', async () => {
    const all = metrics();
    for (let index = 0; index < METRIC_SERIES_MAX + 50; index += 1)
      all.finished(record({ outcome: 'granted', reason: undefined, rule: `r${index}` }), 1);
    const series = await lines(all, 'exchequer_exchanges_total');
    expect(series).toHaveLength(METRIC_SERIES_MAX + 1);
    expect(series.at(-1)).toMatch(/rule="other",.* 50$/);
  });
});

describe('everything else', () => {
  it('faults are counted, and handed on with their decision', async () => {
    const all = metrics();
    const error = new Error('x');
    all.fault('D', error);
    expect(await lines(all, 'exchequer_faults_total')).toEqual(['exchequer_faults_total 1']);
    expect(faults).toEqual([['D', error]]);
  });

  it('key ages are read when they are scraped, and a source that is gone leaves no series', async () => {
    let sources = [
      { source: 'eks', ageSeconds: 12, fresh: true },
      { source: 'people', ageSeconds: undefined, fresh: false },
    ];
    const signing = [
      { algorithm: 'ES256', state: 'retired', ageSeconds: 90 },
      { algorithm: 'ES256', state: 'retired', ageSeconds: 50 },
      { algorithm: 'ES256', state: 'current', ageSeconds: 7 },
    ];
    const all = metrics({ sourceKeys: () => sources, signingKeys: () => signing });
    expect(await lines(all, 'exchequer_source_keys_age_seconds')).toEqual([
      'exchequer_source_keys_age_seconds{source="eks"} 12',
    ]);
    expect(await lines(all, 'exchequer_source_degraded')).toEqual([
      'exchequer_source_degraded{source="eks"} 0',
      'exchequer_source_degraded{source="people"} 1',
    ]);
    expect(await lines(all, 'exchequer_signing_key_age_seconds')).toEqual([
      'exchequer_signing_key_age_seconds{algorithm="ES256",state="current"} 7',
      'exchequer_signing_key_age_seconds{algorithm="ES256",state="retired"} 90',
    ]);
    sources = [];
    expect(await lines(all, 'exchequer_source_degraded')).toEqual([]);
  });

  it('fetches, connection problems and reloads are counted', async () => {
    const all = metrics();
    all.keysFetched('eks', false);
    all.connectionProblem('timeout');
    expect(await lines(all, 'exchequer_reload_success')).toEqual(['exchequer_reload_success 1']);
    expect(await lines(all, 'exchequer_reload_timestamp_seconds')).toEqual([
      'exchequer_reload_timestamp_seconds 1790000000',
    ]);
    all.reloaded(true, 1_800_000_000);
    all.reloaded(false, 1_800_000_009);
    expect(await lines(all, 'exchequer_source_key_fetches_total')).toEqual([
      'exchequer_source_key_fetches_total{source="eks",outcome="failed"} 1',
    ]);
    expect(await lines(all, 'exchequer_connection_problems_total')).toEqual([
      'exchequer_connection_problems_total{kind="timeout"} 1',
    ]);
    expect(await lines(all, 'exchequer_reload_success')).toEqual(['exchequer_reload_success 0']);
    expect(await lines(all, 'exchequer_reload_timestamp_seconds')).toEqual([
      'exchequer_reload_timestamp_seconds 1800000000',
    ]);
    expect(await lines(all, 'exchequer_reloads_total')).toHaveLength(2);
  });

  it('the event loop, memory and file descriptors are there, and two instances share nothing', async () => {
    const [one, other] = [metrics(), metrics()];
    one.fault('D', undefined);
    const { contentType, body } = await one.render();
    expect(contentType).toMatch(/^text\/plain; version=0\.0\.4/);
    for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes', 'process_open_fds'])
      expect(body).toContain(`\n${name} `);
    expect(await lines(other, 'exchequer_faults_total')).toEqual(['exchequer_faults_total 0']);
  });
});

describe('findings of the linter', () => {
  it('are counted by lint, severity and whether they are accepted, as the configuration that runs has them', async () => {
    const counts = [
      { lint: 'environment-alone', severity: 'warning', accepted: false, count: 2 },
      { lint: 'environment-alone', severity: 'warning', accepted: true, count: 1 },
    ];
    const found = metrics({ findings: () => counts });
    const series = 'exchequer_policy_findings{lint="environment-alone",severity="warning",accepted=';
    expect(await lines(found, 'exchequer_policy_findings')).toEqual([`${series}"false"} 2`, `${series}"true"} 1`]);
    counts.pop();
    expect(await lines(found, 'exchequer_policy_findings')).toEqual([`${series}"false"} 2`]);
  });
});

describe('the store', () => {
  it('shows whether it answers, and counts what has happened to it by names of a closed set', async () => {
    const events = new Map([['store_lost', 1]]);
    let healthy = true;
    const rendering = metrics({ store: () => ({ healthy, events }) });
    expect(await lines(rendering, 'exchequer_store_up')).toEqual(['exchequer_store_up 1']);
    healthy = false;
    events.set('store_lost', 2);
    expect(await lines(rendering, 'exchequer_store_up')).toEqual(['exchequer_store_up 0']);
    expect(await lines(rendering, 'exchequer_store_events_total')).toEqual([
      'exchequer_store_events_total{event="store_lost"} 2',
    ]);
  });
});
