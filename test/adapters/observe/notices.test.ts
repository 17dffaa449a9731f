// Warnings that requests cause: what is worth one, and that no number of callers makes more than one in a minute of them.

import { describe, expect, it } from 'vitest';
import { withNotices } from '../../../src/adapters/observe/notices.ts';
import { NOTICE_SECONDS } from '../../../src/core/limits.ts';
import type { Observer } from '../../../src/core/ports.ts';
import { type ExchangeRecord, noteRefusal, openRecord } from '../../../src/core/record.ts';
import { type Refusal, refuse } from '../../../src/core/refusal.ts';

const lacking = { file: '/etc/x/east.json', held: ['old'], alg: 'RS256', kid: 'new' };
const UNKNOWN: Refusal = { reason: 'key_unknown', role: 'subject', source: 'east', lacking };
const UNASKED: Refusal = {
  reason: 'review_unavailable',
  source: 'east',
  problem: 'status (403)',
  retryAfterSeconds: 1,
};

function open() {
  const time = { ms: 5_000 };
  const warned: object[] = [];
  const inner: string[] = [];
  const behind: Observer = {
    finished: (record) => void inner.push(String(record.reason)),
    fault: () => void inner.push('fault'),
  };
  const observer = withNotices({
    observer: behind,
    clock: { nowSeconds: () => 0, elapsedMs: () => time.ms },
    warn: (fields) => warned.push(fields),
  });
  const see = (refusal: Refusal) => {
    const received = {
      transport: 'oauth',
      peer: '192.0.2.1',
      traceId: undefined,
      mtls: undefined,
      grantType: undefined,
    } as const;
    const record: ExchangeRecord = openRecord(
      { ...received, request: refuse({ reason: 'query_forbidden' }) },
      '01JCX5ZZZZ0123456789ABCDEF',
      1_800_000_000,
    );
    noteRefusal(record, refusal);
    observer.finished(record, 1);
  };
  return { time, warned, inner, observer, see };
}

describe('a notice', () => {
  it('KB-13 names source, decision and what is lacking, and counts what it kept back', () => {
    const { time, warned, see } = open();
    see(UNKNOWN);
    const said = { source: 'east', reason: 'key_unknown', decision: '01JCX5ZZZZ0123456789ABCDEF', lacking };
    expect(warned).toEqual([{ ...said, alsoSince: 0 }]);
    for (let more = 0; more < 1_000; more += 1) see(UNKNOWN);
    time.ms += NOTICE_SECONDS * 1_000 - 1;
    see(UNKNOWN);
    expect(warned).toHaveLength(1);
    time.ms += 1;
    see(UNKNOWN);
    expect(warned.slice(1)).toEqual([{ ...said, alsoSince: 1_001 }]);
  });

  it('is given apart for each source and each reason', () => {
    const { warned, see } = open();
    for (const refusal of [UNKNOWN, UNASKED, { ...UNKNOWN, source: 'west' }, { ...UNASKED, source: 'west' }])
      see(refusal);
    expect(warned).toMatchObject([
      { source: 'east', reason: 'key_unknown' },
      { source: 'east', reason: 'review_unavailable', problem: 'status (403)' },
      { source: 'west', reason: 'key_unknown' },
      { source: 'west', reason: 'review_unavailable' },
    ]);
  });

  it('is not given for what no operator can mend, and the observer behind it sees everything', () => {
    const { warned, inner, observer, see } = open();
    see({ reason: 'key_unknown', role: 'subject', source: 'east' });
    see({ reason: 'review_refused', role: 'subject', source: 'east', problem: 'audience' });
    see({ reason: 'signature_invalid', role: 'subject', source: 'east' });
    observer.fault('01JCX5ZZZZ0123456789ABCDEF', new Error('planted'));
    expect(warned).toEqual([]);
    see(UNKNOWN);
    expect(warned).toHaveLength(1);
    expect(inner).toEqual(['key_unknown', 'review_refused', 'signature_invalid', 'fault', 'key_unknown']);
  });
});
