// POST /introspect (RFC 7662): whether one of our own tokens is active, for the clients that introspect its target. Active means everything at
// once: signed by a key that counts, in time, and neither it, nor what it was made of, nor anybody in it withdrawn. Everything else is one
// answer (§2.2): who may not know a token learns nothing about it (Keycloak's CVE-2026-37979). Where the broker cannot know, it says so.

import type { Operate, Operation } from './operation.ts';
import { noteAnswered, type OwnTokenRecord, openOwnTokenRecord, type Untold } from './own-token-record.ts';
import type { OwnTokenRequest } from './own-token-request.ts';
import type { Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type AskedAbout, type OwnTokenParts, proveAskedAbout } from './prove-own-token.ts';
import { ok, type Result, refuse, type UnavailableRefusal } from './refusal.ts';
import type { Received } from './request.ts';
import { refuseWithdrawn, standingOfToken } from './standing.ts';

/** What an introspection comes to. */
export interface Introspected {
  readonly kind: 'introspected';
  /** The active token; undefined for whatever is not one that the client may know. */
  readonly token: ProvedPrincipal | undefined;
}

/** POST /introspect. */
export const createIntrospect = (
  parts: OwnTokenParts & { readonly operate: Operate },
): Operation<OwnTokenRequest, Introspected> =>
  parts.operate({ open: openOwnTokenRecord('introspection'), path: introspectPath(parts) });

const introspectPath =
  (parts: OwnTokenParts) =>
  async (received: Received<OwnTokenRequest>, record: OwnTokenRecord): Promise<Result<Introspected>> => {
    const asked = await proveAskedAbout(parts, received, record);
    if (!asked.ok) return asked;

    // Nothing is waited for any more: whoever withdraws something from here on waits until this answer has left (epochs.ts).
    const judged = judge(parts.withdrawals, asked.value);
    if ('retryAfterSeconds' in judged) return refuse(judged);
    const isActive = 'proof' in judged;
    noteAnswered(record, isActive ? undefined : judged);
    record.active = isActive;
    return ok({ kind: 'introspected', token: isActive ? judged : undefined });
  };

/** The token, where it is active and the client may know; else why not. */
function judge(
  withdrawals: Withdrawals,
  { client, token, targets, whoIs, nowSeconds }: AskedAbout,
): ProvedPrincipal | Untold | UnavailableRefusal {
  if (!token.ok) return token.refusal;
  const { source, proof } = token.value;
  // Of several targets nobody knows which it is for: the client must introspect all of them.
  const mayKnow = targets.length > 0 && targets.every((target) => client.introspects.includes(target));
  if (!mayKnow) return { reason: 'not_introspected', targets };
  // We set this `exp` by this clock: there is no leeway between us and ourselves.
  if (nowSeconds >= proof.expiresAt) return { role: 'subject', source, reason: 'expired' };
  const stands = refuseWithdrawn(withdrawals, standingOfToken(token.value, whoIs), nowSeconds);
  return stands.ok ? token.value : stands.refusal;
}
