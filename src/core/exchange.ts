// The path of a request, on one page (docs/architecture.md): route and prove, decide, spend, issue, recheck, record, answer.
// Every transport hands over the same `Received` and renders the same `Outcome`; all branching of the path is here.
// The phases never call each other, and no phase after a refusal runs. operation.ts opens, writes and closes the record around it.

import type { Question } from './decision.ts';
import { issueOrder } from './issue.ts';
import type { Kept, Operate, Operation, Path } from './operation.ts';
import type { Clock, IssueOrder, Issuer, Snapshot, SpentStore } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type ProvedParties, presentable, proveBinding, proveClient, proveSubject } from './prove.ts';
import { recheck } from './recheck.ts';
import { type ExchangeRecord, noteClient, noteDecision, noteIssued, notePolicy, noteSubject } from './record.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { Ask, Received, TokenRequest } from './request.ts';
import { spend } from './spend.ts';

export interface ExchangeParts {
  readonly snapshot: () => Snapshot;
  readonly spent: SpentStore;
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

    const spent = await spend(parts.spent, order.grant, record.decision);
    if (!spent.ok) return spent;
    kept.spent = spent.value;

    const issued = await issuer.issue(order);

    // Spending and signing took time: the clock is read again, and the configuration may be another one.
    const current = parts.snapshot();
    const released = recheck({ ...decided.value, issued, current, nowSeconds: parts.clock.nowSeconds() });
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

  const parties = await prove(parts, snapshot, request, record);
  if (!parties.ok) return parties;
  kept.subject = parties.value.subject;
  const presented = presentable(parties.value);
  if (!presented.ok) return presented;
  const binding = proveBinding(request, parties.value);
  if (!binding.ok) return binding;

  // Proving may have waited for keys: the decision and the token's times start from a fresh reading.
  const now = parts.clock.nowSeconds();
  const question = { ...parties.value, binding: binding.value, ask: request.ask };
  const decision = snapshot.policy.decide({ ...question, now });
  noteDecision(record, decision);
  if (!decision.granted) return refuse(decision.refusal);

  const order = issueOrder(decision.grant, request, record.decision, now);
  if (!order.ok) return order;
  const issuer = snapshot.issuers.get(decision.grant.target);
  if (!issuer) throw new Error('policy granted a target that has no issuer');
  return ok({ ask: request.ask, order: order.value, issuer, question, decidedOn: snapshot });
}

/** Who asks, and whom the token is about: each is recorded as soon as it is proved. */
async function prove(
  { spent: store, clock }: ExchangeParts,
  snapshot: Snapshot,
  request: TokenRequest,
  record: ExchangeRecord,
): Promise<Result<ProvedParties>> {
  const once = { store, decision: record.decision };
  const client = await proveClient(snapshot.clients, request, once, clock.nowSeconds());
  if (!client.ok) return client;
  if (client.value) noteClient(record, client.value);

  const subject = await proveSubject(snapshot, request, client.value, clock.nowSeconds());
  if (!subject.ok) return subject;
  noteSubject(record, subject.value, snapshot.policy.claimsNamed(subject.value.source));
  record.asked = request.ask;
  return ok({ subject: subject.value, client: client.value });
}
