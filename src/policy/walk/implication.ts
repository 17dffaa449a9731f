// When one condition makes another true whatever the claim is, and when it makes it impossible. Says neither where it cannot be told:
// whoever asks then treats the two as unrelated.

import { claimKey } from '../../core/claim-path.ts';
import { foldAscii } from '../../platforms/table.ts';
import type { CompiledRule } from '../compiled.ts';
import { type Condition, type Expected, isPattern } from '../evaluate.ts';
import { isCapturable, matchesPattern, type Pattern } from '../pattern.ts';

/** Whether every claim for which `one` is true makes `other` true. */
export function implies(one: Condition, other: Condition): boolean {
  if (!isSameClaim(one, other) || (one.fold && !other.fold)) return false;
  return one.values.every((value) => other.values.some((wider) => covers(wider, folded(value, other))));
}

/** Whether, where `one` is true, `other` is never true; or, in a deny, always false. */
export function excludes(one: Condition, other: Condition, effect: CompiledRule['effect']): boolean {
  if (claimKey(one.path) !== claimKey(other.path)) return false;
  if (one.form !== other.form) return effect === 'allow';
  if (one.form === 'has') return false;
  return one.values.every((value) => {
    const typed = other.values.filter((expected) => typeOf(expected) === typeOf(value));
    // Of another type than all of them the claim is unknown, and that is enough for a deny.
    if (effect === 'deny' && typed.length === 0) return false;
    const fold = one.fold || other.fold;
    return !typed.some((expected) => meets(fold ? lower(expected) : expected, fold ? lower(value) : value));
  });
}

/** Whether, where `one` is true or unknown, `other` is too: what it means for denies. */
export const impliesInDeny = (one: Condition, other: Condition): boolean =>
  implies(one, other) && other.values.every((value) => one.values.some((each) => typeOf(each) === typeOf(value)));

const isSameClaim = (one: Condition, other: Condition): boolean =>
  one.form === other.form && claimKey(one.path) === claimKey(other.path);

const typeOf = (value: Expected): string => (isPattern(value) ? 'string' : typeof value);

const folded = (value: Expected, { fold }: Condition): Expected => (fold ? lower(value) : value);

const lower = (value: Expected): Expected =>
  isPattern(value)
    ? { ...value, literals: value.literals.map(foldAscii) }
    : typeof value === 'string'
      ? foldAscii(value)
      : value;

function covers(wider: Expected, value: Expected): boolean {
  if (!isPattern(wider)) return value === wider;
  if (!isPattern(value)) return typeof value === 'string' && matchesPattern(wider, value);
  const [wide, narrow] = [segmentsOf(wider), segmentsOf(value)];
  if (!wide || !narrow) return false;
  const count = wider.subtree ? wide.length - 1 : wide.length;
  const rest = narrow.slice(count).join('');
  if (wider.subtree ? !isFilled(rest, value) : value.subtree || rest !== '') return false;
  if (narrow.length - (value.subtree ? 1 : 0) < count) return false;
  return wide.slice(0, count).every((segment, index) => segmentCovers(segment, narrow[index] ?? '', { wider, value }));
}

/** Stand for wildcards. A literal that holds one is compared with nothing. */
const STAR = '\u0000';
const CAPTURE = '\u0001';

/** A pattern's segments, each with its separator and at most one wildcard. */
function segmentsOf({ literals, captures }: Pattern): readonly string[] | undefined {
  if (literals.some((literal) => literal.includes(STAR) || literal.includes(CAPTURE))) return undefined;
  const text = literals.map((literal, index) =>
    index === 0 ? literal : (captures[index - 1] === undefined ? STAR : CAPTURE) + literal,
  );
  return text.join('').split(/(?<=[/:])/);
}

function segmentCovers(
  wide: string,
  narrow: string,
  { wider, value }: { readonly wider: Pattern; readonly value: Pattern },
): boolean {
  const wildcard = wide.includes(CAPTURE) ? CAPTURE : STAR;
  const [before = '', after] = wide.split(wildcard);
  if (after === undefined) return wide === narrow;
  if (narrow.length < before.length + after.length || !narrow.startsWith(before) || !narrow.endsWith(after))
    return false;
  const middle = narrow.slice(before.length, narrow.length - after.length);
  if (/[/:]/.test(middle)) return false;
  // In a pin, and in a pattern of a subtree, no wildcard is empty.
  if (wildcard === STAR) return !(wider.nonEmpty || wider.subtree) || isFilled(middle, value);
  return middle === CAPTURE || isCapturable(middle);
}

/** Whether what a part of a pattern matches is never empty. */
const isFilled = (part: string, { nonEmpty, subtree }: Pattern): boolean =>
  part !== '' && (part !== STAR || nonEmpty || subtree);

/** Whether a text or pattern may match one that the other does. */
function meets(one: Expected, other: Expected): boolean {
  if (isPattern(one) && isPattern(other)) return startsAlike(one.literals[0] ?? '', other.literals[0] ?? '');
  if (isPattern(one)) return typeof other === 'string' && matchesPattern(one, other);
  if (isPattern(other)) return typeof one === 'string' && matchesPattern(other, one);
  return one === other;
}

const startsAlike = (one: string, other: string): boolean => one.startsWith(other) || other.startsWith(one);
