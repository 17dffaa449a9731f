// Whose a token of Google's is: what is asked in which order, and that only what was given here, and has not ended, is told.

import { describe, expect, it } from 'vitest';
import type { CallerIdentityRecord } from '../../src/core/caller-identity-record.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import { createGoogleIntrospection, type GoogleSession, type Told } from '../../src/core/google-introspection.ts';
import { createOperate, type Outcome } from '../../src/core/operation.ts';
import { AuditUnavailable, type Clients, StoreUnavailable } from '../../src/core/ports.ts';
import { ok, refuse } from '../../src/core/refusal.ts';
import { createGoogleSessions, rememberGoogleToken } from '../../src/issuers/google-session.ts';
import { createMemorySecrets } from '../../src/stores/memory-secrets.ts';
import { googleTokenKey } from '../support/google-requests.ts';
import { client } from '../support/own-token-path.ts';
import { createPath, NOW, RECEIVED } from '../support/path.ts';

const TOKEN = 'ya29.given';
const GIVEN: GoogleSession = {
  session: {
    principal: 'lake@example-data.iam.gserviceaccount.com',
    audience: 'https://sts.example/targets/lake',
    subject: 'github:s',
  },
  expiresAt: NOW + 300,
};
const ASKED = {
  ...RECEIVED,
  transport: 'gcp-sts' as const,
  grantType: undefined,
  request: ok({ token: TOKEN, client: { ...NO_CLIENT, strangers: 'ignored' as const }, proof: undefined }),
};

interface Change {
  readonly authenticate?: Clients['authenticate'];
  readonly find?: (token: string) => Promise<GoogleSession | undefined>;
  readonly write?: (record: object) => Promise<void>;
  /** What the clock says, reading by reading; the last one from then on. */
  readonly times?: readonly number[];
}

/** Asks once. */
async function ask(change: Change = {}, received: Parameters<ReturnType<typeof createGoogleIntrospection>>[0] = ASKED) {
  const records: CallerIdentityRecord[] = [];
  const purposes: string[] = [];
  const times = [...(change.times ?? [NOW])];
  const clock = { nowSeconds: () => (times.length > 1 ? times.shift() : times[0]) ?? NOW, elapsedMs: () => 0 };
  const path = createPath({
    clock,
    audit: {
      async write(record) {
        if (record.event === 'caller_identity') records.push(structuredClone(record));
        await change.write?.(record);
      },
    },
  });
  const authenticate: Clients['authenticate'] = async (presented, purpose, now) => {
    purposes.push(purpose);
    return change.authenticate?.(presented, purpose, now) ?? ok(undefined);
  };
  const snapshot = () => ({ ...path.snapshot, clients: { authenticate } });
  const find = change.find ?? (async (token: string) => (token === TOKEN ? GIVEN : undefined));
  const operate = createOperate(path.parts);
  const operation = createGoogleIntrospection({ ...path.parts, snapshot, operate, sessions: { find } });
  const answered = Promise.withResolvers<Outcome<Told>>();
  await operation(received, answered.resolve);
  return { outcome: await answered.promise, record: records[0], purposes };
}

describe('whose a token of Google is', () => {
  it('is told to whoever holds it, and recorded without the token', async () => {
    const { outcome, record, purposes } = await ask();
    expect(outcome).toMatchObject({ kind: 'told', token: GIVEN });
    expect(purposes).toEqual(['cloud_identity']);
    expect(record).toMatchObject({
      event: 'caller_identity',
      transport: 'gcp-sts',
      outcome: 'answered',
      reason: undefined,
      session: GIVEN.session,
      policy: { digest: 'd', generation: 1 },
    });
    expect(JSON.stringify(record)).not.toContain(TOKEN);
  });

  it('is nobody for one that was not given here, and for one that has ended: the same to the caller', async () => {
    const unknown = await ask({ find: async () => undefined });
    expect(unknown.record).toMatchObject({ outcome: 'answered', reason: 'key_unknown', session: undefined });
    const ended = await ask({ times: [NOW, NOW, GIVEN.expiresAt] });
    expect(ended.record).toMatchObject({ outcome: 'answered', reason: 'expired', session: GIVEN.session });
    for (const { outcome } of [unknown, ended]) expect(outcome).toMatchObject({ kind: 'told', token: undefined });
    expect((await ask({ times: [NOW, NOW, GIVEN.expiresAt - 1] })).outcome).toMatchObject({ token: GIVEN });
  });

  it('is not said where nobody can know', async () => {
    const { outcome, record } = await ask({ find: () => Promise.reject(new StoreUnavailable('down')) });
    expect(outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'store_unavailable' } });
    expect(record).toMatchObject({ outcome: 'refused', reason: 'store_unavailable', session: undefined });
    const fault = await ask({ find: () => Promise.reject(new Error('a fault')) });
    expect(fault.outcome).toMatchObject({ kind: 'failed' });
    const unrecorded = await ask({ write: () => Promise.reject(new AuditUnavailable('full')) });
    expect(unrecorded.outcome).toMatchObject({ kind: 'refused', refusal: { reason: 'audit_unavailable' } });
  });

  it('is not looked for where a registered client does not prove itself, and says which one asked where it does', async () => {
    const wrong = refuse({ reason: 'client_credential_refused', method: 'basic', problem: 'secret_wrong' } as const);
    const find = () => Promise.reject(new Error('was looked for'));
    const refused = await ask({ authenticate: async () => wrong, find });
    expect(refused.outcome).toMatchObject({ kind: 'refused', refusal: wrong.refusal });
    const proved = await ask({ authenticate: async () => ok(client()) });
    expect(proved.record).toMatchObject({ client: { id: 'ledger-api' } });
    expect(proved.outcome).toMatchObject({ token: GIVEN });
  });

  it('is refused for its form before anybody is asked', async () => {
    const malformed = refuse({ reason: 'parameter_missing', parameter: 'token' } as const);
    const { outcome, purposes } = await ask({}, { ...ASKED, request: malformed });
    expect(outcome).toMatchObject({ kind: 'refused', refusal: malformed.refusal });
    expect(purposes).toEqual([]);
  });
});

describe('what is remembered of a token', () => {
  it('is found by the whole token alone, and does not hold it (A-170)', async () => {
    const kept = new Map<string, string>();
    const memory = createMemorySecrets({ clock: { nowSeconds: () => NOW } });
    const secrets = {
      get: memory.get,
      set: (key: string, secret: string, until: number) => {
        kept.set(key, secret);
        return memory.set(key, secret, until);
      },
    };
    await rememberGoogleToken(secrets, TOKEN, GIVEN);
    const sessions = createGoogleSessions(secrets);
    expect(await sessions.find(TOKEN)).toEqual(GIVEN);
    for (const other of ['', 'ya29', `${TOKEN} `, TOKEN.toUpperCase(), googleTokenKey(TOKEN)])
      expect(await sessions.find(other)).toBeUndefined();
    expect([...kept].flat().join()).not.toContain(TOKEN);
    expect([...kept.keys()]).toEqual([googleTokenKey(TOKEN)]);
  });
});
