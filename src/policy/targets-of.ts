// Which targets a token can be of, by the audience that stands in it: the way back from an address, for introspection. An address without
// parameters is one target's; one with parameters is looked for among those that rules make, and only then along the targets' own
// templates, since a rule may have gone before its tokens. Where two targets could have made it, both are named: nobody knows which.

import { parametersIn, render } from '../parsing/template.ts';
import type { CompiledPolicy, CompiledTarget } from './compiled.ts';
import { capturesFor } from './walk/bind.ts';

/** An address as a target has it; what stands open in it is some captured value. */
interface Made {
  readonly target: string;
  readonly address: string;
}

/** The targets of kind `token` that an audience can be of; none where nothing here has it. */
export function createTargetsOf({
  targets,
  rules,
}: Pick<CompiledPolicy, 'targets' | 'rules'>): (audience: string) => readonly string[] {
  const tokens = targets.filter(({ kind }) => kind === 'token');
  const templates = tokens.filter(({ parameters }) => parameters.length > 0);
  const fixed = tokens.filter(({ parameters }) => parameters.length === 0).map(madeOf);
  const made = madeByRules(templates, rules);
  const exact = byAddress([...fixed, ...made.filter(({ address }) => parametersIn(address).length === 0)]);
  const open = made.filter(({ address }) => parametersIn(address).length > 0);

  return (audience) => {
    const found = exact.get(audience) ?? matching(open, audience);
    return found.length > 0 ? found : matching(templates.map(madeOf), audience);
  };
}

const madeOf = ({ name, address }: CompiledTarget): Made => ({ target: name, address });

/** What rules make of these targets, each address of a target once. */
function madeByRules(templates: readonly CompiledTarget[], rules: CompiledPolicy['rules']): readonly Made[] {
  const byName = new Map(templates.map((target) => [target.name, target]));
  const made = new Map<string, Made>();
  for (const rule of rules) {
    if (rule.effect !== 'allow') continue;
    for (const { target: name } of rule.allow) {
      const target = byName.get(name);
      if (!target) continue;
      const address = render(target.address, rule.parameters);
      made.set(JSON.stringify([name, address]), { target: name, address });
    }
  }
  return [...made.values()];
}

function byAddress(made: readonly Made[]): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  for (const { target, address } of made) found.set(address, [...(found.get(address) ?? []), target]);
  return found;
}

const matching = (made: readonly Made[], audience: string): readonly string[] => [
  ...new Set(made.filter((one) => isMadeBy(one, audience)).map(({ target }) => target)),
];

const isMadeBy = (made: Made, audience: string): boolean =>
  capturesFor({ parameters: {}, captures: parametersIn(made.address) }, made, audience).length > 0;
