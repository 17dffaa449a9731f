// What a SPIFFE agent gives to whoever asks from here: the X.509-SVID, judged by the bundle that came with it, and the bundles. Private
// keys come over the socket and are shown nowhere.

import type { WorkloadApiStatus, WorkloadIdentity } from '../../core/outside.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { readPemCertificates } from '../../parsing/pem.ts';
import type { Purpose } from '../../x509/path.ts';
import { type BundleSeen, inspectBundle } from './inspect-bundle.ts';
import { type Check, type Fact, type Found, type Inspection, no, unjudged, yes } from './inspect-report.ts';
import { inspectChain } from './inspect-x509.ts';

/** What an agent has said within INSPECT_AGENT_MS. */
export interface AgentSeen {
  readonly status: WorkloadApiStatus;
  readonly identity: WorkloadIdentity | undefined;
  /** By trust domain, as the broker reads them. */
  readonly bundles: ReadonlyMap<string, BundleSeen>;
  /** Each stream that did not deliver, and why. */
  readonly problems: readonly string[];
}

export interface AgentAsked {
  readonly socket: string;
  readonly nowSeconds: number;
  readonly trustDomain: string | undefined;
  readonly purposes: readonly Purpose[];
}

const STREAMS = 'SPIFFE Workload API §5 and §6';

export async function inspectAgent(seen: AgentSeen, asked: AgentAsked): Promise<Found> {
  const { status, identity, bundles, problems } = seen;
  const refused = problems.some((problem) => problem.includes('PERMISSION_DENIED'));
  if (status.updatedAtSeconds === undefined && !refused)
    return { unknown: `${asked.socket}: ${problems.at(-1) ?? 'no message within the time'}` };
  const facts: readonly Fact[] = [
    ['state', status.state],
    ...(status.updatedAtSeconds === undefined
      ? []
      : [['last message', rfc3339(Math.floor(status.updatedAtSeconds))] as const]),
    ['trust domains', [...bundles.keys()].join(', ') || 'none'],
  ];
  const checks = [...problems.map(problemCheck), identityCheck(identity)];
  const agent: Inspection = { what: `Workload API at ${asked.socket}`, facts, checks };
  const domains = [...bundles].map(([domain, bundle]) =>
    inspectBundle(`bundle of ${domain}`, { ok: true, bundle }, asked.nowSeconds),
  );
  return { inspections: [agent, ...(identity ? [await inspectIdentity(identity, seen, asked)] : []), ...domains] };
}

function problemCheck(problem: string): Check {
  if (problem.includes('PERMISSION_DENIED'))
    return no(`${problem}: the agent has no entry for who asks from here`, 'SPIFFE Workload API §5.2 and §6.2');
  if (problem.includes('UNIMPLEMENTED')) return unjudged(`${problem}: the agent does not have it`, STREAMS);
  return no(problem, STREAMS);
}

const identityCheck = (identity: WorkloadIdentity | undefined): Check =>
  identity
    ? yes(`it gives an X.509-SVID, good until ${rfc3339(identity.expiresAtSeconds)}`, 'SPIFFE Workload API §5.2')
    : no('it gives no X.509-SVID', 'SPIFFE Workload API §5.2');

function inspectIdentity({ tls }: WorkloadIdentity, { bundles }: AgentSeen, asked: AgentAsked): Promise<Inspection> {
  const pem = readPemCertificates(tls.certificate);
  return inspectChain('X.509-SVID', {
    ders: pem.ok ? pem.ders : [],
    keys: [tls.key],
    async anchorsOf(trustDomain) {
      return bundles.get(trustDomain)?.authorities ?? { missing: `the agent gives no bundle of ${trustDomain}` };
    },
    trustDomain: asked.trustDomain,
    purposes: asked.purposes,
    nowSeconds: asked.nowSeconds,
  });
}
