// `exchequer setup`, composed: what clouds must trust for configured targets, asked of the very code that signs for them, once for every set of
// values that rules give the parameters of a target. Reaches nobody; what a claim brings at run time is not guessed.

import type { FoundTrust, OpenRule, SetupQuery, SetupRead, SetupTools } from './adapters/cli/setup-tools.ts';
import { type Configuration, readOffline, type World } from './compose-configuration.ts';
import { targetKindOf } from './compose-kinds.ts';
import { conditionShown } from './compose-shown.ts';
import type { TargetConfig } from './config/config.ts';
import { SETUP_TRUSTS_MAX } from './core/limits-cloud.ts';
import { closest } from './parsing/closest.ts';
import type { Parameters } from './parsing/template.ts';
import { type Entry, entriesOf } from './policy/walk/walk.ts';

export const setupTools = (world: World): SetupTools => ({
  async trusts(path, query) {
    const read = await readOffline(world, path);
    return read.ok ? trustsOf(world, read.configuration, query) : read;
  },
});

function trustsOf({ clock }: World, configuration: Configuration, query: SetupQuery): SetupRead {
  const { config, compiled } = configuration;
  const problem = query.targets.map((name) => problemOf(config.targets, name, query)).find((one) => one !== undefined);
  if (problem !== undefined) return { ok: false, usage: problem };
  const asked = config.targets.filter(({ name }) => query.targets.includes(name));
  const stray = Object.keys(query.values).find((name) => !asked.some(({ parameters }) => parameters.includes(name)));
  if (stray !== undefined) return { ok: false, usage: `${query.targets.join(', ')} has no parameter <${stray}>` };
  const entries = entriesOf(compiled, clock.nowSeconds());
  const bound = asked.map((target) => bindings(target, entries, query.values));
  const all = asked.flatMap((target, index) =>
    (bound[index]?.sets ?? []).flatMap(({ values, rules }): FoundTrust[] => {
      const place = { issuer: config.issuer, target: target.name, parameters: target.parameters };
      const trust = targetKindOf(target).cloud?.trust(target.options, place, values);
      return trust?.cloud === query.cloud ? [{ target: target.name, parameters: values, rules, trust }] : [];
    }),
  );
  return {
    ok: true,
    issuer: config.issuer,
    found: all.slice(0, SETUP_TRUSTS_MAX),
    left: Math.max(0, all.length - SETUP_TRUSTS_MAX),
    open: bound.flatMap(({ open }) => open),
  };
}

/** Why a target has no other side in this cloud. */
function problemOf(targets: readonly TargetConfig[], name: string, { cloud }: SetupQuery): string | undefined {
  const target = targets.find((one) => one.name === name);
  if (!target) {
    const names = targets.map((one) => one.name);
    const near = closest(name, names);
    return `${name} is no target${near === undefined ? `; there are: ${names.join(', ')}` : `; did you mean ${near}?`}`;
  }
  if (!targetKindOf(target).cloud)
    return `${name} is a target of kind ${target.kind}: no cloud is asked for it, and none has to trust it`;
  return target.kind === cloud ? undefined : `${name} is a target of kind ${target.kind}: setup ${target.kind} ${name}`;
}

interface Bindings {
  /** With the names of the rules that give them. */
  readonly sets: readonly { readonly values: Parameters; readonly rules: readonly string[] }[];
  readonly open: readonly OpenRule[];
}

/** Every set of values that rules give a target's parameters, and the rules that leave some of them to claims. */
function bindings({ name, parameters }: TargetConfig, entries: readonly Entry[], given: Parameters): Bindings {
  const sets = new Map<string, { readonly values: Parameters; readonly rules: Set<string> }>();
  const add = (values: Parameters, rule?: string) => {
    const sorted = Object.fromEntries(parameters.map((parameter) => [parameter, values[parameter] ?? '']));
    const key = JSON.stringify(sorted);
    const set = sets.get(key) ?? { values: sorted, rules: new Set<string>() };
    sets.set(key, set);
    if (rule !== undefined) set.rules.add(rule);
  };
  const open = new Map<string, OpenRule>();
  for (const entry of entries.filter(({ target, rule }) => target.name === name && rule.mode !== 'preview')) {
    const own = Object.entries(entry.parameters);
    if (own.some(([parameter, value]) => Object.hasOwn(given, parameter) && given[parameter] !== value)) continue;
    const values = { ...given, ...entry.parameters };
    const missing = parameters.filter((parameter) => !Object.hasOwn(values, parameter));
    if (missing.length === 0) add(values, entry.rule.name);
    else open.set(entry.rule.name, openRule(entry, missing));
  }
  // What has no parameter, or was given every one, is one thing whoever may have it.
  if (parameters.every((parameter) => Object.hasOwn(given, parameter))) add(given);
  return {
    sets: [...sets.values()].map(({ values, rules }) => ({ values, rules: [...rules].sort() })),
    open: [...open.values()],
  };
}

const openRule = ({ rule, target, conditions }: Entry, parameters: readonly string[]): OpenRule => ({
  target: target.name,
  rule: rule.name,
  at: rule.at,
  parameters,
  conditions: conditions
    .map(conditionShown)
    .filter(({ expected }) => parameters.some((parameter) => expected.includes(`<${parameter}>`))),
});
