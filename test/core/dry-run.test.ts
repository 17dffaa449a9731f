// The dry run against the exchange it speaks of: what it must not do, and that it says the same.

import { describe, expect, it } from 'vitest';
import { LEEWAY_SECONDS, REQUESTS_IN_FLIGHT_MAX } from '../../src/core/limits.ts';
import type { Outcome } from '../../src/core/operation.ts';
import { AuditUnavailable, StoreUnavailable } from '../../src/core/ports.ts';
import { refuse } from '../../src/core/refusal.ts';
import { createPath, grantingPolicy, NOW, provedSubject, RECEIVED, refusingPolicy } from '../support/path.ts';

const reasonOf = (outcome: Outcome): string => (outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind);

describe('a dry run', () => {
  it('proves, decides and records before it answers; it spends nothing and issues nothing', async () => {
    const path = createPath();
    expect(reasonOf(await path.decide())).toBe('would_grant');
    expect(path.calls).toEqual(['verify', 'record', 'answer', 'observe']);
    const exchanged = createPath();
    await exchanged.run();
    expect(exchanged.calls).toEqual(['verify', 'claim', 'issue', 'record', 'answer', 'observe']);
  });

  it('is recorded as one, with its rule and without what only an issued token has', async () => {
    const path = createPath();
    await path.decide();
    expect(path.records).toHaveLength(1);
    expect(path.records[0]).toMatchObject({ dryRun: true, outcome: 'granted', target: 'ledger', rule: 'r' });
    expect(path.records[0]).toMatchObject({ reason: undefined, jti: undefined, exp: undefined, boundTo: undefined });
    const exchanged = createPath();
    const { decision } = await exchanged.run();
    expect(exchanged.records[0]).toMatchObject({ dryRun: undefined, jti: decision, exp: NOW + 300 });
  });

  it('does not ask whether the credential has been spent: the store can only be asked by spending', async () => {
    const spent = { claim: () => Promise.resolve('EARLIER'), release: () => Promise.resolve() };
    expect(reasonOf(await createPath({ spent }).decide())).toBe('would_grant');
    expect(reasonOf(await createPath({ spent }).run())).toBe('replayed');
  });

  it('is answered although the store is down, since it does not need it', async () => {
    const spent = { claim: () => Promise.reject(new StoreUnavailable('gone')), release: () => Promise.resolve() };
    expect(reasonOf(await createPath({ spent }).decide())).toBe('would_grant');
    expect(reasonOf(await createPath({ spent }).run())).toBe('store_unavailable');
  });

  it.each([
    ['a rule that is not there', { policy: refusingPolicy() }, 'no_rule'],
    ['a credential that a client must present', { subject: provedSubject({ presenter: 'client' }) }, 'client_required'],
    [
      'a credential bound to another key',
      { subject: provedSubject({ boundTo: { 'x5t#S256': 'x'.repeat(43) } }) },
      'binding_mismatch',
    ],
    ['a credential of which nothing is left', { subject: provedSubject({ expiresAt: NOW - 5 }) }, 'expired'],
    ['a target without an issuer', { policy: grantingPolicy({ target: 'nowhere' }) }, 'failed'],
  ] as const)('says of %s what the exchange says', async (_title, change, reason) => {
    const [decided, exchanged] = [createPath(change), createPath(change)];
    const outcomes = [await decided.decide(), await exchanged.run()];
    expect(outcomes.map(reasonOf)).toEqual([reason, reason]);
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(decided.records).toEqual(exchanged.records.map((record) => ({ ...record, dryRun: true })));
  });

  it.each(['run', 'decide'] as const)('knows before anything is spent what no cloud would take: %s', async (how) => {
    const { snapshot, calls } = createPath();
    const [[target, issuer] = expect.fail('no issuer')] = snapshot.issuers;
    const unfit = { reason: 'cloud_refused', target, cloud: 'aws', problem: 'role_unfit' } as const;
    const issuers = new Map([[target, { ...issuer, terms: () => refuse(unfit) }]]);
    const path = createPath({ snapshot: () => ({ ...snapshot, issuers }) });
    expect(await path[how]()).toMatchObject({ kind: 'refused', refusal: unfit });
    expect([...calls, ...path.calls]).toEqual(['verify', 'record', 'answer', 'observe']);
  });

  it('records and answers a malformed request without proving anything', async () => {
    const path = createPath();
    const request = refuse({ reason: 'parameter_missing', parameter: 'subject_token' } as const);
    expect(reasonOf(await path.decide({ ...RECEIVED, request }))).toBe('parameter_missing');
    expect(path.calls).toEqual(['record', 'answer', 'observe']);
    expect(path.records[0]).toMatchObject({ dryRun: true, outcome: 'refused', reason: 'parameter_missing' });
  });

  it('A-209 answers nothing where the record cannot be written', async () => {
    const path = createPath({ audit: { write: () => Promise.reject(new AuditUnavailable('full')) } });
    const outcome = await path.decide();
    expect(reasonOf(outcome)).toBe('audit_unavailable');
    expect(JSON.stringify(outcome)).not.toContain('ledger');
  });

  it('A-51 says the lifetime that is left, not the one that the rule allows', async () => {
    const outcome = await createPath({ subject: provedSubject({ expiresAt: NOW + 60.9 }) }).decide();
    expect(outcome).toMatchObject({ order: { issuedAt: NOW, expiresAt: NOW + 60 } });
  });

  it('F-46 shares the bound on requests in work with the exchange', async () => {
    const gate = Promise.withResolvers<void>();
    const { snapshot } = createPath();
    const { verify } = snapshot.verifiers;
    const slow = (...args: Parameters<typeof verify>) => gate.promise.then(() => verify(...args));
    const path = createPath({ snapshot: () => ({ ...snapshot, verifiers: { ...snapshot.verifiers, verify: slow } }) });
    const waiting = Array.from({ length: REQUESTS_IN_FLIGHT_MAX }, (_, index) =>
      index % 2 === 0 ? path.run() : path.decide(),
    );
    expect(reasonOf(await path.decide())).toBe('overloaded');
    expect(reasonOf(await path.run())).toBe('overloaded');
    gate.resolve();
    expect(new Set((await Promise.all(waiting)).map(reasonOf))).toEqual(new Set(['granted', 'would_grant']));
    expect(reasonOf(await path.decide())).toBe('would_grant');
  });

  it('is waited for by a reload, and says nothing that the rules of that reload refuse', async () => {
    const { snapshot } = createPath();
    const gate = Promise.withResolvers<void>();
    let current = snapshot;
    const { verify } = snapshot.verifiers;
    const slow = (...args: Parameters<typeof verify>) => gate.promise.then(() => verify(...args));
    current = { ...snapshot, verifiers: { ...snapshot.verifiers, verify: slow } };
    const path = createPath({ snapshot: () => current });
    const asked = path.decide();
    current = { ...snapshot, generation: 2, policy: refusingPolicy() };
    gate.resolve();
    expect(reasonOf(await asked)).toBe('no_rule');
    expect(path.records[0]).toMatchObject({ dryRun: true, policy: { digest: 'd2', generation: 2 } });

    current = { ...snapshot, generation: 3 };
    expect(reasonOf(await path.decide())).toBe('would_grant');
  });

  it('reads the clock again: nothing is promised after its end', async () => {
    const times = [NOW, NOW, NOW, NOW, NOW + 700];
    const clock = { nowSeconds: () => times.shift() ?? NOW + 700, elapsedMs: () => 0 };
    expect(reasonOf(await createPath({ clock }).decide())).toBe('expired');
    const back = [NOW, NOW, NOW, NOW, NOW - LEEWAY_SECONDS];
    const steady = { nowSeconds: () => back.shift() ?? NOW, elapsedMs: () => 0 };
    expect(reasonOf(await createPath({ clock: steady }).decide())).toBe('would_grant');
  });

  it('enters an epoch and leaves it, also where it is refused', async () => {
    const path = createPath({ policy: refusingPolicy() });
    let inside = 0;
    const epochs = {
      enter() {
        inside += 1;
        return () => {
          inside -= 1;
        };
      },
    };
    const seen: number[] = [];
    const audit = { write: async () => void seen.push(inside) };
    await createPath({ ...path.parts, epochs, audit }).decide();
    expect([seen, inside]).toEqual([[1], 0]);
  });
});
