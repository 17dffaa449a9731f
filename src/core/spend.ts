// Phase "spend": claims one-time credentials atomically, after the decision (a refused caller may try again once the policy
// is mended) and before issuing. RFC 7519 §4.1.7; keys are made from proved values, never from the token text.

import type { ProvedGrant } from './decision.ts';
import { LEEWAY_SECONDS } from './limits.ts';
import type { Spending, SpentStore } from './ports.ts';
import type { Role } from './principal.ts';
import type { ProvedKey } from './proof-of-possession.ts';
import { ok, type Result, refuse } from './refusal.ts';
import { refuseUnavailable } from './unavailable.ts';

/** What this request has spent; `release` gives all of it back when nothing left the process. */
export interface Spent {
  release(): Promise<void>;
}

const NOTHING: Spent = { release: () => Promise.resolve() };

/** One use of a credential, in its role. */
type OwnSpending = Spending & { readonly purpose: Role };

/** Where claims are kept, and the decision that makes them. */
export interface Once {
  readonly store: SpentStore;
  readonly decision: string;
}

/** Claims the subject's and the actor's credential for this decision, if their classes say so. A lost claim names the decision that won it. */
export async function spend(once: Once, { subject, actor, target }: ProvedGrant): Promise<Result<Spent>> {
  const spendings: OwnSpending[] = [];
  const spent: Spent = {
    async release() {
      for (const spending of spendings) await once.store.release(spending, once.decision);
    },
  };
  for (const [purpose, principal] of [['subject', subject] as const, ['actor', actor] as const]) {
    if (!principal) continue;
    const { proof, source, issuer } = principal;
    if (proof.replay === 'reusable' || proof.jti === undefined) continue;
    const forTarget = proof.replay === 'once-per-target' ? target : undefined;
    const spending: OwnSpending = { purpose, issuer, jti: proof.jti, target: forTarget };
    const claimed = await claimOnce(once, spending, proof.expiresAt, source);
    if (!claimed.ok) {
      await spent.release();
      return claimed;
    }
    spendings.push(spending);
  }
  return ok(spendings.length > 0 ? spent : NOTHING);
}

/** Claims one use of a credential that is valid until then, or says who had it before. */
export async function claimOnce(
  once: Once,
  spending: OwnSpending,
  expiresAtSeconds: number,
  source: string,
): Promise<Result<undefined>> {
  const spentBy = await claim(once, spending, expiresAtSeconds);
  if (!spentBy.ok) return spentBy;
  return spentBy.value === once.decision
    ? ok(undefined)
    : refuse({ role: spending.purpose, source, reason: 'replayed', spentBy: spentBy.value });
}

/** Claims the one use of a DPoP proof (DP-05): whoever shows one again is not the one who made it. */
export async function claimProof(once: Once, { jkt, jti, expiresAtSeconds }: ProvedKey): Promise<Result<undefined>> {
  const spentBy = await claim(once, { purpose: 'dpop', issuer: jkt, jti, target: undefined }, expiresAtSeconds);
  if (!spentBy.ok) return spentBy;
  return spentBy.value === once.decision
    ? ok(undefined)
    : refuse({ reason: 'dpop_proof_replayed', spentBy: spentBy.value });
}

async function claim({ store, decision }: Once, spending: Spending, expiresAtSeconds: number): Promise<Result<string>> {
  try {
    // The verifier accepts a credential until `exp` plus leeway; the claim is kept just as long, by the same constant.
    return ok(await store.claim(spending, decision, expiresAtSeconds + LEEWAY_SECONDS));
  } catch (error) {
    return refuseUnavailable(error);
  }
}
