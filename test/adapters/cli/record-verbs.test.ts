// The verbs `diff --against`, `suggest` and `audit breaks`: exit codes, what is printed where, and that no record reaches the terminal.

import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { type BreaksReport, type BreaksTools, registerBreaks } from '../../../src/adapters/cli/audit-breaks.ts';
import { type DiffTools, registerDiff } from '../../../src/adapters/cli/diff.ts';
import type { AgainstSummary, AgainstTools, Flip } from '../../../src/adapters/cli/diff-against.ts';
import { registerSuggest, type SuggestTools } from '../../../src/adapters/cli/suggest.ts';
import type { Terminal } from '../../../src/adapters/cli/terminal.ts';

/** What `diff --against` does not use. */
const never: DiffTools['diff'] = () => Promise.reject(new Error('two configurations were compared'));
const NONE: AgainstSummary = { same: 5, refused: 0, granted: 0, changed: 0, untold: 0, undecided: 0, unreadable: 0 };
const PROBLEM = { file: 'f', line: 1, column: 1, path: 'p', message: 'm' };

const flip = (change: Partial<Flip> = {}): Flip => ({
  flip: 'refused',
  decision: 'd1',
  time: 't',
  source: 'github',
  name: 'github:74',
  client: undefined,
  target: 'deploy',
  was: 'main',
  now: 'no_rule',
  parts: [],
  ...change,
});

async function run(argv: readonly string[], register: (program: Command, terminal: Terminal) => void) {
  const seen = { out: [] as string[], err: [] as string[], exit: undefined as number | undefined };
  const program = new Command('exchequer')
    .exitOverride()
    .configureOutput({ writeErr: (text) => void seen.err.push(text.trim()) });
  register(program, {
    out: (line) => void seen.out.push(line),
    err: (line) => void seen.err.push(line),
    env: { EXCHEQUER_CONFIG: 'e.yaml' },
    exit: (code) => {
      seen.exit = code;
    },
  });
  for (const command of program.commands) command.exitOverride();
  await program.parseAsync([...argv], { from: 'user' });
  return seen;
}

describe('diff --against', () => {
  const diff = (summary: Partial<AgainstSummary>, flips: readonly Flip[] = [], ...more: readonly string[]) => {
    const tools: AgainstTools = {
      against: async (config, trail, onFlip) => {
        expect([config, trail]).toEqual(['e.yaml', 'audit.jsonl']);
        for (const one of flips) onFlip(one);
        return { ok: true, summary: { ...NONE, ...summary } };
      },
    };
    return run(['diff', '--against', 'audit.jsonl', ...more], (program, terminal) =>
      registerDiff(program, terminal, { ...tools, diff: never }),
    );
  };

  it.each<readonly [string, Partial<AgainstSummary>, number]>([
    ['nothing flips', {}, 0],
    ['requests were not decided by policy', { undecided: 3 }, 0],
    ['one would be refused', { refused: 1 }, 1],
    ['one would be granted, others cannot be told', { granted: 1, untold: 2 }, 1],
    ['one would be granted otherwise', { changed: 1 }, 1],
    ['one cannot be told', { untold: 1 }, 3],
    ['a line cannot be read', { unreadable: 1 }, 3],
  ])('exits where %s', async (_, summary, exit) => {
    expect((await diff(summary)).exit).toBe(exit);
  });

  it('groups flips by rule, source and target, the most frequent first, with some of the names', async () => {
    const many = Array.from({ length: 5 }, (_, index) => flip({ decision: `d${index}`, client: 'gateway' }));
    const granted = flip({ flip: 'granted', was: 'no_rule', now: 'new', name: 'x\u001b[31m' });
    const changed = flip({ flip: 'changed', now: 'main', parts: ['lifetime'] });
    const untold = flip({ flip: 'untold', now: '', parts: ['team'] });
    const { out } = await diff({ refused: 5, granted: 1, changed: 1, untold: 1 }, [granted, changed, untold, ...many]);
    expect(out).toEqual([
      '5 stay as they were',
      '5 would be refused',
      '1 would be granted',
      '1 would be granted otherwise',
      '1 cannot be told',
      '5 of github for deploy: granted by main, would be refused: no_rule',
      '  d0  github:74 through gateway',
      '  d1  github:74 through gateway',
      '  d2  github:74 through gateway',
      '  and 2 more',
      '1 of github for deploy: refused (no_rule), would be granted by new',
      '  d1  x?[31m',
      '1 of github for deploy: granted by main, would be granted by main with another lifetime',
      '  d1  github:74',
      '1 of github for deploy: cannot be told (main): team not recorded in full',
      '  d1  github:74',
    ]);
  });

  it('bounds what it prints and says how much more there is', async () => {
    const flips = Array.from({ length: 150 }, (_, index) => flip({ was: `rule-${index}` }));
    const { out } = await diff({ refused: 150 }, flips);
    expect(out).toHaveLength(2 + 100 * 2 + 1);
    expect(out.at(-1)).toBe('and 50 more; --json lists all');
  });

  it('streams one object for each with --json, and the summary last', async () => {
    const { out } = await diff({ refused: 1 }, [flip({ name: '\u202e' })], '--json');
    expect(out.map((line) => JSON.parse(line))).toEqual([
      JSON.parse(JSON.stringify(flip({ name: '\u202e' }))),
      { summary: { ...NONE, refused: 1 } },
    ]);
    expect(out.join('')).toMatch(/^[\x20-\x7e]*$/);
  });

  it('exits 3 where the configuration does not load, and where the trail cannot be read', async () => {
    const failing = (against: AgainstTools['against']) =>
      run(['diff', '--against', 'f'], (program, terminal) => registerDiff(program, terminal, { against, diff: never }));
    expect(await failing(async () => ({ ok: false, problems: [PROBLEM] }))).toEqual({
      out: [],
      err: ['f:1:1 p: m'],
      exit: 3,
    });
    expect(await failing(() => Promise.reject(new Error('ENOENT')))).toEqual({ out: [], err: ['ENOENT'], exit: 3 });
  });
});

describe('suggest', () => {
  const suggest = (read: Awaited<ReturnType<SuggestTools['suggest']>>, ...more: readonly string[]) => {
    const asked: unknown[] = [];
    const tools: SuggestTools = {
      suggest: async (config, trail, since) => {
        asked.push(config, trail, since?.(1_000_000));
        return read;
      },
    };
    return run(['suggest', '--from', '-', ...more], (program, terminal) =>
      registerSuggest(program, terminal, tools),
    ).then((seen) => ({ ...seen, asked }));
  };
  const wrote = (rules: number, unreadable = 0) => ({ ok: true as const, lines: ['rules:'], rules, unreadable });

  it('exits 0 where it wrote rules, 1 where there are none, 3 where that is not known', async () => {
    expect(await suggest(wrote(2, 1))).toEqual({
      out: ['rules:'],
      err: ['1 lines of the trail cannot be read'],
      exit: 0,
      asked: ['e.yaml', '-', undefined],
    });
    expect((await suggest(wrote(0))).exit).toBe(1);
    expect((await suggest(wrote(0, 1))).exit).toBe(3);
    expect(await suggest({ ok: false, problems: [PROBLEM] })).toMatchObject({ out: [], err: ['f:1:1 p: m'], exit: 3 });
  });

  it.each<readonly [string, number]>([
    ['10d', 1_000_000 - 864_000],
    ['1970-01-02', 86_400],
    ['1970-01-02T01:00:00+01:00', 86_400],
    ['1970-01-02T00:00:00.5Z', 86_400.5],
  ])('takes --since %s', async (since, seconds) => {
    expect((await suggest(wrote(1), '--since', since)).asked[2]).toBe(seconds);
  });

  it.each(['yesterday', '1970', '10', '1970-13-01', '0d', '1970-01-02T00:00:00'])(
    'does not take --since %s',
    async (since) => {
      await expect(suggest(wrote(1), '--since', since)).rejects.toThrow(
        'It must be a day, an RFC 3339 time, or a duration',
      );
    },
  );
});

describe('audit breaks', () => {
  const found = {
    rule: 'no-main',
    would: 'deny',
    count: 3,
    unchanged: 1,
    subjects: 2,
    subjectsMore: false,
    names: ['github:74', 'github:75'],
    sources: ['github'],
    nearest: undefined,
    first: 't1',
    last: 't2',
    decision: 'd1',
    now: 'preview',
  } as const;
  const REPORT: BreaksReport = {
    requests: 9,
    rules: [found],
    silent: [],
    breaks: true,
    dropped: 0,
    unreadable: 0,
    withoutConfig: undefined,
  };
  const breaks = (report: Partial<BreaksReport>, ...more: readonly string[]) => {
    const trails: string[] = [];
    const tools: BreaksTools = {
      configured: (config) => `as ${config} says`,
      breaks: async (_, trail) => {
        trails.push(trail);
        return { ...REPORT, ...report };
      },
    };
    return run(['breaks', ...more], (program, terminal) => registerBreaks(program, terminal, tools)).then((seen) => ({
      ...seen,
      trails,
    }));
  };

  it('exits 1 where something would be taken away, 0 where nothing would, 3 where lines cannot be read', async () => {
    expect((await breaks({})).exit).toBe(1);
    expect((await breaks({ breaks: false })).exit).toBe(0);
    expect((await breaks({ breaks: false, unreadable: 1 })).exit).toBe(3);
  });

  it('says by rule what would become of whom, and which rules met nothing', async () => {
    const rules = [
      found,
      {
        ...found,
        rule: 'old',
        would: 'refuse' as const,
        nearest: 'main',
        subjects: 10_000,
        subjectsMore: true,
        names: ['a', 'b\u001b[31m', 'c'],
        unchanged: 0,
        now: 'gone',
      },
      { ...found, rule: 'one', would: 'allow' as const, count: 1, unchanged: 2, subjects: 1, names: ['a'] },
      { ...found, rule: 'again', would: 'allow' as const, count: 0 },
    ];
    const silent = [
      { rule: 'idle', at: 'p.yaml:3', mode: 'retire' },
      { rule: 'dev', at: 'p.yaml:9', mode: 'preview' },
    ];
    const { out, err, trails } = await breaks({ rules, silent, withoutConfig: 'no file' });
    expect(out).toEqual([
      '9 requests decided by policy',
      'enforcing no-main would deny 3 requests of 2 subjects: github:74, github:75; 1 more would be answered as it was',
      '  t1 to t2, last d1',
      'deleting old (now gone) would refuse 3 requests of 10000+ subjects: a, b?[31m, c and 9997+ more',
      '  t1 to t2, last d1, nearest main',
      'enforcing one would allow 1 request of 1 subject: a; 2 more would be answered as they were',
      '  t1 to t2, last d1',
      'enforcing again would allow nothing that is not so already; 1 more would be answered as it was',
      'idle (p.yaml:3): in retire, and no request met it: delete it',
      'dev (p.yaml:9): in preview, and no request met it',
    ]);
    expect(err).toEqual(['rules that met nothing are not listed: no file']);
    const one = await breaks({ requests: 1, rules: [], dropped: 1, unreadable: 1 });
    expect([one.out, one.err]).toEqual([
      ['1 request decided by policy'],
      ['1 more rule met: there was no room for it', '1 line cannot be read'],
    ]);
    expect(trails).toEqual(['as e.yaml says']);
  });

  it('prints the whole report with --json, of the trail that is named', async () => {
    const { out, trails } = await breaks({}, 'audit.jsonl', '--json');
    expect(out.map((line) => JSON.parse(line))).toEqual([JSON.parse(JSON.stringify(REPORT))]);
    expect(trails).toEqual(['audit.jsonl']);
  });
});
