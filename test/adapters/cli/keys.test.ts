// The verbs under `keys`: what people and programs read, the exit codes, and what the tools are asked.

import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { type KeyTools, registerKeys } from '../../../src/adapters/cli/keys.ts';
import type { SigningKeyView } from '../../../src/core/ports.ts';

const CURRENT: SigningKeyView = {
  kid: 'kid-of-the-current-key',
  algorithm: 'ES256',
  state: 'current',
  createdAtSeconds: 1_800_000_000,
  currentSinceSeconds: 1_800_000_060,
};
const NEXT: SigningKeyView = { kid: 'kid-next', algorithm: 'ES256', state: 'next', createdAtSeconds: 1_800_000_000 };
const RETIRED: SigningKeyView = { ...CURRENT, kid: 'kid-old', state: 'retired', retiredAtSeconds: 1_800_000_120 };
const REVOKED = { revoked: CURRENT, keys: [NEXT], unreached: [], recorded: true, clouds: [] };

/** Runs one command line against tools that remember what they were asked. */
async function run(line: readonly string[], tools: Partial<KeyTools> = {}) {
  const said = {
    out: [] as string[],
    err: [] as string[],
    exits: [] as number[],
    asked: [] as unknown[],
    places: [] as unknown[],
  };
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => said.err.push(text) });
  const answer =
    <Value>(name: string, value: Value) =>
    async (...args: unknown[]) => {
      said.asked.push([name, ...args]);
      return value;
    };
  registerKeys(
    program,
    {
      out: (text) => said.out.push(text),
      err: (text) => said.err.push(text),
      env: { EXCHEQUER_CONFIG: '', EXCHEQUER_CONTROL: 'e.sock' },
      exit: (code) => said.exits.push(code),
    },
    (place) => {
      said.places.push(place);
      return {
        list: answer('list', [CURRENT, NEXT, RETIRED]),
        rotate: answer('rotate', [CURRENT, NEXT]),
        revoke: answer('revoke', REVOKED),
        ...tools,
      };
    },
  );
  for (const command of program.commands.flatMap((one) => [one, ...one.commands])) {
    command.exitOverride().configureOutput({ writeErr: (text) => said.err.push(text) });
  }
  await program.parseAsync(['node', 'exchequer', ...line]).catch((error: unknown) => {
    if (!(error instanceof CommanderError)) throw error;
    said.err.push(error.code);
  });
  return said;
}

describe('exchequer keys', () => {
  it('asks the broker that flags name, else the environment, else the default', async () => {
    expect((await run(['keys', 'list'])).places).toEqual([{ config: 'exchequer.yaml', control: 'e.sock' }]);
    const flags = ['--config', 'c.yaml', '--control', 'c.sock'];
    for (const verb of [['list'], ['rotate'], ['revoke', 'K']])
      expect((await run(['keys', ...verb, ...flags])).places).toEqual([{ config: 'c.yaml', control: 'c.sock' }]);
  });

  it('lists every key as a table, with times that people can read', async () => {
    const { out, err, exits } = await run(['keys', 'list']);
    expect(out).toEqual([
      'ALG    STATE    KID                     CREATED               CURRENT SINCE         RETIRED',
      'ES256  current  kid-of-the-current-key  2027-01-15T08:00:00Z  2027-01-15T08:01:00Z  -',
      'ES256  next     kid-next                2027-01-15T08:00:00Z  -                     -',
      'ES256  retired  kid-old                 2027-01-15T08:00:00Z  2027-01-15T08:01:00Z  2027-01-15T08:02:00Z',
    ]);
    expect({ err, exits }).toEqual({ err: [], exits: [0] });
  });

  it('lists them as JSON for programs', async () => {
    const { out, exits } = await run(['keys', 'list', '--json']);
    expect(out.map((line) => JSON.parse(line))).toEqual([{ keys: [CURRENT, NEXT, RETIRED] }]);
    expect(exits).toEqual([0]);
  });

  it('rotates both rings, or the one that is named', async () => {
    expect((await run(['keys', 'rotate'])).asked).toEqual([['rotate', undefined]]);
    expect((await run(['keys', 'rotate', '--algorithm', 'RS256', '--json'])).asked).toEqual([['rotate', 'RS256']]);
  });

  it('refuses an algorithm that there is no ring for, and asks nothing of the broker', async () => {
    const { asked, err } = await run(['keys', 'rotate', '--algorithm', 'HS256']);
    expect(asked).toEqual([]);
    expect(err.at(-1)).toBe('commander.invalidArgument');
  });

  it('revokes a key and says on stderr who may still accept it', async () => {
    const { asked, out, err, exits } = await run(['keys', 'revoke', 'kid-of-the-current-key']);
    expect(asked).toEqual([['revoke', 'kid-of-the-current-key']]);
    expect(out).toHaveLength(2);
    expect(err[0]).toBe('kid-of-the-current-key (ES256, was current) is out of the published set.');
    expect(exits).toEqual([0]);
  });

  it('gives a revocation to programs whole', async () => {
    const { out, err } = await run(['keys', 'revoke', 'kid-of-the-current-key', '--json']);
    expect(out.map((line) => JSON.parse(line))).toEqual([REVOKED]);
    expect(err).toEqual([]);
  });

  it('says which brokers may not know of a revocation, and exits 3', async () => {
    const revoke = async () => ({ ...REVOKED, unreached: ['sts-2'] });
    const { err, exits } = await run(['keys', 'revoke', 'kid-of-the-current-key'], { revoke });
    expect(err.at(-1)).toMatch(/^not confirmed by sts-2: it has stopped, or issues nothing/);
    expect(exits).toEqual([3]);
  });

  it('shows what the broker refuses, without its control characters, and exits 3', async () => {
    const refuse = async () => Promise.reject(new Error('the next key may not sign before tomorrow\u001b[2J'));
    const { out, err, exits } = await run(['keys', 'rotate'], { rotate: refuse });
    expect({ out, err, exits }).toEqual({
      out: [],
      err: ['the next key may not sign before tomorrow\\u001b[2J'],
      exits: [3],
    });
  });
});
