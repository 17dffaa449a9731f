import { describe, expect, it } from 'vitest';
import type { CloudCredential } from '../../src/core/cloud.ts';
import { createEpochs } from '../../src/core/epochs.ts';
import { LEEWAY_SECONDS, REQUESTS_IN_FLIGHT_MAX } from '../../src/core/limits.ts';
import type { Outcome } from '../../src/core/operation.ts';
import { AuditUnavailable, type Issuer, type Snapshot, StoreUnavailable } from '../../src/core/ports.ts';
import { ok, refuse } from '../../src/core/refusal.ts';
import { createPath, grantingPolicy, NOW, provedSubject, RECEIVED, refusingPolicy } from '../support/path.ts';

const reasonOf = (outcome: Outcome): string => (outcome.kind === 'refused' ? outcome.refusal.reason : outcome.kind);

describe('the path of a request', () => {
  it('runs its phases in order and records before it answers', async () => {
    const path = createPath();
    expect(reasonOf(await path.run())).toBe('granted');
    expect(path.calls).toEqual(['verify', 'claim', 'issue', 'record', 'answer', 'observe']);
  });

  it('records a grant with its rule, owner, policy, jti and expiry, and only the claims that policy names', async () => {
    const path = createPath();
    const outcome = await path.run();
    expect(path.records[0]).toMatchObject({
      decision: outcome.decision,
      outcome: 'granted',
      target: 'ledger',
      rule: 'r',
      owner: 'team',
      policy: { digest: 'd', generation: 1 },
      jti: outcome.decision,
      exp: NOW + 300,
      asked: { targets: ['ledger'], scopes: ['read'] },
      roles: { subject: { source: 'github', name: 'github:s', sha256: 'aa' } },
      claims: [{ path: ['repository_id'], value: '74' }],
      otherClaims: ['actor'],
    });
  });

  it('records and answers a malformed request without proving anything', async () => {
    const path = createPath();
    const received = { ...RECEIVED, request: refuse({ reason: 'parameter_missing', parameter: 'subject_token' }) };
    expect(reasonOf(await path.run(received))).toBe('parameter_missing');
    expect(path.calls).toEqual(['record', 'answer', 'observe']);
    expect(path.records[0]).toMatchObject({ outcome: 'refused', reason: 'parameter_missing', roles: {} });
  });

  it('TX-12 refuses a proved credential whose source wants a client, after the proof and before policy', async () => {
    const path = createPath({ subject: provedSubject({ presenter: 'client' }) });
    expect(reasonOf(await path.run())).toBe('client_required');
    expect(path.calls).toEqual(['verify', 'record', 'answer', 'observe']);
    // Who it was is proved: the record says so, and is never one of a count.
    expect(path.records[0]).toMatchObject({ roles: { subject: { name: 'github:s' } } });
  });

  it('spends nothing for a refused decision, so the caller may try again', async () => {
    const path = createPath({ policy: refusingPolicy() });
    expect(reasonOf(await path.run())).toBe('no_rule');
    expect(path.calls).not.toContain('claim');
  });

  it.each([
    ['once', 'jti-1', 1],
    ['once-per-target', 'jti-1', 1],
    ['reusable', 'jti-1', 0],
    ['reusable', undefined, 0],
  ] as const)('claims a credential of class %s (jti %s) %i times', async (replay, jti, times) => {
    const path = createPath({ subject: provedSubject({ replay, jti }) });
    await path.run();
    expect(path.calls.filter((call) => call === 'claim')).toHaveLength(times);
  });

  it('A-52 refuses a spent credential and names the decision that spent it', async () => {
    const spent = { claim: () => Promise.resolve('EARLIER'), release: () => Promise.resolve() };
    const outcome = await createPath({ spent }).run();
    expect(outcome).toMatchObject({ refusal: { reason: 'replayed', spentBy: 'EARLIER' } });
  });

  it('A-55 refuses, and issues nothing, where the store cannot say whether a credential was spent', async () => {
    const spent = { claim: () => Promise.reject(new StoreUnavailable('gone')), release: () => Promise.resolve() };
    const path = createPath({ spent });
    expect(reasonOf(await path.run())).toBe('store_unavailable');
    expect(path.calls).not.toContain('issue');
  });

  it('A-209 releases nothing, and gives the claim back, where the record cannot be written', async () => {
    const path = createPath({ audit: { write: () => Promise.reject(new AuditUnavailable('full')) } });
    const outcome = await path.run();
    expect(reasonOf(outcome)).toBe('audit_unavailable');
    expect(JSON.stringify(outcome)).not.toContain('token');
    expect(path.calls).toEqual(['verify', 'claim', 'issue', 'release', 'answer', 'observe']);
  });

  it('turns a fault of ours into one answer, one record and one report, and gives the claim back', async () => {
    const path = createPath();
    const broken = {
      ...path.snapshot,
      issuers: new Map([
        ['ledger', { ...path.snapshot.issuers.get('ledger'), issue: () => Promise.reject(new Error('no key')) }],
      ]),
    };
    const failing = createPath({ snapshot: () => broken as typeof path.snapshot });
    expect(reasonOf(await failing.run())).toBe('failed');
    expect(failing.calls).toEqual(['claim', 'release', 'record', 'answer', 'observe']);
    expect(failing.records[0]).toMatchObject({ outcome: 'failed', reason: 'fault' });
    expect(failing.faults).toHaveLength(1);
  });

  it('A-51 never issues past the credential, the rule or the target', async () => {
    const outcome = await createPath({ subject: provedSubject({ expiresAt: NOW + 60.9 }) }).run();
    expect(outcome).toMatchObject({ order: { issuedAt: NOW, expiresAt: NOW + 60 } });
  });

  it('refuses a credential within the leeway after its end, unspent: nothing may outlive it', async () => {
    const path = createPath({ subject: provedSubject({ expiresAt: NOW - 5 }) });
    expect(reasonOf(await path.run())).toBe('expired');
    expect(path.calls).not.toContain('claim');
  });

  it.each([
    ['once', undefined],
    ['once-per-target', 'ledger'],
  ] as const)(
    'A-53 a credential of class %s is claimed for the target %s, until no verifier takes it',
    async (replay, target) => {
      const claims: unknown[] = [];
      const claim = (spending: object, decision: string, untilSeconds: number) => {
        claims.push({ ...spending, untilSeconds });
        return Promise.resolve(decision);
      };
      const spent = { claim, release: () => Promise.resolve() };
      await createPath({ spent, subject: provedSubject({ replay }) }).run();
      const untilSeconds = NOW + 600 + LEEWAY_SECONDS;
      expect(claims).toEqual([
        { purpose: 'subject', issuer: 'https://gh.example', jti: 'jti-1', target, untilSeconds },
      ]);
    },
  );

  it('F-46 sheds what exceeds the requests in work, and serves again when they are done', async () => {
    const gate = Promise.withResolvers<void>();
    const path = createPath();
    const verify = path.snapshot.verifiers.verify;
    const slow = {
      ...path.snapshot,
      verifiers: {
        ...path.snapshot.verifiers,
        verify: (...args: Parameters<typeof verify>) => gate.promise.then(() => verify(...args)),
      },
    };
    const loaded = createPath({ snapshot: () => slow });
    const waiting = Array.from({ length: REQUESTS_IN_FLIGHT_MAX }, () => loaded.run());
    expect(reasonOf(await loaded.run())).toBe('overloaded');
    gate.resolve();
    expect(new Set((await Promise.all(waiting)).map(reasonOf))).toEqual(new Set(['granted']));
    expect(reasonOf(await loaded.run())).toBe('granted');
  });
});

const CLOUD_CREDENTIAL: CloudCredential = {
  cloud: 'gcp',
  accessToken: 'x',
  session: { principal: 'p', audience: 'a', subject: 's' },
};

describe('the recheck', () => {
  const swapped = (policy: ReturnType<typeof grantingPolicy>, issuers?: Snapshot['issuers']) => {
    const path = createPath();
    const after = { ...path.snapshot, generation: 2, policy, ...(issuers ? { issuers } : {}) };
    let reads = 0;
    return createPath({ snapshot: () => (reads++ === 0 ? path.snapshot : after) });
  };

  it('decides again where the configuration was swapped meanwhile', async () => {
    expect(reasonOf(await swapped(grantingPolicy()).run())).toBe('granted');
    const path = swapped(refusingPolicy());
    expect(reasonOf(await path.run())).toBe('no_rule');
    expect(path.calls).toContain('release');
  });

  it('refuses what the new rules would only grant narrower', async () => {
    expect(reasonOf(await swapped(grantingPolicy({ scopes: [] })).run())).toBe('no_rule');
    expect(reasonOf(await swapped(grantingPolicy({ lifetimeSeconds: 299 })).run())).toBe('no_rule');
    expect(reasonOf(await swapped(grantingPolicy({ lifetimeSeconds: 301 })).run())).toBe('granted');
  });

  it('A-156 refuses a bearer token where the new rules would only grant one that is bound', async () => {
    expect(reasonOf(await swapped(grantingPolicy({ boundTo: { jkt: 'x'.repeat(43) } })).run())).toBe('no_rule');
    expect(reasonOf(await swapped(grantingPolicy()).run())).toBe('granted');
  });

  it('refuses what was issued for an address that the target no longer has, or for a target that is gone', async () => {
    const issuer = createPath().snapshot.issuers.get('ledger');
    if (!issuer) throw new Error('no issuer');
    const moved: Issuer = {
      ...issuer,
      expect: (order) => ({ ...issuer.expect(order), audience: 'https://new.example' }),
    };
    const path = swapped(grantingPolicy(), new Map([['ledger', moved]]));
    expect(reasonOf(await path.run())).toBe('no_rule');
    expect(path.calls).toContain('release');
    expect(reasonOf(await swapped(grantingPolicy(), new Map()).run())).toBe('no_rule');
    expect(reasonOf(await swapped(grantingPolicy(), new Map([['ledger', issuer]])).run())).toBe('granted');
  });

  it('refuses what the new rules would grant for another target of that address', async () => {
    const issuer = createPath().snapshot.issuers.get('ledger');
    if (!issuer) throw new Error('no issuer');
    const issuers = new Map([
      ['ledger', issuer],
      ['other', issuer],
    ]);
    expect(reasonOf(await swapped(grantingPolicy({ target: 'other' }), issuers).run())).toBe('no_rule');
  });

  it('records the policy that refused, where it is newer than the one that granted', async () => {
    const path = swapped(refusingPolicy());
    await path.run();
    expect(path.records[0]).toMatchObject({ reason: 'no_rule', policy: { digest: 'd2', generation: 2 } });
  });

  it.each([
    ['forward past the end of what was issued', 700],
    ['back further than the leeway', -LEEWAY_SECONDS - 1],
  ])('reads the clock again: nothing leaves where it went %s', async (_title, step) => {
    let reads = 0;
    const clock = { nowSeconds: () => (reads++ < 6 ? NOW : NOW + step), elapsedMs: () => 0 };
    expect(reasonOf(await createPath({ clock }).run())).toBe('expired');
  });

  it.each(['audience', 'subject', 'clientId', 'issuer', 'id'] as const)(
    'is a fault where the issuer changed %s',
    async (member) => {
      const path = createPath();
      const issuer = path.snapshot.issuers.get('ledger');
      if (!issuer) throw new Error('no issuer');
      const issuers = new Map([
        [
          'ledger',
          {
            ...issuer,
            read: (issued: Parameters<typeof issuer.read>[0]) => ({ ...issuer.read(issued), [member]: 'x' }),
          },
        ],
      ]);
      expect(reasonOf(await createPath({ snapshot: () => ({ ...path.snapshot, issuers }) }).run())).toBe('failed');
    },
  );

  it.each([
    ['a token', undefined, 0, 1],
    [
      'a credential of a cloud, whose clock may be a little ahead',
      CLOUD_CREDENTIAL,
      LEEWAY_SECONDS,
      LEEWAY_SECONDS + 1,
    ],
  ])(
    'A-51 A-162 is a fault where the issuer says that %s ends later than was ordered',
    async (_, cloud, most, over) => {
      const path = createPath();
      const issuer = path.snapshot.issuers.get('ledger');
      if (!issuer) throw new Error('no issuer');
      const ending = async (later: number) => {
        const issue: Issuer['issue'] = async (order) => {
          const made = await issuer.issue(order);
          return made.ok
            ? ok({ ...made.value, expiresAt: order.expiresAt + later, ...(cloud ? { cloud } : {}) })
            : made;
        };
        const issuers = new Map([['ledger', { ...issuer, issue }]]);
        return reasonOf(await createPath({ snapshot: () => ({ ...path.snapshot, issuers }) }).run());
      };
      expect(await ending(most)).toBe('granted');
      expect(await ending(over)).toBe('failed');
    },
  );
});

describe('epochs', () => {
  it('drain when everybody who had entered has left, and not before', async () => {
    const epochs = createEpochs();
    const leave = epochs.enter();
    let drained = false;
    const done = epochs.drained().then(() => {
      drained = true;
    });
    epochs.enter(); // entered after: not waited for
    await Promise.resolve();
    expect(drained).toBe(false);
    leave();
    await done;
    expect(drained).toBe(true);
  });

  it('drain at once where nobody is inside, and a second drain waits for the first', async () => {
    const epochs = createEpochs();
    await epochs.drained();
    const leave = epochs.enter();
    const first = epochs.drained();
    const second = epochs.drained();
    leave();
    await Promise.all([first, second]);
  });
});
