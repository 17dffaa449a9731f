// Times of a credential in words: the instant, and how long ago or ahead that is (RFC 7519 §4.1.4 to §4.1.6).
// Judges nothing: which time is wrong, the verifier has said.

import type { Lack } from '../../core/cause.ts';
import { type JsonObject, valueAt } from '../../core/json.ts';
import { LEEWAY_SECONDS, NUMERIC_DATE_MAX } from '../../core/limits.ts';
import type { CredentialRefusal } from '../../core/refusal.ts';
import { rfc3339 } from '../../parsing/instant.ts';

type TimeRefusal = Extract<
  CredentialRefusal,
  { reason: 'expired' | 'not_yet_valid' | 'lifetime_too_long' | 'too_old' }
>;

/** Kubernetes ends an extended token before its `exp` (KB-03). */
const WARNAFTER = ['kubernetes.io', 'warnafter'];

/** Which time is wrong, in words; as of `nowSeconds` since the epoch. */
export function timeLack(refusal: TimeRefusal, claims: JsonObject, nowSeconds: number): Lack {
  const { exp, nbf, iat } = claims;
  const at = (time: unknown) => (typeof time === 'number' ? instant(time, nowSeconds) : undefined);
  switch (refusal.reason) {
    case 'expired': {
      const warnafter = valueAt(claims, WARNAFTER);
      const early = typeof warnafter === 'number' && (typeof exp !== 'number' || warnafter < exp);
      const what = early ? WARNAFTER.join('/') : 'exp';
      return { what, presented: at(early ? warnafter : exp), expected: 'later', hint: undefined };
    }
    case 'not_yet_valid': {
      const ahead = typeof nbf === 'number' && nbf > nowSeconds + LEEWAY_SECONDS;
      const hint = 'compare the clocks of its issuer and of the broker';
      return { what: ahead ? 'nbf' : 'iat', presented: at(ahead ? nbf : iat), expected: 'earlier', hint };
    }
    case 'lifetime_too_long': {
      const seconds = typeof exp === 'number' ? exp - (typeof iat === 'number' ? iat : nowSeconds) : undefined;
      const presented = seconds === undefined ? undefined : spanText(seconds);
      const hint = 'tokens of this kind never live so long';
      return { what: 'exp - iat', presented, expected: `at most ${spanText(refusal.secondsMax)}`, hint };
    }
    case 'too_old': {
      const expected = `at most ${spanText(refusal.secondsMax)} ago`;
      return { what: 'iat', presented: at(iat), expected, hint: "the source's maxAge" };
    }
  }
}

/** `2026-11-26T00:58:00Z, 62 minutes ago`. */
export function instant(seconds: number, nowSeconds: number): string {
  if (seconds < 0 || seconds > NUMERIC_DATE_MAX) return String(seconds);
  const distance = Math.round(seconds - nowSeconds);
  const relative = distance > 0 ? `in ${spanText(distance)}` : `${spanText(-distance)} ago`;
  return `${rfc3339(seconds)}, ${relative}`;
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
] as const;

/** In the largest unit of which there are two or more, or one exactly. */
export function spanText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [unit, size] = UNITS.find(([, length]) => whole >= 2 * length || whole === length) ?? (['second', 1] as const);
  const count = Math.floor(whole / size);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
