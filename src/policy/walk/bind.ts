// What becomes of captures where their values are known: conditions that ask for those values, and the values with which a target has a given
// address. An address is only ever read along the template and the captures of one rule.

import { type Parameters, piecesOf, render } from '../../parsing/template.ts';
import type { AllowRule, CompiledTarget } from '../compiled.ts';
import { type Condition, displayExpected, type Expected, isPattern } from '../evaluate.ts';
import { isCapturable, type Pattern } from '../pattern.ts';

/** The condition with these values in the place of what captured them. */
export function bound(condition: Condition, values: Parameters): Condition {
  const changed = condition.values.map((value) => (isPattern(value) ? boundPattern(value, values) : value));
  if (changed.every((value, index) => value === condition.values[index])) return condition;
  return { ...condition, values: changed, expected: displayExpected(changed) };
}

function boundPattern(pattern: Pattern, values: Parameters): Expected {
  const { literals, captures } = pattern;
  const value = (name: string | undefined): string | undefined =>
    name !== undefined && Object.hasOwn(values, name) ? values[name] : undefined;
  if (captures.every((name) => value(name) === undefined)) return pattern;
  const kept: (string | undefined)[] = [];
  const texts: string[] = [literals[0] ?? ''];
  for (const [index, name] of captures.entries()) {
    const known = value(name);
    const literal = literals[index + 1] ?? '';
    if (known === undefined) {
      kept.push(name);
      texts.push(literal);
    } else texts.push(`${texts.pop() ?? ''}${known}${literal}`);
  }
  return kept.length === 0
    ? (texts[0] ?? '')
    : { ...pattern, text: render(pattern.text, values), literals: texts, captures: kept };
}

/** Every way in which a rule gives a target this address: the values that it would have captured. */
export function capturesFor(
  rule: Pick<AllowRule, 'parameters' | 'captures'>,
  target: Pick<CompiledTarget, 'address'>,
  address: string,
): readonly Parameters[] {
  const { literals, names } = piecesOf(render(target.address, rule.parameters));
  if (names.length === 0) return literals[0] === address ? [{}] : [];
  if (names.some((name) => !rule.captures.includes(name))) return [];
  return unify(address, literals, names);
}

function unify(text: string, [first = '', ...literals]: readonly string[], names: readonly string[]): Parameters[] {
  if (!text.startsWith(first)) return [];
  const rest = text.slice(first.length);
  const [name, ...others] = names;
  if (name === undefined) return rest === '' ? [{}] : [];
  const found: Parameters[] = [];
  for (let end = 1; end <= rest.length; end += 1) {
    const value = rest.slice(0, end);
    if (!isCapturable(value)) {
      // Dots alone may still become more; nothing else that cannot be captured does.
      if (!/^\.+$/.test(value)) break;
      continue;
    }
    for (const more of unify(rest.slice(end), literals, others))
      if (!Object.hasOwn(more, name) || more[name] === value) found.push({ ...more, [name]: value });
  }
  return found;
}
