// Phase "spend": claims one-time credentials atomically, after the decision (a refused caller may try again once the policy
// is mended) and before issuing. RFC 7519 §4.1.7; keys are made from proved values, never from the token text.

import type { ProvedGrant } from './decision.ts';
import { LEEWAY_SECONDS, UNAVAILABLE_RETRY_SECONDS } from './limits.ts';
import { type Spending, type SpentStore, StoreUnavailable } from './ports.ts';
import { ok, type Result, refuse } from './refusal.ts';

/** What this request has spent; `release` gives all of it back when nothing left the process. */
export interface Spent {
  release(): Promise<void>;
}

const NOTHING: Spent = { release: () => Promise.resolve() };

/** Claims the subject credential for this decision, if its class says so. A lost claim names the decision that won it. */
export async function spend(store: SpentStore, grant: ProvedGrant, decision: string): Promise<Result<Spent>> {
  const { proof, source, issuer } = grant.subject;
  if (proof.replay === 'reusable' || proof.jti === undefined) return ok(NOTHING);

  const target = proof.replay === 'once-per-target' ? grant.target : undefined;
  const spending: Spending = { purpose: 'subject', issuer, jti: proof.jti, target };
  const claimed = await claimOnce(store, spending, decision, proof.expiresAt, source);
  return claimed.ok ? ok({ release: () => store.release(spending, decision) }) : claimed;
}

/** Claims one use of a credential that is valid until then, or says who had it before. */
export async function claimOnce(
  store: SpentStore,
  spending: Spending,
  decision: string,
  expiresAtSeconds: number,
  source: string,
): Promise<Result<undefined>> {
  try {
    // The verifier accepts a credential until `exp` plus leeway; the claim is kept just as long, by the same constant.
    const spentBy = await store.claim(spending, decision, expiresAtSeconds + LEEWAY_SECONDS);
    return spentBy === decision
      ? ok(undefined)
      : refuse({ role: spending.purpose, source, reason: 'replayed', spentBy });
  } catch (error) {
    if (error instanceof StoreUnavailable)
      return refuse({ reason: 'store_unavailable', retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS });
    throw error;
  }
}
