// The path of a request, on one page (docs/architecture.md): route and prove, decide, spend, issue, recheck, record, answer.
// Every transport hands over the same `Received` and renders the same `Outcome`; all branching of the path is here.
// The phases never call each other, and no phase after a refusal runs. operation.ts opens, writes and closes the record around it.

import { type CallerParts, type ProvedKeys, proveCaller, spendProof } from './caller.ts';
import type { Question } from './decision.ts';
import { issueOrder } from './issue.ts';
import type { Granted, Kept, Operate, Operation } from './operation.ts';
import type { IssueOrder, Issuer, Snapshot, Withdrawals } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type ProvedParties, presentable, proveActor, proveBinding, proveDelegation, proveSubject } from './prove.ts';
import { recheck } from './recheck.ts';
import {
  type ExchangeRecord,
  noteActor,
  noteDecision,
  noteIssued,
  notePolicy,
  noteSubject,
  openRecord,
} from './record.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { Ask, Received, TokenRequest } from './request.ts';
import { spend } from './spend.ts';
import { type RequestStanding, refuseWithdrawn, standingOfRequest } from './standing.ts';

export interface ExchangeParts extends CallerParts {
  readonly snapshot: () => Snapshot;
  readonly withdrawals: Withdrawals;
}

/** POST /token. */
export const createExchange = (parts: ExchangeParts & { readonly operate: Operate }): Operation =>
  parts.operate({ open: openRecord, path: exchangePath(parts) });

const exchangePath =
  (parts: ExchangeParts) =>
  async (received: Received, record: ExchangeRecord, kept: Kept): Promise<Result<Granted>> => {
    const decided = await decide(parts, received, record, kept);
    if (!decided.ok) return decided;
    const { order, issuer, ask } = decided.value;

    const spent = await spend({ store: parts.spent, decision: record.decision }, order.grant);
    if (!spent.ok) return spent;
    kept.spent = spent.value;

    const issued = await issuer.issue(order);
    if (!issued.ok) return issued;

    // Spending and signing took time: the clock is read again, and the configuration, or who is blocked, may be another.
    const { withdrawals } = parts;
    const current = parts.snapshot();
    const nowSeconds = parts.clock.nowSeconds();
    const released = recheck({ ...decided.value, issued: issued.value, current, withdrawals, nowSeconds });
    if (!released.ok) {
      notePolicy(record, current);
      return released;
    }
    noteIssued(record, order, released.value);
    const scopesAsked = ask.scopes !== undefined;
    return ok({ kind: 'granted', issued: released.value, order, scopesAsked });
  };

/** What has been decided in the caller's favour, and all that it was decided on. */
export interface Decided {
  readonly ask: Ask;
  readonly order: IssueOrder;
  readonly issuer: Issuer;
  /** What the issuer says of the order, beyond what can be read back. */
  readonly terms: object;
  readonly question: Omit<Question<ProvedPrincipal>, 'now'>;
  readonly standing: RequestStanding;
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
  kept.ask = request.ask;

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
  const standing = standingOfRequest({ ...parties, whoIs: snapshot.verifiers.whoIs });
  const stands = refuseWithdrawn(parts.withdrawals, standing, now);
  if (!stands.ok) return stands;

  const { subject, client } = parties;
  const question = { subject, client, delegation: delegation.value, binding: binding.value, ask: request.ask };
  const decision = snapshot.policy.decide({ ...question, now });
  noteDecision(record, decision);
  if (!decision.granted) return refuse(decision.refusal);

  const issuer = snapshot.issuers.get(decision.grant.target);
  if (!issuer) throw new Error('policy granted a target that has no issuer');
  const order = issueOrder(decision.grant, request, {
    id: record.decision,
    issuer,
    nowSeconds: now,
    standing: standing.whole,
  });
  if (!order.ok) return order;
  const terms = issuer.terms(order.value);
  if (!terms.ok) return terms;
  const decided = { order: order.value, issuer, terms: terms.value, question, standing, decidedOn: snapshot };
  return ok({ ask: request.ask, ...decided });
}

/** Who asks, with which keys, whom the token is about, and who acts: each is recorded as soon as it is proved. */
async function prove(
  parts: ExchangeParts,
  snapshot: Snapshot,
  request: TokenRequest,
  record: ExchangeRecord,
): Promise<Result<{ readonly parties: ProvedParties; readonly keys: ProvedKeys }>> {
  const { clock, spent: store } = parts;
  const caller = await proveCaller(parts, snapshot.clients, { ...request, purpose: request.grantType }, record);
  if (!caller.ok) return caller;
  const { client, keys } = caller.value;

  const subject = await proveSubject(snapshot, request, client, clock.nowSeconds());
  if (!subject.ok) return subject;
  noteSubject(record, subject.value, snapshot.policy.claimsNamed(subject.value.source));
  record.asked = request.ask;
  const actor = await proveActor(snapshot, request, clock.nowSeconds());
  if (!actor.ok) return actor;
  if (actor.value) noteActor(record, actor.value);
  const fresh = await spendProof({ store, decision: record.decision }, keys);
  if (!fresh.ok) return fresh;
  return ok({ parties: { subject: subject.value, client, actor: actor.value }, keys });
}
