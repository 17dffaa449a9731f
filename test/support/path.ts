// The path with every port under the test's control, and a log of what it asked of them, in order.

import { actOf } from '../../src/core/actor.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import { createDryRun } from '../../src/core/dry-run.ts';
import { createEpochs } from '../../src/core/epochs.ts';
import { createExchange, type ExchangeParts } from '../../src/core/exchange.ts';
import { createOperate, type Operation, type OperationParts, type Outcome } from '../../src/core/operation.ts';
import type { IssueOrder, Issuer, Policy, Snapshot } from '../../src/core/ports.ts';
import { asProved, type Confirmation, type Proof, type ProvedPrincipal } from '../../src/core/principal.ts';
import type { ExchangeRecord } from '../../src/core/record.ts';
import { ok, refuse } from '../../src/core/refusal.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE, type Received, TOKEN_EXCHANGE_GRANT } from '../../src/core/request.ts';
import type { IssuedFacts } from '../../src/issuers/read-access-token.ts';

export const NOW = 1_790_000_000;

export function provedSubject(proof: Partial<Proof> = {}): ProvedPrincipal {
  const principal = {
    source: 'github',
    kind: 'github',
    issuer: 'https://gh.example',
    subject: 's',
    name: 'github:s',
    claims: { repository_id: '74', actor: 'octocat' },
  };
  return asProved(principal, {
    sha256: 'aa',
    jti: 'jti-1',
    expiresAt: NOW + 600,
    replay: 'once',
    tell: 'operator',
    presenter: 'self',
    audience: 'https://sts.example',
    boundTo: undefined,
    ...proof,
  });
}

export const RECEIVED: Received = {
  transport: 'oauth',
  peer: '127.0.0.1',
  traceId: undefined,
  grantType: TOKEN_EXCHANGE_GRANT,
  mtls: undefined,
  request: ok({
    grantType: TOKEN_EXCHANGE_GRANT,
    subject: { text: 'x', tokenType: JWT_TOKEN_TYPE },
    requestedTokenType: ACCESS_TOKEN_TYPE,
    ask: { targets: ['ledger'], scopes: ['read'] },
    actor: undefined,
    client: NO_CLIENT,
    proof: undefined,
  }),
};

const factsOf = (order: IssueOrder): IssuedFacts => ({
  id: order.id,
  issuer: 'https://sts.example',
  audience: 'https://api.example',
  subject: order.grant.subject.name,
  clientId: order.grant.clientId,
  scopes: order.grant.scopes,
  issuedAt: order.issuedAt,
  expiresAt: order.expiresAt,
  boundTo: order.grant.boundTo ?? null,
  act: actOf(order.grant.actors) ?? null,
  lineage: order.lineage,
  origin: order.origin,
  authTime: order.authentication?.authTime ?? null,
  acr: order.authentication?.acr ?? null,
});

export const grantingPolicy = (
  change: { target?: string; lifetimeSeconds?: number; scopes?: readonly string[]; boundTo?: Confirmation } = {},
): Policy => ({
  digest: 'd',
  decide: ({ subject }) => ({
    granted: true,
    trace: [],
    would: [],
    grant: {
      target: change.target ?? 'ledger',
      parameters: {},
      scopes: change.scopes ?? ['read'],
      lifetimeSeconds: change.lifetimeSeconds ?? 300,
      outlive: undefined,
      rule: { name: 'r', at: 'r.yaml:1', owner: 'team' },
      subject,
      clientId: subject.name,
      actor: undefined,
      actors: [],
      boundTo: change.boundTo,
    },
  }),
  claimsNamed: () => new Set(['repository_id']),
});

export const refusingPolicy = (): Policy => ({
  digest: 'd2',
  decide: () => ({ granted: false, trace: [], would: [], refusal: { reason: 'no_rule' } }),
  claimsNamed: () => new Set(),
});

/** A snapshot whose verifier and issuer log their calls. */
function snapshotOf(calls: string[], subject: ProvedPrincipal, policy: Policy): Snapshot {
  const issuer: Issuer = {
    typeFor: ({ requestedTokenType }) => ok(requestedTokenType ?? ACCESS_TOKEN_TYPE),
    issue: (order) => {
      calls.push('issue');
      const token = JSON.stringify(factsOf(order));
      const { expiresAt } = order;
      return Promise.resolve(
        ok({ token, tokenType: 'Bearer' as const, issuedTokenType: ACCESS_TOKEN_TYPE, expiresAt }),
      );
    },
    terms: () => ok({}),
    read: ({ token }) => JSON.parse(token) as IssuedFacts,
    expect: factsOf,
  };
  const verify = () => {
    calls.push('verify');
    return Promise.resolve(ok(subject));
  };
  const clients = { authenticate: () => Promise.resolve(ok(undefined)) };
  const verifiers = { verify, whoIs: () => [] };
  const ownTokens = { verify };
  const targetsOf = () => [];
  return { generation: 1, clients, verifiers, policy, ownTokens, targetsOf, issuers: new Map([['ledger', issuer]]) };
}

type PathParts = ExchangeParts & OperationParts;
type PathChange = Partial<PathParts> & { readonly subject?: ProvedPrincipal; readonly policy?: Policy };

/** A path whose ports log their calls; `change` replaces any of them. `run` exchanges, `decide` is the dry run. */
export function createPath(change: PathChange = {}) {
  const calls: string[] = [];
  const records: ExchangeRecord[] = [];
  const faults: unknown[] = [];
  const snapshot = snapshotOf(calls, change.subject ?? provedSubject(), change.policy ?? grantingPolicy());
  const parts: PathParts = {
    snapshot: () => snapshot,
    spent: {
      claim: (_spending, decision) => {
        calls.push('claim');
        return Promise.resolve(decision);
      },
      release: () => {
        calls.push('release');
        return Promise.resolve();
      },
    },
    withdrawals: { against: () => undefined },
    proofs: { verify: () => Promise.resolve(refuse({ reason: 'dpop_proof_refused', problem: 'malformed' })) },
    audit: {
      write: (record) => {
        calls.push('record');
        if (record.event === 'exchange') records.push(structuredClone(record));
        return Promise.resolve();
      },
    },
    epochs: createEpochs(),
    observer: { finished: () => calls.push('observe'), fault: (_decision, error) => faults.push(error) },
    clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
    randomBytes: (count) => new Uint8Array(count),
    ...change,
  };
  const operate = createOperate(parts);
  const runOf =
    (operation: Operation) =>
    async (received: Received = RECEIVED): Promise<Outcome> => {
      const answered = Promise.withResolvers<Outcome>();
      await operation(received, (outcome) => {
        calls.push('answer');
        answered.resolve(outcome);
      });
      return answered.promise;
    };
  const run = runOf(createExchange({ ...parts, operate }));
  const decide = runOf(createDryRun({ ...parts, operate }));
  return { run, decide, calls, records, faults, snapshot, parts };
}
