// Which claims of a kind's tokens somebody has thought about: those of the standards, and those that its table knows but no rule
// names. What is left when rules and rows are taken away too is counted and recorded by name (core/record.ts): a platform that adds a
// claim may have changed what its tokens mean. Nothing is known of plain OpenID Connect issuers and of SPIFFE.

import { claimKey, claimsBelow } from '../core/claim-path.ts';
import type { AccountedClaims } from '../core/principal.ts';
import type { PlatformTable } from '../platforms/table.ts';

/** RFC 7519 §4.1, RFC 7800 §3.1 and OpenID Connect Core §2, as far as workloads' tokens have them. */
const OF_STANDARDS = ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'azp', 'cnf', 'auth_time', 'nonce', 'at_hash'];
const KINDS_UNKNOWN = ['oidc', 'spiffe', 'client'];

/** Undefined where nobody keeps account: of kinds whose claims are nobody's in particular. */
export function accountedClaims({ kind, known = [] }: PlatformTable): AccountedClaims | undefined {
  if (KINDS_UNKNOWN.includes(kind)) return undefined;
  const whole = known.filter((path) => !path.at(-1)?.endsWith('*'));
  const begun = known.filter((path) => path.at(-1)?.endsWith('*'));
  return Object.freeze({
    keys: new Set([...OF_STANDARDS, ...whole.map(claimKey)]),
    prefixes: Object.freeze([...whole.map(claimsBelow), ...begun.map((path) => claimKey(path).slice(0, -1))]),
  });
}
