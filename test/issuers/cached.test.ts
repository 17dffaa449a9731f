// The cache of what clouds gave: who shares one with whom, for how long, and who does not.

import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { LEEWAY_SECONDS } from '../../src/core/limits.ts';
import type { Issued, IssueOrder, Issuer } from '../../src/core/ports.ts';
import { asProved, type Proof } from '../../src/core/principal.ts';
import { ok } from '../../src/core/refusal.ts';
import type { Revocation } from '../../src/core/withdrawal.ts';
import { orderFor } from '../contract/issuer.ts';
import { givenFor, NOW, openCachedIssuer, REFUSED, refusing, UNAVAILABLE } from '../support/cached-issuer.ts';
import { issuedBy } from '../support/issued.ts';

const HOUR = 3_600;
const NAME = 'eks:system:serviceaccount:payments:api';

let ids = 0;
interface Caller {
  readonly name?: string;
  readonly at?: number;
  /** Of the credential that is presented. */
  readonly endsAt?: number;
  readonly lifetime?: number;
  readonly upTo?: 'lifetime' | 'floor' | 'nothing';
  readonly expiresAt?: number;
  readonly change?: Parameters<typeof orderFor>[0];
}

/** One more request of one identity, with a credential of its own. */
function orderOf({
  name = NAME,
  at = NOW,
  endsAt = NOW + 86_400,
  lifetime = HOUR,
  upTo = 'lifetime',
  ...more
}: Caller = {}) {
  ids += 1;
  const proof: Proof = {
    sha256: `${ids}`,
    jti: `j-${ids}`,
    expiresAt: endsAt,
    replay: 'reusable',
    tell: 'caller',
    presenter: 'self',
    audience: 'https://sts.example',
    boundTo: undefined,
    issuedAt: at - 60,
    handle: `h-${ids}`,
  };
  const claims = { jti: `j-${ids}`, pod: `p-${ids}` };
  const principal = { source: 'eks', kind: 'kubernetes', issuer: 'https://c.example', subject: name, name, claims };
  return orderFor({
    id: `D-${ids}`,
    issuedAt: Math.floor(at),
    expiresAt: more.expiresAt ?? Math.floor(at) + lifetime,
    lifetimeSeconds: lifetime,
    outlive: { floorSeconds: 900, upTo },
    subject: asProved(principal, proof),
    clientId: name,
    standing: {
      parties: [{ name, role: 'subject', issuedAtSeconds: at - 60 }],
      tokens: [`h-${ids}`],
      ancestors: [],
    },
    ...more.change,
  });
}

describe('credentials that are kept', () => {
  let under: ReturnType<typeof openCachedIssuer>;
  let issuer: Issuer;
  beforeEach(() => {
    under = openCachedIssuer();
    issuer = under.over();
  });
  const ask = (caller: Caller = {}): Promise<Issued> =>
    issuedBy(issuer, orderOf({ at: under.world.nowSeconds, ...caller }));
  const later = (seconds: number) => {
    under.world.nowSeconds += seconds;
  };
  const asked = () => under.world.asked.length;

  it('are given to whoever would get the same, with the decision that they were made for', async () => {
    const first = orderOf();
    const made = await issuedBy(issuer, first);
    expect(made).not.toHaveProperty('madeFor');
    expect(made).toEqual(givenFor(under.world.asked[0] ?? first, NOW));
    later(60);
    expect(await ask()).toEqual({ ...made, madeFor: first.id });
    expect(asked()).toBe(1);
    expect(under.world.uses).toEqual(['miss', 'hit']);
  });

  it('are one, where a thousand ask at once', async () => {
    const orders = Array.from({ length: 1_000 }, () => orderOf());
    const all = await Promise.all(orders.map((order) => issuedBy(issuer, order)));
    expect(asked()).toBe(1);
    expect(new Set(all.map(({ token }) => token)).size).toBe(1);
    expect(all.filter(({ madeFor }) => madeFor === undefined)).toHaveLength(1);
    expect(new Set(all.map(({ madeFor }) => madeFor))).toEqual(new Set([undefined, orders[0]?.id]));
  });

  it('A-161 are never given to somebody for whom the cloud would have been asked otherwise', async () => {
    const word = fc.constantFrom('a', 'b', 'a:b');
    const order = fc.record({
      name: word,
      lifetime: fc.constantFrom(900, HOUR),
      upTo: fc.constantFrom('lifetime', 'floor', 'nothing'),
      change: fc.record({
        clientId: word,
        scopes: fc.subarray(['x', 'y']),
        parameters: fc.record({ team: word }),
        session: fc.option(fc.record({ policy: word, policyArns: fc.subarray(['p', 'q']) }), { nil: undefined }),
        actors: fc.array(fc.record({ iss: word, sub: word, others: fc.constant({}) }), { maxLength: 2 }),
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(order, { minLength: 2, maxLength: 30 }), fc.boolean(), async (some, atOnce) => {
        under = openCachedIssuer();
        issuer = under.over();
        const given: (readonly [IssueOrder, Issued])[] = [];
        const one = async (caller: Caller) => {
          const mine = orderOf(caller);
          given.push([mine, await issuedBy(issuer, mine)]);
        };
        if (atOnce) await Promise.all(some.map(one));
        else for (const caller of some) await one(caller);
        for (const [mine, { token }] of given) {
          const { shown } = JSON.parse(token);
          const { subject, lifetimeSeconds, outlive, clientId, scopes, parameters, actors } = mine.grant;
          expect(shown.grant).toMatchObject({ lifetimeSeconds, outlive, clientId, scopes, parameters, actors });
          expect([shown.grant.subject.name, shown.session]).toEqual([subject.name, mine.session]);
        }
      }),
      { numRuns: 200 },
    );
  });

  describe('are not given away', () => {
    it.each([
      [HOUR, HOUR / 2],
      [43_200, 21_600],
      [1_800, 900],
      [900, 240],
      [1_200, 540],
    ])('for the rest of their life: of %s s after %s s', async (lifetime, usable) => {
      await ask({ lifetime });
      later(usable);
      await ask({ lifetime });
      expect(under.world.uses.filter((use) => use === 'hit')).toHaveLength(1);
      await setImmediate();
      under = openCachedIssuer();
      issuer = under.over();
      await ask({ lifetime });
      later(usable + 1);
      await ask({ lifetime });
      expect(under.world.uses).toEqual(['miss', 'miss']);
    });

    it('where they live so short that every client asks again at once; yet to those who wait together', async () => {
      const both = await Promise.all([ask({ lifetime: 600 }), ask({ lifetime: 600 })]);
      expect([asked(), both[0]?.token]).toEqual([1, both[1]?.token]);
      later(0.5);
      await ask({ lifetime: 600 });
      expect(asked()).toBe(2);
    });

    it('A-162 to somebody who may not have them for so long', async () => {
      const limited = (endsAt: number): Caller => ({ upTo: 'nothing', endsAt, expiresAt: endsAt });
      await ask(limited(NOW + HOUR));
      await ask(limited(NOW + HOUR - 1));
      expect(asked()).toBe(2);
      // The one that ends sooner serves both.
      await ask(limited(NOW + HOUR));
      await ask(limited(NOW + HOUR - 1));
      expect(asked()).toBe(2);
    });

    it('A-162 where a cloud whose clock is ahead made them end later than the recheck lets pass', async () => {
      const ahead = async (order: IssueOrder) =>
        ok(givenFor(order, NOW, { expiresAt: order.expiresAt + LEEWAY_SECONDS }));
      under.world.answer = ahead;
      const orders = [orderOf(), orderOf(), orderOf({ at: NOW - 1 })];
      const all = await Promise.all(orders.map((order) => issuedBy(issuer, order)));
      expect(all.map(({ madeFor }) => madeFor)).toEqual([undefined, orders[0]?.id, undefined]);
      for (const [at, order] of orders.entries())
        expect(all[at]?.expiresAt).toBeLessThanOrEqual(order.expiresAt + LEEWAY_SECONDS);
    });

    it('after the credential has ended that they were made from', async () => {
      await ask({ endsAt: NOW + 300 });
      later(299);
      expect((await ask()).madeFor).toBeDefined();
      await setImmediate();
      under = openCachedIssuer();
      issuer = under.over();
      await ask({ endsAt: NOW + 300 });
      later(300);
      expect((await ask()).madeFor).toBeUndefined();
    });

    it('under another digest of target and policy', async () => {
      await ask();
      await issuedBy(under.over('e'), orderOf());
      expect(asked()).toBe(2);
      await issuedBy(under.over('e'), orderOf());
      expect(asked()).toBe(2);
    });
  });

  describe('end with what is withdrawn', () => {
    const revocation = (what: Revocation['what'], of: string, atSeconds = NOW + 10): Revocation => ({
      kind: 'revocation',
      id: `r-${what}`,
      what,
      of,
      why: '',
      atSeconds,
      untilSeconds: NOW + 86_400,
    });

    it.each([
      ['the subject', () => revocation('subject', NAME)],
      ['the token that they were made from', (handle: string) => revocation('token', handle)],
      ['the chain of that token', (handle: string) => revocation('chain', handle)],
    ])('%s is revoked: the next one is new, and is kept', async (_, withdrawal) => {
      const first = orderOf();
      await issuedBy(issuer, first);
      later(20);
      under.withdraw(withdrawal(first.standing.tokens[0] ?? ''));
      await ask();
      expect(asked()).toBe(2);
      await ask();
      expect(asked()).toBe(2);
    });

    it('another subject is revoked, or the same one before they were made: they stay', async () => {
      under.withdraw(revocation('subject', NAME, NOW - 1));
      await ask();
      later(20);
      under.withdraw(revocation('subject', `${NAME}-2`));
      await ask();
      expect(asked()).toBe(1);
    });

    it('a revocation while the cloud is asked: who waited together asks anew', async () => {
      const slow = Promise.withResolvers<undefined>();
      under.world.answer = () => slow.promise;
      const both = Promise.all([ask(), ask()]);
      await setImmediate();
      later(20);
      under.withdraw(revocation('subject', NAME));
      slow.resolve(undefined);
      const [one, other] = await both;
      expect(asked()).toBe(2);
      // Both are judged once more before anything leaves: what they presented is revoked too.
      expect([one.madeFor, other.madeFor]).toEqual([undefined, undefined]);
    });

    it('nobody can know what is withdrawn: nothing is given', async () => {
      await ask();
      under.world.silent = true;
      const refused = await issuer.issue(orderOf());
      expect(refused).toEqual({ ok: false, refusal: { reason: 'store_unavailable', retryAfterSeconds: 1 } });
      under.world.silent = false;
      expect((await ask()).madeFor).toBeDefined();
    });
  });

  it('cannot be found where their store does not answer: the cloud is asked', async () => {
    await ask();
    under.world.forgetful = true;
    expect((await ask()).madeFor).toBeUndefined();
    under.world.forgetful = false;
    expect((await ask()).madeFor).toBeDefined();
  });

  describe('whose cloud says no', () => {
    it.each([
      ['for good', REFUSED],
      ['for now', UNAVAILABLE],
    ])('%s: all who wait together are told so, after one question, and nothing is kept', async (_, refusal) => {
      under.world.answer = refusing(refusal);
      const orders = Array.from({ length: 20 }, () => orderOf());
      for (const answer of await Promise.all(orders.map((order) => issuer.issue(order))))
        expect(answer).toEqual({ ok: false, refusal });
      expect([asked(), under.kept.length]).toEqual([1, 0]);
      under.world.answer = undefined;
      expect((await ask()).madeFor).toBeUndefined();
    });

    it('a fault of ours is one for all who wait together, and the next one asks again', async () => {
      const fault = new Error('no usable key');
      under.world.answer = () => Promise.reject(fault);
      const both = await Promise.allSettled([ask(), ask()]);
      expect(both).toEqual([
        { status: 'rejected', reason: fault },
        { status: 'rejected', reason: fault },
      ]);
      under.world.answer = undefined;
      expect((await ask()).madeFor).toBeUndefined();
    });
  });

  describe('are replaced ahead of time', () => {
    // Of an hour, half an hour is given away, and the next is asked for in its last six minutes.
    const BEFORE = 1_800 - 361;
    const DUE = 1_800 - 359;

    it('where somebody asks shortly before they are too old, once, without anybody waiting', async () => {
      await ask();
      later(BEFORE);
      await ask();
      await setImmediate();
      expect(asked()).toBe(1);
      later(DUE - BEFORE);
      const slow = Promise.withResolvers<undefined>();
      under.world.answer = () => slow.promise;
      for (const { madeFor } of await Promise.all([ask(), ask(), ask()])) expect(madeFor).toBeDefined();
      await ask();
      expect(asked()).toBe(2);
      slow.resolve(undefined);
      await setImmediate();
      // Nobody asks: nothing is asked.
      later(HOUR / 4);
      await ask();
      expect(asked()).toBe(2);
      expect(under.world.uses).toEqual(['miss', 'hit', 'hit', 'hit', 'hit', 'hit', 'refreshed', 'hit']);
    });

    it('and whoever finds nothing any more waits for the one that is on its way', async () => {
      await ask();
      later(DUE);
      const slow = Promise.withResolvers<undefined>();
      under.world.answer = () => slow.promise;
      await ask();
      later(HOUR);
      const waiting = ask();
      await setImmediate();
      slow.resolve(undefined);
      await waiting;
      expect([asked(), under.world.uses.at(-1)]).toEqual([2, 'refreshed']);
    });

    it.each([
      ['says no', refusing(UNAVAILABLE), []],
      ['cannot be asked', () => Promise.reject(new Error('no key')), [new Error('no key')]],
    ])('where the cloud %s, what is kept is given on, and it is not asked again at once', async (_, answer, faults) => {
      await ask();
      later(DUE);
      under.world.answer = answer;
      for (let round = 0; round < 5; round += 1) {
        expect((await ask()).madeFor).toBeDefined();
        await setImmediate();
      }
      expect(asked()).toBe(2);
      expect(under.world.uses.filter((use) => use === 'not_refreshed')).toHaveLength(1);
      expect(under.world.faults).toEqual(faults);
    });
  });
});
