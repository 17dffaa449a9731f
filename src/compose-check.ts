// `exchequer check`, composed: everything that start and reload would refuse, by the same code, and then the tests of the policies. It reaches
// nobody and changes nothing.

import type { CheckHow, CheckReport, CheckTools } from './adapters/cli/check.ts';
import { assumedClient } from './compose-clients.ts';
import { type Configuration, readOffline, type World } from './compose-configuration.ts';
import { tableOf } from './compose-kinds.ts';
import { printedConfig } from './config/printed.ts';
import { CLIENTS_SOURCE } from './core/client.ts';
import { ok } from './core/refusal.ts';
import { CLIENT } from './platforms/client.ts';
import { runTests, type TestWorld } from './policy/test-run.ts';
import { printedRules } from './policy/walk/printed.ts';

export const checkTools = (world: World) =>
  ({ check: (path, how = {}) => check(world, path, how) }) satisfies CheckTools;

async function check(world: World, path: string, { print, offline }: CheckHow): Promise<CheckReport> {
  const read = await readOffline(world, path);
  // Where the broker does not run, its certificate need not be.
  const [absent, aside] = offline ? [[], read.listener] : [read.listener, []];
  if (!read.ok) return { problems: [...absent, ...read.problems], warnings: aside, findings: [], summary: [] };
  const { config, sources, compiled, warnings, findings, tests } = read.configuration;
  const things = [counted(sources, 'source'), counted(compiled.targets, 'target'), counted(compiled.rules, 'rule')];
  const problems = [...absent, ...runTests(compiled, tests, testWorld(world, read.configuration))];
  const summary = tests.length === 0 ? things : [...things, counted(tests, 'test')];
  const resolved = print ? { resolved: { ...printedConfig(config), rules: printedRules(compiled) } } : {};
  return { problems, warnings: [...aside, ...warnings], findings, summary, ...resolved };
}

const testWorld = ({ clock }: World, { config, sources, clients, verifiers }: Configuration): TestWorld => ({
  clients: clients.map(({ settings }) => assumedClient(config, settings)),
  tables: new Map([
    [CLIENTS_SOURCE, CLIENT],
    ...sources.map(({ config: { name, kind } }) => [name, tableOf(kind)] as const),
  ]),
  carried: (name, claims) =>
    sources.find(({ config }) => config.name === name)?.verifier.carries?.(claims) ?? ok(undefined),
  whoIs: verifiers.whoIs,
  now: clock.nowSeconds(),
});

const counted = (things: readonly unknown[], name: string): string =>
  `${things.length} ${name}${things.length === 1 ? '' : 's'}`;
