// docs/local.md: the command lines that people copy are ones that the program understands, and its tables name what the code does.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { environmentFor } from '../../../src/adapters/cli/run-environment.ts';
import { fencedBlocks } from '../../support/examples.ts';
import { runProgram } from '../../support/program.ts';

const page = readFileSync(join(import.meta.dirname, '../../../docs/local.md'), 'utf8');
const commands = fencedBlocks(page)
  .filter(({ info }) => info === 'console')
  .flatMap(({ text }) => text.trim().split('\n'));

describe('docs/local.md', () => {
  it.each(commands)('shows a command line that can be meant: %s', async (command) => {
    const [name, ...line] = command.replace('https://sts.example', 'https://localhost:1').split(' ');
    expect(name).toBe('exchequer');
    // It comes as far as to look for a broker, or for a credential.
    const said = await runProgram(line);
    expect(said.exits).toEqual([line.includes('--broker') ? 3 : 2]);
    expect(said.err.join()).toMatch(/^(no credential is here|which broker)/);
  });

  it('shows a pod whose sidecar understands its arguments, and whose program finds it', async () => {
    const [block] = fencedBlocks(page).filter(({ info }) => info === 'yaml pod');
    const { spec } = parse(block?.text ?? '');
    const { args } = spec.initContainers[0];
    const said = await runProgram(args);
    expect(said).toMatchObject({ exits: [2], err: ['which broker: --broker or EXCHEQUER_BROKER, its issuer URL'] });
    const env = Object.fromEntries(
      spec.containers[0].env.map(({ name, value }: Record<string, string>) => [name, value]),
    );
    expect(env.AWS_CONTAINER_CREDENTIALS_FULL_URI).toBe(`http://127.0.0.1:${args[4]}/aws/credentials/${args[2]}`);
    expect(env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE).toBe(args[6]);
  });

  it('names variables that are left out', () => {
    const order = {
      aws: ['a'],
      google: { target: 'a', email: undefined, project: { id: undefined, number: undefined } },
      azure: [{ target: 'a', resource: undefined }],
      port: 0,
    };
    const rows = page.split('\n').filter((line) => /^\| (AWS|Google|Azure) \|/.test(line));
    const named = rows.flatMap((row) =>
      [...(row.split('|')[2] ?? '').matchAll(/`([A-Z_]+)`/g)].map(([, one = '']) => one),
    );
    const { env } = environmentFor(Object.fromEntries(named.map((name) => [name, 'x'])), order, {});
    expect([named.length > 12, Object.keys(env)]).toEqual([true, ['AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE']]);
  });
});
