// The path of a request, on one page (docs/architecture.md): route and prove, decide, spend, issue, recheck, record, answer.
// Every transport hands over the same `Received` and renders the same `Outcome`; all branching of the path is here.
// The phases never call each other, and no phase after a refusal runs.

import { decisionId } from './decision-id.ts';
import { issueOrder } from './issue.ts';
import { OVERLOAD_RETRY_SECONDS, REQUESTS_IN_FLIGHT_MAX } from './limits.ts';
import {
  type Audit,
  AuditUnavailable,
  type Clock,
  type Epochs,
  type Issued,
  type IssueOrder,
  type Observer,
  type RandomBytes,
  type Snapshot,
  type SpentStore,
} from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type ProvedParties, presentable, proveBinding, proveClient, proveSubject } from './prove.ts';
import { recheck } from './recheck.ts';
import {
  type ExchangeRecord,
  noteClient,
  noteDecision,
  noteIssued,
  notePolicy,
  noteRefusal,
  noteSubject,
  openRecord,
} from './record.ts';
import { ok, type Refusal, type Result, refuse } from './refusal.ts';
import type { Ask, GrantType, Received, TokenRequest } from './request.ts';
import { type Spent, spend } from './spend.ts';

/** What a transport renders. The decision id is in every answer, also in that of a fault. */
export type Outcome = { readonly decision: string } & (
  | { readonly kind: 'granted'; readonly issued: Issued; readonly order: IssueOrder; readonly scopesAsked: boolean }
  | {
      readonly kind: 'refused';
      readonly refusal: Refusal;
      /** Who was proved, and what was asked, as far as the path came: a transport may tell such a caller more. */
      readonly subject: ProvedPrincipal | undefined;
      readonly ask: Ask | undefined;
      readonly grantType: GrantType | undefined;
    }
  | { readonly kind: 'failed' }
);

/** Runs one request to its answer. Resolves after `answer` has returned; rejects only if `answer` throws. */
export type Exchange = (received: Received, answer: (outcome: Outcome) => void) => Promise<void>;

export interface ExchangeParts {
  readonly snapshot: () => Snapshot;
  readonly spent: SpentStore;
  readonly audit: Audit;
  readonly epochs: Epochs;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

export function createExchange(parts: ExchangeParts): Exchange {
  let inFlight = 0;

  return async function exchange(received, answer) {
    const started = parts.clock.elapsedMs();
    const time = parts.clock.nowSeconds();
    const record = openRecord(received, decisionId(time, parts.randomBytes), time);
    const leave = parts.epochs.enter();
    inFlight += 1;
    try {
      answer(inFlight > REQUESTS_IN_FLIGHT_MAX ? await shed(parts, record) : await run(parts, received, record));
    } finally {
      inFlight -= 1;
      leave();
      parts.observer.exchanged(record, parts.clock.elapsedMs() - started);
    }
  };
}

async function run(parts: ExchangeParts, received: Received, record: ExchangeRecord): Promise<Outcome> {
  const kept: Kept = { subject: undefined, spent: undefined };
  const { grantType } = received;
  const ask = received.request.ok ? received.request.value.ask : undefined;
  try {
    const result = await path(parts, received, record, kept);
    if (result.ok) noteIssued(record, result.value.order);
    else {
      noteRefusal(record, result.refusal);
      await kept.spent?.release();
    }
    await parts.audit.write(record);
    if (result.ok) return result.value;
    const { refusal } = result;
    return { kind: 'refused', decision: record.decision, refusal, subject: kept.subject, ask, grantType };
  } catch (error) {
    return await unwind(parts, record, kept, error);
  }
}

/** What must be known, or given back, if the path ends early. */
interface Kept {
  subject: ProvedPrincipal | undefined;
  spent: Spent | undefined;
}

type Granted = Extract<Outcome, { kind: 'granted' }>;

async function path(
  parts: ExchangeParts,
  received: Received,
  record: ExchangeRecord,
  kept: Kept,
): Promise<Result<Granted>> {
  const snapshot = parts.snapshot();
  notePolicy(record, snapshot);

  if (!received.request.ok) return received.request;
  const request = received.request.value;

  const parties = await prove(parts, snapshot, request, record);
  if (!parties.ok) return parties;
  const { subject } = parties.value;
  kept.subject = subject;
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

  const spent = await spend(parts.spent, decision.grant, record.decision);
  if (!spent.ok) return spent;
  kept.spent = spent.value;

  const issuer = snapshot.issuers.get(decision.grant.target);
  if (!issuer) throw new Error('policy granted a target that has no issuer');
  const issued = await issuer.issue(order.value);

  // Spending and signing took time: the clock is read again, and the configuration may be another one.
  const current = parts.snapshot();
  const released = recheck({
    order: order.value,
    issuer,
    issued,
    question,
    decidedOn: snapshot,
    current,
    nowSeconds: parts.clock.nowSeconds(),
  });
  if (!released.ok) {
    notePolicy(record, current);
    return released;
  }
  const scopesAsked = request.ask.scopes !== undefined;
  return ok({ kind: 'granted', decision: record.decision, issued: released.value, order: order.value, scopesAsked });
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

/** A fault, or a record that could not be written: nothing leaves, what was spent is given back, and it is said so. */
async function unwind(parts: ExchangeParts, record: ExchangeRecord, kept: Kept, error: unknown): Promise<Outcome> {
  await kept.spent?.release();
  if (error instanceof AuditUnavailable) {
    const refusal: Refusal = { reason: 'audit_unavailable', retryAfterSeconds: 1 };
    noteRefusal(record, refusal);
    return refusedEarly(record, refusal);
  }
  record.outcome = 'failed';
  record.reason = 'fault';
  parts.observer.fault(record.decision, error);
  await parts.audit.write(record).catch((unwritten: unknown) => parts.observer.fault(record.decision, unwritten));
  return { kind: 'failed', decision: record.decision };
}

/** Too many requests in work: answered at once, before anything is parsed or verified, and recorded like any other. */
async function shed(parts: ExchangeParts, record: ExchangeRecord): Promise<Outcome> {
  const refusal: Refusal = { reason: 'overloaded', retryAfterSeconds: OVERLOAD_RETRY_SECONDS };
  noteRefusal(record, refusal);
  await parts.audit.write(record).catch((error: unknown) => parts.observer.fault(record.decision, error));
  return refusedEarly(record, refusal);
}

/** Refused for nothing that the caller said. */
const refusedEarly = ({ decision }: ExchangeRecord, refusal: Refusal): Outcome => ({
  kind: 'refused',
  decision,
  refusal,
  subject: undefined,
  ask: undefined,
  grantType: undefined,
});
