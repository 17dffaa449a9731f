// `*` and `<name>` in policy values. `*` stands for the rest of one segment and nothing else: segments end at `/` and `:`, so no
// wildcard reaches into a name that somebody else chose (attacks A-106, A-107). `/**`, at the end only and only where a SPIFFE subtree
// is meant, stands for one or more segments. `<name>` captures: some or all of one segment, in few characters, so that what
// is made of it later says one thing. Matching walks the text once; no regular expression is built from input.

import { CAPTURE_CHARACTERS_MAX } from '../core/limits.ts';
import { piecesOf } from '../parsing/template.ts';

/** A text with wildcards. */
export interface Pattern {
  /** As written. */
  readonly text: string;
  /** The texts between the wildcards; one more than there are wildcards. */
  readonly literals: readonly string[];
  /** What each wildcard captures; undefined for a `*`. */
  readonly captures: readonly (string | undefined)[];
  /** Every wildcard is a whole segment: what a pin asks for. */
  readonly whole: boolean;
  /** The last wildcard is `/**`. */
  readonly subtree: boolean;
  /** No wildcard matches an empty text: so it is in a pin. */
  readonly nonEmpty: boolean;
}

export type PatternRead =
  | { readonly ok: true; readonly pattern: Pattern }
  | { readonly ok: false; readonly message: string };

const STAR = '*';
const isSeparator = (character: string | undefined): boolean => character === '/' || character === ':';
/** What a parameter may hold that is captured (FORMATS: rules): never a separator, and nothing that a name ends with by itself. */
const CAPTURED = /^[A-Za-z0-9._-]+$/;
const DOTS = /^\.+$/;

/** Reads a text that holds a `*` or a parameter. `subtrees`: whether a last `/**` is known here. */
export function readPattern(text: string, subtrees: boolean): PatternRead {
  const subtree = subtrees && text.endsWith('/**');
  const body = subtree ? text.slice(0, -1) : text;
  const { literals, captures } = split(body);
  const problem = wildcardProblem(body, literals, captures);
  if (problem !== undefined) return { ok: false, message: problem };
  return {
    ok: true,
    pattern: Object.freeze({
      text,
      literals: Object.freeze(literals),
      captures: Object.freeze(captures),
      whole: captures.every((_, index) => isWhole(literals, index)),
      subtree,
      nonEmpty: false,
    }),
  };
}

/** The text in pieces at every wildcard, of either kind. */
function split(text: string): { literals: string[]; captures: (string | undefined)[] } {
  const { literals: between, names } = piecesOf(text);
  const literals: string[] = [];
  const captures: (string | undefined)[] = [];
  for (const [index, piece] of between.entries()) {
    const parts = piece.split(STAR);
    literals.push(...parts);
    for (let star = 1; star < parts.length; star += 1) captures.push(undefined);
    if (index < names.length) captures.push(names[index]);
  }
  return { literals, captures };
}

function wildcardProblem(
  body: string,
  literals: readonly string[],
  captures: readonly (string | undefined)[],
): string | undefined {
  if (body.includes('**')) return `"**" is not taken here: "*" stands for the rest of one segment`;
  if (literals.slice(1, -1).some((literal) => !hasSeparator(literal)))
    return 'has two wildcards in one segment: segments end at "/" and ":"';
  return captures.every((name, index) => name !== undefined || isSegmentEnd(literals[index + 1]))
    ? undefined
    : '"*" must end its segment: segments end at "/" and ":"';
}

const hasSeparator = (literal: string): boolean => /[/:]/.test(literal);
/** What follows a wildcard begins a segment, or is nothing. */
const isSegmentEnd = (literal: string | undefined): boolean =>
  literal === undefined || literal === '' || isSeparator(literal[0]);

/** Whether the wildcard of this index is all of its segment. */
function isWhole(literals: readonly string[], index: number): boolean {
  const before = literals[index] ?? '';
  return (before === '' || isSeparator(before.at(-1))) && isSegmentEnd(literals[index + 1]);
}

/** The same pattern, as it counts in a pin: never empty. */
export const inPin = (pattern: Pattern): Pattern => Object.freeze({ ...pattern, nonEmpty: true });

/** Whether the whole text matches. What it captures is added to `found`, where that is given. */
export function matchesPattern(pattern: Pattern, text: string, found?: Map<string, string>): boolean {
  const { literals, captures } = pattern;
  const last = literals.length - 1;
  let position = 0;
  for (const [index, literal] of literals.entries()) {
    if (!text.startsWith(literal, position)) return false;
    position += literal.length;
    if (index === last) break;
    const name = captures[index];
    const end =
      pattern.subtree && index === last - 1 ? text.length : wildcardEnd(text, position, literals[index + 1] ?? '');
    if (end <= position && (end < position || name !== undefined || pattern.nonEmpty || pattern.subtree)) return false;
    if (name !== undefined) {
      const value = text.slice(position, end);
      if (!isCapturable(value)) return false;
      found?.set(name, value);
    }
    position = end;
  }
  return position === text.length;
}

/** Whether a parameter may come to hold this text from a claim. */
export const isCapturable = (text: string): boolean =>
  text.length <= CAPTURE_CHARACTERS_MAX && CAPTURED.test(text) && !DOTS.test(text);

/** Where a wildcard ends: with its segment, less what stands after it there. */
function wildcardEnd(text: string, from: number, after: string): number {
  return segmentEnd(text, from) - segmentEnd(after, 0);
}

/** How many segments stand complete before the first wildcard. */
export const literalSegments = (pattern: Pattern): number => countSeparators(pattern.literals[0] ?? '');

/** How many segments of a text are complete. */
export function countSeparators(text: string): number {
  let count = 0;
  for (const character of text) if (isSeparator(character)) count += 1;
  return count;
}

/** The text up to and with its nth separator; undefined where it has fewer. */
export function leadingSegments(text: string, count: number): string | undefined {
  let position = 0;
  for (let seen = 0; seen < count; seen += 1) {
    position = segmentEnd(text, position) + 1;
    if (position > text.length) return undefined;
  }
  return text.slice(0, position);
}

function segmentEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && !isSeparator(text[end])) end += 1;
  return end;
}
