// `exchequer token --out` and `--watch`: when a file is written and what is said of it, by a clock that stands in for two. Whole brokers and
// real files are in test/e2e/token-watch.test.ts.

import { describe, expect, it } from 'vitest';
import type { Answered } from '../../../src/adapters/cli/token-broker.ts';
import { fileMode, keepFresh, type OutTools } from '../../../src/adapters/cli/token-out.ts';
import { WATCH_LOOK_MS, WATCH_REFUSED_MS, WATCH_RETRY_MS_MAX } from '../../../src/core/limits-outside.ts';
import { ISSUER, JWT, json, refusal, runToken as run, TOKEN } from '../../support/scripted-token.ts';

const granted = (token: string, expires?: number): Answered => ({
  answer: 'token',
  token,
  whole: { access_token: token, ...(expires === undefined ? {} : { expires_in: expires }) },
});
const refused = (id: string): Answered => ({
  answer: 'refused',
  sentence: `invalid_target: no rule. ${id}`,
  hints: ['look here'],
});
const away: Answered = { answer: 'unknown', problem: 'https://sts.example: network (ECONNREFUSED)' };

/** The questions' instants, the file's texts and what was said, until the answers are used up. */
async function watched(
  answers: readonly Answered[],
  {
    random = 0,
    wakes = false,
    sleeps = 0,
    full = false,
  }: { random?: number; wakes?: boolean; sleeps?: number; full?: boolean } = {},
) {
  let [nowMs, elapsedMs] = [0, 0];
  const seen = { at: [] as number[], texts: [] as string[], said: [] as string[], pauses: [] as number[] };
  let signals: Parameters<OutTools['onSignal']>[0] | undefined;
  const tools: OutTools = {
    nowSeconds: () => nowMs / 1_000,
    elapsedMs: () => elapsedMs,
    random: () => random,
    writeFile: async (_file, text) => {
      if (full && seen.texts.length > 0) return 'ENOSPC';
      seen.texts.push(text);
      return undefined;
    },
    pause: async (milliseconds) => {
      seen.pauses.push(milliseconds);
      nowMs += milliseconds + sleeps;
      elapsedMs += milliseconds;
      if (wakes) signals?.reload();
    },
    onSignal: (handlers) => {
      signals = handlers;
    },
  };
  const ask = async (): Promise<Answered> => {
    const answer = answers[seen.at.length];
    seen.at.push(Math.round(nowMs / 1_000));
    if (seen.at.length === answers.length) signals?.stop();
    if (!answer) throw new Error('asked too often');
    return answer;
  };
  const order = { file: '/run/token', mode: 0o600, ask, textOf: ({ token }: { token: string }) => token };
  const ended = await keepFresh(tools, order, (line) => void seen.said.push(line));
  return { ...seen, ended };
}

describe('a file that is kept fresh', () => {
  it('is written again when about half of its token has passed, each at another moment', async () => {
    const three = [granted('a', 300), granted('b', 100), granted('c', 300)];
    const early = await watched(three);
    expect(early).toMatchObject({ at: [0, 120, 160], texts: ['a', 'b', 'c'], ended: { exit: 0, says: [] } });
    expect(early.said).toEqual(['/run/token: written, good until 1970-01-01T00:05:00Z; renewed ahead of that']);
    expect((await watched(three, { random: 0.999 })).at).toEqual([0, 150, 200]);
  });

  it('is written again in good time where the broker does not say how long its token lives', async () => {
    expect((await watched([granted('a'), granted('b')])).at).toEqual([0, 48]);
  });

  it('F-54 stays as it is while the broker is away, which is said once; asked for ever more seldom, and found again', async () => {
    const seen = await watched([granted('a', 300), ...Array.from({ length: 9 }, () => away), granted('b', 300)]);
    expect(seen.texts).toEqual(['a', 'b']);
    expect(seen.said.slice(1)).toEqual([away.answer === 'unknown' ? away.problem : '', '/run/token: renewed again']);
    const pauses = seen.at.slice(2).map((at, index) => at - (seen.at[index + 1] ?? 0));
    expect(pauses[0]).toBeLessThanOrEqual(1);
    expect(Math.max(...pauses)).toBe(WATCH_RETRY_MS_MAX / 2_000);
  });

  it('stays as it is where the broker refuses: the sentence is said once for each change of it, whatever the decision id', async () => {
    const [first, second] = ['01JCX500000000000000000000', '01JCX500000000000000000001'];
    const other: Answered = { answer: 'refused', sentence: 'invalid_scope: other' };
    const seen = await watched([granted('a', 300), refused(first), refused(second), other, refused(second)]);
    expect(seen.texts).toEqual(['a']);
    expect(seen.said.slice(1)).toEqual([
      `invalid_target: no rule. ${first}`,
      'look here',
      'invalid_scope: other',
      `invalid_target: no rule. ${second}`,
      'look here',
    ]);
    expect(seen.at[2]).toBe((seen.at[1] ?? 0) + WATCH_REFUSED_MS / 2_000);
  });

  it('that cannot be written again is tried again, and what the disk says is said once', async () => {
    const seen = await watched([granted('a', 300), granted('b', 300), granted('c', 300)], { full: true });
    expect(seen.said.slice(1)).toEqual(['/run/token: ENOSPC']);
    expect(seen.at[2]).toBeLessThan(130);
  });

  it('is renewed as soon as a machine wakes that slept beyond the moment, and at once on a signal', async () => {
    const slept = await watched([granted('a', 3_600), granted('b', 3_600)], { sleeps: 5_000_000 });
    expect(slept.pauses).toEqual([WATCH_LOOK_MS]);
    const woken = await watched([granted('a', 3_600), granted('b', 3_600)], { wakes: true });
    expect(woken).toMatchObject({ texts: ['a', 'b'], pauses: [WATCH_LOOK_MS] });
  });

  it('is not kept at all where the first question is refused (1), has no answer (3), or cannot be written (3)', async () => {
    expect(await watched([refused('01JCX500000000000000000000')])).toMatchObject({ ended: { exit: 1 }, texts: [] });
    expect(await watched([away])).toMatchObject({ ended: { exit: 3 }, texts: [], said: [] });
    const env = { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true' };
    expect(await run(['ledger', '--out', '/full', '--watch'], { env })).toMatchObject({
      exits: [3],
      out: [],
      err: ['/full: ENOSPC'],
    });
  });
});

describe('--out', () => {
  const env = { EXCHEQUER_ID_TOKEN: JWT, GITLAB_CI: 'true' };

  it('writes the token alone, without a newline, or the whole answer; nothing is on stdout', async () => {
    const plain = await run(['ledger', '--out', '/f'], { env });
    expect(plain).toMatchObject({ exits: [0], out: [], err: [], written: [['/f', 'issued-token', 0o600]] });
    const whole = await run(['ledger', '--out', '/f', '--json', '--mode', '640'], { env });
    expect(whole.written).toEqual([['/f', expect.stringMatching(/^\{"access_token":"issued-token",.*\}$/), 0o640]]);
    const answers = { [`${ISSUER}/token`]: refusal(400, { error: 'invalid_target' }) };
    const no = await run(['ledger', '--out', '/f'], { env, answers });
    expect(no).toMatchObject({ exits: [1], out: [], err: ['invalid_target'], written: [] });
  });

  it.each([
    [['--watch'], '--watch needs --out, the file that it keeps fresh'],
    [['--mode', '600'], '--mode is for --out'],
    [['--out', '/f', '--dry-run'], '--dry-run has no token for --out'],
    [
      ['--out', '/f', '--mode', '666'],
      '--mode must be octal, and let nobody but the owner write: 600, 640, 644, 400, 440 or 444',
    ],
  ])('%j is wrong usage: %s', async (line, problem) => {
    const said = await run(['ledger', ...line], { env, answers: { [`${ISSUER}/token`]: [TOKEN, json({})] } });
    expect(said).toMatchObject({ exits: [2], out: [], err: [problem], sent: [] });
  });

  it('takes permissions by which nobody else may write or execute', () => {
    const all = Array.from({ length: 0o1000 }, (_, mode) => mode.toString(8).padStart(3, '0'));
    expect(all.filter((digits) => fileMode(digits) !== undefined)).toEqual([
      '400',
      '404',
      '440',
      '444',
      '600',
      '604',
      '640',
      '644',
    ]);
    for (const digits of ['8', '0o600', '1600', '-rw', '']) expect(fileMode(digits)).toBeUndefined();
    expect(fileMode('0600')).toBe(0o600);
  });
});
