// What every store of blocks and revocations must do, run against each implementation. An implementation hands over how to open it, and
// how to open what it has written once more.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoreUnavailable, type WithdrawalStore } from '../../src/core/ports.ts';
import type { Revocation, Standing, Withdrawal } from '../../src/core/withdrawal.ts';

export interface WithdrawalsUnderTest {
  readonly store: WithdrawalStore;
  /** After a clock was moved: resolves when the store can be asked again. A shared one has to hear from others first. */
  settled?(): Promise<unknown>;
  close(): Promise<void>;
}

/** What a store under test reads of its process. */
export interface WithdrawalsWorld {
  readonly now: () => number;
  readonly drained: () => Promise<void>;
  readonly withdrawalsMax?: number;
}

export interface WithdrawalsMaker {
  /** Opens an empty store. */
  open(world: WithdrawalsWorld): Promise<WithdrawalsUnderTest>;
  /** Opens what the store that was opened last has written, after it has been closed. */
  reopen(world: WithdrawalsWorld): Promise<WithdrawalsUnderTest>;
}

const NOW = 1_800_000_000;
const ALICE = 'people:alice';
const AGENT = 'spiffe://prod.acme.example/ns/agents/sa/assistant';

export const block = (id: string, identity: string): Withdrawal => ({
  kind: 'block',
  id,
  identity,
  why: 'seen in a stranger’s hands; 100% certain',
  atSeconds: NOW - 0.25,
  untilSeconds: undefined,
});

export const revocation = (id: string, what: Revocation['what'], of: string, untilSeconds = NOW + 300): Withdrawal => ({
  kind: 'revocation',
  id,
  what,
  of,
  why: '',
  atSeconds: NOW,
  untilSeconds,
});

const standing = (change: Partial<Standing> = {}): Standing => ({ parties: [], tokens: [], ancestors: [], ...change });

/** Somebody who asks as the subject, with a credential that was issued a minute ago. */
export const asSubject = (name: string, issuedAtSeconds = NOW - 60): Standing =>
  standing({ parties: [{ name, role: 'subject', issuedAtSeconds }] });

export function withdrawalStoreContract(name: string, maker: WithdrawalsMaker): void {
  describe(`${name} keeps the contract of a store of blocks and revocations`, () => {
    let now = NOW;
    let inWork: Promise<void>;
    let under: WithdrawalsUnderTest;
    const world = { now: () => now, drained: () => inWork };
    const against = (asked: Standing) => under.store.against(asked, now)?.id;
    const clockAt = async (seconds: number) => {
      now = seconds;
      await under.settled?.();
    };
    const restart = async () => {
      await under.close();
      under = await maker.reopen(world);
    };

    beforeEach(async () => {
      now = NOW;
      inWork = Promise.resolve();
      under = await maker.open(world);
    });
    afterEach(() => under.close());

    it('refuses a blocked name in every role until it is lifted, and nobody else', async () => {
      expect(await under.store.add(block('B1', AGENT))).toEqual({ unreached: [] });
      for (const role of ['subject', 'actor', 'client'] as const)
        expect(against(standing({ parties: [{ name: AGENT, role, issuedAtSeconds: undefined }] }))).toBe('B1');
      expect(against(asSubject(`${AGENT}2`))).toBeUndefined();
      expect(await under.store.lift('B1')).toEqual({ unreached: [] });
      expect(against(asSubject(AGENT))).toBeUndefined();
    });

    it('refuses every name below a blocked `*`, and neither what stands above it nor beside it', async () => {
      await under.store.add(block('B1', 'github:repository_id:74:*'));
      expect(against(asSubject('github:repository_id:74:ref:refs/heads/main'))).toBe('B1');
      expect(against(asSubject('github:repository_id:74:'))).toBeUndefined();
      expect(against(asSubject('github:repository_id:741:ref:refs/heads/main'))).toBeUndefined();
      await under.store.lift('B1');
      expect(against(asSubject('github:repository_id:74:ref:refs/heads/main'))).toBeUndefined();
    });

    it.each<[string, Withdrawal, Standing, Standing]>([
      ['a token', revocation('R1', 'token', 'h1'), standing({ tokens: ['h1'] }), standing({ ancestors: ['h1'] })],
      ['a chain', revocation('R1', 'chain', 'h1'), standing({ ancestors: ['h0', 'h1'] }), standing({ tokens: ['h2'] })],
      ['a key', revocation('R1', 'key', 'k1'), standing({ keys: ['k1'] }), standing({ keys: ['k2'], tokens: ['k1'] })],
      ['a subject', revocation('R1', 'subject', ALICE), asSubject(ALICE, NOW), asSubject(ALICE, NOW + 1)],
      [
        'an actor',
        revocation('R1', 'actor', AGENT),
        standing({ parties: [{ name: AGENT, role: 'actor', issuedAtSeconds: NOW }] }),
        asSubject(AGENT),
      ],
      [
        'a client',
        revocation('R1', 'client', 'mcp'),
        standing({ parties: [{ name: 'mcp', role: 'client', issuedAtSeconds: NOW }] }),
        asSubject('mcp'),
      ],
    ])('refuses what a revoked %s had, and not what it had not', async (_what, withdrawal, its, others) => {
      await under.store.add(withdrawal);
      expect(against(its)).toBe('R1');
      expect(against(others)).toBeUndefined();
    });

    it('forgets a revocation that has ended, and knows it again where the clock steps back (A-63)', async () => {
      await under.store.add(revocation('R1', 'token', 'h1', NOW + 300));
      await clockAt(NOW + 300);
      expect(against(standing({ tokens: ['h1'] }))).toBeUndefined();
      expect(under.store.list(now)).toEqual([]);
      await clockAt(NOW + 299);
      expect(against(standing({ tokens: ['h1'] }))).toBe('R1');
    });

    it('lists what is in force, word for word, the oldest first', async () => {
      const [old, young] = [{ ...block('B1', ALICE), atSeconds: NOW - 50 }, revocation('R1', 'chain', 'h1')];
      await under.store.add(young);
      await under.store.add(old);
      expect(under.store.list(now)).toEqual([old, young]);
      await restart();
      expect(under.store.list(now)).toEqual([old, young]);
    });

    it('lifts blocks alone: a revocation stays, and an id that nothing has is told', async () => {
      await under.store.add(revocation('R1', 'token', 'h1'));
      expect(await under.store.lift('R1')).toBeUndefined();
      expect(await under.store.lift('B9')).toBeUndefined();
      expect(against(standing({ tokens: ['h1'] }))).toBe('R1');
    });

    it('answers only when every request that was in work before has left, and is in force until then', async () => {
      const leaving = Promise.withResolvers<void>();
      inWork = leaving.promise;
      const told: string[] = [];
      const adding = under.store.add(block('B1', ALICE)).then(() => told.push('answered'));
      await expect.poll(() => against(asSubject(ALICE))).toBe('B1');
      await new Promise(setImmediate);
      told.push('left');
      leaving.resolve();
      await adding;
      expect(told).toEqual(['left', 'answered']);
    });

    it('forgets nothing in a restart, neither what was added nor what was lifted (F-38)', async () => {
      await under.store.add(block('B1', ALICE));
      await under.store.add(block('B2', AGENT));
      await under.store.add(revocation('R1', 'token', 'h1'));
      await under.store.lift('B2');
      await restart();
      expect([against(asSubject(ALICE)), against(asSubject(AGENT))]).toEqual(['B1', undefined]);
      expect(against(standing({ tokens: ['h1'] }))).toBe('R1');
      await restart();
      expect(under.store.list(now).map(({ id }) => id)).toEqual(['B1', 'R1']);
    });

    it('keeps 200 that come at once while 100 of them go', async () => {
      const ids = Array.from({ length: 200 }, (_, index) => `B${index}`);
      await Promise.all(ids.map((id) => under.store.add(block(id, `people:${id}`))));
      await Promise.all(ids.slice(0, 100).map((id) => under.store.lift(id)));
      expect(ids.filter((id) => against(asSubject(`people:${id}`)) === id)).toEqual(ids.slice(100));
      await restart();
      expect(ids.filter((id) => against(asSubject(`people:${id}`)) === id)).toEqual(ids.slice(100));
    });

    it('is not filled by one token that is revoked again and again', async () => {
      for (const id of ['R1', 'R2', 'R3'])
        expect(await under.store.add(revocation(id, 'token', 'h1'))).toEqual({ unreached: [] });
      expect(under.store.list(now).map(({ id }) => id)).toEqual(['R1']);
      await under.store.add(revocation('R4', 'token', 'h1', NOW + 301));
      await under.store.add(revocation('R5', 'chain', 'h1'));
      expect(under.store.list(now)).toHaveLength(3);
    });

    // The shared store took a block that it had for another one with the same id, and threw: whoever repeated a command that a replica
    // had not confirmed was never told that it was in force.
    it('answers once more for what it has, and keeps it once', async () => {
      for (const one of [block('B1', ALICE), revocation('R1', 'subject', AGENT)]) {
        await under.store.add(one);
        expect(await under.store.add(one)).toEqual({ unreached: [] });
      }
      expect(under.store.list(now).map(({ id }) => id)).toEqual(['B1', 'R1']);
      await expect(under.store.add(block('B1', AGENT))).rejects.toThrow('an id that another one has');
    });

    // Clients that revoke their own tokens filled the store, and then nobody could be blocked.
    it('takes an operator’s one more, where as many are held as others may add', async () => {
      await under.store.add(revocation('R1', 'chain', 'h1'), 2);
      await under.store.add(revocation('R2', 'chain', 'h2'), 2);
      await expect(under.store.add(revocation('R3', 'chain', 'h3'), 2)).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await under.store.add(revocation('R4', 'chain', 'h2'), 2)).toEqual({ unreached: [] });
      expect(await under.store.add(block('B1', ALICE))).toEqual({ unreached: [] });
      expect(under.store.list(now).map(({ id }) => id)).toEqual(['B1', 'R1', 'R2']);
    });

    it('refuses one more than it may hold, forgets none of those it has, and takes one again once one is lifted', async () => {
      await under.close();
      under = await maker.reopen({ ...world, withdrawalsMax: 2 });
      await under.store.add(block('B1', ALICE));
      await under.store.add(block('B2', AGENT));
      await expect(under.store.add(block('B3', 'people:bob'))).rejects.toBeInstanceOf(StoreUnavailable);
      expect([ALICE, AGENT, 'people:bob'].map((who) => against(asSubject(who)))).toEqual(['B1', 'B2', undefined]);
      await under.store.lift('B1');
      await under.store.add(block('B3', 'people:bob'));
      expect(against(asSubject('people:bob'))).toBe('B3');
    });

    it.each<[string, Withdrawal]>([
      ['an id', block('B 1', ALICE)],
      ['a name', block('B1', 'x'.repeat(8_193))],
      ['a name', block('B1', 'people:\ud800')],
      ['a name', block('B1', '')],
      ['a reason', { ...block('B1', ALICE), why: 'x'.repeat(1_001) }],
      ['an instant', { ...block('B1', ALICE), atSeconds: Number.NaN }],
      ['an instant', { ...block('B1', ALICE), untilSeconds: Number.POSITIVE_INFINITY }],
    ])('takes no withdrawal with %s that it could not keep exactly', async (what, withdrawal) => {
      await expect(under.store.add(withdrawal)).rejects.toThrow(`a withdrawal with ${what}`);
      expect(under.store.list(now)).toEqual([]);
    });

    it.each(['people:a b;c', 'people:ü%3A\n*', 'people:lift B1', 'people:🔒'])(
      'keeps the name %j exactly, whatever is in it',
      async (name) => {
        await under.store.add(block('B1', name));
        await restart();
        expect(under.store.list(now)).toEqual([block('B1', name)]);
      },
    );
  });
}
