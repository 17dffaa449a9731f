// Records for tests, as the path makes and the audit writes them: a principal that is taken as proved asks a policy, and what became of it is
// one line of a trail.

import { renderRecord, toLine } from '../../src/audit/record.ts';
import type { ProvedClient } from '../../src/core/client.ts';
import { type Delegation, NOBODY_ACTS } from '../../src/core/decision.ts';
import type { Policy } from '../../src/core/ports.ts';
import { asProved, type Carried, type Principal, type ProvedPrincipal } from '../../src/core/principal.ts';
import {
  type ExchangeRecord,
  noteActor,
  noteClient,
  noteDecision,
  noteIssued,
  noteRefusal,
  noteSubject,
  noteWouldGrant,
  openRecord,
} from '../../src/core/record.ts';
import type { Refusal } from '../../src/core/refusal.ts';
import type { ReplayParts } from '../../src/policy/recorded/replay.ts';
import { ALL_SOURCES, ISSUER, NOW } from './policy.ts';

export interface Asking {
  readonly subject: Principal;
  readonly targets: readonly string[];
  readonly scopes?: readonly string[];
  readonly client?: { readonly id: string; readonly method: ProvedClient['method']; readonly principal: Principal };
  readonly time?: number;
  readonly mtls?: string;
  /** Who acts. */
  readonly delegation?: Delegation<Principal>;
  /** What refuses after policy has granted. */
  readonly refusedAfter?: Refusal;
  readonly dryRun?: true;
}

const proved = (principal: Principal, carried?: Carried): ProvedPrincipal =>
  asProved(principal, {
    carried,
    sha256: 'a'.repeat(64),
    jti: undefined,
    expiresAt: NOW + 86_400,
    replay: 'reusable',
    tell: 'operator',
    presenter: 'self',
    audience: 'https://sts.example',
    boundTo: undefined,
  });

/** The record of one request, as the path would have made it. */
export function recordOf(policy: Policy, asking: Asking, decision = 'd1'): ExchangeRecord {
  const { targets, scopes, client, time = NOW, mtls } = asking;
  const record = openRecord(
    {
      transport: 'oauth',
      peer: '192.0.2.1',
      traceId: undefined,
      grantType: undefined,
      mtls,
      request: { ok: false, refusal: { reason: 'scope_malformed' } },
    },
    decision,
    time,
    asking.dryRun,
  );
  const { actors = [], scopesMax } = asking.delegation ?? {};
  const unsaid = { mayAct: undefined, authentication: undefined, own: undefined };
  const subject = proved(asking.subject, { actors, scopesMax, ...unsaid });
  const principal = client && (client.principal === asking.subject ? subject : proved(client.principal));
  if (client && principal)
    noteClient(record, {
      ...client,
      principal,
      presents: [],
      introspects: [],
      proofRequired: false,
      spends: undefined,
    });
  noteSubject(record, subject, policy.claimsNamed(subject.source));
  record.asked = { targets, scopes };
  const { actor, ...others } = asking.delegation ?? NOBODY_ACTS;
  const delegation = { ...others, actor: actor && proved(actor) };
  if (delegation.actor) noteActor(record, delegation.actor);
  const binding = { key: mtls === undefined ? undefined : { 'x5t#S256': mtls }, required: false };
  const asks = client && principal ? { id: client.id, principal } : undefined;
  const decided = policy.decide({ subject, client: asks, binding, delegation, ask: record.asked, now: time });
  noteDecision(record, decided);
  if (!decided.granted) noteRefusal(record, decided.refusal);
  else if (asking.refusedAfter) noteRefusal(record, asking.refusedAfter);
  else if (asking.dryRun) noteWouldGrant(record);
  else {
    const { grant } = decided;
    const origin = { iss: subject.issuer, sub: subject.subject };
    const expiresAt = Math.floor(time) + grant.lifetimeSeconds;
    noteIssued(record, { id: decision, grant, lineage: [], origin }, { expiresAt });
  }
  return record;
}

/** The same as a line of a trail, but for its place in the chain. */
export const lineOf = (policy: Policy, asking: Asking, decision?: string): string =>
  toLine(renderRecord(recordOf(policy, asking, decision), {}));

/** What replay is given of a configuration beside its policy and clients: names alone tell who they are of, also in tokens of ours. */
export const REPLAY_NAMES: Pick<ReplayParts, 'identities' | 'isCeiling'> = {
  identities: {
    whoIs: ({ iss, sub }) =>
      ALL_SOURCES.flatMap(({ name, kind, issuer }) => {
        const isNamed = iss === ISSUER && sub.startsWith(`${name}:`);
        if (issuer !== iss && !isNamed) return [];
        const subject = isNamed ? sub.slice(name.length + 1) : sub;
        const named = kind === 'spiffe' ? subject : `${name}:${subject}`;
        return [{ source: name, kind, issuer, subject, name: named, claims: { iss: issuer, sub: subject } }];
      }),
    told: () => ({}),
  },
  isCeiling: (source) => source === 'self',
};
