// Which target a request asks for: by its name, or by its address, byte for byte; for tokens in any spelling that RI-04 calls
// the same. Several values must all name one target (TX-08). Nothing here says whether anybody may have it.

import type { PolicyRefusal } from '../core/refusal.ts';
import { canonicalResource } from '../parsing/uri.ts';
import type { CompiledTarget } from './compiled.ts';

export type AskedTarget =
  | { readonly ok: true; readonly target: CompiledTarget }
  | { readonly ok: false; readonly refusal: Extract<PolicyRefusal, { reason: 'target_unknown' | 'targets_differ' }> };

/** Finds the one target that all the values name. */
export type FindTarget = (values: readonly string[]) => AskedTarget;

export function createTargetFinder(targets: readonly CompiledTarget[]): FindTarget {
  const byName = new Map(targets.map((target) => [target.name, target]));
  const byAddress = new Map(targets.map((target) => [target.address, target]));
  const byResource = resources(targets);
  const find = (value: string) => byName.get(value) ?? byAddress.get(value) ?? byResource.get(canonicalResource(value));

  return (values) => {
    const found = new Set(values.map(find));
    const [target] = found;
    if (!target || found.has(undefined)) return { ok: false, refusal: { reason: 'target_unknown' } };
    return found.size === 1 ? { ok: true, target } : { ok: false, refusal: { reason: 'targets_differ' } };
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
