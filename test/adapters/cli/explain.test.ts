import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { registerExplain } from '../../../src/adapters/cli/explain.ts';
import type { ExplainTools } from '../../../src/adapters/cli/explain-tools.ts';
import { NOBODY_ACTS } from '../../../src/core/decision.ts';
import { unknownTarget } from '../../../src/policy/explain/asked-for.ts';
import { explainQuestion } from '../../../src/policy/explain/explain.ts';
import { CLIENTS_SOURCE, GITHUB_PUSH, NOW, policyOf, principalOf, SOURCES } from '../../support/policy.ts';

const RULES = `rules:
  - name: main
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { ledger: [read] }
  - name: through
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    client: gateway
    allow: [deploy]
  - name: itself
    subject: { trust: clients, sub: gateway }
    allow: [deploy]
`;
const policy = policyOf(RULES, { sources: [...SOURCES, CLIENTS_SOURCE] });
const MANY = policyOf(
  `rules:\n${Array.from({ length: 12 }, (_, row) => `  - { name: r${row}, subject: { trust: github, github: { repository_id: ${row + 100}, ref: refs/heads/main } }, allow: [deploy] }\n`).join('')}`,
);
const GATEWAY = {
  source: 'clients',
  kind: 'client',
  issuer: 'https://sts.example',
  subject: 'gateway',
  name: 'clients:gateway',
  claims: { sub: 'gateway' },
};

const MISSING = { by: 'eks', what: 'namespace', presented: undefined, expected: 'text', hint: undefined };
const EXPIRED = { reason: 'expired', by: 'github', what: 'exp', presented: 'long ago', expected: 'later' } as const;

const KNOWN = '01JCX5V3M8Q4T7W2Y6Z9B1D3F5';
const OLD = '01JCX5V3M8Q4T7W2Y6Z9B1D3F6';

const TOOLS: ExplainTools = {
  hint: (presented, expected) => (presented === expected ? undefined : `${presented} is not ${expected}`),
  readInput: async () => Buffer.from(JSON.stringify(GITHUB_PUSH)),
  nowSeconds: () => NOW,
  load: async (config) =>
    config === 'broken.yaml'
      ? { ok: false, problems: [{ file: config, line: 3, column: 1, path: 'issuer', message: 'is missing' }] }
      : {
          ok: true,
          offline: {
            sources: ['github', 'eks'],
            clients: [{ id: 'gateway', principal: GATEWAY }],
            judge: async ({ source, claims, nowSeconds }) => ({
              ...{ lacking: undefined, timed: claims.exp !== undefined, endsAtSeconds: undefined, over: undefined },
              ...{ presenter: undefined, carried: undefined },
              principal: source === 'eks' ? undefined : principalOf('github', claims),
              causes: [
                ...(source === 'eks' ? [{ ...MISSING, reason: 'claim_missing' as const }] : []),
                ...(Number(claims.exp ?? nowSeconds) < nowSeconds ? [{ ...MISSING, ...EXPIRED }] : []),
              ],
            }),
            named: (identity) => ({ ok: false, problem: `is nobody: ${identity}` }),
            acting: () => ({ delegation: NOBODY_ACTS, cause: undefined }),
            explain: (asked) => explainQuestion(config === 'many.yaml' ? MANY : policy, asked),
            unknownTarget: (targets) => unknownTarget(policy, targets),
          },
        },
  decision: async (id, { control }) => {
    if (control === '/gone') throw new Error('no broker answers on /gone');
    const trace = [
      {
        rule: 'main',
        at: 'p:2',
        effect: 'allow',
        mode: 'enforce',
        failed: { part: 'pin', what: 'ref', presented: '"x"', expected: '"y"' },
      },
    ];
    if (id === 'last')
      return {
        decision: 'NEWEST',
        outcome: 'refused',
        reason: 'no_rule',
        subject: { name: 'github:s\u001b[2J' },
        asked: { targets: ['legder', { sha256: 'ab' }] },
        scopes: ['a', 'b'],
        evidence: { claim: 'ref', nearest: { rule: 'main' } },
        would: [{ rule: 'tried', would: 'allow' }],
        trace,
      };
    return id === KNOWN ? { decision: KNOWN, outcome: 'granted', rule: 'main', target: 'ledger' } : undefined;
  },
  recorded: async (id, trail) => (trail === '-' && id === OLD ? { decision: OLD, outcome: 'refused' } : undefined),
  withdrawal: async () => undefined,
};

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'explain-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function run(...words: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  let code: number | undefined;
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => err.push(text) });
  const terminal = {
    out: (line: string) => out.push(line),
    err: (line: string) => err.push(line),
    env: {},
    exit: (exit: number) => (code = exit),
  };
  registerExplain(program, terminal, TOOLS);
  await program.parseAsync(['explain', ...words], { from: 'user' });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

async function fileOf(text: string): Promise<string> {
  const path = join(folder, 'input');
  await writeFile(path, text);
  return path;
}

const claims = (change: object = {}) => fileOf(JSON.stringify({ ...GITHUB_PUSH, ...change }));
const tokenOf = (payload: object) =>
  ['{"alg":"RS256"}', JSON.stringify(payload), 'sig'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('explain, offline', () => {
  it('exits 0 where it would be allowed, and says that nothing was proved', async () => {
    const { code, out } = await run('--claims-file', await claims(), '--trust', 'github', '--target', 'ledger');
    expect(code).toBe(0);
    expect(out).toContain('assumed, not proved');
    expect(out).toContain('allowed   ledger with read for at most 3600 s, by main (p0.yaml:2)');
  });

  it('exits 1 where it would be refused, and shows presented against expected', async () => {
    const { code, out } = await run(
      '--claims-file',
      await claims({ ref: 'refs/heads/dev' }),
      '--trust',
      'github',
      '--target',
      'ledger',
    );
    expect(code).toBe(1);
    expect(out.split('\n')[2]).toBe(
      'refused   no_rule: nearest main (p0.yaml:2): ref was "refs/heads/dev", must be "refs/heads/main"',
    );
    expect(out).toContain('main (p0.yaml:2) allow: pin: ref was "refs/heads/dev", must be "refs/heads/main"');
  });

  it('takes scopes, and answers in one JSON object', async () => {
    const { code, out } = await run(
      '--claims-file',
      await claims(),
      '--trust',
      'github',
      '--target',
      'ledger',
      '--scope',
      'read admin',
      '--json',
    );
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      assumed: true,
      allowed: false,
      refusal: { reason: 'scope_not_allowed' },
      rules: expect.arrayContaining([
        expect.objectContaining({ rule: 'main', failed: expect.objectContaining({ part: 'scope' }) }),
      ]),
    });
  });

  it('reads a token without verifying it, and never prints it', async () => {
    const token = tokenOf(GITHUB_PUSH);
    const { code, out, err } = await run('--token-file', await fileOf(`${token}\n`), '--target', 'ledger');
    expect(code).toBe(0);
    expect(out).toContain('assumed, not proved');
    expect(out + err).not.toContain(token.slice(20, 60));
  });

  it('asks through a client, and shows the client that a rule misses', async () => {
    const asked = ['--claims-file', await claims(), '--trust', 'github', '--target', 'deploy'];
    const through = await run(...asked, '--client', 'gateway');
    expect([through.code, through.out.includes('client    gateway')]).toEqual([0, true]);
    const without = await run(...asked);
    expect(without.code).toBe(1);
    expect(without.out).toContain('through (p0.yaml:5) allow: client was absent, must be "gateway"');
    expect(JSON.parse((await run(...asked, '--client', 'gateway', '--json')).out)).toMatchObject({
      client: 'gateway',
      grant: { clientId: 'gateway' },
    });
  });

  it('asks for a client itself, which no rule has to name', async () => {
    const { code, out } = await run('--client', 'gateway', '--target', 'deploy');
    expect([code, out.includes('subject   clients:gateway')]).toEqual([0, true]);
    expect(out).toContain('by itself (p0.yaml:9)');
  });

  it('exits 2 for a client that does not exist, or with nothing to ask for', async () => {
    const nobody = await run('--client', 'gatewy', '--target', 'deploy');
    expect([nobody.code, nobody.err]).toEqual([2, 'gatewy is no client; there are: gateway']);
    expect((await run('--client', 'gateway')).code).toBe(2);
    expect((await run('--client', 'gateway', '--target', 'deploy')).code).toBe(0);
  });

  it('exits 1 where the source would refuse the claims', async () => {
    const { code, out } = await run('--claims-file', await claims(), '--trust', 'eks', '--target', 'ledger');
    expect([code, out.split('\n')[1]]).toEqual([1, 'refused   claim_missing: eks: namespace was absent, must be text']);
    expect(out.split('\n')).toHaveLength(2);
  });

  it('says first what the broker would answer, then what policy says but for that, and exits 1', async () => {
    const asked = ['--claims-file', await claims({ exp: NOW - 60 }), '--trust', 'github', '--target', 'ledger'];
    const { code, out } = await run(...asked);
    expect([code, out.split('\n').slice(2, 5)]).toEqual([
      1,
      [
        'refused   expired: github: exp was long ago, must be later',
        'but for that:',
        'allowed   ledger with read for at most 3600 s, by main (p0.yaml:2)',
      ],
    ]);
    expect(JSON.parse((await run(...asked, '--json')).out)).toMatchObject({
      allowed: false,
      causes: [{ reason: 'expired', what: 'exp' }],
      grant: { target: 'ledger' },
    });
  });

  it('judges as of the time that --at names, which has an offset', async () => {
    const asked = ['--claims-file', await claims({ exp: NOW - 60 }), '--trust', 'github', '--target', 'ledger'];
    const then = await run(...asked, '--at', new Date((NOW - 120) * 1000).toISOString());
    expect([then.code, then.out.split('\n')[0]?.endsWith('as of 2026-09-21T14:11:20Z')]).toEqual([0, true]);
    for (const time of ['2026-11-26', '2026-11-26T01:00:00', 'yesterday', '2026-13-26T01:00:00Z', '']) {
      const { code, err } = await run(...asked, '--at', time);
      expect([code, err]).toEqual([2, '--at must be a time with its offset, such as 2026-11-26T00:58:00Z']);
    }
    expect((await run('--last', '--at', '2026-11-26T00:58:00Z')).code).toBe(2);
  });

  it('says of a target that does not exist that there is none, and which was meant', async () => {
    const asked = ['--claims-file', await claims({ ref: 'refs/heads/dev' }), '--trust', 'github', '--target'];
    const { out } = await run(...asked, 'deplo');
    expect(out.split('\n').slice(2, 4)).toEqual([
      'asked     "deplo": there is no such target; did you mean deploy?',
      expect.stringMatching(/^refused {3}no_rule: nearest /),
    ]);
    expect((await run(...asked, 'zzz')).out).toContain('asked     "zzz": there is no such target\n');
    expect((await run(...asked, 'deploy')).out).not.toContain('asked');
    expect(JSON.parse((await run(...asked, 'deplo', '--json')).out)).toMatchObject({
      unknownTarget: { asked: '"deplo"', meant: 'deploy' },
    });
  });

  it('lists the ten nearest rules, every one with --all, and every one in JSON', async () => {
    const asked = ['--claims-file', await claims(), '--trust', 'github', '--target', 'many'];
    const { out } = await run('--config', 'many.yaml', ...asked);
    const listed = out.split('\n').filter((line) => line.startsWith('  r'));
    expect([listed.length, out.split('\n').at(-1)]).toEqual([10, '  and 2 more (--all)']);
    expect(out).toContain('rules     12, nearest first');
    const all = (await run('--config', 'many.yaml', ...asked, '--all')).out;
    expect([all.split('\n').filter((line) => line.startsWith('  r')).length, all.includes('more (--all)')]).toEqual([
      12,
      false,
    ]);
    expect(JSON.parse((await run('--config', 'many.yaml', ...asked, '--json')).out).rules).toHaveLength(12);
  });

  it('reads what is piped in where the file is -', async () => {
    expect((await run('--claims-file', '-', '--trust', 'github', '--target', 'ledger')).code).toBe(0);
    const { code, err } = await run('--token-file', '-', '--target', 'ledger');
    expect([code, err]).toEqual([3, 'standard input holds no token that can be read: not_compact']);
  });

  it.each([
    [['--target', 'x'], 'one of --token-file'],
    [['--claims-file', 'f', '--target', 'x'], 'needs --trust'],
    [['--token-file', 'f'], '--target is needed'],
    [['--last', '--decision', KNOWN], 'one of --token-file'],
    [['--decision', KNOWN.slice(1)], '--decision must be a decision id'],
    [['--decision', KNOWN.replace('X', 'U')], '--decision must be a decision id'],
    [['--decision', KNOWN.toLowerCase()], '--decision must be a decision id'],
    [['--last', '--from', '-'], '--from is where --decision is looked for'],
  ])('exits 2 for %j', async (words, message) => {
    const { code, err } = await run(...words);
    expect([code, err.includes(message)]).toEqual([2, true]);
  });

  it('exits 2 for a trust source that does not exist', async () => {
    const { code, err } = await run('--claims-file', await claims(), '--trust', 'gitlab', '--target', 'ledger');
    expect([code, err]).toEqual([2, 'gitlab is no trust source; there are: github, eks']);
  });

  it.each([
    ['an absent file', '/nowhere/f'],
    ['a text that is no token', undefined],
  ])('exits 3 for %s, without repeating it', async (_title, path) => {
    const file = path ?? (await fileOf('SECRETSECRET'));
    const { code, out, err } = await run('--token-file', file, '--target', 'ledger');
    expect(code).toBe(3);
    expect(out + err).not.toContain('SECRETSECRET');
  });

  it('exits 3 for claims with a member twice, and for a file that is too long', async () => {
    const twice = await run('--claims-file', await fileOf('{"a":1,"a":2}'), '--trust', 'github', '--target', 'ledger');
    expect(twice.code).toBe(3);
    const long = await run(
      '--claims-file',
      await fileOf(`{"a":"${'x'.repeat(70_000)}"}`),
      '--trust',
      'github',
      '--target',
      'ledger',
    );
    expect([long.code, long.err.includes('longer than any credential')]).toEqual([3, true]);
  });

  it('exits 3 with every problem where the configuration does not load', async () => {
    const { code, err } = await run(
      '--config',
      'broken.yaml',
      '--claims-file',
      await claims(),
      '--trust',
      'github',
      '--target',
      'ledger',
    );
    expect([code, err]).toEqual([3, 'broken.yaml:3:1 issuer: is missing\nbroken.yaml does not load']);
  });
});

describe('explain, of the running broker', () => {
  it('shows the newest decision, and obeys no escape sequence in it', async () => {
    const { code, out } = await run('--last');
    expect(code).toBe(1);
    expect(out).toContain('main (p:2) allow: pin: ref was "x", must be "y"; "x" is not "y"');
    expect(out).not.toContain('\u001b');
  });

  it('shows evidence in words, what previews would have done, and the nearest rule once', async () => {
    const { out } = await run('--last');
    expect(out.split('\n').slice(4, 9)).toEqual([
      'scopes    a b',
      'asked     "legder": there is no such target; did you mean ledger?',
      ...['evidence  claim=ref', 'preview   tried would allow', 'rules     1 considered'],
    ]);
  });

  it('shows what was asked for as recorded where the configuration does not load', async () => {
    expect((await run('--last', '--config', 'broken.yaml')).out).toContain('\nasked     "legder"\n');
  });

  it('shows one decision by its id, and exits as it ended', async () => {
    expect((await run('--decision', KNOWN)).code).toBe(0);
    expect(JSON.parse((await run('--decision', KNOWN, '--json')).out)).toMatchObject({ decision: KNOWN });
  });

  it('exits 3 where the decision is not remembered or no broker answers', async () => {
    const err =
      'the broker does not remember this decision; its record is in the audit trail: --from FILE reads it there';
    expect(await run('--decision', OLD)).toMatchObject({ code: 3, err });
    expect(await run('--last', '--control', '/gone')).toMatchObject({ code: 3, err: 'no broker answers on /gone' });
  });

  it('reads a decision from a trail, and exits 3 where that has none', async () => {
    expect(await run('--decision', OLD, '--from', '-')).toMatchObject({ code: 1, err: '' });
    const none = await run('--decision', KNOWN, '--from', '-');
    expect(none).toMatchObject({ code: 3, err: 'standard input holds no record of this decision' });
    expect((await run('--decision', OLD, '--from', 'old.jsonl')).err).toBe(
      'old.jsonl holds no record of this decision',
    );
  });
});
