// What a rule allows or denies: targets that exist, within what its folder and its sources may reach, with scopes that they have, and
// with every parameter that they need bound, by `each`, `with`, or a capture from every source's claims.

import type { YamlPath } from '../../parsing/yaml.ts';
import { type AllowedTarget, byName, conditionsOf, type SourceMatch } from '../compiled.ts';
import { isPattern } from '../evaluate.ts';
import { meant, type RuleTarget, report, type Work } from './rule-work.ts';
import type { WrittenRule } from './schema.ts';

/** The targets of an allow rule with their scopes, in the order of names. What is wrong is reported, and left in. */
export function allowed(work: Work, written: NonNullable<WrittenRule['allow']>): readonly AllowedTarget[] {
  if (Array.isArray(written)) {
    for (const [index, name] of written.entries()) {
      const target = knownTarget(work, ['allow', index], name);
      // Where all of them are what a request gets that names none, there is nothing to choose from.
      if (target?.scopes.some((scope) => !target.defaultScopes.includes(scope)))
        report(work, ['allow', index], `${name} has scopes: write { ${name}: all } or { ${name}: [...] }`);
    }
    const names = [...new Set(written)].sort();
    return Object.freeze(names.map((target) => Object.freeze({ target, scopes: 'all' as const })));
  }
  const entries = Object.entries(written);
  if (entries.length === 0) report(work, ['allow'], 'is empty: it names no target');
  const targets = entries.map(([name, scopes]): AllowedTarget => {
    const target = knownTarget(work, ['allow', name], name);
    if (target && scopes !== 'all') knownScopes(work, name, target.scopes, scopes);
    return Object.freeze({
      target: name,
      scopes: scopes === 'all' ? scopes : Object.freeze([...new Set(scopes)].sort()),
    });
  });
  return Object.freeze(targets.sort((a, b) => byName({ name: a.target }, { name: b.target })));
}

/** The target of this name, if the rule may speak of it. */
export function knownTarget(work: Work, path: YamlPath, name: string): RuleTarget | undefined {
  const { targets } = work.context;
  const target = targets.get(name);
  if (!target) report(work, path, `${name} is no target${meant(name, [...targets.keys()])}`);
  for (const { reach } of work.scopes)
    if (reach && !reach.includes(name))
      report(work, path, `this folder reaches ${reach.join(', ')} only, and not ${name}`);
  return target;
}

function knownScopes(work: Work, name: string, known: readonly string[], scopes: readonly string[]): void {
  for (const [index, scope] of scopes.entries())
    if (!known.includes(scope))
      report(work, ['allow', name, index], `${name} has no scope ${scope}${meant(scope, known)}`);
}

/** A cloud gives nothing as short as a rule may say. */
export function underFloor(work: Work, lifetimeSeconds: number | undefined, allow: readonly AllowedTarget[]): void {
  for (const { target } of allow) {
    const floor = work.context.targets.get(target)?.cloud?.floorSeconds ?? 0;
    if (lifetimeSeconds !== undefined && lifetimeSeconds < floor)
      report(work, ['lifetime'], `is under the floor of ${target}: its cloud gives ${floor} seconds at least`);
  }
}

/** Names of the targets that a rule allows, as written. */
export const targetNames = (written: WrittenRule['allow']): readonly string[] =>
  Array.isArray(written) ? written : Object.keys(written ?? {});

/** The parameters that stand in every target that a rule allows. */
export function reachingAll(work: Work, written: WrittenRule['allow']): ReadonlySet<string> {
  const [first, ...others] = targetNames(written).map((name) => work.context.targets.get(name)?.parameters ?? []);
  return new Set((first ?? []).filter((parameter) => others.every((parameters) => parameters.includes(parameter))));
}

/** The parameters that conditions capture, for each source the same. Reports what is bound twice, or not at all. */
export function capturesOf(
  work: Work,
  matches: readonly SourceMatch[],
  allow: readonly AllowedTarget[],
): readonly string[] {
  const each = matches.map((match) => new Set(conditionsOf(match).flatMap(captured)));
  const all = [...new Set(each.flatMap((names) => [...names]))].sort();
  for (const name of all)
    if (each.some((names) => !names.has(name)))
      report(work, ['subject'], `<${name}> is captured for some sources only`);
  for (const { target } of allow)
    for (const parameter of work.context.targets.get(target)?.parameters ?? [])
      if (!Object.hasOwn(work.bound, parameter) && !all.includes(parameter))
        report(
          work,
          ['allow'],
          `${target} needs <${parameter}>, which nothing binds: not each, not with, and no claim`,
        );
  const needed = new Set(allow.flatMap(({ target }) => work.context.targets.get(target)?.parameters ?? []));
  for (const name of all)
    if (!needed.has(name)) report(work, ['subject'], `<${name}> is used by none of the targets: write "*"`);
  return Object.freeze(all);
}

const captured = ({ values }: SourceMatch['ids'][number]): readonly string[] =>
  values.flatMap((value) => (isPattern(value) ? value.captures.filter((name) => name !== undefined) : []));
