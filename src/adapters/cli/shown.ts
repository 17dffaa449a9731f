// Text that somebody else wrote, as a terminal may have it: printable ASCII on one line, cut. Nothing in it moves a cursor, forges a
// second line, or looks like another character.

import { SENTENCE_CHARACTERS_MAX } from '../../core/limits.ts';

export function shown(text: string, charactersMax: number = SENTENCE_CHARACTERS_MAX): string {
  const printable = text.slice(0, charactersMax).replace(/[^\x20-\x7e]/g, '?');
  return text.length > charactersMax ? `${printable}...` : printable;
}

/** A value as one line of JSON in ASCII: it says the same, and a terminal finds nothing in it to obey. */
export const jsonLine = (value: unknown): string =>
  JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
