// The record of a question whose a cloud's credentials are: what it says and never says, and that it counts as
// one request.

import { describe, expect, it } from 'vitest';
import { verifyTrail } from '../../src/audit/chain.ts';
import { renderRecord, toLine } from '../../src/audit/record.ts';
import {
  type CallerIdentityRecord,
  noteIdentity,
  openCallerIdentityRecord,
} from '../../src/core/caller-identity-record.ts';
import { noteRefusal } from '../../src/core/record.ts';
import { refuse } from '../../src/core/refusal.ts';
import { ASKED } from '../support/own-token-path.ts';
import { NOW, openTrail } from './trail.ts';

const SESSION = {
  principal: 'arn:aws:sts::111122223333:assumed-role/R/s',
  id: 'ASIAEXAMPLE',
  audience: 'https://sts.example/targets/r',
  subject: 'target:r',
};
const received = { ...ASKED, transport: 'aws-sts', request: refuse({ reason: 'query_forbidden' }) } as const;
const opened = (decision: string): CallerIdentityRecord => openCallerIdentityRecord(received, decision, NOW);
function answered(decision = 'D'): CallerIdentityRecord {
  const record = opened(decision);
  noteIdentity(record, SESSION);
  return record;
}
function refused(): CallerIdentityRecord {
  const record = opened('R');
  noteRefusal(record, { role: 'subject', reason: 'signature_invalid' });
  return record;
}
const written = (record: CallerIdentityRecord): object => JSON.parse(toLine(renderRecord(record, { cluster: 'a' })));

describe('the record of a question whose credentials they are', () => {
  it('has its members in one order: what came of it, and whose they are', () => {
    expect(Object.entries(written(answered()))).toEqual(
      Object.entries({
        event: 'caller_identity',
        decision: 'D',
        time: '2026-09-21T14:13:20.123Z',
        outcome: 'answered',
        transport: 'aws-sts',
        session: SESSION,
        peer: '127.0.0.1',
        labels: { cluster: 'a' },
      }),
    );
  });

  it('says why not, and of nobody', () => {
    const record = written(refused());
    expect(record).toMatchObject({ outcome: 'refused', reason: 'signature_invalid', evidence: { role: 'subject' } });
    expect(record).not.toHaveProperty('session');
  });

  it('counts as one request, and is remembered for `explain` where it was refused', async () => {
    const { audit, lines, key } = await openTrail();
    await audit.write(answered('D1'));
    await audit.write(refused());
    expect(audit.find('D1')).toBeUndefined();
    expect(audit.find('R')).toMatchObject({ event: 'caller_identity', reason: 'signature_invalid' });
    await audit.close();
    expect(await verifyTrail(await lines(), await key())).toMatchObject({ intact: true, requests: 2 });
  });
});
