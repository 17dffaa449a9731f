// Names of ours in the narrower alphabets of clouds: no two become one. What a cloud does not take is written `=XX`, by the bytes of
// its UTF-8, and `=` itself too; what is longer than it may be keeps its head and ends in a digest of the whole behind `=-`, which no
// short name holds. Where somebody acts, both stand in one name, apart by `|`, which is in no name of ours.

import { hash } from 'node:crypto';
import { namedBeside } from '../core/actor.ts';
import type { Actor, Actors } from '../core/principal.ts';

/** The characters that a field of a cloud takes, beside `=` and the digits and capital letters of what is escaped. */
export interface Alphabet {
  readonly plain: RegExp;
  /** What stands for a character that is not plain, in its place: a plain-looking one, which is then escaped itself. */
  readonly instead?: Readonly<Record<string, string>>;
  /** Of those, what no name begins with. */
  readonly neverFirst?: RegExp;
  readonly charactersMin?: number;
  readonly charactersMax: number;
}

/** Encodes a name; injective but for a collision of SHA-256 cut to 128 bits. */
export function encodeName(name: string, alphabet: Alphabet): string {
  const { plain, instead = {}, neverFirst, charactersMin = 0, charactersMax } = alphabet;
  const characters = [...name];
  const encoded = characters.map((character, index) =>
    character === '=' || !plain.test(character) || (index === 0 && neverFirst?.test(character))
      ? (instead[character] ?? escaped(character))
      : character,
  );
  const whole = encoded.join('');
  // What is shorter than a field takes is escaped although it need not be: nothing else is.
  const long = whole.length < charactersMin ? characters.map(escaped).join('') : whole;
  if (long.length >= charactersMin && long.length <= charactersMax) return long;
  const digest = hash('sha256', whole, 'buffer').subarray(0, 16).toString('base64url').replaceAll('_', '.');
  let head = '';
  for (const piece of encoded) {
    if (head.length + piece.length + digest.length + 2 > charactersMax) break;
    head += piece;
  }
  return `${head}=-${digest}`;
}

/** By its bytes; half of a surrogate pair, which has none, by its number. */
const escaped = (character: string): string =>
  character.isWellFormed()
    ? [...Buffer.from(character)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
    : `=u${character.charCodeAt(0).toString(16)}`;

/** Whom a session is for: the subject, and who acts for it now. */
export function partiesName(subject: string, actors: Actors): string {
  const [actor] = actors;
  return actor ? `${subject}|${actorName(actor)}` : subject;
}

/** An actor by the one text that means no other: its name where it has one, a SPIFFE ID, or `<iss>#<sub>`. */
export const actorName = (actor: Actor): string => {
  const { iss, sub } = actor;
  const own = namedBeside(actor) ?? (iss.startsWith('spiffe://') ? sub : undefined);
  // In a name of ours `%` begins an escape, and there is no `|`; what others wrote may have one all the same.
  return (own ?? `${iss}#${sub}`.replaceAll('%', '%25')).replaceAll('|', '%7C');
};

/** `target:<name>[:<parameter>...]`: what AWS and Azure pin, in the order of the parameters' names. */
export const targetSubject = (
  name: string,
  parameters: readonly string[],
  values: Readonly<Record<string, string>>,
): string =>
  [
    'target',
    name,
    ...parameters.map((parameter) => (values[parameter] ?? '').replaceAll('%', '%25').replaceAll(':', '%3A')),
  ].join(':');
