// `exchequer check`, driven as a command line: where it looks, what it prints, how it exits.

import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { type CheckReport, registerCheck, renderProblem } from '../../../src/adapters/cli/check.ts';
import { configPath } from '../../../src/adapters/cli/place.ts';

const PROBLEM = {
  file: 'policies/a.yaml',
  line: 4,
  column: 3,
  path: 'rules[0].name',
  message: 'is missing: must be text',
};
const WARNING = { file: 'exchequer.yaml', line: 1, column: 1, path: '', message: 'has a wide rule' };
const GOOD: CheckReport = { problems: [], warnings: [], findings: [], summary: ['2 sources', '1 target'] };
const BAD: CheckReport = { problems: [PROBLEM], warnings: [WARNING], findings: [], summary: [] };

async function run(args: readonly string[], report: CheckReport, env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const asked: string[] = [];
  let code: number | undefined;
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => err.push(text) });
  const terminal = {
    out: (line: string) => void out.push(line),
    err: (line: string) => void err.push(line),
    env,
    exit: (given: number) => {
      code = given;
    },
  };
  registerCheck(program, terminal, {
    check(path) {
      asked.push(path);
      return report;
    },
  });
  await program.parseAsync(['check', ...args], { from: 'user' });
  return { out, err, asked, code };
}

describe('exchequer check', () => {
  it('exits 0 and says what would be loaded', async () => {
    expect(await run([], GOOD)).toEqual({
      out: [],
      err: ['exchequer.yaml: loads, with 2 sources, 1 target'],
      asked: ['exchequer.yaml'],
      code: 0,
    });
  });

  it('exits 1 and lists every problem as file:line:column path: message, as seen from here', async () => {
    expect(await run(['--config', 'config/exchequer.yaml'], BAD)).toMatchObject({
      out: [
        'config/policies/a.yaml:4:3 rules[0].name: is missing: must be text',
        'config/exchequer.yaml:1:1 has a wide rule (warning)',
      ],
      err: ['config/exchequer.yaml: 1 problem'],
      code: 1,
    });
  });

  it('exits 0 where there are only warnings', async () => {
    const { out, code } = await run([], { ...GOOD, warnings: [WARNING] });
    expect({ out, code }).toEqual({ out: ['exchequer.yaml:1:1 has a wide rule (warning)'], code: 0 });
  });

  it('ends a line with the name of the lint, says infos, and leaves what is accepted to --json', async () => {
    const lint = { ...WARNING, lint: 'environment-alone' };
    const info = { ...WARNING, lint: 'runner-unpinned' };
    const one = { about: 'a', accepted: undefined };
    const findings: CheckReport['findings'] = [
      { ...one, lint: 'environment-alone', severity: 'warning', problem: lint },
      { ...one, lint: 'runner-unpinned', severity: 'info', problem: info },
      { ...one, lint: 'runner-unpinned', severity: 'info', problem: info, accepted: 'known' },
    ];
    const report = { ...GOOD, warnings: [lint], findings };
    expect((await run([], report)).out).toEqual([
      'exchequer.yaml:1:1 has a wide rule (warning) [environment-alone]',
      'exchequer.yaml:1:1 has a wide rule (info) [runner-unpinned]',
    ]);
    expect((await run(['--github'], report)).out).toEqual([
      '::warning file=exchequer.yaml,line=1,col=1::has a wide rule [environment-alone]',
    ]);
    const json = JSON.parse((await run(['--json'], report)).out[0] ?? '');
    expect(json.findings.map(({ lint, accepted }: CheckReport['findings'][number]) => [lint, accepted])).toEqual([
      ['environment-alone', undefined],
      ['runner-unpinned', undefined],
      ['runner-unpinned', 'known'],
    ]);
  });

  it('takes the flag over EXCHEQUER_CONFIG over exchequer.yaml', async () => {
    expect((await run([], GOOD, { EXCHEQUER_CONFIG: 'env.yaml' })).asked).toEqual(['env.yaml']);
    expect((await run(['--config', 'flag.yaml'], GOOD, { EXCHEQUER_CONFIG: 'env.yaml' })).asked).toEqual(['flag.yaml']);
    expect(configPath(undefined, { EXCHEQUER_CONFIG: '' })).toBe('exchequer.yaml');
  });

  it('prints one JSON object with --json', async () => {
    const { out, err, code } = await run(['--json', '--config', '/etc/x/exchequer.yaml'], BAD);
    expect(out.map((line) => JSON.parse(line))).toEqual([
      {
        ok: false,
        problems: [{ ...PROBLEM, file: '/etc/x/policies/a.yaml' }],
        warnings: [{ ...WARNING, file: '/etc/x/exchequer.yaml' }],
        findings: [],
        summary: [],
      },
    ]);
    expect({ err, code }).toEqual({ err: [], code: 1 });
    // JSON leaves C1 controls and what turns the direction of writing as they are.
    const hostile = { ...BAD, problems: [{ ...PROBLEM, message: 'a\u009b2J\u202eb' }] };
    expect((await run(['--json'], hostile)).out.join()).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse((await run(['--json'], GOOD)).out[0] ?? '')).toMatchObject({ ok: true });
  });

  it('prints workflow commands with --github', async () => {
    const { out, code } = await run(['--github', '--config', 'config/exchequer.yaml'], BAD);
    expect(out).toEqual([
      '::error file=config/policies/a.yaml,line=4,col=3::rules[0].name: is missing: must be text',
      '::warning file=config/exchequer.yaml,line=1,col=1::has a wide rule',
    ]);
    expect(code).toBe(1);
  });

  it('lets no file name or message forge a workflow command, a line or an escape sequence', async () => {
    const hostile = { ...PROBLEM, file: 'a,line=9::x\n.yaml', message: 'one\r\n::add-mask::x 100%\u001b[2J' };
    const report = { ...BAD, problems: [hostile], warnings: [] };
    expect((await run(['--github'], report)).out).toEqual([
      '::error file=a%2Cline=9%3A%3Ax%0A.yaml,line=4,col=3::rules[0].name: one%0D%0A::add-mask::x 100%25\u001b[2J',
    ]);
    expect((await run([], report)).out).toEqual([
      'a,line=9::x\\u000a.yaml:4:3 rules[0].name: one\\u000d\\u000a::add-mask::x 100%\\u001b[2J',
    ]);
    // Only `check` escaped what it printed: `serve`, `dev`, `explain`, `suggest` and `diff --against` wrote the same problems raw.
    expect(renderProblem(hostile)).toBe(
      'a,line=9::x\\u000a.yaml:4:3 rules[0].name: one\\u000d\\u000a::add-mask::x 100%\\u001b[2J',
    );
  });

  it.each(['--json', '--print'])('exits 2 where %s and --github are both asked for, without looking', async (flag) => {
    expect(await run([flag, '--github'], BAD)).toEqual({
      out: [],
      err: ['--github excludes --json and --print'],
      asked: [],
      code: 2,
    });
  });

  it('prints what counts with --print, as an outline or as JSON, and no escape sequence of it', async () => {
    const resolved = {
      issuer: 'https://sts.example',
      clients: {},
      trust: { github: { pins: [], tokens: ['jwt', 'id_token'], ceiling: 3, on: false } },
      list: [{ name: 'a\u001b[2J' }],
    };
    expect((await run(['--print'], { ...GOOD, resolved })).out).toEqual([
      'issuer: https://sts.example',
      'clients: none',
      'trust:',
      '  github:',
      '    pins: none',
      '    tokens: jwt, id_token',
      '    ceiling: 3',
      '    on: false',
      'list:',
      '  0:',
      '    name: a\\u001b[2J',
    ]);
    expect(JSON.parse((await run(['--print', '--json'], { ...GOOD, resolved })).out[0] ?? '')).toMatchObject({
      resolved,
    });
  });

  it('takes --offline, which says what it does anyway', async () => {
    expect(await run(['--offline'], GOOD)).toMatchObject({ code: 0 });
  });

  it('leaves an unknown flag to the program', async () => {
    await expect(run(['--nope'], GOOD)).rejects.toMatchObject({ code: 'commander.unknownOption' });
  });
});
