// The path of a request, on one page (docs/architecture.md): route and prove, decide, spend, issue, recheck, record, answer.
// Every transport hands over the same `Received` and renders the same `Outcome`; all branching of the path is here.
// The phases never call each other, and no phase after a refusal runs. operation.ts opens, writes and closes the record around it.

import type { Question } from './decision.ts';
import { issueOrder } from './issue.ts';
import type { Kept, Operate, Operation, Path } from './operation.ts';
import type { Clock, DpopProofs, IssueOrder, Issuer, Snapshot, SpentStore, Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import {
  type ProvedKeys,
  type ProvedParties,
  presentable,
  proveActor,
  proveBinding,
  proveDelegation,
  proveKeys,
  proveSubject,
  spendAssertion,
  spendProof,
} from './prove.ts';
import { recheck } from './recheck.ts';
import {
  type ExchangeRecord,
  noteActor,
  noteClient,
  noteDecision,
  noteIssued,
  noteKey,
  notePolicy,
  noteSubject,
} from './record.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { Ask, Received, TokenRequest } from './request.ts';
import { spend } from './spend.ts';
import { refuseWithdrawn, type StandingParties } from './standing.ts';

export interface ExchangeParts {
  readonly snapshot: () => Snapshot;
  readonly spent: SpentStore;
  readonly withdrawals: Withdrawals;
  readonly proofs: DpopProofs;
  readonly clock: Clock;
}

/** POST /token. */
export const createExchange = (parts: ExchangeParts & { readonly operate: Operate }): Operation =>
  parts.operate(exchangePath(parts));

const exchangePath =
  (parts: ExchangeParts): Path =>
  async (received, record, kept) => {
    const decided = await decide(parts, received, record, kept);
    if (!decided.ok) return decided;
    const { order, issuer, ask } = decided.value;

    const spent = await spend({ store: parts.spent, decision: record.decision }, order.grant);
    if (!spent.ok) return spent;
    kept.spent = spent.value;

    const issued = await issuer.issue(order);

    // Spending and signing took time: the clock is read again, and the configuration, or who is blocked, may be another.
    const { withdrawals } = parts;
    const current = parts.snapshot();
    const released = recheck({ ...decided.value, issued, current, withdrawals, nowSeconds: parts.clock.nowSeconds() });
    if (!released.ok) {
      notePolicy(record, current);
      return released;
    }
    noteIssued(record, order);
    const scopesAsked = ask.scopes !== undefined;
    return ok({ kind: 'granted', decision: record.decision, issued: released.value, order, scopesAsked });
  };

/** What has been decided in the caller's favour, and all that it was decided on. */
export interface Decided {
  readonly ask: Ask;
  readonly order: IssueOrder;
  readonly issuer: Issuer;
  readonly question: Omit<Question<ProvedPrincipal>, 'now'>;
  readonly parties: StandingParties;
  /** The snapshot that the request was decided on. */
  readonly decidedOn: Snapshot;
}

/** The first half of the path, up to the order, which the dry run has too: proofs are spent in it, and nothing else. */
export async function decide(
  parts: ExchangeParts,
  received: Received,
  record: ExchangeRecord,
  kept: Kept,
): Promise<Result<Decided>> {
  const snapshot = parts.snapshot();
  notePolicy(record, snapshot);

  if (!received.request.ok) return received.request;
  const request = received.request.value;

  const proved = await prove(parts, snapshot, request, record);
  if (!proved.ok) return proved;
  const { parties, keys } = proved.value;
  kept.subject = parties.subject;
  const presented = presentable(parties);
  if (!presented.ok) return presented;
  const binding = proveBinding(parties, keys);
  if (!binding.ok) return binding;
  const delegation = proveDelegation(snapshot, parties);
  if (!delegation.ok) return delegation;

  // Proving may have waited for keys: the decision and the token's times start from a fresh reading.
  const now = parts.clock.nowSeconds();
  const standing = { ...parties, whoIs: snapshot.verifiers.whoIs };
  const stands = refuseWithdrawn(parts.withdrawals, standing, now);
  if (!stands.ok) return stands;

  const { subject, client } = parties;
  const question = { subject, client, delegation: delegation.value, binding: binding.value, ask: request.ask };
  const decision = snapshot.policy.decide({ ...question, now });
  noteDecision(record, decision);
  if (!decision.granted) return refuse(decision.refusal);

  const order = issueOrder(decision.grant, request, record.decision, now);
  if (!order.ok) return order;
  const issuer = snapshot.issuers.get(decision.grant.target);
  if (!issuer) throw new Error('policy granted a target that has no issuer');
  return ok({ ask: request.ask, order: order.value, issuer, question, parties: standing, decidedOn: snapshot });
}

/** Who asks, with which keys, whom the token is about, and who acts: each is recorded as soon as it is proved. */
async function prove(
  { spent: store, proofs, clock }: ExchangeParts,
  snapshot: Snapshot,
  request: TokenRequest,
  record: ExchangeRecord,
): Promise<Result<{ readonly parties: ProvedParties; readonly keys: ProvedKeys }>> {
  const client = await snapshot.clients.authenticate(request.client, request.grantType, clock.nowSeconds());
  if (!client.ok) return client;
  if (client.value) noteClient(record, client.value);
  const keys = await proveKeys(proofs, request, clock.nowSeconds());
  if (!keys.ok) return keys;
  noteKey(record, keys.value.dpop);
  const once = { store, decision: record.decision };
  const asserted = await spendAssertion(once, client.value, keys.value);
  if (!asserted.ok) return asserted;

  const subject = await proveSubject(snapshot, request, client.value, clock.nowSeconds());
  if (!subject.ok) return subject;
  noteSubject(record, subject.value, snapshot.policy.claimsNamed(subject.value.source));
  record.asked = request.ask;
  const actor = await proveActor(snapshot, request, clock.nowSeconds());
  if (!actor.ok) return actor;
  if (actor.value) noteActor(record, actor.value);
  const fresh = await spendProof(once, keys.value);
  if (!fresh.ok) return fresh;
  return ok({ parties: { subject: subject.value, client: client.value, actor: actor.value }, keys: keys.value });
}
