// Which target a request asks for: by its name, or by its address, byte for byte; for tokens in any spelling that RI-04 calls
// the same. Several values must all name one target (TX-08). An address with parameters is never taken apart: it is rendered from
// what a rule grants, and compared whole. Nothing here says whether anybody may have it.

import type { PolicyRefusal } from '../core/refusal.ts';
import { type Parameters, render } from '../parsing/template.ts';
import { canonicalResource } from '../parsing/uri.ts';
import type { AllowedTarget, CompiledTarget } from './compiled.ts';

type NoTarget = Extract<PolicyRefusal, { reason: 'target_unknown' | 'targets_differ' }>;

/** A target as one rule grants it. */
export interface Rendered {
  readonly target: CompiledTarget;
  readonly address: string;
}

/** What a request asks for. */
export interface Asked {
  /** The one target that all values name, by its name or by an address without parameters. */
  readonly found:
    | { readonly ok: true; readonly target: CompiledTarget }
    | { readonly ok: false; readonly refusal: NoTarget };
  /** Which of the targets that a rule allows all values name, with the rule's parameters. */
  among(allowed: readonly AllowedTarget[], parameters: Parameters): Rendered | undefined;
}

/** Finds what the values ask for. */
export type FindTarget = (values: readonly string[]) => Asked;

/** Among all targets of a policy; names come before addresses. */
export function createTargetFinder(targets: readonly CompiledTarget[]): FindTarget {
  const byName = new Map(targets.map((target) => [target.name, target]));
  const fixed = targets.filter(({ parameters }) => parameters.length === 0);
  const byAddress = new Map(fixed.map((target) => [target.address, target]));
  const byResource = resources(fixed);
  const find = (value: string) => byName.get(value) ?? byAddress.get(value) ?? byResource.get(canonicalResource(value));

  const foundBy = (values: readonly string[]): Asked['found'] => {
    const found = new Set(values.map(find));
    const [target] = found;
    if (!target || found.has(undefined)) return { ok: false, refusal: { reason: 'target_unknown' } };
    return found.size === 1 ? { ok: true, target } : { ok: false, refusal: { reason: 'targets_differ' } };
  };

  return (values) => {
    const found = foundBy(values);
    return {
      found,
      among(allowed, parameters) {
        for (const { target: name } of allowed) {
          if (found.ok && found.target.name !== name) continue;
          const target = byName.get(name);
          if (!target || (!found.ok && target.parameters.length === 0)) continue;
          const address = render(target.address, parameters);
          if (found.ok || (values.length > 0 && values.every((value) => value === name || value === address)))
            return { target, address };
        }
        return undefined;
      },
    };
  };
}

/** By canonical spelling. Two targets that share one are reached by their names and exact addresses only. */
function resources(targets: readonly CompiledTarget[]): ReadonlyMap<string, CompiledTarget> {
  const found = new Map<string, CompiledTarget>();
  const shared = new Set<string>();
  for (const target of targets.filter(({ kind }) => kind === 'token')) {
    const resource = canonicalResource(target.address);
    if (found.has(resource)) shared.add(resource);
    found.set(resource, target);
  }
  for (const resource of shared) found.delete(resource);
  return found;
}
