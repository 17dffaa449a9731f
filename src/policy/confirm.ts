// Whether a person has confirmed: how strongly and how recently they authenticated, by `acr` and `auth_time` of their own token or of one
// that was made from it (RFC 9470). Without `auth_time` nothing is confirmed, and nothing that a workload says confirms anything.

import { LEEWAY_SECONDS } from '../core/limits.ts';
import { type Authentication, authenticationOf, type Principal } from '../core/principal.ts';
import type { PolicyRefusal } from '../core/refusal.ts';
import type { Confirm } from './compiled.ts';
import { display, displayAll } from './evaluate.ts';
import type { Failed } from './failed.ts';

/** `person`: whether the principal's source speaks of people. Nothing else authenticates so, whatever its claims say. */
export const authenticatedBy = ({ claims }: Pick<Principal, 'claims'>, person: boolean): Authentication | undefined =>
  person ? authenticationOf(claims) : undefined;

/** The first of these that is not confirmed now, as a part of a rule that failed; undefined where all are. */
export function failedConfirm(
  confirms: readonly Confirm[],
  authenticated: Authentication | undefined,
  now: number,
): Failed | undefined {
  for (const { acr, maxAgeSeconds } of confirms) {
    if (!authenticated) return no('auth_time', undefined, 'there: it says when the person logged in');
    const { authTime } = authenticated;
    // A time to come is none at which anybody confirmed anything.
    if (authTime > now + LEEWAY_SECONDS) return no('auth_time', String(authTime), 'in the past');
    if (maxAgeSeconds !== undefined && now - authTime > maxAgeSeconds)
      return no('auth_time', `${Math.floor(now - authTime)} s ago`, `at most ${maxAgeSeconds} s ago`);
    if (acr && !(authenticated.acr !== undefined && acr.includes(authenticated.acr)))
      return no('acr', authenticated.acr, displayAll(acr));
  }
  return undefined;
}

const no = (what: string, presented: string | undefined, expected: string): Failed => ({
  part: 'confirm',
  what,
  presented: presented === undefined ? undefined : display(presented),
  expected,
  held: 0,
  identified: true,
});

/**
 * What to ask the person for so that all of these hold: contexts that satisfy every one, and the shortest age (RFC 9470 §3). Undefined
 * where no context satisfies all: whoever sent the person to confirm would send them again and again.
 */
export function wantedOf(confirms: readonly Confirm[]): Wanted | undefined {
  const lists = confirms.flatMap(({ acr }) => (acr ? [acr] : []));
  const [first = []] = lists;
  const acrValues = first.filter((value) => lists.every((list) => list.includes(value)));
  if (lists.length > 0 && acrValues.length === 0) return undefined;
  const ages = confirms.flatMap(({ maxAgeSeconds }) => (maxAgeSeconds === undefined ? [] : [maxAgeSeconds]));
  return { acrValues, maxAgeSeconds: ages.length > 0 ? Math.min(...ages) : undefined };
}

type Wanted = Pick<Extract<PolicyRefusal, { reason: 'confirmation_wanted' }>, 'acrValues' | 'maxAgeSeconds'>;

/** What is asked for, in words: `by "mfa" or "hwk", at most 300 s ago`. */
export function confirmText({ acr, maxAgeSeconds }: Confirm): string {
  const words = [
    ...(acr ? [`by ${displayAll(acr)}`] : []),
    ...(maxAgeSeconds === undefined ? [] : [`at most ${maxAgeSeconds} s ago`]),
  ];
  return words.join(', ');
}
