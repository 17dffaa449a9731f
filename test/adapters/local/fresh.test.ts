// A credential kept fresh, with a clock and timers of the test's own: when it is replaced, what is served while the broker is away or refuses, and
// how often a broker that says no is asked.

import { describe, expect, it } from 'vitest';
import { createFresh, type Fresh } from '../../../src/adapters/local/fresh.ts';
import type { Fetched } from '../../../src/adapters/local/held.ts';
import { NOW, settle, startTime } from '../../support/local-broker.ts';

/** `byte`: what chance says, of 256. */
function openFresh({ ahead = true, byte = 128 }: { readonly ahead?: boolean; readonly byte?: number } = {}) {
  const time = startTime();
  const asked: number[] = [];
  const said: string[] = [];
  let answer: () => Promise<Fetched<string>> | Fetched<string> = () => credential(`c${asked.length}`, 1_000);
  const credential = (value: string, seconds: number): Fetched<string> => ({
    had: 'credential',
    value,
    endsAtSeconds: time.clock.nowSeconds() + seconds,
  });
  const fresh: Fresh<string> = createFresh<string>({
    ...time,
    randomBytes: () => Uint8Array.of(byte),
    ask: async () => {
      asked.push(time.clock.nowSeconds() - NOW);
      return answer();
    },
    ahead,
    onChange: (now, why) => void said.push(`${now} ${why}`.trim()),
  });
  const answers = (next: typeof answer) => {
    answer = next;
  };
  return { time, fresh, asked, said, answers, credential };
}

const REFUSED = { had: 'refusal', sentence: 'invalid_target: no' } as const;
const AWAY = { had: 'nothing', problem: 'nobody there' } as const;

describe('a credential that is kept fresh', () => {
  it('F-54 is had before anybody asks, and replaced when half of its life is over', async () => {
    const { time, fresh, asked } = openFresh();
    expect(await fresh.start()).toEqual({ ok: true, value: 'c1', endsAtSeconds: NOW + 1_000, leftSeconds: 1_000 });
    await time.pass(499);
    expect(await fresh.current()).toMatchObject({ value: 'c1', leftSeconds: 501 });
    await time.pass(2);
    expect(asked).toEqual([0, 500]);
    expect(await fresh.current()).toMatchObject({ value: 'c2', leftSeconds: 999 });
  });

  it.each([
    [0, 450],
    [255, 549],
  ])(
    'is replaced at a moment of its own, so that pods of one deployment do not ask at once: chance %i',
    async (byte, at) => {
      const { time, fresh, asked } = openFresh({ byte });
      await fresh.start();
      await time.pass(600);
      expect(asked.map(Math.floor)).toEqual([0, at]);
    },
  );

  it('is asked for by one question at a time, whoever asks meanwhile', async () => {
    const { time, fresh, asked, answers, credential } = openFresh();
    const flight = Promise.withResolvers<Fetched<string>>();
    answers(() => flight.promise);
    const all = [fresh.start(), fresh.current(), fresh.current(), fresh.start()];
    await settle();
    flight.resolve(credential('one', 60));
    expect((await Promise.all(all)).map((served) => served.ok && served.value)).toEqual(['one', 'one', 'one', 'one']);
    expect([asked.length, time.waiting()]).toEqual([1, 1]);
  });

  it('is served while the broker is away for as long as it is good, and never after', async () => {
    const { time, fresh, asked, said, answers } = openFresh();
    await fresh.start();
    answers(() => AWAY);
    await time.pass(998);
    expect(await fresh.current()).toMatchObject({ ok: true, value: 'c1', leftSeconds: 2 });
    expect(fresh.serves()).toBe(true);
    await time.pass(1.5);
    expect(fresh.serves()).toBe(false);
    expect(await fresh.current()).toMatchObject({ ok: false, why: 'unavailable', sentence: 'nobody there' });
    await time.pass(60);
    expect(said).toEqual(['stale nobody there', 'unavailable nobody there']);
    // Pauses that double up to half a minute, a tenth sooner by chance.
    const first = asked.slice(1, 8).map((at) => at - 500);
    expect(first.map((at) => Math.round(at * 10) / 10)).toEqual([0, 0.9, 2.7, 6.3, 13.5, 27.9, 54.9]);
  });

  it('comes back by itself once the broker does', async () => {
    const { time, fresh, said, answers, credential } = openFresh();
    answers(() => AWAY);
    expect(await fresh.start()).toEqual({
      ok: false,
      why: 'unavailable',
      sentence: 'nobody there',
      retryAfterSeconds: 1,
    });
    answers(() => credential('late', 1_000));
    await time.pass(1);
    expect(await fresh.current()).toMatchObject({ ok: true, value: 'late' });
    expect(said).toEqual(['served']);
  });

  it('A-161 is dropped when the broker refuses another, and the refusal is what is said, without asking each time', async () => {
    const { time, fresh, asked, said, answers } = openFresh();
    await fresh.start();
    answers(() => REFUSED);
    await time.pass(500);
    for (let times = 0; times < 100; times += 1)
      expect(await fresh.current()).toMatchObject({ ok: false, why: 'refused', sentence: 'invalid_target: no' });
    expect(asked).toEqual([0, 500]);
    await time.pass(600);
    expect(asked.slice(2).map((at) => Math.round((at - 500) * 10) / 10)).toEqual([
      4.5, 13.5, 31.5, 67.5, 121.5, 175.5, 229.5, 283.5, 337.5, 391.5, 445.5, 499.5, 553.5,
    ]);
    expect(said).toEqual(['refused invalid_target: no']);
  });

  it('is not waited for longer than an SDK waits: under a second', async () => {
    const { time, fresh, answers } = openFresh();
    answers(() => new Promise(() => undefined));
    void fresh.start();
    const served = fresh.current();
    await time.pass(0.79);
    expect(time.waiting()).toBe(1);
    await time.pass(0.02);
    expect(await served).toEqual({
      ok: false,
      why: 'unavailable',
      sentence: 'the broker has not answered yet',
      retryAfterSeconds: 1,
    });
  });

  it('that has ended when it comes is none', async () => {
    const { fresh, answers, credential } = openFresh();
    answers(() => credential('old', 0.5));
    expect(await fresh.start()).toMatchObject({
      ok: false,
      sentence: expect.stringContaining('the clocks of this machine and the broker differ'),
    });
  });

  it('is asked for anew by whoever comes first after the machine has slept', async () => {
    const { time, fresh, asked } = openFresh();
    await fresh.start();
    time.sleep(5_000);
    expect(await fresh.current()).toMatchObject({ ok: true, value: 'c2' });
    expect(asked).toEqual([0, 5_000]);
  });

  it('with a fault in the question is as if the broker were away', async () => {
    const { fresh, answers } = openFresh();
    answers(() => Promise.reject(new Error('canary')));
    expect(await fresh.start()).toMatchObject({ why: 'unavailable', sentence: 'a fault while asking the broker' });
  });

  it('that lives for seconds is not asked for all the time', async () => {
    const { time, fresh, asked, answers, credential } = openFresh();
    answers(() => credential('short', 1.2));
    await fresh.start();
    await time.pass(10);
    expect(asked).toHaveLength(11);
  });

  it('is gone once it is closed, with its timer, and what is under way brings nothing back', async () => {
    const { time, fresh, asked, answers, credential } = openFresh();
    await fresh.start();
    const flight = Promise.withResolvers<Fetched<string>>();
    answers(() => flight.promise);
    await time.pass(500);
    fresh.close();
    flight.resolve(credential('late', 60));
    await settle();
    expect([fresh.serves(), time.waiting(), asked.length]).toEqual([false, 0, 2]);
  });
});

describe('a credential that is had on demand', () => {
  it('is asked for when somebody does, and again when half of its life is over', async () => {
    const { time, fresh, asked } = openFresh({ ahead: false });
    await time.pass(100);
    expect(asked).toEqual([]);
    expect(await fresh.current()).toMatchObject({ value: 'c1' });
    await time.pass(499);
    await fresh.current();
    expect([asked, time.waiting()]).toEqual([[100], 0]);
    await time.pass(2);
    // Served at once, and replaced for the next one.
    expect(await fresh.current()).toMatchObject({ value: 'c1' });
    await settle();
    expect([await fresh.current(), asked]).toMatchObject([{ value: 'c2' }, [100, 601]]);
  });
});
