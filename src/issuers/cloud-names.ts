// Names of ours in the narrower alphabets of clouds: no two become one. What a cloud does not take is written `=XX`, by the bytes of
// its UTF-8, and `=` itself too; what is longer than it may be keeps its head and ends in a digest of the whole behind `=-`, which no
// short name holds. Where somebody acts, both stand in one name, apart by `|`, which is in no name of ours.

import { hash } from 'node:crypto';
import { namedBeside } from '../core/actor.ts';
import type { Actor, Actors } from '../core/principal.ts';

/** The characters that a field of a cloud takes, beside `=` and the digits and capital letters of what is escaped. */
export interface Alphabet {
  readonly plain: RegExp;
  readonly charactersMax: number;
}

/** Encodes a name; injective but for a collision of SHA-256 cut to 128 bits. */
export function encodeName(name: string, { plain, charactersMax }: Alphabet): string {
  const encoded = [...name].map((character) =>
    character !== '=' && plain.test(character) ? character : escaped(character),
  );
  const whole = encoded.join('');
  if (whole.length <= charactersMax) return whole;
  const digest = hash('sha256', name, 'buffer').subarray(0, 16).toString('base64url').replaceAll('_', '.');
  let head = '';
  for (const piece of encoded) {
    if (head.length + piece.length + digest.length + 2 > charactersMax) break;
    head += piece;
  }
  return `${head}=-${digest}`;
}

const escaped = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('');

/** Whom a session is for: the subject, and who acts for it now. */
export function partiesName(subject: string, actors: Actors): string {
  const [actor] = actors;
  return actor ? `${subject}|${actorName(actor)}` : subject;
}

/** An actor by the one text that means no other: its name where it has one, a SPIFFE ID, or `<iss>#<sub>`. */
export const actorName = (actor: Actor): string => {
  const { iss, sub } = actor;
  const name = namedBeside(actor) ?? (iss.startsWith('spiffe://') ? sub : `${iss}#${sub}`);
  return name.replaceAll('|', '%7C');
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
