// A cache before an issuer that gives what it was shown, with a clock, a memory and withdrawals of the test's own.

import type { CacheUse } from '../../src/core/cloud-ports.ts';
import { type Issued, type IssueOrder, type Issuer, StoreUnavailable } from '../../src/core/ports.ts';
import { type CloudRefusal, ok, type Result, refuse, type UnavailableRefusal } from '../../src/core/refusal.ts';
import { ACCESS_TOKEN_TYPE } from '../../src/core/request.ts';
import type { Withdrawal } from '../../src/core/withdrawal.ts';
import { createCloudCache } from '../../src/issuers/cached.ts';
import { createMemorySecrets } from '../../src/stores/memory-secrets.ts';
import { createWithdrawalTable } from '../../src/stores/withdrawal-table.ts';

export const NOW = 1_800_000_000;

export const UNAVAILABLE: UnavailableRefusal = {
  reason: 'cloud_unavailable',
  target: 'ledger',
  cloud: 'gcp',
  problem: 'Throttling',
  retryAfterSeconds: 2,
};
export const REFUSED: CloudRefusal = {
  reason: 'cloud_refused',
  target: 'ledger',
  cloud: 'gcp',
  problem: 'AccessDenied',
};

export function openCachedIssuer() {
  const world = {
    nowSeconds: NOW,
    /** Nobody can know what is withdrawn, or what is kept. */
    silent: false,
    forgetful: false,
    /** Orders that reached the cloud. */
    asked: [] as IssueOrder[],
    uses: [] as CacheUse[],
    faults: [] as unknown[],
    /** How the cloud answers; as it should where undefined. */
    answer: undefined as
      | undefined
      | ((order: IssueOrder) => Promise<Result<Issued, CloudRefusal | UnavailableRefusal> | undefined>),
  };
  const clock = { nowSeconds: () => world.nowSeconds };
  const memory = createMemorySecrets({ clock });
  const table = createWithdrawalTable();
  const kept: string[] = [];
  const cache = createCloudCache({
    clock,
    secrets: {
      get: (key) => (world.forgetful ? Promise.reject(new StoreUnavailable('silent')) : memory.get(key)),
      set: async (key, secret, until) => {
        kept.push(secret);
        if (!world.forgetful) await memory.set(key, secret, until);
      },
    },
    withdrawals: {
      against(standing, nowSeconds) {
        if (world.silent) throw new StoreUnavailable('silent');
        return table.against(standing, nowSeconds);
      },
    },
    onUse: (_target, use) => world.uses.push(use),
    onFault: (error) => world.faults.push(error),
  });
  const issuer: Issuer = {
    typeFor: () => ok(ACCESS_TOKEN_TYPE),
    async issue(order) {
      world.asked.push(order);
      return (await world.answer?.(order)) ?? ok(givenFor(order, world.nowSeconds));
    },
    read: () => ({}),
    expect: () => ({}),
    terms: () => ok({}),
  };
  return {
    world,
    kept,
    withdraw: (withdrawal: Withdrawal) => table.add(withdrawal),
    over: (digest = 'd', claims: readonly (readonly string[])[] = []) => cache.over(issuer, { digest, claims }),
  };
}

/** A credential that says all that the issuer was shown, and lives as long as was asked. */
export function givenFor(order: IssueOrder, nowSeconds: number, change: Partial<Issued> = {}): Issued {
  const { id: _, issuedAt: _at, expiresAt: _until, ...shown } = order;
  const accessToken = JSON.stringify({ decision: order.id, shown });
  return {
    token: accessToken,
    tokenType: 'Bearer',
    issuedTokenType: order.issuedTokenType,
    expiresAt: Math.floor(nowSeconds) + order.expiresAt - order.issuedAt,
    cloud: { cloud: 'gcp', accessToken, session: { principal: order.grant.subject.name, audience: 'a', subject: 's' } },
    ...change,
  };
}

export const refusing = (refusal: CloudRefusal | UnavailableRefusal) => async () => refuse(refusal);
