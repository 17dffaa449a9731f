// What every store of spent credentials must do, run against each implementation (A-52 to A-55, F-30, F-38). An
// implementation hands over how to open it, and how to open what it has written once more.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import { type Spending, type SpentStore, StoreUnavailable } from '../../src/core/ports.ts';

export interface StoreUnderTest {
  readonly store: SpentStore;
  close(): Promise<void>;
}

export interface StoreMaker {
  /** Opens an empty store; its clock reads `now()`. */
  open(now: () => number): Promise<StoreUnderTest>;
  /** Opens what the store that was opened last has written, after it has been closed. */
  reopen(now: () => number): Promise<StoreUnderTest>;
}

const NOW = 1_800_000_000;
const UNTIL = NOW + 300 + LEEWAY_SECONDS;

const spending = (change: Partial<Spending> = {}): Spending => ({
  purpose: 'subject',
  issuer: 'github',
  jti: 'one',
  target: undefined,
  ...change,
});

export function spentStoreContract(name: string, maker: StoreMaker): void {
  describe(`${name} keeps the contract of a store of spent credentials`, () => {
    let now = NOW;
    let under: StoreUnderTest;
    const claim = (change: Partial<Spending>, decision: string, until = UNTIL) =>
      under.store.claim(spending(change), decision, until);
    const restart = async () => {
      await under.close();
      under = await maker.reopen(() => now);
    };

    beforeEach(async () => {
      now = NOW;
      under = await maker.open(() => now);
    });
    afterEach(() => under.close());

    it('lets the first claim win and names it to the second (A-52)', async () => {
      expect(await claim({}, 'D1')).toBe('D1');
      expect(await claim({}, 'D2')).toBe('D1');
    });

    it('gives a credential to exactly one of 100 parallel claims, and names that one to all (A-52)', async () => {
      const decisions = Array.from({ length: 100 }, (_, index) => `D${index}`);
      const answers = await Promise.all(decisions.map((decision) => claim({}, decision)));
      expect(new Set(answers).size).toBe(1);
      expect(answers.filter((answer, index) => answer === decisions[index])).toHaveLength(1);
    });

    it('decides 1,000 pairs in parallel with one winner each', async () => {
      const pairs = Array.from({ length: 1_000 }, (_, index) => `jti-${index}`);
      const answers: (readonly [string, string])[] = [];
      // As many at once as a broker has in work: a shared store says of more that it does not know in time.
      for (let from = 0; from < pairs.length; from += 200) {
        const some = pairs.slice(from, from + 200);
        const claims = some.map((jti) => Promise.all([claim({ jti }, `A-${jti}`), claim({ jti }, `B-${jti}`)]));
        answers.push(...(await Promise.all(claims)));
      }
      expect(answers.filter(([a, b], index) => a === b && a === `A-${pairs[index]}`)).toHaveLength(1_000);
    });

    it('lets the same decision ask again', async () => {
      expect(await claim({}, 'D1')).toBe('D1');
      expect(await claim({}, 'D1')).toBe('D1');
    });

    it.each<[string, Partial<Spending>]>([
      ['another jti', { jti: 'two' }],
      ['another issuer with the same jti (A-52)', { issuer: 'gitlab' }],
      ['another purpose', { purpose: 'client' }],
      ['a target', { target: 'ledger' }],
      ['a cut between issuer and jti elsewhere (A-54)', { issuer: 'githubo', jti: 'ne' }],
      ['a cut between jti and target elsewhere (A-54)', { jti: 'on', target: 'e' }],
      ['an empty target', { target: '' }],
    ])('keeps apart what differs in %s', async (_name, change) => {
      await claim({}, 'D1');
      expect(await claim(change, 'D2')).toBe('D2');
      expect(await claim(change, 'D3')).toBe('D2');
    });

    it('gives back to the decision that holds the claim, so that another may have it', async () => {
      await claim({}, 'D1');
      await under.store.release(spending(), 'D1');
      expect(await claim({}, 'D2')).toBe('D2');
    });

    it('gives nothing back to a decision that does not hold the claim', async () => {
      await claim({}, 'D1');
      await under.store.release(spending(), 'D2');
      await under.store.release(spending({ jti: 'never claimed' }), 'D1');
      expect(await claim({}, 'D2')).toBe('D1');
    });

    it('lets one of 100 win what is given back meanwhile, and keeps what a late second release names', async () => {
      await claim({}, 'D0');
      const releases = [under.store.release(spending(), 'D0'), under.store.release(spending(), 'D0')];
      const answers = await Promise.all(Array.from({ length: 100 }, (_, index) => claim({}, `E${index}`)));
      await Promise.all(releases);
      const holder = await claim({}, 'D9');
      expect(holder.startsWith('E')).toBe(true);
      expect(answers.filter((answer, index) => answer === `E${index}`)).toEqual([holder]);
    });

    it('holds a claim to its very end, and not beyond', async () => {
      await claim({}, 'D1');
      now = UNTIL;
      expect(await claim({}, 'D2', UNTIL + 300)).toBe('D1');
      now = UNTIL + 1;
      expect(await claim({}, 'D2', UNTIL + 300)).toBe('D2');
    });

    it('forgets nothing in a restart: neither claims nor what was given back (A-52, F-38)', async () => {
      await claim({ jti: 'kept' }, 'D1');
      await claim({ jti: 'given back' }, 'D1');
      await under.store.release(spending({ jti: 'given back' }), 'D1');
      await restart();
      expect(await claim({ jti: 'kept' }, 'D2')).toBe('D1');
      expect(await claim({ jti: 'given back' }, 'D2')).toBe('D2');
      await restart();
      expect(await claim({ jti: 'given back' }, 'D3')).toBe('D2');
    });

    it('revives nothing when the clock steps back past what it has forgotten (A-63, F-30)', async () => {
      await claim({}, 'D1');
      now = UNTIL + 1;
      // The same jti in a later token: the earlier claim has ended and is forgotten.
      expect(await claim({}, 'D2', UNTIL + 300)).toBe('D2');
      await under.store.release(spending(), 'D2');
      now = NOW + 10;
      await expect(claim({}, 'D3')).rejects.toBeInstanceOf(StoreUnavailable);
      expect(await claim({}, 'D4', UNTIL + 1)).toBe('D4');
    });

    it('revives nothing when the clock steps back over a restart (A-63, F-30)', async () => {
      await claim({}, 'D1');
      now = UNTIL + 1;
      await restart();
      now = NOW + 10;
      await restart();
      expect(await claim({}, 'D2').catch((error: unknown) => error)).toSatisfy(
        (answer: unknown) => answer === 'D1' || answer instanceof StoreUnavailable,
      );
    });
  });
}
