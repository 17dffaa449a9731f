// The verbs `audit verify` and `audit tail`: exit codes, what is printed where, and that no record can reach the terminal.

import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { type AuditTools, registerAudit, type TrailReport } from '../../../src/adapters/cli/audit.ts';

const INTACT: TrailReport = {
  intact: true,
  lines: 22,
  requests: 18,
  uncovered: 3,
  chains: [{ id: 'abc', head: { seq: 22, sha256: 'def' } }],
  problems: [],
  problemsCount: 0,
};

async function run(argv: readonly string[], change: Partial<AuditTools> = {}) {
  const seen = {
    out: [] as string[],
    err: [] as string[],
    exit: undefined as number | undefined,
    asked: [] as unknown[],
  };
  const program = new Command('exchequer').exitOverride().configureOutput({ writeErr: (text) => seen.err.push(text) });
  const terminal = {
    out: (line: string) => seen.out.push(line),
    err: (line: string) => seen.err.push(line),
    env: { EXCHEQUER_CONFIG: 'e.yaml' },
    exit: (code: number) => {
      seen.exit = code;
    },
  };
  registerAudit(program, terminal, {
    configured: (config) => `as ${config} says`,
    lines: (...asked) => {
      seen.asked.push(asked);
      return (async function* () {})();
    },
    verify: async (...asked) => {
      seen.asked.push(asked);
      return INTACT;
    },
    ...change,
  });
  for (const command of program.commands.flatMap((group) => group.commands)) command.exitOverride();
  await program.parseAsync(['audit', ...argv], { from: 'user' });
  return seen;
}

const yielding = (...lines: string[]) => ({
  lines: async function* () {
    yield* lines;
  },
});

describe('audit verify', () => {
  it('exits 0 for an intact trail and says what no checkpoint covers yet', async () => {
    const { out, err, exit, asked } = await run(['verify', 'audit.jsonl', '--key', 'audit-key.pub.pem']);
    expect({ exit, err, asked }).toEqual({ exit: 0, err: [], asked: [['audit.jsonl', 'audit-key.pub.pem']] });
    expect(out).toEqual([
      'intact: 22 lines, 18 requests, 1 chain',
      'the last 3 records are not yet covered by a checkpoint',
      'chain abc ends at 22, def',
    ]);
  });

  it('exits 1 for a broken one and prints every problem', async () => {
    const problems = [{ line: 4, kind: 'edited', text: 'line 4 is not \u001b[31mred' }];
    const verify = async () => ({ ...INTACT, intact: false, uncovered: 0, problems, problemsCount: 3 });
    const { out, exit } = await run(['verify', 'f', '--key', 'k'], { verify });
    expect(exit).toBe(1);
    expect(out.slice(0, 3)).toEqual([
      ...['line 4 is not \\u001b[31mred', 'and 2 more problems', 'broken: 22 lines, 18 requests, 1 chain'],
    ]);
  });

  it('prints the whole report as JSON', async () => {
    const { out } = await run(['verify', 'f', '--key', 'k', '--json']);
    expect(out.map((line) => JSON.parse(line))).toEqual([INTACT]);
  });

  it('exits 3 for a file that it cannot read', async () => {
    const verify = () => Promise.reject(new Error('ENOENT: no such file'));
    const { out, err, exit } = await run(['verify', 'f', '--key', 'k'], { verify });
    expect({ out, err, exit }).toEqual({ out: [], err: ['ENOENT: no such file'], exit: 3 });
  });

  it('does not run without a key', async () => {
    await expect(run(['verify', 'f'])).rejects.toThrow(CommanderError);
  });
});

describe('audit tail', () => {
  const exchange = {
    ...{ chain: 'c', seq: 2, prev: 'p', event: 'exchange', decision: 'D1', time: '2026-09-21T14:13:20.123Z' },
    ...{ outcome: 'granted', subject: { name: 'github:s' }, target: 'ledger', rule: 'payments' },
  };

  it('shows a record on one line: time, decision, outcome, reason, who wanted what, by which rule', async () => {
    const refused = { ...exchange, outcome: 'refused', reason: 'no_rule', target: undefined, rule: undefined };
    const unproved = { ...refused, reason: 'expired', subject: undefined };
    const { out, exit } = await run(
      ['tail', 'f'],
      yielding(...[exchange, refused, unproved].map((each) => JSON.stringify(each))),
    );
    expect(exit).toBe(0);
    expect(out).toEqual([
      '2026-09-21T14:13:20.123Z  D1  granted  github:s -> ledger  by payments',
      '2026-09-21T14:13:20.123Z  D1  refused no_rule  github:s',
      '2026-09-21T14:13:20.123Z  D1  refused expired  nobody proved',
    ]);
  });

  it('shows who acts, the current one first', async () => {
    const actors = [
      { iss: 'https://sts.example', sub: 'gateway' },
      { iss: 'i', sub: 'repo:x', name: 'github:repository_id:74' },
    ];
    const client = { iss: 'https://sts.example', sub: 'gateway', name: 'clients:gateway' };
    const { out } = await run(['tail', 'f'], yielding(JSON.stringify({ ...exchange, actors, client })));
    expect(out).toEqual([
      '2026-09-21T14:13:20.123Z  D1  granted  github:s via clients:gateway via github:repository_id:74 -> ledger  by payments',
    ]);
  });

  it('says of a dry run that it was one, granted or refused', async () => {
    const asked = { ...exchange, dryRun: true };
    const refused = { ...asked, outcome: 'refused', reason: 'no_rule', target: undefined, rule: undefined };
    const { out } = await run(['tail', 'f'], yielding(...[asked, refused].map((each) => JSON.stringify(each))));
    expect(out).toEqual([
      '2026-09-21T14:13:20.123Z  D1  granted (dry run)  github:s -> ledger  by payments',
      '2026-09-21T14:13:20.123Z  D1  refused no_rule (dry run)  github:s',
    ]);
  });

  it('shows a question whose credentials of a cloud they are: what it came to, and whose', async () => {
    const asked = { event: 'caller_identity', decision: 'D3', time: 't' };
    const lines = [
      { ...asked, outcome: 'answered', session: { principal: 'arn:aws:sts::111122223333:assumed-role/R/s' } },
      { ...asked, outcome: 'refused', reason: 'signature_invalid' },
    ];
    const { out } = await run(['tail', 'f'], yielding(...lines.map((each) => JSON.stringify(each))));
    expect(out).toEqual([
      't  D3  caller_identity answered  arn:aws:sts::111122223333:assumed-role/R/s',
      't  D3  caller_identity refused signature_invalid  nobody proved',
    ]);
  });

  it('shows a question about a token: what it came to, who asked, and about whose', async () => {
    const asked = { event: 'introspection', decision: 'D2', time: 't', outcome: 'answered', client: { id: 'api' } };
    const token = { sub: 'github:s' };
    const lines = [
      { ...asked, active: true, token },
      { ...asked, active: false, reason: 'withdrawn', token },
      { ...asked, event: 'revocation', withdrawal: 'w-1', token },
      { ...asked, event: 'revocation', reason: 'not_its_own', token },
      { ...asked, outcome: 'refused', reason: 'parameter_missing', client: undefined },
    ];
    const { out } = await run(['tail', 'f'], yielding(...lines.map((each) => JSON.stringify(each))));
    expect(out).toEqual([
      't  D2  introspection answered active  api -> github:s',
      't  D2  introspection answered withdrawn  api -> github:s',
      't  D2  revocation answered revoked  api -> github:s',
      't  D2  revocation answered not_its_own  api -> github:s',
      't  D2  introspection refused parameter_missing  nobody proved',
    ]);
  });

  it('shows what rules in preview would have done', async () => {
    const would = [{ rule: 'shop-main', would: 'allow' }];
    const { out } = await run(['tail', 'f'], yielding(JSON.stringify({ ...exchange, would })));
    expect(out[0]).toMatch(/by payments {2}preview: shop-main would allow$/);
  });

  it('shows what a reload changed, why one was refused, and which key an event is about', async () => {
    const counts = { rulesAdded: [], rulesAddedCount: 0, rulesChanged: ['a', 'b'], rulesChangedCount: 2 };
    const events = [
      { event: 'reload', time: 't', outcome: 'applied', generation: 2, ...counts },
      { event: 'reload', time: 't', outcome: 'refused', problems: ['p.yaml:1:1 wrong'], problemsCount: 4 },
      { event: 'signing_key', time: 't', change: 'created', kid: 'K' },
      { event: 'checkpoint', time: 't', kid: 'A', signature: 'S' },
    ];
    const { out } = await run(['tail', 'f'], yielding(...events.map((event) => JSON.stringify(event))));
    expect(out).toEqual([
      't  reload  outcome=applied  generation=2  rulesChanged=a, b',
      't  reload  outcome=refused  problems=p.yaml:1:1 wrong  problemsCount=4',
      't  signing_key  change=created  kid=K',
      't  checkpoint',
    ]);
  });

  it('shows other records by their name and plain members', async () => {
    const event = {
      chain: 'c',
      seq: 3,
      prev: 'p',
      event: 'refusals',
      time: 't',
      count: 50,
      reasons: {},
      peer: '192.0.2.1',
    };
    const { out } = await run(['tail', 'f'], yielding(JSON.stringify(event), 'not json'));
    expect(out).toEqual(['t  refusals  count=50  peer=192.0.2.1', '(not a record) not json']);
  });

  it.each([[[]], [['--json']]])('sends no control character to a terminal: %j', async (flags) => {
    const name = 'a\u001b]0;x\u0007\u009b2J\u2028\u202e\u200b\u{e0041}é';
    const { out } = await run(
      ['tail', 'f', ...flags],
      yielding(JSON.stringify({ ...exchange, subject: { name } }), name),
    );
    for (const line of out) {
      expect(line).toContain('é');
      expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }
    if (flags.length > 0) expect(JSON.parse(out[0] ?? '')).toMatchObject({ subject: { name } });
  });

  it('asks for the configured file, so many lines, and to go on, as told', async () => {
    expect((await run(['tail'])).asked).toEqual([['as e.yaml says', { follow: false, last: 10 }]]);
    expect((await run(['tail', '--config', 'c.yaml'])).asked[0]).toEqual(['as c.yaml says', expect.anything()]);
    expect((await run(['tail', '-', '-n', '3', '--follow'])).asked).toEqual([['-', { follow: true, last: 3 }]]);
    await expect(run(['tail', '-n', '-1'])).rejects.toThrow(CommanderError);
  });

  it('exits 3 for a file that it cannot read', async () => {
    const lines = () => Promise.reject(new Error('nothing there'));
    expect(await run(['tail', 'f'], { lines })).toMatchObject({ exit: 3, err: ['nothing there'] });
  });
});
