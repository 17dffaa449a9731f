// The verbs that judge records, over a trail of a hundred thousand lines: what was planted is found and nothing else, in bounded time,
// and what is suggested loads without a word and is enough.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AFTER, BEFORE, type LongTrail, TRUST, writeLongTrail } from '../support/long-trail.ts';
import { type OfflineFolder, offlineFolder } from '../support/offline-folder.ts';
import { runProgram } from '../support/program.ts';

const LINES = 100_000;
/** Of processor time, which others on the machine do not take. */
const SECONDS_MAX = 10;

let folder: OfflineFolder;
let trail: LongTrail;

beforeAll(async () => {
  folder = await offlineFolder(TRUST, { 'rules.yaml': BEFORE });
  trail = await writeLongTrail(folder, LINES);
}, 60_000);
afterAll(() => folder.remove());

const diff = (...more: readonly string[]) =>
  runProgram(['diff', '--against', trail.file, '--config', folder.config, ...more]);

/** Seconds of processor time that it takes. */
async function costOf<Value>(run: () => Promise<Value>): Promise<{ readonly value: Value; readonly seconds: number }> {
  const before = process.cpuUsage();
  const value = await run();
  const { user, system } = process.cpuUsage(before);
  return { value, seconds: (user + system) / 1e6 };
}

describe('diff --against', () => {
  it('finds no flip by the policy that decided', async () => {
    const { file, undecided } = await writeLongTrail(folder, 5_000, 'short.jsonl');
    const { out, err, exits } = await runProgram(['diff', '--against', file, '--config', folder.config]);
    expect({ out: out.slice(1), err, exits }).toEqual({
      out: [`${undecided} were not decided by policy`],
      err: [],
      exits: [0],
    });
  });

  it('finds exactly the planted flips in a hundred thousand lines, within ten seconds', async () => {
    folder.write('policies/rules.yaml', AFTER);
    try {
      const { value, seconds } = await costOf(() => diff('--json'));
      const said = value.out.map((line): Record<string, string> => JSON.parse(line));
      expect(new Map(said.slice(0, -1).map(({ decision = '', flip = '' }) => [decision, flip]))).toEqual(trail.flips);
      expect(value.exits).toEqual([1]);
      expect(seconds).toBeLessThan(SECONDS_MAX);
    } finally {
      folder.write('policies/rules.yaml', BEFORE);
    }
  }, 60_000);
});

describe('suggest', () => {
  it('writes rules that load without a word, and with which everything suggested is granted and nothing else changes', async () => {
    const { value: suggested, seconds } = await costOf(() =>
      runProgram(['suggest', '--from', trail.file, '--config', folder.config]),
    );
    expect({ err: suggested.err, exits: suggested.exits }).toEqual({ err: [], exits: [0] });
    expect(seconds).toBeLessThan(SECONDS_MAX);
    folder.write('policies/suggested.yaml', suggested.out.join('\n'));

    const checked = await runProgram(['check', '--config', folder.config, '--json']);
    expect(JSON.parse(checked.out.join('\n'))).toMatchObject({ problems: [], warnings: [] });

    const flips = (await diff('--json')).out.map((line): Record<string, string> => JSON.parse(line));
    const rules = suggested.out.filter((line) => line.startsWith('  - name:')).map((line) => line.slice(10));
    const changed = flips.slice(0, -1);
    expect(new Set(changed.map(({ flip }) => flip))).toEqual(new Set(['granted']));
    expect(new Set(changed.map(({ now }) => now))).toEqual(new Set(rules));
    // Every request that a rule says it is for, and no other.
    const counted = suggested.out.filter((line) => line.startsWith('  # ') && line.includes(' times from'));
    const promised = counted.reduce((sum, line) => sum + Number(line.split(' ')[3]), 0);
    expect(changed.length).toBe(promised);
  }, 60_000);
});

describe('audit breaks', () => {
  it('says what previews would break and open, by the records of a time', async () => {
    const { file } = await writeLongTrail(folder, 5_000, 'short.jsonl');
    const breaks = (...more: readonly string[]) =>
      runProgram(['audit', 'breaks', file, '--config', folder.config, '--json', ...more]);
    const { out, exits } = await breaks();
    const report = JSON.parse(out.join(''));
    expect(report.rules.map(({ rule, would, subjects }: Record<string, unknown>) => [rule, would, subjects])).toEqual([
      ['trial-deny', 'deny', 1],
      ['trial', 'allow', 1],
    ]);
    expect({ exits, ...report }).toMatchObject({ exits: [1], breaks: true, silent: [], unreadable: 0 });
    const later = await breaks('--since', '2027-01-01');
    expect(JSON.parse(later.out.join(''))).toMatchObject({
      requests: 0,
      rules: [],
      silent: [{ rule: 'trial' }, { rule: 'trial-deny' }],
    });
    expect(later.exits).toEqual([0]);
  });
});
