// The verbs that judge records, over a trail that somebody else wrote: every value of real records replaced by every hostile one, and lines that
// are no records at all. What is printed is ASCII on its lines, and what is suggested is rules of ours and nothing more.

import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { BEFORE, TRUST, writeLongTrail } from '../support/long-trail.ts';
import { type OfflineFolder, offlineFolder } from '../support/offline-folder.ts';
import { runProgram } from '../support/program.ts';

const HOSTILE: readonly unknown[] = [
  ...[
    '\n- name: x\n  allow: all',
    '"}], allow: all #',
    "' : {a: b}",
    '\u2028- x',
    '\u0085rules:',
    '\u001b[2J\r',
    '\ud800',
  ],
  ...['*', 'a<b>c', '&a', '!!js', '{{', '%FF', '__proto__', 'constructor', 'true', '0x1F', '~', '', 'x'.repeat(300)],
  ...['+275760-09-13T00:00:00.000Z', '-271821-04-20T00:00:00.000Z', 'github', 'deploy'],
  ...[null, true, 1e308, -0, [], {}],
];

type Members = Record<string, unknown>;

/** The record with each of its values, one at a time, replaced by each hostile one. */
function* changed(record: Members, node: Members = record): Generator<string> {
  for (const [name, was] of Object.entries(node)) {
    for (const value of HOSTILE) {
      node[name] = value;
      yield JSON.stringify(record);
    }
    node[name] = was;
    if (typeof was === 'object' && was !== null) yield* changed(record, was as Members);
  }
}

const nested = (depth: number, open: string, close: string) => `${open.repeat(depth)}1${close.repeat(depth)}`;

describe('a trail that somebody else wrote', () => {
  let folder: OfflineFolder;
  let trail: string;
  beforeAll(async () => {
    folder = await offlineFolder(TRUST, { 'rules.yaml': BEFORE });
    trail = folder.path('hostile.jsonl');
    const { file } = await writeLongTrail(folder, 600, 'long.jsonl');
    const records = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line): Members => JSON.parse(line));
    const refused = records.find(({ reason }) => reason === 'no_rule') ?? {};
    const granted = records.find(({ would }) => would !== undefined) ?? {};
    const withClaim = (claim: string) => JSON.stringify(refused).replace('"claims":[', `"claims":[${claim},`);
    const lines = [
      ...[...changed(refused), ...changed(granted)],
      withClaim('{"path":["__proto__","polluted"],"value":1}'),
      withClaim(`{"path":["actor_id"],"value":${nested(30_000, '[', ']')}}`),
      withClaim(`{"path":["ref"],"value":${nested(15_000, '{"a":', '}')}}`),
      ...[nested(1_000_000, '[', ']'), 'x'.repeat(10_000_000), '{"event":"exchange","time":', '[]', 'null', '\ufffe'],
    ];
    writeFileSync(trail, Buffer.concat([Buffer.from(`${lines.join('\n')}\n`), Buffer.from([0xff, 0xfe, 0x0a, 0xc0])]));
  }, 60_000);
  afterAll(() => folder.remove());

  const run = (...line: readonly string[]) => runProgram([...line, '--config', folder.config]);
  const notAscii = (lines: readonly string[]) => lines.filter((line) => /[^\x20-\x7e]/.test(line));

  it.each([
    ['suggest', '--from'],
    ['diff', '--against'],
    ['diff', '--json', '--against'],
    ['audit', 'breaks'],
    ['audit', 'breaks', '--json'],
  ])('is judged by %s %s to its end', async (...line) => {
    const { out, err, exits } = await run(...line, trail);
    expect(exits).toHaveLength(1);
    expect(out.length).toBeGreaterThan(0);
    expect(notAscii([...out, ...err])).toEqual([]);
  });

  it('adds nothing to what is suggested but rules for a tenant that was let in, which load', async () => {
    const { out } = await run('suggest', '--from', trail);
    const file: { rules: readonly Record<string, unknown>[] } = parse(out.join('\n'));
    expect(Object.keys(file)).toEqual(['rules']);
    expect(file.rules.length).toBeGreaterThan(0);
    for (const rule of file.rules) {
      expect(Object.keys(rule)).toEqual(['name', 'subject', 'allow']);
      expect(rule).toMatchObject({
        name: expect.stringMatching(/^suggested-github-[0-9a-f]{12}$/),
        subject: { trust: 'github', github: { repository_owner_id: '65' } },
        allow: ['deploy'],
      });
    }
    folder.write('policies/suggested.yaml', out.join('\n'));
    expect((await run('check')).exits).toEqual([0]);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
