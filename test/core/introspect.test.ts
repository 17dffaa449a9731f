// POST /introspect as an operation: what is asked in which order, what makes a token active, and that nothing else can be told apart.

import { describe, expect, it } from 'vitest';
import { NO_CLIENT } from '../../src/core/client.ts';
import { LEEWAY_SECONDS, REQUESTS_IN_FLIGHT_MAX } from '../../src/core/limits.ts';
import { AuditUnavailable, StoreUnavailable } from '../../src/core/ports.ts';
import { type CredentialRefusal, ok, refuse } from '../../src/core/refusal.ts';
import type { Withdrawal } from '../../src/core/withdrawal.ts';
import {
  ASKED,
  client,
  createOwnTokenPath,
  LEDGER,
  type OwnTokenChange,
  ownToken,
  toldBy,
} from '../support/own-token-path.ts';
import { NOW } from '../support/path.ts';

const INACTIVE = { kind: 'introspected', token: undefined };
const BLOCK: Withdrawal = {
  ...{ kind: 'block', id: 'w-1', identity: 'github:s', why: 'stolen', atSeconds: NOW, untilSeconds: undefined },
};
/** Ends whatever a standing of these names is asked for. */
const blocking = (...names: readonly string[]) => ({
  against: ({ parties }: { readonly parties: readonly { readonly name: string }[] }) =>
    parties.some(({ name }) => names.includes(name)) ? BLOCK : undefined,
});
const clock = (nowSeconds: number) => ({ nowSeconds: () => nowSeconds, elapsedMs: () => 0 });

describe('an introspection', () => {
  it('proves who asks, then the token, asks about both, and records before it answers', async () => {
    const path = createOwnTokenPath();
    const outcome = await path.introspect();
    expect(outcome).toMatchObject({ kind: 'introspected', token: { name: 'github:s' } });
    expect(path.calls).toEqual([
      ...['authenticate for introspection', 'verify', 'against', 'against', 'record', 'answer', 'observe'],
    ]);
    expect(path.records[0]).toMatchObject({
      event: 'introspection',
      decision: outcome.decision,
      outcome: 'answered',
      reason: undefined,
      active: true,
      client: { id: 'ledger-api', method: 'client_secret_basic' },
      roles: { client: { name: 'clients:ledger-api' } },
      token: { jti: 'jti-1', sub: 'github:s', clientId: 'shop', aud: LEDGER, exp: NOW + 300 },
      targets: ['ledger'],
      policy: { digest: 'd', generation: 1 },
    });
  });

  it('IN-06 asks about the token, what it was made of, everybody in it, and whoever asked for it', async () => {
    const whoIs = () => [{ ...ownToken(), name: 'spiffe://prod.example/agent' }];
    const verifiers = { verify: () => Promise.reject(new Error('unused')), whoIs };
    const path = createOwnTokenPath({ snapshotWith: { verifiers } });
    await path.introspect();
    const [caller, token] = path.asked;
    expect(caller?.parties.map(({ name, role }) => `${role} ${name}`)).toContain('client clients:ledger-api');
    expect(token).toMatchObject({ tokens: ['handle'], ancestors: ['root'] });
    const names = token?.parties.map(({ name, role }) => `${role} ${name}`);
    expect(names).toEqual(
      expect.arrayContaining(['subject github:s', 'actor spiffe://prod.example/agent', 'client shop']),
    );
  });

  it('spends the assertion of a client, and once only', async () => {
    const path = createOwnTokenPath({ client: client({ spends: { jti: 'a', untilSeconds: NOW + 60 } }) });
    expect(toldBy(await path.introspect())).toBe('active');
    expect(path.calls.slice(0, 3)).toEqual(['authenticate for introspection', 'claim client', 'verify']);
    const again = createOwnTokenPath({
      client: client({ spends: { jti: 'a', untilSeconds: NOW + 60 } }),
      spent: { claim: () => Promise.resolve('another'), release: () => Promise.resolve() },
    });
    expect(toldBy(await again.introspect())).toBe('replayed');
    expect(again.calls).not.toContain('verify');
  });
});

const expired: CredentialRefusal = { role: 'subject', source: 'self', reason: 'expired' };
const notOurs = (refusal: CredentialRefusal): OwnTokenChange => ({
  snapshotWith: { ownTokens: { verify: () => Promise.resolve(refuse(refusal)) } },
});
/** What is wrong, and the reason that the operator reads. */
const CASES: readonly (readonly [string, OwnTokenChange, object])[] = [
  [
    'malformed',
    notOurs({ role: 'subject', reason: 'credential_malformed', problem: 'not_compact' }),
    {
      reason: 'credential_malformed',
      evidence: { role: 'subject', problem: 'not_compact' },
    },
  ],
  ['signed by an unknown or revoked key', notOurs({ ...expired, reason: 'key_unknown' }), { reason: 'key_unknown' }],
  [
    'of another issuer',
    notOurs({ ...expired, reason: 'claim_invalid', claim: 'iss' }),
    {
      reason: 'claim_invalid',
      evidence: { role: 'subject', source: 'self', claim: 'iss' },
    },
  ],
  ['expired', { token: ownToken({ expiresAt: NOW }) }, { reason: 'expired' }],
  [
    'for an audience of nobody here',
    { token: ownToken({ audience: 'https://gone.example' }) },
    {
      reason: 'not_introspected',
      evidence: { targets: [] },
    },
  ],
  [
    'for a target that the client does not introspect',
    { client: client({ introspects: ['other'] }) },
    {
      reason: 'not_introspected',
      evidence: { targets: ['ledger'] },
    },
  ],
  [
    'for one of two targets, of which the client introspects one',
    {
      snapshotWith: { targetsOf: () => ['ledger', 'other'] },
    },
    { reason: 'not_introspected', evidence: { targets: ['ledger', 'other'] } },
  ],
  [
    'about somebody who is blocked',
    { withdrawals: blocking('github:s') },
    {
      reason: 'withdrawn',
      evidence: { role: 'subject', source: 'self', withdrawal: 'w-1' },
    },
  ],
];

describe('a token that is not active', () => {
  it.each(CASES)(
    'IN-02, IN-05, IN-06 %s: nothing else is told, and the record says why',
    async (_title, change, record) => {
      const path = createOwnTokenPath(change);
      const { decision, ...outcome } = await path.introspect();
      expect(outcome).toEqual(INACTIVE);
      expect(path.records[0]).toMatchObject({ decision, outcome: 'answered', active: false, ...record });
      expect(path.calls.slice(-3)).toEqual(['record', 'answer', 'observe']);
    },
  );

  it('names a token in the record only where it is one of ours', async () => {
    const [malformed, known] = [createOwnTokenPath(CASES[0]?.[1]), createOwnTokenPath(CASES[3]?.[1])];
    await malformed.introspect();
    await known.introspect();
    expect(malformed.records[0]?.token).toBeUndefined();
    expect(known.records[0]?.token).toMatchObject({ jti: 'jti-1' });
  });

  it('is so from the second of its `exp` on, by one clock, without leeway', async () => {
    const before = createOwnTokenPath({ clock: clock(NOW + 299.9) });
    expect(toldBy(await before.introspect())).toBe('active');
    for (const after of [NOW + 300, NOW + 300 + LEEWAY_SECONDS])
      expect(toldBy(await createOwnTokenPath({ clock: clock(after) }).introspect())).toBe('inactive');
  });
});

describe('an introspection that is not answered', () => {
  it('IN-01 is of nobody who is proved: nothing is asked about the token', async () => {
    const refusal = { reason: 'client_credential_refused', method: 'none', problem: 'client_id_missing' } as const;
    const clients = { authenticate: () => Promise.resolve(refuse(refusal)) };
    const path = createOwnTokenPath({ snapshotWith: { clients } });
    expect(toldBy(await path.introspect())).toBe('client_credential_refused');
    expect(path.calls).toEqual(['record', 'answer', 'observe']);
    expect(path.records[0]).toMatchObject({ outcome: 'refused', active: undefined, token: undefined, roles: {} });
  });

  it('is a fault where nobody was proved and nobody refused', async () => {
    const path = createOwnTokenPath({
      snapshotWith: { clients: { authenticate: () => Promise.resolve(ok(undefined)) } },
    });
    expect(toldBy(await path.introspect())).toBe('failed');
    expect(path.records[0]).toMatchObject({ outcome: 'failed', reason: 'fault', active: undefined });
  });

  it('is malformed: recorded with what it claimed, and nothing proved', async () => {
    const path = createOwnTokenPath();
    const request = refuse({ reason: 'parameter_missing', parameter: 'token' } as const);
    expect(toldBy(await path.introspect({ ...ASKED, request }))).toBe('parameter_missing');
    expect(path.calls).toEqual(['record', 'answer', 'observe']);
    const named = createOwnTokenPath({
      snapshotWith: { clients: { authenticate: () => Promise.reject(new Error()) } },
    });
    await named.introspect({
      ...ASKED,
      request: ok({ token: 'x', client: { ...NO_CLIENT, id: 'a' }, proof: undefined }),
    });
    expect(named.records[0]).toMatchObject({ outcome: 'failed', unprovedClientId: 'a' });
  });

  it('is of a client that is blocked', async () => {
    const path = createOwnTokenPath({ withdrawals: blocking('clients:ledger-api') });
    const outcome = await path.introspect();
    expect(outcome).toMatchObject({
      kind: 'refused',
      refusal: { role: 'client', source: 'clients', reason: 'withdrawn', withdrawal: 'w-1' },
    });
  });

  it.each([
    ['for the client', 0],
    ['for the token', 1],
  ])('comes while the feed of withdrawals is silent %s', async (_whose, answered) => {
    let asked = 0;
    const against = () => {
      asked += 1;
      if (asked > answered) throw new StoreUnavailable('silent');
      return undefined;
    };
    const path = createOwnTokenPath({ withdrawals: { against } });
    expect(toldBy(await path.introspect())).toBe('store_unavailable');
    expect(path.records[0]).toMatchObject({ outcome: 'refused', active: undefined });
  });

  it('comes while our own keys are not known', async () => {
    const unknown = { reason: 'keys_unavailable', source: 'self', retryAfterSeconds: 1 } as const;
    const path = createOwnTokenPath({
      snapshotWith: { ownTokens: { verify: () => Promise.resolve(refuse(unknown)) } },
    });
    expect(toldBy(await path.introspect())).toBe('keys_unavailable');
  });

  it('cannot be recorded: then nobody is told that a token is active', async () => {
    const audit = { write: () => Promise.reject(new AuditUnavailable('full')) };
    expect(toldBy(await createOwnTokenPath({ audit }).introspect())).toBe('audit_unavailable');
  });

  it('is one too many in work, exchanges among them', async () => {
    const held = Promise.withResolvers<never>();
    const path = createOwnTokenPath({ snapshotWith: { ownTokens: { verify: () => held.promise } } });
    const waiting = Array.from({ length: REQUESTS_IN_FLIGHT_MAX }, () => path.introspect());
    expect(toldBy(await path.introspect())).toBe('overloaded');
    held.reject(new Error('enough'));
    expect(new Set((await Promise.all(waiting)).map(toldBy))).toEqual(new Set(['failed']));
  });
});
