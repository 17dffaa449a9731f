// What stands around every operation of the form of POST /token: the record, opened before the first check and written before the
// answer on every exit; the bound on requests in work; the epoch; what becomes of a refusal, a fault and a record that cannot be
// written. What an operation does is its own path's business (exchange.ts, dry-run.ts); nothing here decides, spends or issues.

import { decisionId } from './decision-id.ts';
import { OVERLOAD_RETRY_SECONDS, REQUESTS_IN_FLIGHT_MAX, UNAVAILABLE_RETRY_SECONDS } from './limits.ts';
import {
  type Audit,
  AuditUnavailable,
  type Clock,
  type Epochs,
  type Issued,
  type IssueOrder,
  type Observer,
  type RandomBytes,
} from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { type ExchangeRecord, noteRefusal, openRecord } from './record.ts';
import type { Refusal, Result } from './refusal.ts';
import type { Ask, GrantType, Received } from './request.ts';
import type { Spent } from './spend.ts';

/** What a transport renders. The decision id is in every answer, also in that of a fault. */
export type Outcome = { readonly decision: string } & (
  | { readonly kind: 'granted'; readonly issued: Issued; readonly order: IssueOrder; readonly scopesAsked: boolean }
  /** A dry run that the exchange would have granted: there is nothing to render but the order. */
  | { readonly kind: 'would_grant'; readonly order: IssueOrder; readonly ask: Ask }
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
export type Operation = (received: Received, answer: (outcome: Outcome) => void) => Promise<void>;

/** What must be known, or given back, if the path ends early. */
export interface Kept {
  subject: ProvedPrincipal | undefined;
  spent: Spent | undefined;
}

/** The phases of one operation. What it returns as done, it has noted in the record. */
export type Path = (
  received: Received,
  record: ExchangeRecord,
  kept: Kept,
) => Promise<Result<Extract<Outcome, { kind: 'granted' | 'would_grant' }>>>;

export interface OperationParts {
  readonly audit: Audit;
  readonly epochs: Epochs;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** Makes operations of paths. */
export type Operate = (path: Path, as?: { readonly dryRun: true }) => Operation;

/** All operations made by one `Operate` share one bound on what is in work: a dry run costs what an exchange does. */
export function createOperate(parts: OperationParts): Operate {
  let inFlight = 0;

  return (path, as) =>
    async function operation(received, answer) {
      const started = parts.clock.elapsedMs();
      const time = parts.clock.nowSeconds();
      const record = openRecord(received, decisionId(time, parts.randomBytes), time, as?.dryRun);
      const leave = parts.epochs.enter();
      inFlight += 1;
      try {
        answer(
          inFlight > REQUESTS_IN_FLIGHT_MAX ? await shed(parts, record) : await run(parts, path, received, record),
        );
      } finally {
        inFlight -= 1;
        leave();
        parts.observer.exchanged(record, parts.clock.elapsedMs() - started);
      }
    };
}

async function run(parts: OperationParts, path: Path, received: Received, record: ExchangeRecord): Promise<Outcome> {
  const kept: Kept = { subject: undefined, spent: undefined };
  const { grantType } = received;
  const ask = received.request.ok ? received.request.value.ask : undefined;
  try {
    const result = await path(received, record, kept);
    if (!result.ok) {
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

/** A fault, or a record that could not be written: nothing leaves, what was spent is given back, and it is said so. */
async function unwind(parts: OperationParts, record: ExchangeRecord, kept: Kept, error: unknown): Promise<Outcome> {
  await kept.spent?.release();
  if (error instanceof AuditUnavailable) {
    const refusal: Refusal = { reason: 'audit_unavailable', retryAfterSeconds: UNAVAILABLE_RETRY_SECONDS };
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
async function shed(parts: OperationParts, record: ExchangeRecord): Promise<Outcome> {
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
