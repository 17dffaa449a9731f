// Near misses that people stumble over: two values that differ in letter case, in a slash, in `refs/heads/`, in the form of GitHub's
// `sub`, in quotes. Gives a sentence, and judges nothing: a value that is nearly right is wrong.

import { isJsonObject, type Json, type JsonObject, valueAt } from '../../core/json.ts';
import { foldAscii } from '../../platforms/table.ts';
import { type Condition, display, type Expected, isPattern } from '../evaluate.ts';
import { type Pattern, readPattern } from '../pattern.ts';

/** What may have been meant, where a condition does not hold for these claims; undefined where nothing is near. */
export function hintFor(condition: Condition, claims: JsonObject): string | undefined {
  const presented = valueAt(claims, condition.path);
  if (presented === undefined) return absent(condition, claims);
  if (Array.isArray(presented) && condition.form === 'one')
    return 'the claim is a list, which no value matches: write { has: ... }';
  if (!Array.isArray(presented) && condition.form === 'has') return 'the claim is no list: write the value alone';
  const values = Array.isArray(presented) ? presented : [presented];
  for (const value of values)
    for (const expected of condition.values) {
      const hint = nearMiss(value, expected);
      if (hint !== undefined) return hint;
    }
  return sameName(condition, claims);
}

/** How a value comes close to what was expected. */
export function nearMiss(presented: Json, expected: Expected): string | undefined {
  const wanted = isPattern(expected) ? expected.text : expected;
  if (typeof presented !== typeof wanted)
    return String(presented) === String(wanted)
      ? `the token has ${typeWord(presented)}, the rule ${typeWord(wanted)}: mind the quotes`
      : undefined;
  if (typeof presented !== 'string' || typeof wanted !== 'string') return undefined;
  const near = NEAR.find(([, alike]) => alike(presented, wanted))?.[0];
  return near ?? crossing(presented, isPattern(expected) ? expected : patternIn(wanted));
}

/** Records have a pattern as its text. */
function patternIn(text: string): Pattern | undefined {
  const read = readPattern(text, true);
  return read.ok && read.pattern.captures.length > 0 ? read.pattern : undefined;
}

/** What the first wildcard would have to cross for the pattern to match. */
function crossing(presented: string, pattern: Pattern | undefined): string | undefined {
  if (!pattern) return undefined;
  const [first = '', ...literals] = pattern.literals;
  if (!presented.startsWith(first)) return undefined;
  let crossed: string | undefined;
  let from = first.length;
  for (const [index, literal] of literals.entries()) {
    const isLast = index === literals.length - 1;
    const at = isLast ? presented.length - literal.length : presented.indexOf(literal, from);
    if (at < from || !presented.startsWith(literal, at)) return undefined;
    const separator = isLast && pattern.subtree ? undefined : /[/:]/.exec(presented.slice(from, at))?.[0];
    const name = pattern.captures[index];
    if (separator !== undefined)
      crossed ??= `"${name === undefined ? '*' : `<${name}>`}" does not cross "${separator}"`;
    from = at + literal.length;
  }
  return crossed;
}

const typeWord = (value: Json): string => (typeof value === 'string' ? 'text' : `a ${typeof value}`);

type Alike = (presented: string, wanted: string) => boolean;

/** Alike once both are written in one way. */
const by =
  (write: (text: string) => string): Alike =>
  (a, b) =>
    write(a) === write(b);

const bare = (ref: string): string => ref.replace(/^refs\/(?:heads|tags)\//, '');
/** GitHub's immutable `sub` has `@` and the id behind owner and repository. */
const withoutIds = (sub: string): string => sub.replace(/@[0-9]+(?=[/:]|$)/g, '');
const decodeColon = (text: string): string => text.replace(/%3a/gi, ':');
/** Characters that take no room, and those that look like others. */
const plain = (text: string): string => text.normalize('NFKC').replace(/\p{Cf}/gu, '');
const trustDomain = /^spiffe:\/\/[^/]*/;

/** The first that fits is said. */
const NEAR: readonly (readonly [hint: string, alike: Alike])[] = [
  ['they differ in letter case only', by(foldAscii)],
  ['they differ in the slash at the end', by((text) => text.replace(/\/$/, ''))],
  ['they differ in white space at the ends', by((text) => text.trim())],
  ['one is a branch, the other a tag', (a, b) => isRef(a) && isRef(b) && bare(a) === bare(b)],
  ['a rule needs the whole ref, as the token has it', (a, b) => isRef(a) && !isRef(b) && bare(a) === b],
  ['the token has the short name, the rule the whole ref', (a, b) => isRef(b) && !isRef(a) && bare(b) === a],
  [
    'the token has the immutable sub (ids behind @), the rule the legacy one: pin repository_id instead',
    (a, b) => withoutIds(a) === b,
  ],
  [
    'the token has the legacy sub, the rule the immutable one (ids behind @): pin repository_id instead',
    (a, b) => withoutIds(b) === a,
  ],
  ['a colon inside a part is written %3A', by(decodeColon)],
  ['http is not https', by((text) => text.replace(/^http:/, 'https:'))],
  ['they look alike, and are other characters', by(plain)],
  [
    'the path is the same, the trust domain another',
    (a, b) => trustDomain.test(a) && trustDomain.test(b) && a.replace(trustDomain, '') === b.replace(trustDomain, ''),
  ],
];

const isRef = (text: string): boolean => text.startsWith('refs/');

/** Where a job's context stands: one is missing because the job has another. */
const CONTEXT = ['environment', 'ref_path', 'ref'];

function absent({ path, what }: Condition, claims: JsonObject): string | undefined {
  const name = path.at(-1) ?? '';
  const around = path.length > 1 ? valueAt(claims, path.slice(0, -1)) : claims;
  const alike = isJsonObject(around) && Object.keys(around).find((other) => foldAscii(other) === foldAscii(name));
  if (alike) return `there is ${display(alike)}, which differs in letter case`;
  if (!CONTEXT.includes(what)) return undefined;
  const other = CONTEXT.find((context) => typeof claims[context] === 'string' && claims[context] !== '');
  if (other === undefined) return undefined;
  const job = what === 'environment' ? 'the job names no environment; ' : '';
  return `${job}the token has ${other} ${display(claims[other] ?? null)}`;
}

/** A platform's id that changed under one name. */
function sameName({ what }: Condition, claims: JsonObject): string | undefined {
  const name = what.endsWith('_id') ? claims[what.slice(0, -'_id'.length)] : undefined;
  return typeof name === 'string' ? `the token is of ${display(name)}: an id never changes, and a name can` : undefined;
}
