// The verb `audit query`: the sentence that a record is, the exit codes, what the tools are asked, and that no record reaches the terminal.

import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { type QueryAsked, registerQuery } from '../../../src/adapters/cli/audit-query.ts';

const AGENT = 'spiffe://prod.example/ns/agents/sa/assistant';
const RECORD = {
  event: 'exchange',
  decision: 'D1',
  time: '2026-11-21T23:00:00.000Z',
  outcome: 'granted',
  subject: { iss: 'https://login.example/', sub: 'alice', name: 'people:alice' },
  client: { id: 'mcp-gateway', iss: 'https://sts.example', sub: 'mcp-gateway', name: 'clients:mcp-gateway' },
  actors: [
    { iss: 'https://sts.example', sub: 'mcp-gateway' },
    { iss: 'spiffe://prod.example', sub: AGENT },
  ],
  target: 'ledger',
  scopes: ['postings:read', 'postings:write'],
  rule: 'assistant-posts',
};

async function run(argv: readonly string[], records: readonly object[] = [], unreadable = 0) {
  const seen = { out: [] as string[], err: [] as string[], exit: undefined as number | undefined };
  const asked: { trails: readonly string[]; wanted: QueryAsked }[] = [];
  const program = new Command('exchequer').exitOverride();
  const audit = program.command('audit');
  const terminal = {
    out: (line: string) => void seen.out.push(line),
    err: (line: string) => void seen.err.push(line),
    env: { EXCHEQUER_CONFIG: 'e.yaml' },
    exit: (code: number) => {
      seen.exit = code;
    },
  };
  registerQuery(audit, terminal, {
    configured: (config) => `as ${config} says`,
    async query(trails, wanted, take) {
      asked.push({ trails, wanted });
      for (const record of records) take(JSON.stringify(record), { ...record });
      return { unreadable };
    },
  });
  for (const command of audit.commands)
    command.exitOverride().configureOutput({ writeErr: (text) => void seen.err.push(text.trim()) });
  await program.parseAsync(['audit', 'query', ...argv], { from: 'user' });
  return { ...seen, asked };
}

describe('audit query', () => {
  it('says of each record: action by user via agent for client at date', async () => {
    const alone = { ...RECORD, actors: undefined, client: undefined, scopes: [] };
    const refused = {
      ...RECORD,
      ...{ outcome: 'refused', reason: 'withdrawn', evidence: { withdrawal: 'W1' }, rule: undefined },
      ...{ target: undefined, asked: { targets: ['ledger'], scopes: ['postings:read'] } },
      ...{ actor: { iss: 'x', sub: 'y', name: 'clients:other' }, actors: [RECORD.actors[1]] },
    };
    const unproved = { event: 'exchange', decision: 'D3', time: 't', outcome: 'failed', reason: 'fault', dryRun: true };
    const { out, err, exit } = await run(['audit.jsonl'], [RECORD, alone, refused, unproved]);
    expect({ err, exit }).toEqual({ err: [], exit: 0 });
    expect(out).toEqual([
      `ledger [postings:read postings:write] by people:alice via clients:mcp-gateway, before it ${AGENT} for mcp-gateway at 2026-11-21T23:00:00.000Z: granted by assistant-posts  D1`,
      'ledger by people:alice at 2026-11-21T23:00:00.000Z: granted by assistant-posts  D1',
      `ledger [postings:read] by people:alice via clients:other, before it ${AGENT} for mcp-gateway at 2026-11-21T23:00:00.000Z: refused withdrawn by W1  D1`,
      'a token by nobody proved at t: failed fault (dry run)  D3',
    ]);
  });

  it('asks for everything that is named, in the trails that are named, else in the one of the configuration', async () => {
    const names = [
      '--subject',
      's',
      '--actor',
      'a',
      '--client',
      'c',
      '--target',
      't',
      '--outcome',
      'refused',
      '--jti',
      'j',
    ];
    const { asked } = await run(['one.jsonl', '-', ...names, '--since', '24h', '--until', '2026-11-21']);
    const [
      {
        trails,
        wanted: { since, until, ...rest },
      } = { trails: [], wanted: {} as QueryAsked },
    ] = asked;
    expect({ trails, ...rest }).toEqual({
      trails: ['one.jsonl', '-'],
      ...{ subject: 's', actor: 'a', client: 'c', target: 't', outcome: 'refused', token: 'j' },
    });
    expect([since?.(100_000), until?.(0)]).toEqual([13_600, Date.parse('2026-11-21') / 1000]);
    expect((await run([])).asked[0]?.trails).toEqual(['as e.yaml says']);
  });

  it('exits 1 where there is none, and counts what cannot be read', async () => {
    expect(await run(['f'], [], 1)).toMatchObject({ out: [], err: ['1 line cannot be read'], exit: 1 });
    expect(await run(['f'], [RECORD], 2)).toMatchObject({ err: ['2 lines cannot be read'], exit: 0 });
  });

  it('prints records as they are written with --json, and nothing in them moves a cursor', async () => {
    const hostile = { ...RECORD, subject: { name: 'people:\u001b[2J\u202eecila' } };
    const { out } = await run(['f', '--json'], [hostile]);
    expect(out.map((line) => JSON.parse(line))).toEqual([hostile]);
    for (const line of [...out, ...(await run(['f'], [hostile])).out]) expect(line).toMatch(/^[\x20-\x7e]+$/);
  });

  it.each([
    ['--outcome', 'perhaps'],
    ['--since', 'yesterday'],
    ['--until', 'soon'],
  ])('%s %s is wrong usage', async (option, value) => {
    await expect(run(['f', option, value])).rejects.toThrow(CommanderError);
  });
});
