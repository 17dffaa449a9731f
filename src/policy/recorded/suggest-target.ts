// Which target a recorded request asked for, with the parameters that its address says: `suggest` writes them as constants. Where the
// record does not say them, nothing is guessed. The broker itself never takes an address apart; a person reads what is made of this.

import { parametersIn, render } from '../../parsing/template.ts';
import type { CompiledTarget } from '../compiled.ts';
import { matchesPattern, readPattern } from '../pattern.ts';
import { createTargetFinder } from '../targets.ts';
import type { RecordedRequest } from './recorded.ts';

export interface AskedTarget {
  readonly target: CompiledTarget;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The target, or why it is not known. */
export type FindAskedTarget = (request: RecordedRequest) => AskedTarget | string;

/** Among all targets of a policy. */
export function createAskedTarget(targets: readonly CompiledTarget[]): FindAskedTarget {
  const find = createTargetFinder(targets);
  const shaped = targets.filter(({ parameters }) => parameters.length > 0);
  return ({ asked }) => {
    if (!asked) return 'what was asked for is not recorded';
    const texts = asked.targets.filter((text) => typeof text === 'string');
    if (texts.length < asked.targets.length) return 'the target is recorded by its hash only';
    const { found } = find(texts);
    if (found.ok)
      return found.target.parameters.length === 0
        ? { target: found.target, parameters: {} }
        : `${found.target.name} was asked for by its name, which does not say ${found.target.parameters.join(', ')}`;
    const fits = shaped.flatMap((target) => fitting(target, texts) ?? []);
    const [fit] = fits;
    if (fit && fits.length === 1) return fit;
    return fit ? 'the target could be several' : 'the target is unknown';
  };
}

/** The parameters with which a target has the one address that was asked for, beside its name. */
function fitting(target: CompiledTarget, texts: readonly string[]): AskedTarget | undefined {
  const address = texts.find((text) => text !== target.name);
  const read = readPattern(target.address, false);
  if (address === undefined || !read.ok || target.address.includes('*')) return undefined;
  const found = new Map<string, string>();
  if (!matchesPattern(read.pattern, address, found)) return undefined;
  const parameters = Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
  const same = render(target.address, parameters) === address;
  const others = texts.every((text) => text === address || text === target.name);
  const whole = target.parameters.every((name) => parametersIn(target.address).includes(name));
  return same && others && whole ? { target, parameters } : undefined;
}
