// What the addresses of targets with parameters come to, rule by rule, as far as that is known when rules are compiled: one address
// must mean one target with one set of parameters, or a caller could be given what stands under another name.

import { type Parameters, piecesOf, render } from '../../parsing/template.ts';
import type { AllowRule, CompiledTarget } from '../compiled.ts';

type Target = Pick<CompiledTarget, 'name' | 'address' | 'parameters'>;

/** Characters that a captured value may hold: what stands between it and another must be something else. */
const IN_CAPTURES = /^[A-Za-z0-9._-]*$/;

/** What is wrong with the address that a rule makes of a target. `seen` is kept over all rules of a policy. */
export type CheckRendering = (rule: AllowRule, target: Target) => string | undefined;

/** For all rules of one policy, whose targets these are. */
export function createRenderingCheck(targets: readonly Target[]): CheckRendering {
  const seen = new Map<string, { readonly target: string; readonly parameters: string; readonly rule: string }>();
  const fixed = new Map<string, string>();
  for (const { name, address, parameters } of targets) {
    fixed.set(name, name);
    if (parameters.length === 0) fixed.set(address, name);
  }

  return (rule, target) => {
    if (target.parameters.length === 0) return undefined;
    const run = runTogether(target.address, rule.captures);
    if (run !== undefined)
      return `<${run}> is captured and stands in the address of ${target.name} beside another parameter: two values could make one address`;
    // A captured value holds no separator: `<name>` itself can stand for any of them.
    const address = render(target.address, rule.parameters);
    const other = fixed.get(address);
    if (other !== undefined) return `makes ${address} of ${target.name}, which is ${other}`;
    const parameters = JSON.stringify(ofTarget(rule.parameters, target));
    const before = seen.get(address);
    if (!before) seen.set(address, { target: target.name, parameters, rule: rule.name });
    else if (before.target !== target.name)
      return `makes ${address} of ${target.name}, which ${before.rule} makes of ${before.target}`;
    else if (before.parameters !== parameters)
      return `makes ${address} with other parameters than ${before.rule} does: every parameter must be part of the address`;
    return undefined;
  };
}

const ofTarget = (parameters: Parameters, { parameters: names }: Target): readonly (readonly [string, string])[] =>
  names.flatMap((name) => (Object.hasOwn(parameters, name) ? [[name, parameters[name] ?? ''] as const] : []));

/** A captured parameter that nothing keeps apart from the next one, or from the one before it. */
function runTogether(address: string, captures: readonly string[]): string | undefined {
  const { literals, names } = piecesOf(address);
  for (const [index, between] of literals.slice(1, -1).entries()) {
    const [one = '', other = ''] = names.slice(index, index + 2);
    if (!IN_CAPTURES.test(between)) continue;
    if (captures.includes(one)) return one;
    if (captures.includes(other)) return other;
  }
  return undefined;
}
