// What the addresses of targets with parameters come to, rule by rule, as far as that is known when rules are compiled: one address
// must mean one target with one set of parameters, or a caller could be given what stands under another name.

import { overlap } from '../../parsing/overlap.ts';
import { type Parameters, parametersIn, piecesOf, render } from '../../parsing/template.ts';
import { canonicalResource } from '../../parsing/uri.ts';
import type { AllowRule, CompiledTarget } from '../compiled.ts';
import { capturesFor } from '../walk/bind.ts';

type Target = Pick<CompiledTarget, 'name' | 'address' | 'parameters'> & {
  /** What is signed for it bears this `aud`, where that is another than its address. */
  readonly signedFor?: string;
};

/** Characters that a captured value may hold: what stands between it and another must be something else. */
const IN_CAPTURES = /^[A-Za-z0-9._-]*$/;

/** What is wrong with the address that a rule makes of a target. `seen` is kept over all rules of a policy. */
export type CheckRendering = (rule: AllowRule, target: Target) => string | undefined;

/** Addresses are compared as requests are: two spellings of one resource are one. `issuer`: our own, which is nobody's to have. */
export function createRenderingCheck(targets: readonly Target[], issuer: string | undefined): CheckRendering {
  const seen = new Map<string, { readonly target: string; readonly parameters: string; readonly rule: string }>();
  const fixed = new Map<string, string>();
  const made: Made = { open: [], exact: [] };
  for (const { name, address, parameters, signedFor } of targets) {
    fixed.set(name, name);
    if (parameters.length === 0) fixed.set(canonicalResource(address), name);
    // A token for it would open a role in a cloud.
    if (signedFor !== undefined && parametersIn(signedFor).length === 0)
      fixed.set(canonicalResource(signedFor), `signed for ${name}`);
  }
  if (issuer !== undefined) fixed.set(canonicalResource(issuer), 'our own issuer');

  return (rule, target) => {
    if (target.parameters.length === 0) return undefined;
    const run = runTogether(target.address, rule.captures);
    if (run !== undefined)
      return `<${run}> is captured and stands in the address of ${target.name} beside another parameter: two values could make one address`;
    // A captured value holds no separator: `<name>` itself can stand for any of them.
    const address = render(target.address, rule.parameters);
    const key = canonicalResource(address);
    const other = fixed.get(key);
    if (other !== undefined) return `makes ${address} of ${target.name}, which is ${other}`;
    const taken = takenBy(rule, target, fixed.keys());
    if (taken)
      return `may make ${taken.text} of ${target.name}, which is ${fixed.get(taken.text)}, where ${taken.where}`;
    const near = meets(made, { target: target.name, address, isOpen: opens(rule, target), rule: rule.name });
    if (near)
      return `may make what ${near.rule} makes of ${near.target}: ${address} and ${near.address} can be one address`;
    const parameters = JSON.stringify(ofTarget(rule.parameters, target));
    const before = seen.get(key);
    if (!before) seen.set(key, { target: target.name, parameters, rule: rule.name });
    else if (before.target !== target.name)
      return `makes ${address} of ${target.name}, which ${before.rule} makes of ${before.target}`;
    else if (before.parameters !== parameters)
      return `makes ${address} with other parameters than ${before.rule} does: every parameter must be part of the address`;
    return undefined;
  };
}

/** An address as one rule makes it; open where it has a captured parameter. */
interface MadeAddress {
  readonly target: string;
  readonly address: string;
  readonly isOpen: boolean;
  readonly rule: string;
}

interface Made {
  readonly open: MadeAddress[];
  readonly exact: MadeAddress[];
}

const opens = (rule: AllowRule, { parameters }: Target): boolean =>
  parameters.some((name) => rule.captures.includes(name));

/** An address of another target that can be this one; if there is none, this one is kept for those that come. */
function meets({ open, exact }: Made, address: MadeAddress): MadeAddress | undefined {
  const isNear = (one: MadeAddress) =>
    one.target !== address.target && beginAlike(one.address, address.address) && overlap(one.address, address.address);
  const near = open.find(isNear) ?? (address.isOpen ? exact.find(isNear) : undefined);
  const kept = address.isOpen ? open : exact;
  const isKnown =
    address.isOpen && open.some((one) => one.target === address.target && one.address === address.address);
  if (!near && !isKnown) kept.push(address);
  return near;
}

/** Whether what stands before the first open parameter of both is the same: most addresses part there. */
function beginAlike(one: string, other: string): boolean {
  const [a = '', b = ''] = [one, other].map((address) => piecesOf(address).literals[0]);
  return a.startsWith(b) || b.startsWith(a);
}

const ofTarget = (parameters: Parameters, { parameters: names }: Target): readonly (readonly [string, string])[] =>
  names.flatMap((name) => (Object.hasOwn(parameters, name) ? [[name, parameters[name] ?? ''] as const] : []));

/** The first of these texts that captured values may make of a target's address, and those values. */
function takenBy(
  rule: AllowRule,
  target: Target,
  texts: Iterable<string>,
): { readonly text: string; readonly where: string } | undefined {
  if (!target.parameters.some((name) => rule.captures.includes(name))) return undefined;
  for (const text of texts) {
    const [values] = capturesFor(rule, target, text);
    if (values) {
      const where = Object.entries(values).map(([name, value]) => `<${name}> is ${JSON.stringify(value)}`);
      return { text, where: where.join(' and ') };
    }
  }
  return undefined;
}

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
