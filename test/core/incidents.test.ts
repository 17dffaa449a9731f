// What operators command, over a real store: what counts when, what is said twice, and what is on record before it counts.

import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/compose-kinds.ts';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { REVOKED_IDENTITY_SECONDS, REVOKED_TOKEN_SECONDS } from '../../src/core/limits-delegation.ts';
import { StoreUnavailable } from '../../src/core/ports.ts';
import type { Revocation } from '../../src/core/withdrawal.ts';
import { NOW, openIncidents } from '../support/incidents.ts';

const ALICE = 'people:alice';
const COMMAND = { why: 'stolen', by: 'ops (uid 1)' };

describe('a block', () => {
  it('is in force, recorded, and answered with what it is', async () => {
    const { incidents, records } = await openIncidents();
    const { withdrawal, ...rest } = await incidents.block(ALICE, undefined, COMMAND);
    expect(rest).toEqual({ already: false, unreached: [], recorded: true });
    expect(withdrawal).toMatchObject({
      kind: 'block',
      identity: ALICE,
      why: 'stolen',
      atSeconds: NOW,
      untilSeconds: undefined,
    });
    expect(incidents.inForce()).toEqual([withdrawal]);
    expect(records).toEqual([{ change: 'withdrawn', withdrawal, already: false, unreached: [], by: COMMAND.by }]);
  });

  it('of somebody who is blocked for as long is the earlier one; for longer it is one more', async () => {
    const { incidents, records } = await openIncidents();
    const hour = await incidents.block(ALICE, 3_600, COMMAND);
    const shorter = await incidents.block(ALICE, 60, { ...COMMAND, why: 'again' });
    expect(shorter).toEqual({ ...hour, already: true });
    const forGood = await incidents.block(ALICE, undefined, COMMAND);
    expect([forGood.already, forGood.withdrawal.id === hour.withdrawal.id]).toEqual([false, false]);
    expect((await incidents.block(ALICE, undefined, COMMAND)).withdrawal).toEqual(forGood.withdrawal);
    expect(incidents.inForce()).toHaveLength(2);
    expect(records.map((record) => record.change === 'withdrawn' && record.already)).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  it('that has ended is none: the next one is new', async () => {
    const { incidents, at } = await openIncidents();
    await incidents.block(ALICE, 60, COMMAND);
    at(NOW + 60);
    expect((await incidents.block(ALICE, 60, COMMAND)).already).toBe(false);
    expect(incidents.inForce()).toHaveLength(1);
  });

  it('F-47 counts where it cannot be recorded, and says so', async () => {
    const { incidents, fail } = await openIncidents();
    fail('the disk is full');
    expect(await incidents.block(ALICE, undefined, COMMAND)).toMatchObject({ recorded: false });
    expect(incidents.inForce()).toHaveLength(1);
  });

  it('that the store cannot keep is a fault, and on record with the reason', async () => {
    const add = () => Promise.reject(new StoreUnavailable('the journal cannot be written'));
    const { incidents, records } = await openIncidents({ add });
    await expect(incidents.block(ALICE, undefined, COMMAND)).rejects.toThrow('the journal cannot be written');
    expect(records).toMatchObject([{ change: 'withdrawn', problem: 'the journal cannot be written' }]);
  });

  it('says which replicas did not confirm it', async () => {
    const { incidents, records } = await openIncidents({ add: async () => ({ unreached: ['b'] }) });
    expect(await incidents.block(ALICE, undefined, COMMAND)).toMatchObject({ unreached: ['b'] });
    expect(records).toMatchObject([{ unreached: ['b'] }]);
  });
});

describe('lifting', () => {
  it('by id lifts one, by identities every one of them, and a revocation never', async () => {
    const { incidents, records } = await openIncidents();
    const { withdrawal: first } = await incidents.block(ALICE, 60, COMMAND);
    await incidents.block(ALICE, undefined, COMMAND);
    const { withdrawal: revocation } = await incidents.revoke('subject', ALICE, COMMAND);
    expect(await incidents.unblock({ id: first.id }, COMMAND)).toEqual([{ withdrawal: first, unreached: [] }]);
    expect(await incidents.unblock({ id: first.id }, COMMAND)).toEqual([]);
    expect(await incidents.unblock({ id: revocation.id }, COMMAND)).toEqual([]);
    expect(await incidents.unblock({ identities: [ALICE, 'people:bob'] }, COMMAND)).toHaveLength(1);
    expect(incidents.inForce()).toEqual([revocation]);
    expect(records.filter(({ change }) => change === 'lifted')).toMatchObject([
      { ...COMMAND, withdrawal: first },
      COMMAND,
    ]);
  });

  it('F-47 is recorded first, or not done', async () => {
    const { incidents, fail } = await openIncidents();
    await incidents.block(ALICE, undefined, COMMAND);
    fail('the disk is full');
    await expect(incidents.unblock({ identities: [ALICE] }, COMMAND)).rejects.toThrow('the disk is full');
    expect(incidents.inForce()).toHaveLength(1);
  });

  it('that fails after its record is on record as failed', async () => {
    const lift = () => Promise.reject(new StoreUnavailable('away'));
    const { incidents, records } = await openIncidents({ lift });
    await incidents.block(ALICE, undefined, COMMAND);
    await expect(incidents.unblock({ identities: [ALICE] }, COMMAND)).rejects.toThrow('away');
    expect(records.slice(1)).toMatchObject([{ change: 'lifted' }, { change: 'lifted', problem: 'away' }]);
  });
});

describe('a revocation', () => {
  it('of a token or a chain is said once; a chain ends the token too, and not the other way round', async () => {
    const { incidents } = await openIncidents();
    expect((await incidents.revoke('token', 'h', COMMAND)).already).toBe(false);
    expect((await incidents.revoke('token', 'h', COMMAND)).already).toBe(true);
    expect((await incidents.revoke('chain', 'h', COMMAND)).already).toBe(false);
    const { already, withdrawal } = await incidents.revoke('token', 'h', COMMAND);
    expect([already, incidents.inForce().length, withdrawal.of]).toEqual([true, 2, 'h']);
  });

  it('of a key is said once, and is another thing than that of a token with the same name', async () => {
    const { incidents } = await openIncidents();
    expect((await incidents.revoke('chain', 'k', COMMAND)).already).toBe(false);
    expect((await incidents.revoke('key', 'k', COMMAND)).already).toBe(false);
    expect((await incidents.revoke('key', 'k', COMMAND)).already).toBe(true);
    expect(incidents.inForce()).toHaveLength(2);
  });

  it('of a name is always one more: since the last one something may have been issued', async () => {
    const { incidents, at } = await openIncidents();
    for (const what of ['subject', 'actor', 'client'] as const) {
      await incidents.revoke(what, ALICE, COMMAND);
      at(NOW + 5);
      const { already, withdrawal } = await incidents.revoke(what, ALICE, COMMAND);
      expect([already, withdrawal.atSeconds]).toEqual([false, NOW + 5]);
    }
  });

  it('lasts as long as anything that it ends: longer than any token that a source takes, with both leeways', async () => {
    const longest = Math.max(...KINDS.trust.map(({ table }) => table.lifetimeSecondsMax));
    expect(REVOKED_TOKEN_SECONDS).toBeGreaterThanOrEqual(longest + 2 * LEEWAY_SECONDS);
    const { incidents } = await openIncidents();
    const until = async (what: Revocation['what']) =>
      ((await incidents.revoke(what, what, COMMAND)).withdrawal.untilSeconds ?? 0) - NOW;
    expect([await until('token'), await until('chain'), await until('client')]).toEqual(
      Array(3).fill(REVOKED_TOKEN_SECONDS),
    );
    expect([await until('subject'), await until('actor'), await until('key')]).toEqual(
      Array(3).fill(REVOKED_IDENTITY_SECONDS),
    );
  });
});
