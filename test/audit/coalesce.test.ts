// Coalescing of refusals in which nothing was proved: what is coalesced, what is not, and that none is ever uncounted.

import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { addressKey, type Coalesced, createCoalescer } from '../../src/audit/coalesce.ts';
import { createPipe, grantedRecord, NOW, openTrail, unprovedRecord } from './trail.ts';

/** A coalescer whose counts the test collects, or turns away. */
function collecting(addressesMax?: number) {
  const handed: Coalesced[] = [];
  const state = { accepting: true };
  const write = (coalesced: Coalesced): Promise<boolean> => {
    if (state.accepting) handed.push(coalesced);
    return Promise.resolve(state.accepting);
  };
  const coalescer = createCoalescer(write, addressesMax);
  const takeMany = (count: number, peer: string): number =>
    Array.from({ length: count }, () => coalescer.take(unprovedRecord('D', peer))).filter((taken) => !taken).length;
  return { coalescer, handed, state, takeMany };
}

describe('refusals in which nothing was proved', () => {
  it('have a record each up to 100 a second and address, and a count above that', () => {
    const { coalescer, handed, takeMany } = collecting();
    expect(takeMany(150, '192.0.2.1')).toBe(100);
    expect(takeMany(100, '192.0.2.2')).toBe(100);
    coalescer.flush();
    expect(handed).toEqual([
      { peer: '192.0.2.1', since: NOW, until: NOW, count: 50, reasons: { scope_malformed: 50 }, transport: 'oauth' },
    ]);
    expect(takeMany(150, '192.0.2.1')).toBe(100);
  });

  it('are nothing else: grants, faults, and refusals of somebody proved always have a record of their own', () => {
    const { coalescer, takeMany } = collecting();
    takeMany(200, '192.0.2.1');
    const peer = '192.0.2.1';
    expect(coalescer.take(unprovedRecord('D', peer))).toBe(true);
    expect(coalescer.take(grantedRecord('D', { peer }))).toBe(false);
    expect(coalescer.take(grantedRecord('D', { peer, outcome: 'refused', reason: 'no_rule' }))).toBe(false);
    expect(coalescer.take({ ...unprovedRecord('D', peer), outcome: 'failed', reason: 'fault' })).toBe(false);
  });

  it('count as one sender within a /64, and an IPv4 address is one in either spelling', () => {
    expect(addressKey('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:2::9')).toBe('2001:db8:1:2::/64');
    expect(addressKey('2001:db8:1:3::9')).toBe('2001:db8:1:3::/64');
    expect(addressKey('::ffff:192.0.2.1')).toBe('192.0.2.1');
    expect(addressKey('unix')).toBe('unix');
  });

  it('are counted by reason, from the first to the last', () => {
    const { coalescer, handed, takeMany } = collecting();
    takeMany(101, '192.0.2.1');
    coalescer.take({ ...unprovedRecord('D', '192.0.2.1', NOW + 0.5), reason: 'issuer_unknown' });
    coalescer.flush();
    expect(handed).toMatchObject([
      { count: 2, since: NOW, until: NOW + 0.5, reasons: { scope_malformed: 1, issuer_unknown: 1 } },
    ]);
  });

  it('keep a count that could not be written, and add to it', async () => {
    const { coalescer, handed, state, takeMany } = collecting();
    takeMany(130, '192.0.2.1');
    state.accepting = false;
    coalescer.flush();
    await Promise.resolve();
    await Promise.resolve();
    takeMany(105, '192.0.2.1');
    state.accepting = true;
    coalescer.flush();
    expect(handed).toMatchObject([{ count: 35 }]);
  });

  it('of more addresses than are kept lose none: one that is dropped hands over its count', () => {
    const { coalescer, handed, takeMany } = collecting(2);
    for (const peer of ['192.0.2.1', '192.0.2.2', '192.0.2.3']) takeMany(110, peer);
    expect(handed).toMatchObject([{ peer: '192.0.2.1', count: 10 }]);
    coalescer.flush();
    expect(handed.map(({ count }) => count)).toEqual([10, 10, 10]);
  });

  it('are never uncounted, whatever the order of addresses and seconds', () => {
    const step = fc.oneof(
      fc.constant('flush' as const),
      fc.tuple(fc.nat({ max: 5 }), fc.integer({ min: 1, max: 150 })),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { coalescer, handed, takeMany } = collecting(3);
        let [sent, single] = [0, 0];
        for (const each of steps) {
          if (each === 'flush') coalescer.flush();
          else {
            sent += each[1];
            single += takeMany(each[1], `192.0.2.${each[0]}`);
          }
        }
        coalescer.flush();
        return single + handed.reduce((sum, { count }) => sum + count, 0) === sent;
      }),
    );
  });
});

describe('the trail under a flood', () => {
  it('says of every request that it was there, on the second’s end and at the close', async () => {
    const { audit, report, lines } = await openTrail();
    const flood = (count: number) =>
      Promise.all(Array.from({ length: count }, (_, index) => audit.write(unprovedRecord(`D${index}`))));
    await flood(1_000);
    await vi.waitFor(async () => expect(await report()).toMatchObject({ intact: true, requests: 1_000 }), 5_000);
    await flood(500);
    await audit.close();
    expect(await report()).toMatchObject({ intact: true, requests: 1_500 });
    const counts = (await lines()).map((line) => JSON.parse(line)).filter(({ event }) => event === 'refusals');
    expect(counts.reduce((sum, { count }) => sum + count, 0)).toBe(1_300);
    expect((await lines()).length).toBeLessThan(220);
  });

  it('refuses a coalesced one too while nothing can be written, and still counts it', async () => {
    const pipe = createPipe();
    const { audit } = await openTrail({ to: 'stdout', stdout: pipe });
    await Promise.all(Array.from({ length: 100 }, (_, index) => audit.write(unprovedRecord(`D${index}`))));
    await audit.write(unprovedRecord('coalesced'));
    pipe.fail(new Error('gone'));
    await expect(audit.write(grantedRecord('D'))).rejects.toThrow('gone');
    await expect(audit.write(unprovedRecord('coalesced'))).rejects.toThrow('records cannot be written');
    pipe.fail(undefined);
    await audit.close();
    expect(pipe.records()).toContainEqual(expect.objectContaining({ event: 'refusals', count: 2 }));
  });
});
