// Phase "recheck": the last look before anything leaves. What was issued is parsed and compared with the grant (its
// signature is not verified again), the clock is read again, and if the configuration has been swapped meanwhile, the
// decision is made again on the new one and only what that still grants leaves. Blocks and revocations are asked again.

import type { ProvedGrant, Question } from './decision.ts';
import { LEEWAY_SECONDS } from './limits.ts';
import type { Issued, IssueOrder, Issuer, Snapshot, Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { ok, type Result, refuse } from './refusal.ts';
import { type RequestStanding, refuseWithdrawn } from './standing.ts';

/** What a grant is looked at again with. */
export interface GrantRecheckInput {
  readonly order: IssueOrder;
  /** What the issuer said of it when it was decided. */
  readonly terms: object;
  readonly question: Omit<Question<ProvedPrincipal>, 'now'>;
  /** The snapshot that the request was decided on. */
  readonly decidedOn: Snapshot;
  /** The snapshot that is current now. */
  readonly current: Snapshot;
  /** The clock, read again. */
  readonly nowSeconds: number;
  readonly withdrawals: Withdrawals;
  readonly standing: RequestStanding;
}

export interface RecheckInput extends GrantRecheckInput {
  readonly issuer: Issuer;
  readonly issued: Issued;
}

/** Lets what was issued leave, or says why it must not. Throws where the issuer made something else than it was told. */
export function recheck(input: RecheckInput): Result<Issued> {
  const { order, issuer, issued } = input;
  const facts = JSON.stringify(issuer.read(issued));
  if (facts !== JSON.stringify(issuer.expect(order))) throw new Error('the issuer made something else than the grant');
  // A cloud's clock may be a little ahead of ours.
  if (issued.expiresAt > order.expiresAt + (issued.cloud ? LEEWAY_SECONDS : 0))
    throw new Error('what was issued ends later than it may');
  const stands = recheckGrant({ ...input, facts });
  return stands.ok ? ok(issued) : stands;
}

/** Whether the grant still stands, now and on the current snapshot. `facts`: of what was, or would be, issued, as JSON. */
export function recheckGrant(input: GrantRecheckInput & { readonly facts: string }): Result<undefined> {
  const { order, nowSeconds } = input;
  const { subject } = order.grant;
  if (nowSeconds >= order.expiresAt || order.issuedAt > nowSeconds + LEEWAY_SECONDS)
    return refuse({ role: 'subject', source: subject.source, reason: 'expired' });
  const stands = refuseWithdrawn(input.withdrawals, input.standing, nowSeconds);
  if (!stands.ok) return stands;

  if (input.current.generation === input.decidedOn.generation) return ok(undefined);
  const again = input.current.policy.decide({ ...input.question, now: nowSeconds });
  if (!again.granted) return refuse(again.refusal);
  // The same name may stand for another address now: what was issued must be what it would be today.
  const today = input.current.issuers.get(order.grant.target);
  const terms = today?.terms(order);
  const isSame =
    terms?.ok &&
    JSON.stringify(input.terms) === JSON.stringify(terms.value) &&
    input.facts === JSON.stringify(today?.expect(order));
  return isSame && covers(again.grant, order) ? ok(undefined) : refuse({ reason: 'no_rule' });
}

/** Whether the new grant still allows everything that the order issued. */
const covers = (grant: ProvedGrant, order: IssueOrder): boolean =>
  grant.target === order.grant.target &&
  JSON.stringify(grant.boundTo) === JSON.stringify(order.grant.boundTo) &&
  JSON.stringify(grant.actors) === JSON.stringify(order.grant.actors) &&
  JSON.stringify(grant.parameters) === JSON.stringify(order.grant.parameters) &&
  JSON.stringify(grant.outlive) === JSON.stringify(order.grant.outlive) &&
  order.grant.scopes.every((scope) => grant.scopes.includes(scope)) &&
  order.expiresAt <= order.issuedAt + grant.lifetimeSeconds;
