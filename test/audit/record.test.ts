// How records are rendered: order, bounds, hashes, and that one record is one line whatever is in it.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText, renderRecord, toLine } from '../../src/audit/record.ts';
import { renderSystem } from '../../src/audit/system.ts';
import type { ExchangeRecord } from '../../src/core/record.ts';
import { grantedRecord, NOW, unprovedRecord } from './trail.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const written = (record: ExchangeRecord, labels = {}): Record<string, unknown> =>
  JSON.parse(toLine(renderRecord(record, labels)));
const claimOf = (value: ExchangeRecord['claims'][number]['value']) =>
  (written(grantedRecord('D', { claims: [{ path: ['groups'], value }] })).claims as object[])[0];

describe('a rendered record', () => {
  it('has its members in one order and leaves absent ones out', () => {
    expect(Object.keys(written(grantedRecord('D1', { owner: 'platform' }), { cluster: 'a' }))).toEqual([
      ...['event', 'decision', 'time', 'outcome', 'transport', 'subject', 'target', 'rule', 'owner', 'jti', 'exp'],
      ...['peer', 'labels'],
    ]);
    expect(Object.keys(written(unprovedRecord('D2')))).toEqual([
      ...['event', 'decision', 'time', 'outcome', 'reason', 'transport', 'peer'],
    ]);
  });

  it('says of a dry run that it is one, before its outcome', () => {
    expect(Object.keys(written({ ...unprovedRecord('D'), dryRun: true })).slice(0, 5)).toEqual([
      ...['event', 'decision', 'time', 'dryRun', 'outcome'],
    ]);
  });

  it('writes every time as RFC 3339 in UTC with milliseconds', () => {
    expect(written(grantedRecord('D'))).toMatchObject({
      time: '2026-09-21T14:13:20.123Z',
      exp: '2026-09-21T14:18:20.123Z',
    });
  });

  it('keeps a claim value that fits as it is, with its JSON type', () => {
    for (const value of ['a'.repeat(256), 74, true, null, ['finance', 'legal']])
      expect(claimOf(value)).toEqual({ path: ['groups'], value });
  });

  it('cuts a claim value at 256 bytes, with the SHA-256 of the whole beside it', () => {
    const text = 'é'.repeat(129);
    expect(claimOf(text)).toEqual({ path: ['groups'], value: 'é'.repeat(128), sha256: sha256(text) });
    const list = Array.from({ length: 100 }, (_, index) => `group-${index}`);
    const cut = claimOf(list) as { value: string[]; sha256: string };
    expect(cut.sha256).toBe(sha256(JSON.stringify(list)));
    expect(cut.value).toEqual(list.slice(0, cut.value.length));
    expect(JSON.stringify(cut.value).length).toBeLessThanOrEqual(256);
    expect(JSON.stringify([...cut.value, list[cut.value.length]]).length).toBeGreaterThan(256);
  });

  it('cuts texts at whole characters, never over the bound', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), fc.integer({ min: 0, max: 300 }), (text, bytesMax) => {
        const cut = cutText(text, bytesMax);
        const [bytes, all] = [Buffer.byteLength(cut), Buffer.byteLength(text)];
        return text.startsWith(cut) && bytes <= bytesMax && (all <= bytesMax ? cut === text : bytes > bytesMax - 4);
      }),
    );
  });

  it('is one line of printable ASCII whatever it holds (A-170)', () => {
    const hostile = 'a\r\nb\u001b[31m\u009b2J\u2028\u2029\u007f\u202e\u{1f600}';
    const line = toLine(renderRecord(grantedRecord('D', { target: hostile, otherClaims: [hostile] }), { x: hostile }));
    expect(line).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(line)).toMatchObject({ target: hostile, otherClaims: [hostile], labels: { x: hostile } });
  });

  it('records an unproved client_id only where it cannot be a credential in the wrong place (A-170)', () => {
    const of = (unprovedClientId: string) => written({ ...unprovedRecord('D'), unprovedClientId }).unprovedClientId;
    expect(of('mcp-gateway')).toBe('mcp-gateway');
    for (const credential of ['eyJhbGciOiJub25lIn0.e30.', 'x'.repeat(257), 'Bearer abc'])
      expect(of(credential)).toEqual({ sha256: sha256(credential) });
  });

  it('keeps other claims by name only, so many, and says how many are not named', () => {
    const otherClaims = Array.from({ length: 130 }, (_, index) => `claim-${index}`);
    const record = written(grantedRecord('D', { otherClaims }));
    expect(record.otherClaims).toEqual(otherClaims.slice(0, 128));
    expect(record.leftOut).toEqual(['otherClaims: 2']);
  });

  it('names claims that nobody accounted for apart, cut and so many, and none where there are none', () => {
    const unknownClaims = Array.from({ length: 130 }, (_, index) => `${index}`.padEnd(300, 'n'));
    const record = written(grantedRecord('D', { unknownClaims }));
    expect(record.unknownClaims).toEqual(unknownClaims.slice(0, 128).map((name) => name.slice(0, 256)));
    expect(record.leftOut).toEqual(['unknownClaims: 2']);
    expect(written(grantedRecord('D'))).not.toHaveProperty('unknownClaims');
  });

  it('gives up its trace, then its claims, before it outgrows its bound, and names what it gave up', () => {
    const claims = Array.from({ length: 128 }, (_, index) => ({
      path: Array.from({ length: 8 }, () => `${index}`.padEnd(250, 'n')),
      value: 'v'.repeat(256),
    }));
    const failed = { part: 'claims', what: 'ref', presented: 'x', expected: 'y' } as const;
    const trace = [{ rule: 'r', at: 'a:1', effect: 'allow', mode: 'enforce', failed }] as const;
    const line = toLine(renderRecord(grantedRecord('D', { claims, trace }), {}));
    expect(line.length).toBeLessThanOrEqual(65_536);
    expect(JSON.parse(line)).toMatchObject({ decision: 'D', leftOut: ['trace', 'claims'], target: 'ledger' });
    expect(written(grantedRecord('D', { trace })).trace).toEqual(trace);
  });

  it('bounds evidence, and keeps its numbers', () => {
    const record = unprovedRecord('D');
    record.evidence = { parameter: 'p'.repeat(1000), bytesMax: 4096 };
    expect(written(record).evidence).toEqual({ parameter: 'p'.repeat(256), bytesMax: 4096 });
  });
});

describe('a record of the broker itself', () => {
  it('lists so many names of a reload, and counts them all', () => {
    const rules = Array.from({ length: 200 }, (_, index) => `rule-${index}`);
    const digests = { config: 'c', policy: 'p' };
    const change = { rulesAdded: rules, rulesChanged: [], rulesRemoved: ['old'], deniesRemoved: ['old'] };
    const finding = { lint: 'environment-alone', about: 'shop', at: 'p.yaml:4:7', reason: 'protected' };
    const accepted = Array.from({ length: 200 }, () => ({ ...finding, reason: 'x'.repeat(1000) }));
    const event = { event: 'reload', outcome: 'applied', generation: 2, digests, ...change, accepted } as const;
    expect(renderSystem(event, NOW, { cluster: 'a' })).toEqual({
      ...{ event: 'reload', time: '2026-09-21T14:13:20.123Z', outcome: 'applied', generation: 2, digests },
      ...{ rulesAdded: rules.slice(0, 128), rulesAddedCount: 200, rulesChanged: [], rulesChangedCount: 0 },
      ...{ rulesRemoved: ['old'], rulesRemovedCount: 1, deniesRemoved: ['old'], deniesRemovedCount: 1 },
      accepted: accepted.slice(0, 128).map((one) => ({ ...one, reason: 'x'.repeat(256) })),
      acceptedCount: 200,
      labels: { cluster: 'a' },
    });
  });
});
