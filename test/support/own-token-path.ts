// The operations on our own tokens with every port under the test's control, and a log of what they asked of them, in order.

import type { ProvedClient } from '../../src/core/client.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import { createEpochs } from '../../src/core/epochs.ts';
import { createIntrospect, type Introspected } from '../../src/core/introspect.ts';
import { createOperate, type Operation, type OperationParts, type Outcome } from '../../src/core/operation.ts';
import type { OwnTokenRecord } from '../../src/core/own-token-record.ts';
import type { OwnTokenRequest } from '../../src/core/own-token-request.ts';
import type { Snapshot, WithdrawalStore } from '../../src/core/ports.ts';
import { asProved, type Carried, type Proof, type ProvedPrincipal } from '../../src/core/principal.ts';
import { ok } from '../../src/core/refusal.ts';
import type { Received } from '../../src/core/request.ts';
import { createRevoke, type Revoked, type RevokeParts } from '../../src/core/revoke.ts';
import type { Standing, Withdrawal } from '../../src/core/withdrawal.ts';
import { createPath, NOW, provedSubject, RECEIVED } from './path.ts';

export const ISSUER = 'https://sts.example';
export const LEDGER = 'https://api.example/ledger';

export const CARRIED: Carried = {
  actors: [{ iss: 'spiffe://prod.example', sub: 'spiffe://prod.example/agent', others: {} }],
  mayAct: undefined,
  scopesMax: ['read'],
  authentication: undefined,
  own: { lineage: ['root'], origin: { iss: 'https://gh.example', sub: 's' }, clientId: 'shop' },
};

/** One of our own tokens: about a workload, issued to the client `shop`, with an agent in it, made from another. */
export function ownToken(proof: Partial<Proof> = {}): ProvedPrincipal {
  const claims = { iss: ISSUER, sub: 'github:s', aud: LEDGER, client_id: 'shop', jti: 'jti-1', exp: NOW + 300 };
  const principal = { source: 'self', kind: 'self', issuer: ISSUER, subject: 'github:s', name: 'github:s', claims };
  const own = { handle: 'handle', carried: CARRIED, audience: LEDGER, expiresAt: NOW + 300, issuedAt: NOW - 10 };
  return asProved(principal, { ...provedSubject().proof, ...own, ...proof });
}

/** A registered client that introspects the ledger. */
export function client(change: Partial<ProvedClient> = {}): ProvedClient {
  const id = change.id ?? 'ledger-api';
  const identity = {
    source: 'clients',
    kind: 'client',
    issuer: ISSUER,
    subject: id,
    name: `clients:${id}`,
    claims: {},
  };
  const proof = { ...provedSubject().proof, jti: undefined };
  return {
    id,
    method: 'client_secret_basic',
    principal: asProved(identity, proof),
    presents: [],
    introspects: ['ledger'],
    proofRequired: false,
    spends: undefined,
    ...change,
  };
}

export const ASKED: Received<OwnTokenRequest> = {
  ...RECEIVED,
  grantType: undefined,
  request: ok({ token: 'x', client: { ...NO_CLIENT, id: 'ledger-api' }, proof: undefined }),
};

export interface OwnTokenChange extends Partial<OperationParts & Omit<RevokeParts, 'withdrawals'>> {
  readonly client?: ProvedClient;
  readonly token?: ProvedPrincipal;
  readonly withdrawals?: Partial<WithdrawalStore>;
  readonly snapshotWith?: Partial<Snapshot>;
}

interface Noted {
  readonly calls: string[];
  readonly records: OwnTokenRecord[];
  /** What was asked about, and what was withdrawn. */
  readonly asked: Standing[];
  readonly added: Withdrawal[];
}

/** `introspect` and `revoke` over ports that log their calls; `change` replaces any of them. */
export function createOwnTokenPath(change: OwnTokenChange = {}) {
  const noted: Noted = { calls: [], records: [], asked: [], added: [] };
  const { calls } = noted;
  const parts = partsOf(noted, change);
  const operate = createOperate(parts);
  const runOf =
    <Done>(operation: Operation<OwnTokenRequest, Done>) =>
    async (received: Received<OwnTokenRequest> = ASKED): Promise<Outcome<Done>> => {
      const answered = Promise.withResolvers<Outcome<Done>>();
      await operation(received, (outcome) => {
        calls.push('answer');
        answered.resolve(outcome);
      });
      return answered.promise;
    };
  const introspect = runOf<Introspected>(createIntrospect({ ...parts, operate }));
  const revoke = runOf<Revoked>(createRevoke({ ...parts, operate }));
  return { introspect, revoke, ...noted };
}

function partsOf(
  { calls, records, asked, added }: Noted,
  { withdrawals, snapshotWith, client: asking = client(), token = ownToken(), ...change }: OwnTokenChange,
): OperationParts & RevokeParts {
  const path = createPath();
  const log = <Value>(call: string, value: Value): Promise<Value> => {
    calls.push(call);
    return Promise.resolve(value);
  };
  const snapshot: Snapshot = {
    ...path.snapshot,
    clients: { authenticate: (_presented, purpose) => log(`authenticate for ${purpose}`, ok(asking)) },
    ownTokens: { verify: () => log('verify', ok(token)) },
    targetsOf: (audience) => (audience === LEDGER ? ['ledger'] : []),
    ...snapshotWith,
  };
  const store: WithdrawalStore = {
    against: (standing) => {
      calls.push('against');
      asked.push(standing);
      return undefined;
    },
    add: (withdrawal) => {
      added.push(withdrawal);
      return log('add', { unreached: [] });
    },
    lift: () => Promise.resolve(undefined),
    list: () => [],
    ...withdrawals,
  };
  return {
    ...path.parts,
    snapshot: () => snapshot,
    withdrawals: store,
    audit: {
      write: (record) => {
        if (record.event === 'introspection' || record.event === 'revocation') records.push(structuredClone(record));
        return log('record', undefined);
      },
    },
    observer: { finished: () => calls.push('observe'), fault: () => calls.push('fault') },
    spent: {
      claim: ({ purpose }, decision) => log(`claim ${purpose}`, decision),
      release: () => Promise.resolve(),
    },
    epochs: createEpochs(),
    ...change,
  };
}

/** What an operation came to: its kind, `active` or `inactive`, or the reason of its refusal. */
export function toldBy(outcome: Outcome<Introspected | Revoked>): string {
  if (outcome.kind === 'refused') return outcome.refusal.reason;
  if (outcome.kind !== 'introspected') return outcome.kind;
  return outcome.token ? 'active' : 'inactive';
}
