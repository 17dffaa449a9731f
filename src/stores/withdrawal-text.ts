// Blocks and revocations as one line of text, for people and for every store: words between spaces, names and reasons percent-encoded, so
// that no name ends a word, a change or a line. What cannot be written down exactly is refused before it counts.

import { NUMERIC_DATE_MAX } from '../core/limits.ts';
import { WITHDRAWAL_NAME_BYTES_MAX, WITHDRAWAL_WHY_CHARACTERS_MAX } from '../core/limits-delegation.ts';
import type { Revocation, Withdrawal } from '../core/withdrawal.ts';

/** One change to what is withdrawn. */
export type WithdrawalChange =
  | { readonly change: 'withdraw'; readonly withdrawal: Withdrawal }
  | { readonly change: 'lift'; readonly id: string };

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const INSTANT = /^[0-9]{1,12}(\.[0-9]{1,20})?$/;
const NEVER = '-';

/** Seconds since the epoch as stores write them, fractions included. */
export const isInstant = (text: string): boolean => INSTANT.test(text);

/** What is wrong with a withdrawal that cannot be written down; undefined where nothing is. */
export function withdrawalProblem(withdrawal: Withdrawal): string | undefined {
  const { id, why, atSeconds, untilSeconds } = withdrawal;
  const name = nameOf(withdrawal);
  if (!ID.test(id)) return 'an id that cannot be written down';
  if (name === '' || !name.isWellFormed() || Buffer.byteLength(name) > WITHDRAWAL_NAME_BYTES_MAX)
    return `a name that is empty, not Unicode, or longer than ${WITHDRAWAL_NAME_BYTES_MAX} bytes`;
  if (!why.isWellFormed() || why.length > WITHDRAWAL_WHY_CHARACTERS_MAX)
    return `a reason that is not Unicode, or longer than ${WITHDRAWAL_WHY_CHARACTERS_MAX} characters`;
  return [atSeconds, untilSeconds ?? 0].every(isDate) ? undefined : 'an instant that is no date';
}

const isDate = (seconds: number): boolean => seconds <= NUMERIC_DATE_MAX && isInstant(String(seconds));

const nameOf = (withdrawal: Withdrawal): string => (withdrawal.kind === 'block' ? withdrawal.identity : withdrawal.of);

/** `block ID AT UNTIL IDENTITY WHY`, `revoke WHAT ID AT UNTIL OF WHY` or `lift ID`. */
export function writeWithdrawalChange(change: WithdrawalChange): string {
  if (change.change === 'lift') return `lift ${change.id}`;
  const { withdrawal } = change;
  const { id, atSeconds, untilSeconds = NEVER, why } = withdrawal;
  const head = withdrawal.kind === 'block' ? 'block' : `revoke ${withdrawal.what}`;
  const [name, reason] = [nameOf(withdrawal), why].map(encodeURIComponent);
  return `${head} ${id} ${atSeconds} ${untilSeconds} ${name} ${reason}`;
}

/** Whether it is this one, word for word, wherever it was read from. */
export const isSameWithdrawal = (held: Withdrawal, withdrawal: Withdrawal): boolean =>
  writeWithdrawalChange({ change: 'withdraw', withdrawal: held }) ===
  writeWithdrawalChange({ change: 'withdraw', withdrawal });

/** The change that these words tell, or undefined where they tell none. */
export function readWithdrawalChange(words: readonly string[]): WithdrawalChange | undefined {
  const [first, ...rest] = words;
  if (first === 'lift')
    return rest.length === 1 && ID.test(rest[0] ?? '') ? { change: 'lift', id: rest[0] ?? '' } : undefined;
  if (first === 'block') return withdrawn(rest, (identity) => ({ kind: 'block', identity }));
  const [what, ...tail] = rest;
  return first === 'revoke' && isRevoked(what)
    ? withdrawn(tail, (of) => ({ kind: 'revocation', what, of }))
    : undefined;
}

type Revoked = Revocation['what'];
type Meaning =
  | { readonly kind: 'block'; readonly identity: string }
  | { readonly kind: 'revocation'; readonly what: Revoked; readonly of: string };

const REVOKED: readonly string[] = ['token', 'chain', 'key', 'subject', 'actor', 'client'] satisfies readonly Revoked[];
const isRevoked = (what: string | undefined): what is Revoked => what !== undefined && REVOKED.includes(what);

function withdrawn(words: readonly string[], meaning: (name: string) => Meaning): WithdrawalChange | undefined {
  const [id = '', at = '', until = '', encodedName = '', encodedWhy = ''] = words;
  const [name, why] = [decoded(encodedName), decoded(encodedWhy)];
  if (words.length !== 5 || !ID.test(id) || !isInstant(at) || !name || why === undefined) return undefined;
  if (until !== NEVER && !isInstant(until)) return undefined;
  const untilSeconds = until === NEVER ? undefined : Number(until);
  return { change: 'withdraw', withdrawal: { id, why, atSeconds: Number(at), untilSeconds, ...meaning(name) } };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
