// The pages of the clouds, as somebody copies them: what their commands, pods and workflows name is in the configuration that the page shows, and
// a rule of the page gives it.

import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { fencedBlocks, placeExample } from '../../support/examples.ts';
import { runProgram } from '../../support/program.ts';

const PAGES = ['aws', 'azure', 'google', 'setup'];
/** What stands in a page for a target: its name, or the address by which it is asked for. */
const NAMES = [
  /exchequer (?:token|azure) ([a-z][\w-]*)/g,
  /exchequer run --(?:aws|gcp|azure) ([a-z][\w-]*)/g,
  /role-to-assume: (\S+)/g,
  /AWS_ROLE_ARN, value: "([^"]+)"/g,
  /\/aws\/credentials\/([a-z][\w-]*)/g,
  /\/gcp\/token\/([a-z][\w-]*)/g,
  /workload_identity_provider: (\S+)/g,
];
const COMMAND = /^exchequer ((?:setup [a-z]+|check).*?)(?: +#.*)?$/gm;

const pageOf = (name: string) => readFileSync(join(import.meta.dirname, `../../../docs/clouds/${name}.md`), 'utf8');
const textsOf = (name: string, info: string) =>
  fencedBlocks(pageOf(name)).flatMap((block) => (block.info === info ? [block.text] : []));
const matchesOf = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);
const namedIn = (name: string) => [...new Set(NAMES.flatMap((pattern) => matchesOf(pageOf(name), pattern)))];
const commandsIn = (name: string) => matchesOf(textsOf(name, 'console').join(''), COMMAND);

describe.each(PAGES)('docs/clouds/%s.md', (name) => {
  let config = '';
  beforeAll(async () => {
    config = await placeExample(textsOf(name, 'yaml exchequer.yaml').join(), textsOf(name, 'yaml policy'));
  });
  afterAll(() => rmSync(dirname(config), { recursive: true }));

  it.each(commandsIn(name))('shows `exchequer %s`, which works with its configuration', async (line) => {
    const { err, exits } = await runProgram([...line.split(' '), '--config', config]);
    expect(exits, err.join('\n')).toEqual([0]);
  });

  it.each(namedIn(name))('asks for %s, which a rule of its own gives', async (target) => {
    const { out, exits } = await runProgram(['who-can', target, '--config', config]);
    expect(exits).toEqual([0]);
    expect(out.join('\n')).toContain('by ');
  });

  it('would be found out if it named a target that is not there', async () => {
    expect(await runProgram(['setup', 'aws', 'nobody', '--config', config])).toMatchObject({ exits: [2] });
    expect(await runProgram(['who-can', 'nobody', '--config', config])).not.toMatchObject({ exits: [0] });
  });
});

it('look at commands and names of every page', () => {
  expect(PAGES.filter((name) => commandsIn(name).length === 0)).toEqual([]);
  expect(['aws', 'azure', 'google'].filter((name) => namedIn(name).length === 0)).toEqual([]);
});

it("let a job of Google's page, in which gcloud runs, have the scopes that gcloud asks for", () => {
  const [listed = []] = textsOf('google', 'yaml gcloud scopes').map((text) => z.array(z.string()).parse(parse(text)));
  const config = z
    .object({ targets: z.object({ lake: z.object({ scopes: z.record(z.string(), z.unknown()) }) }) })
    .parse(parse(textsOf('google', 'yaml exchequer.yaml').join()));
  expect(Object.keys(config.targets.lake.scopes)).toEqual(listed);
  const { rules } = z
    .object({ rules: z.array(z.object({ subject: z.object({ trust: z.string() }), allow: z.unknown() })) })
    .parse(parse(textsOf('google', 'yaml policy').join()));
  expect(rules.find(({ subject }) => subject.trust === 'github')?.allow).toMatchObject({ lake: 'all' });
});
