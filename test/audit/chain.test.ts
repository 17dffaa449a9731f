// What `verifyTrail` finds: every way to alter a trail, each on a whole trail that passes before it is altered.

import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyTrail } from '../../src/audit/chain.ts';
import { createLedger } from '../../src/audit/ledger.ts';
import { type CheckpointKey, link, linkCheckpoint, newChain } from '../../src/audit/links.ts';
import { createClock, createPipe, grantedRecord, openTrail } from './trail.ts';

/** A trail of 3 x 5 records: checkpoint, 5 records, checkpoint, ... and three records that no checkpoint covers. */
async function wholeTrail() {
  const pipe = createPipe();
  const { audit, clock, key } = await openTrail({ to: 'stdout', stdout: pipe });
  for (let index = 0; index < 18; index += 1) {
    if (index % 5 === 0) clock.advance(10);
    await audit.write(grantedRecord(`D${index}`, { time: clock.nowSeconds() }));
  }
  const lines = pipe.lines();
  expect(lines.map((line) => (line.includes('"checkpoint"') ? 'c' : 'r')).join('')).toBe('crrrrrcrrrrrcrrrrrcrrr');
  const publicKey = await key();
  const kinds = async (altered: readonly string[]) =>
    (await verifyTrail(altered, publicKey)).problems.map(({ line, kind }) => `${line} ${kind}`);
  return { lines, publicKey, kinds };
}

const forger = (): CheckpointKey => ({
  kid: 'f'.repeat(64),
  sign: () => Buffer.from('no signature').toString('base64'),
});

describe('a whole trail', () => {
  it('is intact, also as an async sequence, and says what no checkpoint covers yet', async () => {
    const { lines, publicKey } = await wholeTrail();
    const report = await verifyTrail(
      (async function* () {
        yield* lines;
      })(),
      publicKey,
    );
    expect(report).toMatchObject({ intact: true, lines: 22, requests: 18, uncovered: 3, problems: [] });
    expect(report.chains).toMatchObject([{ firstSeq: 1, head: { seq: 22 }, checkpoints: 4, uncovered: 3 }]);
  });

  it('is intact where several brokers wrote into one collection', async () => {
    const { lines, publicKey } = await wholeTrail();
    const clock = createClock();
    const pipe = createPipe();
    const other = await openTrail({ to: 'stdout', stdout: pipe, clock });
    for (const decision of ['E1', 'E2']) await other.audit.write(grantedRecord(decision));
    // The other broker has another key: for this one its chain is foreign.
    const merged = lines.flatMap((line, index) => [line, ...pipe.lines().slice(index, index + 1)]);
    expect((await verifyTrail(merged, publicKey)).problems).toMatchObject([
      ...[
        { line: 2, kind: 'bad_signature' },
        { line: 2, kind: 'foreign_chain' },
      ],
    ]);
    const again = createPipe();
    const same = await other.reopen({ stdout: again });
    await same.write(grantedRecord('E3'));
    const both = [...pipe.lines().slice(0, 2), ...again.lines(), ...pipe.lines().slice(2)];
    expect(await verifyTrail(both, await other.key())).toMatchObject({ intact: true, chains: [{}, {}] });
  });
});

describe('an altered trail', () => {
  it('with an edited record names the line', async () => {
    const { lines, kinds } = await wholeTrail();
    expect(await kinds(lines)).toEqual([]);
    expect(await kinds(lines.with(3, (lines[3] ?? '').replace('granted', 'refused')))).toEqual(['4 edited']);
  });

  it('with any one character of a covered line changed is broken', async () => {
    const { lines, publicKey } = await wholeTrail();
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 17 }), fc.nat(), async (index, at) => {
        const line = lines[index] ?? '';
        const place = at % line.length;
        const other = line[place] === 'a' ? 'b' : 'a';
        const altered = lines.with(index, line.slice(0, place) + other + line.slice(place + 1));
        return !(await verifyTrail(altered, publicKey)).intact;
      }),
      { numRuns: 60 },
    );
  });

  it('with missing records names the gap', async () => {
    const { lines, kinds, publicKey } = await wholeTrail();
    expect(await kinds(lines.toSpliced(3, 2))).toEqual(['4 gap']);
    const { problems } = await verifyTrail(lines.toSpliced(3, 2), publicKey);
    expect(problems[0]?.text).toBe('line 4 has place 6: places 4 to 5 are missing before it');
  });

  it('without its beginning says so', async () => {
    const { lines, kinds } = await wholeTrail();
    expect(await kinds(lines.slice(6))).toEqual(['1 gap']);
    expect(await kinds(lines.slice(3))).toEqual(['1 gap']);
  });

  it('with records missing before a checkpoint is truncated', async () => {
    const { lines, kinds } = await wholeTrail();
    expect(await kinds(lines.toSpliced(4, 2))).toEqual(['5 truncation']);
    expect(await kinds([])).toEqual(['0 truncation']);
  });

  it('with a cut tail is as intact as one that ended there, and its head differs', async () => {
    const { lines, publicKey } = await wholeTrail();
    const cut = await verifyTrail(lines.slice(0, 15), publicKey);
    expect(cut).toMatchObject({ intact: true, uncovered: 2 });
    expect(cut.chains[0]?.head).not.toEqual((await verifyTrail(lines, publicKey)).chains[0]?.head);
  });

  it('with lines in another order names those behind their place', async () => {
    const { lines, kinds } = await wholeTrail();
    const [a = '', b = ''] = lines.slice(3, 5);
    expect(await kinds(lines.toSpliced(3, 2, b, a))).toEqual(['5 out_of_order']);
    expect(await kinds(lines.toSpliced(5, 0, a))).toEqual(['6 out_of_order']);
  });

  it('with lines that are none names them', async () => {
    const { lines, kinds } = await wholeTrail();
    const torn = (lines[21] ?? '').slice(0, 150);
    expect(await kinds([...lines.slice(0, 21), torn])).toEqual(['22 unparsable']);
    expect(await kinds(lines.toSpliced(3, 0, '', 'root: logged in', '[1]'))).toEqual([
      ...['4 unparsable', '5 unparsable', '6 unparsable'],
    ]);
  });

  it('with a chain of somebody else says so', async () => {
    const { lines, kinds } = await wholeTrail();
    const stranger = newChain((count) => new Uint8Array(count));
    const forged = linkCheckpoint(stranger, forger(), '2026-09-21T14:13:20.123Z');
    const record = link(forged.chain, '{"event":"exchange","outcome":"granted"}');
    expect(await kinds([...lines, forged.line, record.line])).toEqual(['23 bad_signature', '23 foreign_chain']);
  });

  it('rewritten from one record on needs a signature that only the key can make', async () => {
    const { lines, publicKey, kinds } = await wholeTrail();
    const bodies = lines.map((line) => `{${line.slice(line.indexOf('"event"'))}`);
    const rewrite = (keep: (body: string) => boolean): string[] => {
      let at = { ...newChain(() => new Uint8Array(16)), id: JSON.parse(lines[0] ?? '').chain };
      return bodies.filter(keep).map((body) => {
        const linked = link(at, body.replace('"decision":"D3"', '"decision":"D9"'));
        at = linked.chain;
        return linked.line;
      });
    };
    expect(rewrite(() => true).slice(0, 4)).toEqual(lines.slice(0, 4));
    expect(await kinds(rewrite(() => true))).toEqual(['7 bad_signature', '13 bad_signature', '19 bad_signature']);
    // Without the later checkpoints the chain is whole: what nobody vouches for is reported as such, and never for long.
    const without = rewrite((body) => !body.includes('"checkpoint"') || body === bodies[0]);
    expect(await verifyTrail(without, publicKey)).toMatchObject({ intact: true, uncovered: 18 });
  });

  it('with too many records and no checkpoint says so', async () => {
    const { kinds } = await wholeTrail();
    let at = newChain((count) => new Uint8Array(count));
    const lines = Array.from({ length: 1_500 }, () => {
      const linked = link(at, '{"event":"exchange"}');
      at = linked.chain;
      return linked.line;
    });
    expect(await kinds(lines)).toEqual(['1 foreign_chain', '1001 checkpoint_overdue']);
  });

  it('with records of several minutes and no checkpoint says so', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    let at = newChain((count) => new Uint8Array(count));
    const lines = ['2026-09-21T14:13:20.123Z', '2026-09-21T14:14:00.000Z', '2026-09-21T14:14:20.124Z'].map((time) => {
      const linked = link(at, `{"event":"exchange","time":"${time}"}`);
      at = linked.chain;
      return linked.line;
    });
    const { problems } = await verifyTrail(lines, publicKey);
    expect(problems.map(({ line, kind }) => `${line} ${kind}`)).toEqual(['1 foreign_chain', '3 checkpoint_overdue']);
  });

  it('reports a hundred problems and counts the rest', async () => {
    const { publicKey } = await wholeTrail();
    const report = await verifyTrail(
      Array.from({ length: 5_000 }, () => 'x'),
      publicKey,
    );
    expect(report.problems).toHaveLength(100);
    expect(report.problemsCount).toBe(5_000);
  });
});

describe('a ledger', () => {
  it('moves only when a group is committed', () => {
    const clock = createClock();
    const chain = newChain((count) => new Uint8Array(count));
    const ledger = createLedger({ chain, key: forger(), clock, labels: () => ({}) });
    const abandoned = ledger.compose(['{"event":"a"}'], false);
    abandoned.abandon();
    const again = ledger.compose(['{"event":"a"}'], false);
    expect(again.bytes.toString()).toBe(abandoned.bytes.toString());
    again.commit();
    expect(JSON.parse(ledger.compose(['{"event":"b"}'], false).bytes.toString())).toMatchObject({ seq: 3, event: 'b' });
  });

  it('tells a loss until it has been written, and once', () => {
    const clock = createClock();
    const chain = newChain((count) => new Uint8Array(count));
    const ledger = createLedger({ chain, key: forger(), clock, labels: () => ({}) });
    ledger.compose([], false).commit();
    expect(ledger.due()).toBe(false);
    ledger.lost('request');
    ledger.compose([], false).abandon();
    ledger.lost('request');
    ledger.lost('event');
    expect(ledger.due()).toBe(true);
    const told = ledger.compose([], false);
    expect(JSON.parse(told.bytes.toString())).toMatchObject({ event: 'audit', count: 2, events: 1 });
    told.commit();
    expect(ledger.due()).toBe(false);
    expect(ledger.compose([], false).bytes).toHaveLength(0);
  });
});
