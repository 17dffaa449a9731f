// `*` in policy values. It stands for the rest of one segment and nothing else: segments end at `/` and `:`, so no wildcard
// reaches into a name that somebody else chose (attacks A-106, A-107). `/**`, at the end only and only where a SPIFFE subtree
// is meant, stands for one or more segments. Matching walks the text once; no regular expression is built from input.

/** A text with wildcards. */
export interface Pattern {
  /** As written. */
  readonly text: string;
  /** The texts between the wildcards; one more than there are wildcards. */
  readonly literals: readonly string[];
  /** Every `*` is a whole segment: what a pin asks for. */
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

/** Reads a text that holds a `*`. `subtrees`: whether a last `/**` is known here. */
export function readPattern(text: string, subtrees: boolean): PatternRead {
  const subtree = subtrees && text.endsWith('/**');
  const body = subtree ? text.slice(0, -1) : text;
  const literals = body.split(STAR);
  if (literals.slice(1, -1).includes('') || (!subtree && text.includes('**')))
    return { ok: false, message: `"**" is not taken here: "*" stands for the rest of one segment` };
  const after = literals.slice(1);
  if (!after.every((literal) => literal === '' || isSeparator(literal[0])))
    return { ok: false, message: '"*" must end its segment: segments end at "/" and ":"' };
  const before = literals.slice(0, -1);
  const whole = before.every((literal) => literal === '' || isSeparator(literal.at(-1)));
  return {
    ok: true,
    pattern: Object.freeze({ text, literals: Object.freeze(literals), whole, subtree, nonEmpty: false }),
  };
}

/** The same pattern, as it counts in a pin: never empty. */
export const inPin = (pattern: Pattern): Pattern => Object.freeze({ ...pattern, nonEmpty: true });

/** Whether the whole text matches. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  const { literals } = pattern;
  const last = literals.length - 1;
  let position = 0;
  for (const [index, literal] of literals.entries()) {
    if (!text.startsWith(literal, position)) return false;
    position += literal.length;
    if (index === last) break;
    const end = pattern.subtree && index === last - 1 ? text.length : segmentEnd(text, position);
    if (end === position && (pattern.nonEmpty || pattern.subtree)) return false;
    position = end;
  }
  return position === text.length;
}

/** How many segments stand complete before the first wildcard. */
export const literalSegments = (pattern: Pattern): number => countSeparators(pattern.literals[0] ?? '');

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
