// POST /revoke (RFC 7009): a client ends one of its own tokens, with everything that was made from it. Its own is a token that was issued to it,
// or that is about it; whose token it is else, and whether it was one at all, changes nothing and is not told (§2.2). Answered when it is in
// force in every replica, and not before: where that is not known, the client is told to ask again.

import { decisionId } from './decision-id.ts';
import { LEEWAY_SECONDS } from './limits.ts';
import { WITHDRAWALS_BY_CLIENTS_MAX } from './limits-delegation.ts';
import type { Kept, Operate, Operation } from './operation.ts';
import {
  noteAnswered,
  noteWithdrawal,
  type OwnTokenRecord,
  openOwnTokenRecord,
  type Untold,
} from './own-token-record.ts';
import type { OwnTokenRequest } from './own-token-request.ts';
import type { RandomBytes, WithdrawalStore } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type AskedAbout, type OwnTokenParts, proveAskedAbout } from './prove-own-token.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { Received } from './request.ts';
import { refuseUnavailable, STORE_UNAVAILABLE } from './unavailable.ts';
import type { Withdrawal } from './withdrawal.ts';

/** What a revocation comes to: nothing that the caller is told. */
export interface Revoked {
  readonly kind: 'revoked';
}

export interface RevokeParts extends OwnTokenParts {
  readonly withdrawals: WithdrawalStore;
  readonly randomBytes: RandomBytes;
}

/** POST /revoke. */
export const createRevoke = (parts: RevokeParts & { readonly operate: Operate }): Operation<OwnTokenRequest, Revoked> =>
  parts.operate({ open: openOwnTokenRecord('revocation'), path: revokePath(parts) });

const revokePath =
  (parts: RevokeParts) =>
  async (received: Received<OwnTokenRequest>, record: OwnTokenRecord, kept: Kept): Promise<Result<Revoked>> => {
    const asked = await proveAskedAbout(parts, received, record);
    if (!asked.ok) return asked;
    const judged = judge(asked.value);
    const isItsOwn = 'proof' in judged;
    if (isItsOwn) {
      // The store waits for every request that has entered, and must not wait for this one: what it answers tells nothing.
      kept.leave();
      const ended = await end(parts, judged, asked.value.nowSeconds, record);
      if (!ended.ok) return ended;
    }
    noteAnswered(record, isItsOwn ? undefined : judged);
    return ok({ kind: 'revoked' });
  };

/** The token, where it is the client's own; else why nothing is ended. */
function judge({ client, token }: AskedAbout): ProvedPrincipal | Untold {
  if (!token.ok) return token.refusal;
  const { name, proof } = token.value;
  const isItsOwn = proof.carried?.own?.clientId === client.id || name === client.principal.name;
  return isItsOwn ? token.value : { reason: 'not_its_own' };
}

async function end(
  { withdrawals, randomBytes }: RevokeParts,
  { proof: { handle, expiresAt } }: ProvedPrincipal,
  nowSeconds: number,
  record: OwnTokenRecord,
): Promise<Result<undefined>> {
  if (handle === undefined) throw new Error('one of our own tokens has no handle');
  // What has ended already is answered as it is in force, under the id that it has.
  const held = withdrawals.against({ parties: [], tokens: [handle], ancestors: [] }, nowSeconds);
  const hasEnded = held?.kind === 'revocation' && held.what === 'chain';
  const withdrawal: Withdrawal = hasEnded
    ? held
    : {
        kind: 'revocation',
        what: 'chain',
        of: handle,
        id: decisionId(nowSeconds, randomBytes),
        why: `its client asked to revoke it (${record.decision})`,
        atSeconds: nowSeconds,
        // Nothing that is made from a token outlives it: kept no longer, revocations of short tokens make room for others soon.
        untilSeconds: expiresAt + LEEWAY_SECONDS,
      };
  try {
    const { unreached } = await withdrawals.add(withdrawal, WITHDRAWALS_BY_CLIENTS_MAX);
    noteWithdrawal(record, withdrawal, unreached);
    // RFC 7009 §2.2.1: 503 says that the token may still be taken, and to ask again.
    return unreached.length === 0 ? ok(undefined) : refuse(STORE_UNAVAILABLE);
  } catch (error) {
    return refuseUnavailable(error);
  }
}
