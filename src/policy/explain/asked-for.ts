// What a question asks for, looked up over all rules and not only those whose conditions hold: a target by its name or address, or else
// the targets that some rule would make with the asked address, as `who-can` looks for them. Judges nothing, and is for operators:
// a caller must not learn which addresses rules make.

import { closest } from '../../parsing/closest.ts';
import type { Parameters } from '../../parsing/template.ts';
import type { AllowRule, CompiledPolicy, CompiledTarget } from '../compiled.ts';
import { display } from '../evaluate.ts';
import { createTargetFinder } from '../targets.ts';
import { capturesFor } from '../walk/bind.ts';

export interface AskedFor {
  /** The one that is meant, where there is one: by whatever rule, where an address has parameters. */
  readonly target: CompiledTarget | undefined;
  /** Whether there is such a target at all, or some rule makes one. */
  readonly known: boolean;
  /** Whether a rule would give it to whoever the rule is about; of what is not known, every rule would. */
  gives(rule: AllowRule): boolean;
  /** What a rule would have captured where it makes the asked address. */
  captured(rule: AllowRule): Parameters;
}

const nothing = (): Parameters => ({});

export function askedFor({ targets, rules }: CompiledPolicy, values: readonly string[]): AskedFor {
  const { found } = createTargetFinder(targets)(values);
  if (found.ok) {
    const { target } = found;
    const gives = ({ allow }: AllowRule): boolean => allow.some((one) => one.target === target.name);
    return { target, known: true, gives, captured: nothing };
  }
  const withParameters = targets.filter(({ parameters }) => parameters.length > 0);
  const makers = new Map(
    rules.flatMap((rule) => {
      const made = rule.effect === 'allow' ? madeBy(rule, withParameters, values) : undefined;
      return made ? [[rule.name, made] as const] : [];
    }),
  );
  const [target, ...others] = new Set([...makers.values()].map((made) => made.target));
  const known = target !== undefined || found.refusal.reason === 'targets_differ';
  return {
    target: others.length === 0 ? target : undefined,
    known,
    gives: ({ name }) => !known || makers.has(name),
    captured: ({ name }) => makers.get(name)?.captured ?? nothing(),
  };
}

/** The target that a rule would make of all values, and what it would have captured. */
function madeBy(rule: AllowRule, targets: readonly CompiledTarget[], values: readonly string[]) {
  for (const target of targets.filter(({ name }) => rule.allow.some((one) => one.target === name))) {
    const addresses = values.filter((value) => value !== target.name);
    const [captured] = addresses.map((address) => capturesFor(rule, target, address)[0]);
    if (captured && addresses.every((address) => capturesFor(rule, target, address).length > 0))
      return { target, captured };
  }
  return undefined;
}

/** What was asked for that does not exist. */
export interface UnknownTarget {
  /** In JSON, cut. */
  readonly asked: string;
  /** The target whose name comes near. */
  readonly meant: string | undefined;
}

/** The first of the values that nothing has as its name or address, and no rule makes. */
export function unknownTarget(policy: CompiledPolicy, values: readonly string[]): UnknownTarget | undefined {
  const unknown = values.find((value) => !askedFor(policy, [value]).known);
  if (unknown === undefined) return undefined;
  const names = policy.targets.map(({ name }) => name);
  return { asked: display(unknown), meant: closest(unknown, names) };
}
