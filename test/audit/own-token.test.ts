// Records of introspections and revocations on the trail: what they say and never say, and that each counts as one request.

import { describe, expect, it } from 'vitest';
import { verifyTrail } from '../../src/audit/chain.ts';
import { createCoalescer } from '../../src/audit/coalesce.ts';
import { renderRecord, toLine } from '../../src/audit/record.ts';
import { UNPROVED_RECORDS_PER_SECOND } from '../../src/core/limits.ts';
import {
  noteAnswered,
  noteToken,
  noteWithdrawal,
  type OwnTokenRecord,
  openOwnTokenRecord,
} from '../../src/core/own-token-record.ts';
import { AuditUnavailable } from '../../src/core/ports.ts';
import { noteClient, noteRefusal } from '../../src/core/record.ts';
import { ASKED, client, LEDGER, ownToken } from '../support/own-token-path.ts';
import { NOW, openTrail } from './trail.ts';

function answered(event: OwnTokenRecord['event'], decision = 'D'): OwnTokenRecord {
  const record = openOwnTokenRecord(event)(ASKED, decision, NOW);
  noteClient(record, client());
  noteToken(record, ownToken({ sha256: 'ff' }), ['ledger']);
  noteAnswered(record, undefined);
  return record;
}
const refused = (peer = '192.0.2.1'): OwnTokenRecord => {
  const record = openOwnTokenRecord('introspection')({ ...ASKED, peer }, 'R', NOW);
  noteRefusal(record, { reason: 'parameter_missing', parameter: 'token' });
  return record;
};
const written = (record: OwnTokenRecord, labels = {}): object => JSON.parse(toLine(renderRecord(record, labels)));

describe('the record of a question about a token', () => {
  it('has its members in one order: who asked, which token, and what was said', () => {
    const record = answered('introspection');
    record.active = true;
    expect(written(record, { cluster: 'a' })).toEqual({
      event: 'introspection',
      decision: 'D',
      time: '2026-09-21T14:13:20.123Z',
      outcome: 'answered',
      active: true,
      transport: 'oauth',
      client: {
        id: 'ledger-api',
        method: 'client_secret_basic',
        source: 'clients',
        iss: 'https://sts.example',
        sub: 'ledger-api',
        name: 'clients:ledger-api',
        sha256: 'aa',
      },
      token: {
        jti: 'jti-1',
        sub: 'github:s',
        clientId: 'shop',
        aud: LEDGER,
        exp: '2026-09-21T14:18:20.000Z',
        sha256: 'ff',
      },
      targets: ['ledger'],
      peer: '127.0.0.1',
      labels: { cluster: 'a' },
    });
  });

  it('says why a token was not active, and by what one was ended', () => {
    const inactive = answered('introspection');
    noteAnswered(inactive, { reason: 'not_introspected', targets: ['ledger'] });
    expect(written(inactive)).toMatchObject({ reason: 'not_introspected', evidence: { targets: ['ledger'] } });
    const ended = answered('revocation');
    const chain = { kind: 'revocation', what: 'chain', of: 'h', why: 'w', atSeconds: NOW, untilSeconds: NOW } as const;
    noteWithdrawal(ended, { ...chain, id: 'w-1' }, ['replica-2']);
    expect(written(ended)).toMatchObject({ event: 'revocation', withdrawal: 'w-1', unreached: ['replica-2'] });
    expect(written(ended)).not.toHaveProperty('active');
  });

  it('cuts what is long, and hashes a credential in the wrong place', () => {
    const record = answered('introspection');
    noteToken(record, ownToken({ audience: `https://${'a'.repeat(9_000)}.example` }), ['ledger']);
    record.unprovedClientId = 'eyJhbGciOiJub25lIn0.e30.';
    expect(toLine(renderRecord(record, {})).length).toBeLessThan(4_000);
    expect(written(record)).toMatchObject({ unprovedClientId: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) } });
  });
});

describe('the trail', () => {
  it('counts each as one request', async () => {
    const { audit, lines, key } = await openTrail();
    await audit.write(answered('introspection', 'D1'));
    await audit.write(answered('revocation', 'D2'));
    await audit.write(refused());
    await audit.close();
    expect(await verifyTrail(await lines(), await key())).toMatchObject({ intact: true, requests: 3 });
  });

  it('remembers what somebody has an id of, and not every answer to a resource server', async () => {
    const { audit } = await openTrail();
    await audit.write(answered('introspection', 'D1'));
    await audit.write(refused());
    expect(audit.find('D1')).toBeUndefined();
    expect(audit.find('R')).toMatchObject({ event: 'introspection', reason: 'parameter_missing' });
    await audit.close();
    await expect(audit.write(answered('introspection', 'D2'))).rejects.toBeInstanceOf(AuditUnavailable);
  });

  it('counts refusals in which nothing was proved together with those of /token', () => {
    const counts: number[] = [];
    const coalescer = createCoalescer(async ({ count }) => {
      counts.push(count);
      return true;
    });
    const taken = Array.from({ length: UNPROVED_RECORDS_PER_SECOND + 5 }, () => coalescer.take(refused()));
    expect(taken.filter((one) => one)).toHaveLength(5);
    expect(coalescer.take(answered('introspection'))).toBe(false);
    coalescer.flush();
    expect(counts).toEqual([5]);
  });
});
