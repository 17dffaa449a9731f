// Whose credentials of AWS signed a request: what is asked in which order, and that only what was given here, and has not ended, is told.

import { describe, expect, it } from 'vitest';
import { createCallerIdentity, type Identified } from '../../src/core/caller-identity.ts';
import type { CallerIdentityRecord } from '../../src/core/caller-identity-record.ts';
import type { RememberedSession, SignedRequest } from '../../src/core/caller-identity-request.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import { AWS_SESSION_TOLD_SECONDS, AWS_SIGNED_WINDOW_SECONDS } from '../../src/core/limits-cloud.ts';
import { createOperate, type Outcome } from '../../src/core/operation.ts';
import { AuditUnavailable, StoreUnavailable } from '../../src/core/ports.ts';
import { ok, refuse } from '../../src/core/refusal.ts';
import { createAwsSessions, rememberSession } from '../../src/issuers/aws-credentials.ts';
import { createMemorySecrets } from '../../src/stores/memory-secrets.ts';
import { createPath, NOW, RECEIVED } from '../support/path.ts';

const SESSION: RememberedSession = {
  session: {
    principal: 'arn:aws:sts::111122223333:assumed-role/R/s',
    id: 'ASIAEXAMPLE',
    audience: 'https://sts.example/targets/r',
    subject: 'target:r',
  },
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'the-secret',
  assumedRoleId: 'AROAEXAMPLE:s',
  expiresAt: NOW + 300,
};
const SIGNED: SignedRequest = {
  accessKeyId: 'ASIAEXAMPLE',
  sessionToken: 'the-session-token',
  signedAtSeconds: NOW,
  region: 'eu-west-1',
  headers: {},
  signature: 'the-signature',
  path: '/aws/sts',
  body: new Uint8Array(),
};
const asked = (change: Partial<SignedRequest> = {}) => ({
  ...RECEIVED,
  transport: 'aws-sts' as const,
  grantType: undefined,
  request: ok({ signed: { ...SIGNED, ...change }, client: NO_CLIENT, proof: undefined }),
});

interface Change {
  readonly find?: (token: string) => Promise<RememberedSession | undefined>;
  readonly signedBy?: (request: SignedRequest, secret: string) => Promise<boolean>;
  readonly write?: () => Promise<void>;
  readonly times?: readonly number[];
}

async function ask(change: Change = {}, received: Parameters<ReturnType<typeof createCallerIdentity>>[0] = asked()) {
  const records: CallerIdentityRecord[] = [];
  const calls: string[] = [];
  const times = [...(change.times ?? [NOW])];
  const clock = { nowSeconds: () => (times.length > 1 ? times.shift() : times[0]) ?? NOW, elapsedMs: () => 0 };
  const { parts } = createPath({
    clock,
    audit: {
      async write(record) {
        if (record.event === 'caller_identity') records.push(structuredClone(record));
        await change.write?.();
      },
    },
  });
  const operation = createCallerIdentity({
    clock,
    operate: createOperate(parts),
    sessions: {
      find: async (token) => {
        calls.push('find');
        return change.find ? change.find(token) : token === SIGNED.sessionToken ? SESSION : undefined;
      },
    },
    signedBy: async (request, secret) => {
      calls.push('signedBy');
      return change.signedBy ? change.signedBy(request, secret) : secret === SESSION.secretAccessKey;
    },
  });
  const answered = Promise.withResolvers<Outcome<Identified>>();
  await operation(received, answered.resolve);
  const outcome = await answered.promise;
  return { outcome, record: records[0], calls, refusal: outcome.kind === 'refused' ? outcome.refusal : undefined };
}

describe('whose credentials signed a request', () => {
  it('is told to whoever has their secret, and recorded without a secret', async () => {
    const { outcome, record, calls } = await ask();
    expect(outcome).toMatchObject({ kind: 'identified', arn: SESSION.session.principal, userId: 'AROAEXAMPLE:s' });
    expect(record).toMatchObject({ outcome: 'answered', reason: undefined, session: SESSION.session });
    expect(JSON.stringify(record)).not.toMatch(/the-/);
    expect(calls).toEqual(['find', 'signedBy']);
  });

  it.each([
    ['key_unknown', 'a session that nobody remembers', asked({ sessionToken: 'other' })],
    ['key_unknown', 'the session of another key', asked({ accessKeyId: 'ASIAOTHER' })],
  ])('is %s for %s, before any signature is made', async (reason, _, received) => {
    const { refusal, record, calls } = await ask({}, received);
    expect(refusal).toEqual({ role: 'subject', reason });
    expect(record).toMatchObject({ outcome: 'refused', reason, session: undefined });
    expect(calls).toEqual(['find']);
  });

  it('is nobody where the signature is not theirs, whether or not they have ended', async () => {
    for (const times of [[NOW], [NOW, NOW, NOW + 301]]) {
      const { refusal, record } = await ask({ signedBy: async () => false, times });
      expect(refusal).toEqual({ role: 'subject', reason: 'signature_invalid' });
      expect(record?.session).toBeUndefined();
    }
  });

  it('is nobody from the second on in which they end, by a clock that is read after the store has answered', async () => {
    expect((await ask({ times: [NOW, NOW, NOW + 299] })).outcome.kind).toBe('identified');
    expect((await ask({ times: [NOW, NOW, NOW + 300] })).refusal).toEqual({ role: 'subject', reason: 'expired' });
  });

  it.each([1, -1])('asks no store for what was signed too long ago, or too far ahead (%d)', async (sign) => {
    const at = (seconds: number) => asked({ signedAtSeconds: NOW + sign * seconds });
    expect((await ask({}, at(AWS_SIGNED_WINDOW_SECONDS))).outcome.kind).toBe('identified');
    const { refusal, calls } = await ask({}, at(AWS_SIGNED_WINDOW_SECONDS + 1));
    expect(refusal).toEqual({ role: 'subject', reason: 'credential_malformed', problem: 'request_time' });
    expect(calls).toEqual([]);
  });

  it('is not known where the store cannot say, and no guess is made', async () => {
    const find = () => Promise.reject(new StoreUnavailable('down'));
    expect((await ask({ find })).refusal).toMatchObject({ reason: 'store_unavailable' });
    expect((await ask({ find: () => Promise.reject(new Error('a fault')) })).outcome.kind).toBe('failed');
  });

  it('is not told where it cannot be recorded', async () => {
    const { refusal } = await ask({ write: () => Promise.reject(new AuditUnavailable('full')) });
    expect(refusal).toMatchObject({ reason: 'audit_unavailable' });
  });

  it('is not asked for a request that was refused for its form', async () => {
    const { refusal, calls } = await ask({}, { ...asked(), request: refuse({ reason: 'query_forbidden' }) });
    expect([refusal, calls]).toEqual([{ reason: 'query_forbidden' }, []]);
  });
});

describe('the sessions that are remembered', () => {
  it('are found by their session token until a while after their end, and hold no more than is told and compared', async () => {
    const clock = { at: NOW, nowSeconds: () => clock.at, elapsedMs: () => 0 };
    const secrets = createMemorySecrets({ clock });
    const { session, accessKeyId, secretAccessKey, assumedRoleId, expiresAt } = SESSION;
    const role = 'arn:aws:iam::111122223333:role/R';
    const credential = {
      cloud: 'aws' as const,
      session,
      accessKeyId,
      secretAccessKey,
      assumedRoleId,
      role,
      sessionToken: 'st',
    };
    await rememberSession(secrets, credential, expiresAt);
    const sessions = createAwsSessions(secrets);
    expect(await sessions.find('st')).toEqual(SESSION);
    expect(await sessions.find('other')).toBeUndefined();
    clock.at = expiresAt + AWS_SESSION_TOLD_SECONDS - 1;
    expect(await sessions.find('st')).toEqual(SESSION);
    clock.at = expiresAt + AWS_SESSION_TOLD_SECONDS;
    expect(await sessions.find('st')).toBeUndefined();
  });
});
