// The schema of one deployment, compiled by a validator that editors use: it accepts what loads, and marks a name that is not there.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type DeploymentNames, namesIn } from '../../src/config/deployment-schema.ts';
import { runProgram } from '../support/program.ts';

const CONFIG = join(import.meta.dirname, '../../config');
const read = (name: string): unknown => parse(readFileSync(join(CONFIG, name), 'utf8'));

async function validator(...words: readonly string[]) {
  const { out, exits } = await runProgram(['schema', ...words]);
  expect(exits).toEqual([0]);
  return new Ajv({ strict: false }).compile(JSON.parse(out.join('\n')));
}
const OURS = ['--config', join(CONFIG, 'exchequer.yaml')];
const policies = readdirSync(join(CONFIG, 'policies')).filter((name) => name.endsWith('.yaml'));

const rule = (changes: Record<string, unknown>) => ({
  rules: [{ name: 'one', subject: { trust: 'github' }, allow: ['deploy'], ...changes }],
});

describe('the schema of a deployment', () => {
  it.each(policies)('accepts policies/%s', async (name) => {
    const validate = await validator('policy', ...OURS);
    expect([validate(read(`policies/${name}`)), validate.errors]).toEqual([true, null]);
  });

  it('accepts exchequer.yaml itself', async () => {
    const validate = await validator('config', ...OURS);
    expect([validate(read('exchequer.yaml')), validate.errors]).toEqual([true, null]);
  });

  it.each([
    ['a source', { subject: { trust: 'gitub' } }, { subject: { trust: 'github' } }],
    ['a source in a list', { subject: { trust: ['github', 'gitub'] } }, { subject: { trust: ['github', 'cluster'] } }],
    ['a source of `anyone`', { anyone: { trust: 'gitub' }, deny: 'all' }, { anyone: { trust: 'github' }, deny: 'all' }],
    ['a target in a list', { allow: ['depoy'] }, { allow: ['deploy'] }],
    ['a target with scopes in the list form', { allow: ['ledger'] }, { allow: { ledger: 'all' } }],
    ['a target with scopes', { allow: { legder: 'all' } }, { allow: { ledger: 'all' } }],
    ['a scope', { allow: { ledger: ['postings:reed'] } }, { allow: { ledger: ['postings:read'] } }],
    ['a denied target', { allow: undefined, deny: ['depoy'] }, { allow: undefined, deny: ['deploy'] }],
    ['a client, where there is none', { client: 'gateway' }, {}],
    [
      'a block of a kind without a source',
      { subject: { trust: 'github', gitlab: {} } },
      { subject: { trust: 'github', github: {} } },
    ],
  ])('marks %s', async (_what, wrong, right) => {
    const validate = await validator('policy', ...OURS);
    const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
    expect([validate(plain(rule(wrong))), validate(plain(rule(right)))]).toEqual([false, true]);
  });

  it('leaves alone what a parameter stands in', async () => {
    const validate = await validator('policy', ...OURS);
    expect(validate(rule({ allow: ['<target>'] }))).toBe(true);
    expect(validate(rule({ allow: { '<target>': 'all' } }))).toBe(true);
  });

  it('the general one knows no names and every kind', async () => {
    const validate = await validator('policy');
    expect(validate(rule({ subject: { trust: 'gitub', gitlab: { project_id: 20 } }, client: 'gateway' }))).toBe(true);
    expect(validate(rule({ subjct: {} }))).toBe(false);
  });

  it('is what config/ holds, where no deployment is named', async () => {
    for (const [of, file] of [
      ['config', 'exchequer'],
      ['policy', 'policy'],
    ] as const) {
      const { out } = await runProgram(['schema', of]);
      expect(`${out.join('\n')}\n`).toBe(readFileSync(join(CONFIG, `${file}.schema.json`), 'utf8'));
    }
  });

  it('says what is wrong with a configuration that is no YAML, or not there', async () => {
    expect(await runProgram(['schema', 'policy', '--config', '/nowhere/exchequer.yaml'])).toEqual({
      out: [],
      err: ['exchequer.yaml:1:1 cannot be read (ENOENT)'],
      exits: [1],
    });
    expect((await runProgram(['schema', 'policies'])).exits).toEqual([2]);
  });
});

describe('the names in a configuration', () => {
  const none: DeploymentNames = { sources: [], targets: [], clients: [] };
  it.each([[null], ['text'], [[]], [{}], [{ trust: [], targets: 'x', clients: null }]])('in %j are none', (written) => {
    expect(namesIn(written)).toEqual(none);
  });

  it('are read from what does not load yet', () => {
    expect(
      namesIn({ trust: { a: { kind: 'oidc' }, b: null }, targets: { t: { scopes: { s: {} } } }, clients: { c: {} } }),
    ).toEqual({
      sources: [
        { name: 'a', kind: 'oidc' },
        { name: 'b', kind: 'undefined' },
      ],
      targets: [{ name: 't', scopes: ['s'] }],
      clients: ['c'],
    });
  });
});
