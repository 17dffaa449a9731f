// No suggestion that the compiler or the linter would say anything about: each is compiled beside the policies that there are, and one
// that brings a problem or a warning is left out with what was said. Of two of which one covers the other, the wider stays.

import type { Problem } from '../../parsing/yaml.ts';
import { WIDER_RULE } from '../lint/lint-across.ts';
import type { LeftOut, Seen, Suggestion, Suggestions } from './suggest.ts';
import { ruleLines, suggestedText } from './suggest-text.ts';

/** What is said of a policy file beside the policies that there are: problems, or where there are none, warnings. */
export type CheckText = (file: string, text: string) => readonly Problem[];

/** A name that no file has. */
const FILE = '(suggested)';

/** The suggestions that load without a word. */
export function vetted(suggestions: Suggestions, check: CheckText): Suggestions {
  const before = new Set(check(FILE, 'rules: []').map(keyOf));
  let { rules, leftOut } = suggestions;
  for (;;) {
    const said = saidOf(rules, check).filter(({ problem }) => !before.has(keyOf(problem)));
    const bad = said.filter(({ problem }) => problem.lint !== WIDER_RULE.name);
    const dropped = new Map((bad.length > 0 ? bad : said).map((one) => [one.rule.name, one]));
    // Something was said of no suggestion: whoever reads the file is told by `check`.
    if (dropped.size === 0) return { ...suggestions, rules, leftOut };
    const kept = rules.filter(({ name }) => !dropped.has(name));
    rules = bad.length > 0 ? kept : covering(kept, [...dropped.values()]);
    leftOut = bad.length > 0 ? [...leftOut, ...leftOutOf([...dropped.values()])] : leftOut;
  }
}

const keyOf = ({ file, line, path, message }: Problem): string => JSON.stringify([file, line, path, message]);

interface Said {
  readonly rule: Suggestion;
  readonly problem: Problem;
}

/** Every problem and the suggestion that brought it. */
function saidOf(rules: readonly Suggestion[], check: CheckText): readonly Said[] {
  const text = suggestedText({ rules, leftOut: [], allowedNow: 0, dropped: 0 });
  const byLine = rules.flatMap((rule) => ruleLines(rule).map(() => rule));
  const above = text.length - byLine.length;
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  return check(FILE, text.join('\n')).flatMap((problem) => {
    // A rule of another file that a suggestion makes needless: the message begins with the name of the suggestion.
    const rule =
      problem.file === FILE ? byLine[problem.line - above - 1] : byName.get(problem.message.split(' ')[0] ?? '');
    return rule ? [{ rule, problem }] : [];
  });
}

/** The wider rules, with the requests of those that they cover. */
function covering(rules: readonly Suggestion[], covered: readonly Said[]): readonly Suggestion[] {
  const seen = new Map(rules.map(({ name, seen }) => [name, seen]));
  for (const { rule, problem } of covered) {
    const wider = problem.message.split(' ')[0] ?? '';
    const before = seen.get(wider);
    if (before) seen.set(wider, together(before, rule.seen));
  }
  return rules.map((rule) => ({ ...rule, seen: seen.get(rule.name) ?? rule.seen }));
}

const together = (a: Seen, b: Seen): Seen => ({
  count: a.count + b.count,
  first: Math.min(a.first, b.first),
  last: Math.max(a.last, b.last),
  decision: b.last > a.last ? b.decision : a.decision,
});

/** One for each lint and source. */
function leftOutOf(dropped: readonly Said[]): readonly LeftOut[] {
  const groups = new Map<string, LeftOut>();
  for (const { rule, problem } of dropped) {
    const why = problem.lint === undefined ? problem.message : `${problem.lint}: ${problem.message}`;
    const key = JSON.stringify([why, rule.source]);
    const before = groups.get(key);
    const seen = before ? together(before.seen, rule.seen) : rule.seen;
    groups.set(key, { why, source: rule.source, who: rule.who, seen });
  }
  return [...groups.values()];
}
