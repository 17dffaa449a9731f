// How the outcomes of POST /introspect (RFC 7662 §2.2) and POST /revoke (RFC 7009 §2.2) look on the wire. An active token is told by its own
// claims, byte for byte as they were signed; everything else is one body, without a decision id, so that no two of its reasons can be told
// apart. JWT answers (RFC 9701) are not built: whoever asks for one is given JSON.

import type { Introspected } from '../../core/introspect.ts';
import type { JsonObject } from '../../core/json.ts';
import type { Outcome } from '../../core/operation.ts';
import type { ProvedPrincipal } from '../../core/principal.ts';
import type { Revoked } from '../../core/revoke.ts';
import { type Answer, HEADERS, KEPT_BY_NOBODY, renderUnanswered } from './wire.ts';

/** Claims that are members of the answer too, where the token has them: RFC 7662 §2.2, RFC 8693 §4, RFC 8705 §3.2, RFC 9470 §6. */
const MEMBERS = [
  ...['scope', 'client_id', 'exp', 'iat', 'nbf', 'sub', 'aud', 'iss', 'jti'],
  ...['act', 'cnf', 'auth_time', 'acr', 'origin'],
];

export function renderIntrospection(outcome: Outcome<Introspected>): Answer {
  if (outcome.kind !== 'introspected') return renderUnanswered(outcome);
  const body = outcome.token ? activeBody(outcome.token) : { active: false };
  return { status: 200, headers: HEADERS, body: JSON.stringify(body) };
}

function activeBody({ claims, proof: { boundTo } }: ProvedPrincipal): JsonObject {
  const isDpop = boundTo !== undefined && 'jkt' in boundTo;
  const members = MEMBERS.flatMap((name) =>
    Object.hasOwn(claims, name) ? [[name, claims[name] ?? null] as const] : [],
  );
  return { active: true, token_type: isDpop ? 'DPoP' : 'Bearer', ...Object.fromEntries(members) };
}

/** Nothing is told: not whether it was a token, whose it was, or what was ended. */
export const renderRevocation = (outcome: Outcome<Revoked>): Answer =>
  outcome.kind === 'revoked' ? { status: 200, headers: KEPT_BY_NOBODY, body: '' } : renderUnanswered(outcome);
