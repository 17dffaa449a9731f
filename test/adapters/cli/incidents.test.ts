// The verbs `block`, `blocks`, `unblock` and `revoke`: what people and programs read, the exit codes, what the tools are asked, and that no
// token is ever an argument, or shown.

import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { registerBlock } from '../../../src/adapters/cli/block.ts';
import type { EndedReport, IncidentTools } from '../../../src/adapters/cli/incident-tools.ts';
import { registerRevoke } from '../../../src/adapters/cli/revoke.ts';
import type { Withdrawal } from '../../../src/core/withdrawal.ts';
import { handleOf } from '../../../src/parsing/token-handle.ts';

const AT = 1_800_000_000;
const BLOCK: Withdrawal = {
  kind: 'block',
  id: 'B1',
  identity: 'people:alice',
  why: 'sto\u001b[2Jlen',
  atSeconds: AT,
  untilSeconds: AT + 60,
};
const CHAIN: Withdrawal = {
  kind: 'revocation',
  id: 'R1',
  what: 'chain',
  of: 'h',
  why: 'leaked',
  atSeconds: AT,
  untilSeconds: AT + 90,
};
const REPORT: EndedReport = {
  ended: [{ withdrawal: BLOCK, already: false }],
  ...{ unreached: [], recorded: true, offlineUntilSeconds: AT + 300, clouds: [], notes: [] },
};
const KEY = { kid: 'K', algorithm: 'ES256', state: 'current', createdAtSeconds: AT } as const;
const REVOKED = { revoked: KEY, keys: [], unreached: [], recorded: true, clouds: [] };
const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (claims: object): string => `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part(claims)}.c2lnbmF0dXJl`;

async function run(line: readonly string[], change: Partial<IncidentTools> = {}, piped = '') {
  const said = {
    out: [] as string[],
    err: [] as string[],
    exits: [] as number[],
    asked: [] as unknown[],
    places: [] as unknown[],
  };
  const program = new Command().exitOverride();
  const terminal = {
    out: (text: string) => void said.out.push(text),
    err: (text: string) => void said.err.push(text),
    env: { EXCHEQUER_CONTROL: 'e.sock', SUDO_USER: 'mallory' },
    exit: (code: number) => void said.exits.push(code),
  };
  const answer =
    <Value>(name: string, value: Value) =>
    async (...args: readonly unknown[]) => {
      said.asked.push([name, ...args]);
      return value;
    };
  const at = (place: unknown): IncidentTools => {
    said.places.push(place);
    return {
      block: answer('block', { ok: true, report: REPORT }),
      unblock: answer('unblock', { ok: true, report: { lifted: [{ withdrawal: BLOCK, unreached: [] }] } }),
      revoke: answer('revoke', { ok: true, report: { ...REPORT, ended: [{ withdrawal: CHAIN, already: false }] } }),
      revokeKey: answer('revokeKey', REVOKED),
      withdrawals: answer('withdrawals', [BLOCK, CHAIN]),
      ...change,
    };
  };
  registerBlock(program, terminal, at);
  registerRevoke(program, terminal, { at, readInput: async () => Buffer.from(piped) });
  for (const command of program.commands)
    command.exitOverride().configureOutput({ writeErr: (text) => void said.err.push(text.trim()) });
  await program.parseAsync(['node', 'exchequer', ...line]);
  return said;
}
const BY = expect.stringMatching(/^mallory as .+ \(uid \d+\)$/);

describe('block', () => {
  const block = (...more: readonly string[]) => ['block', 'people:alice', '--why', 'stolen', ...more];

  it('asks with who, why and for how long, where flags say else the environment', async () => {
    const { asked, places, exits } = await run(block('--for', '90m'));
    expect(asked).toEqual([['block', { identity: 'people:alice', why: 'stolen', seconds: 5_400, by: BY }]]);
    expect([exits, places]).toEqual([[0], [{ config: 'exchequer.yaml', control: 'e.sock' }]]);
    expect((await run(block('--control', 'c.sock', '--config', 'c.yaml'))).places).toEqual([
      { config: 'c.yaml', control: 'c.sock' },
    ]);
  });

  it('says on stdout what is in force, and on stderr what is to be known', async () => {
    const { out, err } = await run(block(), {
      block: async () => ({ ok: true, report: { ...REPORT, notes: ['a note'] } }),
    });
    expect(out).toEqual(['blocked  people:alice  B1  until 2027-01-15T08:01:00Z']);
    expect(err).toEqual([
      'a note',
      'nothing more is issued to it, through it, or about it, and no token in whose chain it stands is taken',
      'exchequer unblock B1 lifts it',
      'not reached: resource servers that verify tokens offline may take those issued before until 2027-01-15T08:05:00Z at the latest; those that introspect know now',
    ]);
  });

  it('says that somebody was blocked already, since when and why, without obeying it', async () => {
    const report = { ...REPORT, ended: [{ withdrawal: BLOCK, already: true }] };
    const { out, exits } = await run(block(), { block: async () => ({ ok: true, report }) });
    expect(out).toEqual([
      'already blocked  people:alice  B1  until 2027-01-15T08:01:00Z, since 2027-01-15T08:00:00Z: sto\\u001b[2Jlen',
    ]);
    expect(exits).toEqual([0]);
  });

  it('exits 3 and names the replicas that did not confirm it; the block is shown nevertheless', async () => {
    const report = { ...REPORT, unreached: ['a', 'b'], recorded: false };
    const { out, err, exits } = await run(block(), { block: async () => ({ ok: true, report }) });
    expect([out.length, exits]).toEqual([1, [3]]);
    expect(err.slice(-2)).toEqual([
      'not on record yet: the audit trail cannot be written. It is written as soon as it can be',
      'not confirmed by a, b: it has stopped, or issues nothing once it has been cut off for a second; what it had in work may have left',
    ]);
  });

  it('gives programs the whole answer on one line', async () => {
    const { out } = await run(block('--json'));
    expect(out.map((line) => JSON.parse(line))).toEqual([REPORT]);
    expect(out[0]).toMatch(/^[\x20-\x7e]+$/);
  });

  it('exits 2 for what means nobody, 3 where it could not be done', async () => {
    const refused = await run(block(), { block: async () => ({ ok: false, is: 'usage', problem: 'a bare * \u001b' }) });
    expect(refused).toMatchObject({ out: [], err: ['a bare * \\u001b'], exits: [2] });
    const failed = await run(block(), { block: () => Promise.reject(new Error('the journal cannot be written')) });
    expect(failed).toMatchObject({ out: [], err: ['the journal cannot be written'], exits: [3] });
  });

  it.each([
    ['without --why', ['block', 'people:alice']],
    ['for no duration', block('--for', '0m')],
    ['of two', ['block', 'a:b', 'c:d', '--why', 'x']],
  ])('%s is wrong usage', async (_title, line) => {
    await expect(run(line)).rejects.toThrow(CommanderError);
  });
});

describe('blocks', () => {
  it('shows what is in force as a table, and to programs as it is', async () => {
    const { out, exits } = await run(['blocks']);
    expect(out).toEqual([
      'ID  WHAT          OF            SINCE                 UNTIL                 WHY',
      'B1  block         people:alice  2027-01-15T08:00:00Z  2027-01-15T08:01:00Z  sto\\u001b[2Jlen',
      'R1  revoke chain  h             2027-01-15T08:00:00Z  2027-01-15T08:01:30Z  leaked',
    ]);
    expect(exits).toEqual([0]);
    expect((await run(['blocks', '--json'])).out.map((line) => JSON.parse(line))).toEqual([
      { withdrawals: [BLOCK, CHAIN] },
    ]);
    const forGood = await run(['blocks'], { withdrawals: async () => [{ ...BLOCK, untilSeconds: undefined }] });
    expect(forGood.out[1]).toContain('  lifted  ');
  });
});

describe('unblock', () => {
  it('asks by id or identity, and shows what was lifted', async () => {
    const { asked, out, exits } = await run(['unblock', 'B1', '--why', 'a false alarm']);
    expect(asked).toEqual([['unblock', { which: 'B1', why: 'a false alarm', by: BY }]]);
    expect([out, exits]).toEqual([['lifted  people:alice  B1, since 2027-01-15T08:00:00Z: sto\\u001b[2Jlen'], [0]]);
    expect((await run(['unblock', 'B1'])).asked).toEqual([['unblock', { which: 'B1', by: BY }]]);
  });

  it('exits 1 where there is none', async () => {
    const unblock: IncidentTools['unblock'] = async () => ({ ok: false, is: 'absent', problem: 'none' });
    expect(await run(['unblock', 'B1'], { unblock })).toMatchObject({ out: [], err: ['none'], exits: [1] });
  });
});

describe('revoke', () => {
  const revoke = (what: string, of: string, piped = '') => run(['revoke', what, of, '--why', 'leaked'], {}, piped);

  it('asks for what is named, and says what it does not end', async () => {
    const { asked, out, err, exits } = await revoke('chain', 'h');
    expect(asked).toEqual([['revoke', { what: 'chain', of: 'h', why: 'leaked', by: BY }]]);
    expect([out, exits]).toEqual([['revoked chain  h  R1  until 2027-01-15T08:01:30Z'], [0]]);
    expect(err).toEqual([expect.stringContaining('until 2027-01-15T08:05:00Z at the latest')]);
    expect((await revoke('token', 'h')).err[0]).toBe('what was made of it goes on: `revoke chain` ends that too');
    for (const [what, ended] of [
      ['subject', 'about it'],
      ['actor', 'in which it acts'],
      ['client', 'that it asked for'],
    ] as const)
      expect((await revoke(what, 'people:alice')).err.slice(0, 2)).toEqual([
        `ended: everything ${ended} that was issued by now`,
        'new exchanges stay possible, with credentials of its own from now on: `exchequer block people:alice` ends those too',
      ]);
  });

  it('takes a token from standard input, by its handle and until its own end, and shows none of it', async () => {
    const leaked = token({ iss: 'https://sts.example', jti: 'J', exp: AT + 120 });
    const { asked, err, out } = await revoke('chain', '-', `${leaked}\n`);
    const of = handleOf('https://sts.example', 'J');
    expect(asked).toEqual([['revoke', { what: 'chain', of, why: 'leaked', by: BY }]]);
    expect(err.at(-1)).toContain('until 2027-01-15T08:02:00Z at the latest');
    expect(JSON.stringify([asked, err, out])).not.toContain(leaked.split('.')[1]);
  });

  it('never takes a token as an argument, and does not repeat it', async () => {
    const leaked = token({ iss: 'https://sts.example', jti: 'J' });
    const { asked, err, exits } = await revoke('token', leaked);
    expect([asked, exits]).toEqual([[], [2]]);
    expect(err).toEqual([
      "that looks like a token, and is in the shell's history now: pipe it in, `exchequer revoke token - < file`",
    ]);
  });

  it.each([
    ['no token', 'hello', 'standard input holds no token that can be read: not_compact'],
    [
      'a token without jti',
      token({ iss: 'https://i.example' }),
      'the token has no jti, and nothing else names it: revoke its subject',
    ],
    ['nothing', '', 'standard input holds no token that can be read: not_compact'],
  ])('%s on standard input is exit 3, and nothing is asked', async (_title, piped, problem) => {
    expect(await revoke('token', '-', piped)).toMatchObject({ asked: [], err: [problem], exits: [3] });
  });

  it('of a key is the drill of `keys revoke`, with who and why', async () => {
    const { asked, err, exits } = await revoke('key', 'K');
    expect(asked).toEqual([['revokeKey', 'K', { why: 'leaked', by: BY }]]);
    expect([err[0], exits]).toEqual(['K (ES256, was current) is out of the published set.', [0]]);
    const json = await run(['revoke', 'key', 'K', '--why', 'x', '--json']);
    expect(json.out.map((line) => JSON.parse(line))).toEqual([REVOKED]);
  });

  it('of a key is exit 3 where a broker may not have heard of it, and says which', async () => {
    const unreached = { revokeKey: async () => ({ ...REVOKED, unreached: ['b-1'], recorded: false }) };
    const { err, exits } = await run(['revoke', 'key', 'K', '--why', 'x'], unreached);
    expect([err.slice(2), exits]).toEqual([
      [expect.stringMatching(/^not on record yet/), expect.stringMatching(/^not confirmed by b-1: /)],
      [3],
    ]);
  });

  it.each([
    ['nothing that there is', ['revoke', 'everything', 'x', '--why', 'x']],
    ['without --why', ['revoke', 'subject', 'people:alice']],
  ])('%s is wrong usage', async (_title, line) => {
    await expect(run(line)).rejects.toThrow(CommanderError);
  });
});
