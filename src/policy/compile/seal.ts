// From compiled rules to the one immutable value that decisions are made on, with the digest of all that it says. Everything is put in
// the order of names first: where something was written changes no digest but by the `at` of its rule.

import { createHash } from 'node:crypto';
import { claimKey } from '../../core/claim-path.ts';
import {
  actorMatches,
  byName,
  type CompiledPolicy,
  type CompiledRule,
  type CompiledSource,
  type CompiledTarget,
  conditionsOf,
} from '../compiled.ts';
import type { RuleSource } from './rule-work.ts';
import type { TargetView } from './views.ts';

interface Context {
  readonly sources: readonly RuleSource[];
  readonly targets: ReadonlyMap<string, TargetView>;
}

/** The compiled policy of these rules. */
export function seal(context: Context, unsorted: readonly CompiledRule[]): CompiledPolicy {
  const rules = Object.freeze([...unsorted].sort(byName));
  const targets = Object.freeze([...context.targets.values()].map(compiledTarget));
  const named = pathsNamed(rules);
  const sources = Object.freeze(context.sources.map((source) => compiledSource(source, named.get(source.name))));
  const digest = createHash('sha256').update(JSON.stringify({ sources, targets, rules })).digest('hex');
  return Object.freeze({ digest, sources, targets, rules });
}

const compiledTarget = (target: TargetView): CompiledTarget =>
  Object.freeze({
    name: target.name,
    kind: target.kind,
    address: target.address,
    parameters: Object.freeze([...target.parameters]),
    scopes: Object.freeze([...target.scopes]),
    defaultScopes: Object.freeze([...target.defaultScopes]),
    scopeConfirms: Object.freeze({ ...target.scopeConfirms }),
    lifetimeSecondsMax: target.lifetimeSecondsMax,
    cloud: target.cloud && Object.freeze({ ...target.cloud }),
    require: Object.freeze({
      sources: target.require?.sources && Object.freeze([...target.require.sources]),
      proof: target.require?.proof === true,
      actor: target.require?.actor === true,
      confirm: target.require?.confirm,
      lifetimeMaxSeconds: target.require?.lifetimeMaxSeconds,
    }),
  });

/** Every claim path that a rule names, by source. */
function pathsNamed(rules: readonly CompiledRule[]): ReadonlyMap<string, ReadonlySet<string>> {
  const named = new Map<string, Set<string>>();
  for (const rule of rules)
    for (const match of [...rule.matches, ...(rule.effect === 'allow' ? actorMatches(rule) : [])]) {
      const keys = named.get(match.source) ?? new Set<string>();
      named.set(match.source, keys);
      for (const { path } of conditionsOf(match)) keys.add(claimKey(path));
    }
  return named;
}

function compiledSource(source: RuleSource, named: ReadonlySet<string> | undefined): CompiledSource {
  const { name, table, issuer, requirements, reach } = source;
  const keys = new Set(named);
  for (const [field, row] of Object.entries(table.claims)) keys.add(claimKey(row.path ?? [field]));
  for (const { path } of requirements) keys.add(claimKey(path));
  // How a person authenticated, and with which scopes, is asked of every one of their tokens (confirm.ts).
  if (source.subjects === 'people') for (const claim of ['auth_time', 'acr', 'scope']) keys.add(claimKey([claim]));
  return Object.freeze({
    name,
    kind: table.kind,
    issuer,
    people: source.subjects === 'people',
    delegates: table.delegates === true,
    require: Object.freeze([...requirements]),
    reach: reach && Object.freeze([...reach]),
    claimsNamed: Object.freeze([...keys].sort()),
  });
}
