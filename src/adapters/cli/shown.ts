// Text that somebody else wrote, as a terminal may have it: nothing in it moves a cursor, forges a second line or turns the direction of
// reading. `shown` is for what a stranger says, cut and in ASCII alone; `escaped` for files and records, whose words stay whole and readable.

import { SENTENCE_CHARACTERS_MAX } from '../../core/limits.ts';

/** Printable ASCII, cut: nothing in it looks like another character. */
export function shown(text: string, charactersMax: number = SENTENCE_CHARACTERS_MAX): string {
  const printable = text.slice(0, charactersMax).replace(/[^\x20-\x7e]/g, '?');
  return text.length > charactersMax ? `${printable}...` : printable;
}

/** Control characters, line separators, and marks that change direction or take no room. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** The whole text, what is unsafe by number: as JSON escapes it, so that an escaped line of JSON still says the same. */
export const escaped = (text: string): string =>
  text.replace(UNSAFE, (found) => found.split('').map(numbered).join(''));

const numbered = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/** A value as one line of JSON in ASCII: it says the same, and a terminal finds nothing in it to obey. */
export const jsonLine = (value: unknown): string => JSON.stringify(value).replace(/[^\x20-\x7e]/g, numbered);
