// Incidents while the trail cannot be written, against a whole broker: a block counts all the same and is recorded as soon as it can be; what
// loosens is not done. And the answer comes after every request that was in work.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import type { Stdout } from '../../src/audit/sinks.ts';
import { createPipe } from '../audit/trail.ts';
import { mint, startTestBroker, type TestBroker } from '../support/broker.ts';
import { operatorOf } from '../support/operator.ts';

const API = 'spiffe://prod.example/ns/payments/sa/api';
const WHY = ['--why', 'stolen'] as const;

let broker: TestBroker;
let pipe: ReturnType<typeof createPipe>;
let operator: ReturnType<typeof operatorOf>;
/** Records of requests are held back, and what lets the last one go. */
let holds: boolean;
let held: (() => void) | undefined;
beforeEach(async () => {
  pipe = createPipe();
  [holds, held] = [false, undefined];
  const stdout: Stdout = {
    write(bytes, done) {
      const write = () => pipe.write(bytes, done);
      if (holds && Buffer.from(bytes).includes('"event":"exchange"')) held = write;
      else write();
    },
  };
  broker = await startTestBroker({
    world: { stdout },
    config: (yaml) => yaml.replace('audit: { to: ./audit.jsonl, sync: false }', 'audit: { to: stdout }'),
  });
  operator = operatorOf(broker);
});
afterEach(async () => {
  pipe.fail(undefined);
  await broker.stop();
});
const exchange = async () => broker.exchange(await mint(broker, 'mesh', jwtSvid(API, broker.issuer, broker.now())));
const on = (event: string) => pipe.records().filter((record) => record.event === event);

describe('while the trail cannot be written', () => {
  it('F-47 a block is in force, says that it is not on record, and is recorded as soon as the trail can be written', async () => {
    pipe.fail(new Error('ENOSPC'));
    const { exit, out, err } = await operator('block', API, ...WHY);
    expect([exit, out]).toEqual([0, [expect.stringMatching(`^blocked  ${API}  `)]]);
    expect(err).toContain('not on record yet: the audit trail cannot be written. It is written as soon as it can be');
    expect(on('block')).toEqual([]);
    pipe.fail(undefined);
    await expect
      .poll(() => on('block'), { timeout: 10_000 })
      .toMatchObject([{ identity: API, why: 'stolen', unreached: [] }]);
    await expect.poll(async () => (await exchange()).status).toBe(400);
    expect(on('exchange').at(-1)).toMatchObject({ reason: 'withdrawn' });
    expect(on('block')).toHaveLength(1);
  });

  it('F-47 nothing is lifted: what loosens is recorded first, or not done', async () => {
    await operator('block', API, ...WHY);
    pipe.fail(new Error('ENOSPC'));
    const { exit, out, err } = await operator('unblock', API);
    expect([exit, out, err.length]).toEqual([3, [], 1]);
    pipe.fail(undefined);
    await expect.poll(async () => (await exchange()).status).toBe(400);
    expect(on('exchange').at(-1)).toMatchObject({ reason: 'withdrawn' });
    expect(on('unblock')).toEqual([]);
    expect((await operator('unblock', API)).exit).toBe(0);
    expect((await exchange()).status).toBe(200);
    expect(on('unblock')).toMatchObject([{ identity: API }]);
  });
});

it('a block answers when a request that was past its last check has left', async () => {
  expect((await exchange()).status).toBe(200);
  const order: string[] = [];
  holds = true;
  const inWork = exchange().then(({ status }) => order.push(`answered ${status}`));
  // Decided, issued, and looked at again: it waits for its record, for RECORD_WRITE_MS at most.
  await expect.poll(() => held, { interval: 1 }).toBeDefined();
  const block = operator('block', API, ...WHY).then(({ exit }) => order.push(`blocked ${exit}`));
  await expect.poll(async () => (await operator('blocks')).out.join(), { interval: 1 }).toContain(API);
  holds = false;
  held?.();
  await Promise.all([inWork, block]);
  // 503 on a machine so slow that the record was given up.
  expect(order).toEqual([expect.stringMatching(/^answered (?:200|503)$/), 'blocked 0']);
});
