// Suggested rules as a policy file that a person can read, keep a part of and load: every value exact and quoted, beside each rule how
// often it would have counted, and in comments what was left out and why. Printable ASCII, whatever records hold.

import { LEFT_OUT_SHOWN_MAX, RECORDED_VALUE_BYTES_MAX } from '../../core/limits.ts';
import { ascii } from '../evaluate.ts';
import type { LeftOut, Seen, Suggestion, Suggestions } from './suggest.ts';
import type { ExactField } from './suggest-subject.ts';

/** The lines of the file. */
export function suggestedText({ rules, leftOut, allowedNow, dropped }: Suggestions): readonly string[] {
  return [
    '# What records say was refused, as rules. They say who asked, not who should have it: keep what you mean, and delete the rest.',
    ...(rules.length === 0 ? ['rules: []'] : ['rules:', ...rules.flatMap((rule) => ruleLines(rule))]),
    ...(allowedNow > 0 ? [`# ${times(allowedNow)} refused then and allowed by the policies of now.`] : []),
    ...(leftOut.length > 0 ? ['# Left out:', ...leftOut.slice(0, LEFT_OUT_SHOWN_MAX).map(leftOutLine)] : []),
    ...(leftOut.length > LEFT_OUT_SHOWN_MAX ? [`# and ${leftOut.length - LEFT_OUT_SHOWN_MAX} more reasons`] : []),
    ...(dropped > 0 ? [`# ${times(dropped)} more: there was no room for them.`] : []),
  ];
}

/** The lines of one rule, in the order of `rules`. */
export function ruleLines(rule: Suggestion): readonly string[] {
  const { name, who, seen, previews, source, client, target, parameters, scopes } = rule;
  const bound = Object.entries(parameters);
  const allowed = scopes.length > 0 ? `{ ${key(target)}: [${scopes.map(quoted).join(', ')}] }` : `[${quoted(target)}]`;
  return [
    `  # ${seenWords(seen)}: ${words(who)}`,
    ...(previews.length > 0 ? [`  # in preview, ${words(previews.join(', '))} would have allowed it`] : []),
    `  - name: ${name}`,
    '    subject:',
    `      trust: ${quoted(source)}`,
    ...subjectLines(rule),
    ...(client === undefined ? [] : [`    client: ${quoted(client)}`]),
    ...(bound.length > 0
      ? [`    with: { ${bound.map(([one, value]) => `${key(one)}: ${quoted(value)}`).join(', ')} }`]
      : []),
    `    allow: ${allowed}`,
  ];
}

function subjectLines({ hasBlock, kind, fields }: Suggestion): readonly string[] {
  if (hasBlock)
    return [`      ${key(kind)}: { ${fields.map((one) => `${key(one.field)}: ${quoted(one.value)}`).join(', ')} }`];
  const isSub = ({ path }: ExactField): boolean => path.length === 1 && path[0] === 'sub';
  const others = fields.filter((one) => !isSub(one));
  return [
    ...fields.filter(isSub).map(({ value }) => `      sub: ${quoted(value)}`),
    ...(others.length > 0 ? [`      claims: ${nested(others.map(({ path, value }) => [path, value] as const))}`] : []),
  ];
}

/** Claims as rules mirror them. */
function nested(claims: readonly (readonly [readonly string[], ExactField['value']])[]): string {
  const names = [...new Set(claims.map(([[name = '']]) => name))];
  const members = names.map((name) => {
    const inside = claims.filter(([[first]]) => first === name).map(([[, ...rest], value]) => [rest, value] as const);
    const [only] = inside;
    return `${key(name)}: ${only && only[0].length === 0 ? quoted(only[1]) : nested(inside)}`;
  });
  return `{ ${members.join(', ')} }`;
}

const leftOutLine = ({ why, source, who, seen }: LeftOut): string =>
  `# - ${words(source)}: ${words(why)}; ${seenWords(seen)}: ${words(who)}`;

function seenWords({ count, first, last, decision }: Seen): string {
  const when = first === last ? `at ${timeOf(last)}` : `from ${timeOf(first)} to ${timeOf(last)}`;
  return `${times(count)} ${when}, last ${words(decision)}`;
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);
const timeOf = (seconds: number): string => new Date(Math.round(seconds * 1000)).toISOString();

/** A text of a record within a comment: it stays on its line. */
const words = (text: string): string => ascii(text.slice(0, RECORDED_VALUE_BYTES_MAX));

/** JSON is YAML. */
const quoted = (value: string | number | boolean): string => ascii(JSON.stringify(value));

/** Bare where no reader could take it for anything else. */
const key = (name: string): string =>
  /^[A-Za-z][A-Za-z0-9_-]*$/.test(name) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(name) ? name : quoted(name);
