// POST /revoke as an operation: whose token it is, what is withdrawn, and that the answer comes when it is in force.

import { describe, expect, it } from 'vitest';
import { createEpochs } from '../../src/core/epochs.ts';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { WITHDRAWALS_BY_CLIENTS_MAX, WITHDRAWALS_MAX } from '../../src/core/limits-delegation.ts';
import { AuditUnavailable, StoreUnavailable } from '../../src/core/ports.ts';
import { refuse } from '../../src/core/refusal.ts';
import type { Withdrawal } from '../../src/core/withdrawal.ts';
import { client, createOwnTokenPath, type OwnTokenChange, ownToken, toldBy } from '../support/own-token-path.ts';
import { NOW } from '../support/path.ts';

const owner = client({ id: 'shop' });
const workload = client({
  id: 'github:s',
  principal: { ...owner.principal, source: 'mesh', name: 'github:s' },
});

describe('a client that revokes', () => {
  it('RV-01 a token that was issued to it ends it, and everything that was made from it, before it is answered', async () => {
    const path = createOwnTokenPath({ client: owner });
    const outcome = await path.revoke();
    expect(outcome).toEqual({ kind: 'revoked', decision: outcome.decision });
    expect(path.calls).toEqual([
      ...['authenticate for revocation', 'verify', 'against', 'against', 'add', 'record', 'answer', 'observe'],
    ]);
    const [withdrawal] = path.added;
    expect(withdrawal).toEqual({
      kind: 'revocation',
      what: 'chain',
      of: 'handle',
      id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      why: `its client asked to revoke it (${outcome.decision})`,
      atSeconds: NOW,
      untilSeconds: NOW + 300 + LEEWAY_SECONDS,
    });
    expect(path.records[0]).toMatchObject({
      event: 'revocation',
      outcome: 'answered',
      reason: undefined,
      client: { id: 'shop' },
      token: { jti: 'jti-1', clientId: 'shop' },
      withdrawal: withdrawal?.id,
      unreached: [],
    });
  });

  it('RV-01 a token that is about itself may be a workload that nobody registered', async () => {
    const path = createOwnTokenPath({ client: workload });
    expect(toldBy(await path.revoke())).toBe('revoked');
    expect(path.added).toHaveLength(1);
  });

  it('gives no two withdrawals one id', async () => {
    let counted = 0;
    const randomBytes = (count: number) => {
      counted += 1;
      return new Uint8Array(count).fill(counted);
    };
    const path = createOwnTokenPath({ client: owner, randomBytes });
    await path.revoke();
    await path.revoke();
    expect(new Set(path.added.map(({ id }) => id)).size).toBe(2);
    expect(path.records.map(({ decision }) => decision)).not.toContain(path.added[0]?.id);
  });

  // It took the place of an operator's block as long as there was any left.
  it('leaves room for operators, and says that it cannot be done where there is no other', async () => {
    const asked: (number | undefined)[] = [];
    const add = (_: Withdrawal, heldMax?: number) => {
      asked.push(heldMax);
      return Promise.reject(new StoreUnavailable('90000 blocks and revocations are in force'));
    };
    const path = createOwnTokenPath({ client: owner, withdrawals: { add } });
    expect(toldBy(await path.revoke())).toBe('store_unavailable');
    expect(asked).toEqual([WITHDRAWALS_BY_CLIENTS_MAX]);
    expect(WITHDRAWALS_BY_CLIENTS_MAX).toBeLessThan(WITHDRAWALS_MAX);
  });

  it('ends once what it revokes twice, under the one id', async () => {
    const chain = { kind: 'revocation', what: 'chain', of: 'handle' } as const;
    const held: Withdrawal = { ...chain, id: 'w-1', why: 'before', atSeconds: NOW - 9, untilSeconds: NOW + 999 };
    const added: Withdrawal[] = [];
    const path = createOwnTokenPath({
      client: owner,
      withdrawals: {
        against: ({ tokens }) => (tokens.includes('handle') ? held : undefined),
        add: (withdrawal) => {
          added.push(withdrawal);
          return Promise.resolve({ unreached: [] });
        },
      },
    });
    expect(toldBy(await path.revoke())).toBe('revoked');
    expect(added).toEqual([held]);
    expect(path.records[0]).toMatchObject({ withdrawal: 'w-1' });
  });

  it('is answered when the store has waited for every request that was in work, and not for this one', async () => {
    const epochs = createEpochs();
    const other = epochs.enter();
    const answered: string[] = [];
    const path = createOwnTokenPath({
      client: owner,
      epochs,
      withdrawals: { add: () => epochs.drained().then(() => ({ unreached: [] })) },
    });
    const revoked = path.revoke().then(() => answered.push('revoked'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answered).toEqual([]);
    other();
    await revoked;
    expect(answered).toEqual(['revoked']);
  });

  it('leaves its epoch once, and takes nobody else along', async () => {
    const epochs = createEpochs();
    const other = epochs.enter();
    await createOwnTokenPath({ client: owner, epochs }).revoke();
    let isDrained = false;
    const drained = epochs.drained().then(() => {
      isDrained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDrained).toBe(false);
    other();
    await drained;
  });
});

const NOTHING: readonly (readonly [string, OwnTokenChange, object])[] = [
  ["another's token", { client: client({ id: 'other' }) }, { reason: 'not_its_own', token: { jti: 'jti-1' } }],
  ['a token for a target that it introspects', { client: client() }, { reason: 'not_its_own' }],
  [
    'what is no token of ours',
    {
      client: owner,
      snapshotWith: {
        ownTokens: { verify: () => Promise.resolve(refuse({ role: 'subject', reason: 'key_unknown' })) },
      },
    },
    { reason: 'key_unknown', evidence: { role: 'subject' }, token: undefined },
  ],
];

describe('a revocation without effect', () => {
  it.each(NOTHING)(
    'RV-01, RV-02 of %s has the same answer, and the record says why',
    async (_title, change, record) => {
      const path = createOwnTokenPath(change);
      const { decision, ...outcome } = await path.revoke();
      expect(outcome).toEqual({ kind: 'revoked' });
      expect(path.added).toEqual([]);
      expect(path.records[0]).toMatchObject({ decision, outcome: 'answered', withdrawal: undefined, ...record });
    },
  );
});

describe('a revocation that is not answered', () => {
  it('is not in force in every replica: the client asks again', async () => {
    const add = () => Promise.resolve({ unreached: ['replica-2'] });
    const path = createOwnTokenPath({ client: owner, withdrawals: { add } });
    expect(toldBy(await path.revoke())).toBe('store_unavailable');
    expect(path.records[0]).toMatchObject({
      outcome: 'refused',
      reason: 'store_unavailable',
      withdrawal: expect.any(String),
      unreached: ['replica-2'],
    });
  });

  it('cannot be kept', async () => {
    const add = () => Promise.reject(new StoreUnavailable('down'));
    const path = createOwnTokenPath({ client: owner, withdrawals: { add } });
    expect(toldBy(await path.revoke())).toBe('store_unavailable');
    expect(path.records[0]).toMatchObject({ outcome: 'refused', withdrawal: undefined });
  });

  it('comes while our own keys are not known', async () => {
    const unknown = { reason: 'keys_unavailable', source: 'self', retryAfterSeconds: 1 } as const;
    const path = createOwnTokenPath({
      client: owner,
      snapshotWith: { ownTokens: { verify: () => Promise.resolve(refuse(unknown)) } },
    });
    expect(toldBy(await path.revoke())).toBe('keys_unavailable');
  });

  it('meets a fault of the store', async () => {
    const add = () => Promise.reject(new Error('bug'));
    expect(toldBy(await createOwnTokenPath({ client: owner, withdrawals: { add } }).revoke())).toBe('failed');
  });

  it('cannot be recorded: it is in force, and the client is not told so', async () => {
    const audit = { write: () => Promise.reject(new AuditUnavailable('full')) };
    const path = createOwnTokenPath({ client: owner, audit });
    expect(toldBy(await path.revoke())).toBe('audit_unavailable');
    expect(path.added).toHaveLength(1);
  });

  it('is of a token without a handle, which we issue to nobody', async () => {
    const path = createOwnTokenPath({ client: owner, token: ownToken({ handle: undefined }) });
    expect(toldBy(await path.revoke())).toBe('failed');
    expect(path.added).toEqual([]);
  });
});
