// The commands for incidents over a real control socket and a real store: what is read, what is answered, and what is refused before it counts.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createControlClient } from '../../../src/adapters/control/client.ts';
import { createOperator, type Operator } from '../../../src/adapters/control/operator.ts';
import { createControlListener } from '../../../src/adapters/control/server.ts';
import type { Command } from '../../../src/core/incidents.ts';
import { WITHDRAWAL_WHY_CHARACTERS_MAX } from '../../../src/core/limits-delegation.ts';
import { handleOf } from '../../../src/parsing/token-handle.ts';
import { type IncidentsUnderTest, NOW, nobodyIsBlocked, openIncidents } from '../../support/incidents.ts';

const ALICE = 'people:alice';
const ORDER = { why: 'stolen', by: 'ops (uid 1)' };
const KEY = { kid: 'k1', algorithm: 'ES256', state: 'current', createdAtSeconds: NOW } as const;
const REVOKED = { revoked: KEY, keys: [], unreached: [], recorded: true, clouds: [] };

let under: IncidentsUnderTest;
let operator: Operator;
let post: (path: string, body: unknown) => Promise<unknown>;
let keysRevoked: { kid: string; command: Command }[];

beforeEach(async () => {
  const directory = mkdtempSync(join(tmpdir(), 'exchequer-'));
  const socket = join(directory, 'run', 'c.sock');
  under = await openIncidents();
  keysRevoked = [];
  const listener = createControlListener({
    socket,
    handlers: {
      reload: async () => ({ ok: true, generation: 1 }),
      decision: () => undefined,
      decisions: () => [],
      keys: () => [KEY],
      documents: () => ({}),
      rotateKeys: async () => [KEY],
      revokeKey: async (kid, command) => {
        if (kid !== KEY.kid) return undefined;
        keysRevoked.push({ kid, command });
        return REVOKED;
      },
      status: () => ({}),
      incidents: {
        ...nobodyIsBlocked(),
        ...under.incidents,
        known: () => ({
          sources: [{ name: 'people', kind: 'oidc', issuer: 'https://login.example/' }],
          clients: [{ id: 'gateway', name: 'clients:gateway', spiffe: 'spiffe://prod.example/gateway' }],
          nameProblem: () => undefined,
        }),
        offlineUntilSeconds: () => NOW + 300,
        clouds: () => [
          { cloud: 'aws', principals: ['arn:aws:iam::111122223333:role/shop'], untilSeconds: NOW + 3_600 },
        ],
      },
    },
  });
  await listener.listen();
  onTestFinished(async () => {
    await listener.close();
    rmSync(directory, { recursive: true });
  });
  operator = createOperator(socket);
  post = (path, body) => createControlClient(socket).request('POST', path, body);
});

describe('block', () => {
  it('answers with what is in force, what is not reached and until when, and what is to be said', async () => {
    const answered = await operator.block({ identity: 'peopel:alice', seconds: 60, ...ORDER });
    const [withdrawal] = under.incidents.inForce();
    expect(withdrawal).toMatchObject({ identity: 'peopel:alice', untilSeconds: NOW + 60 });
    expect(answered).toEqual({
      ok: true,
      report: {
        ended: [{ withdrawal, already: false }],
        ...{ unreached: [], recorded: true, clouds: [], offlineUntilSeconds: NOW + 300 },
        clouds: [{ cloud: 'aws', principals: ['arn:aws:iam::111122223333:role/shop'], untilSeconds: NOW + 3_600 }],
        notes: ['no source is called peopel: did you mean people?'],
      },
    });
    expect(await operator.withdrawals()).toEqual([withdrawal]);
  });

  it('of a client that is a workload is of both its names, and is lifted by either', async () => {
    await operator.block({ identity: 'gateway', seconds: undefined, ...ORDER });
    expect((await operator.withdrawals()).map((one) => one.kind === 'block' && one.identity).sort()).toEqual([
      'clients:gateway',
      'spiffe://prod.example/gateway',
    ]);
    const lifted = await operator.unblock({ which: 'gateway' });
    expect(lifted).toMatchObject({ ok: true, report: { lifted: { length: 2 } } });
    expect(await operator.withdrawals()).toEqual([]);
  });

  it('records whoever the command line says it is, or that it came over the socket', async () => {
    await operator.block({ identity: ALICE, seconds: undefined, ...ORDER });
    await operator.block({ identity: 'people:bob', seconds: undefined, ...ORDER, by: undefined });
    expect(under.records.map(({ by }) => by)).toEqual(['ops (uid 1)', 'control']);
  });
});

describe('what is wrong is 400, and nothing is done', () => {
  it.each<[string, string, object, string]>([
    ['a bare star', '/block', { identity: '*', why: 'x' }, 'a bare *'],
    ['no why', '/block', { identity: ALICE }, 'why'],
    ['an empty why', '/block', { identity: ALICE, why: ' \n' }, 'why: must say something'],
    ['too long a why', '/block', { identity: ALICE, why: 'x'.repeat(WITHDRAWAL_WHY_CHARACTERS_MAX + 1) }, 'why'],
    ['half a character', '/block', { identity: ALICE, why: '\ud800' }, 'why'],
    ['no seconds', '/block', { identity: ALICE, why: 'x', seconds: 0 }, 'seconds'],
    ['a fraction', '/block', { identity: ALICE, why: 'x', seconds: 0.5 }, 'seconds'],
    ['an unknown member', '/block', { identity: ALICE, why: 'x', until: 5 }, 'until'],
    ['a list', '/block', { identity: [ALICE], why: 'x' }, 'identity'],
    ['no kind that there is', '/revoke', { what: 'everything', of: ALICE, why: 'x' }, 'what'],
    ['a star to revoke', '/revoke', { what: 'subject', of: 'people:*', why: 'x' }, 'a revocation is of one name'],
    ['a token that is none', '/revoke', { what: 'chain', of: 'x', why: 'x' }, 'a token is named by its jti'],
  ])('%s', async (_title, path, body, problem) => {
    expect(await post(path, body)).toMatchObject({ status: 400, body: { error: expect.stringContaining(problem) } });
    expect([under.incidents.inForce(), under.records]).toEqual([[], []]);
  });
});

describe('unblock', () => {
  it('of what is not blocked is 404', async () => {
    expect(await operator.unblock({ which: ALICE })).toEqual({
      ok: false,
      is: 'absent',
      problem: `no block has the id or the identity ${ALICE}`,
    });
  });
  it('that cannot be recorded is a fault with the reason, and the block stays', async () => {
    await operator.block({ identity: ALICE, seconds: undefined, ...ORDER });
    under.fail('the disk is full');
    await expect(operator.unblock({ which: ALICE, ...ORDER })).rejects.toThrow('the disk is full');
    expect(await operator.withdrawals()).toHaveLength(1);
  });
});

describe('revoke', () => {
  it('takes our own jti by our issuer, and a handle as it is', async () => {
    const jti = '01JCX5V3M8Q4T7W2Y6Z9B1D3F5';
    await operator.revoke({ what: 'chain', of: jti, ...ORDER });
    await operator.revoke({ what: 'token', of: 'NkjsM3LBFA8_w2F5-6zQ0g', ...ORDER });
    expect(under.incidents.inForce()).toMatchObject([
      { what: 'chain', of: handleOf('https://sts.example', jti) },
      { what: 'token', of: 'NkjsM3LBFA8_w2F5-6zQ0g' },
    ]);
  });

  it('of a key hands over who and why, and says where there is none', async () => {
    expect(await operator.revokeKey('k1', ORDER)).toEqual(REVOKED);
    expect(await operator.revokeKey('k1')).toEqual(REVOKED);
    expect(keysRevoked).toEqual([
      { kid: 'k1', command: ORDER },
      { kid: 'k1', command: { why: 'keys revoke', by: 'control' } },
    ]);
    await expect(operator.revokeKey('k2', ORDER)).rejects.toThrow('there is no such key');
    expect(await post('/keys/k1/revoke', { why: 7 })).toMatchObject({ status: 400 });
  });
});
