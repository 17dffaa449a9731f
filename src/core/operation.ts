// What stands around every operation: the record, opened before the first check and written before the answer on every exit; the bound on
// requests in work; the epoch; what becomes of a refusal, a fault and a record that cannot be written. What an operation does is its own
// path's business (exchange.ts, dry-run.ts, introspect.ts, revoke.ts); nothing here decides, spends or issues.

import { decisionId } from './decision-id.ts';
import { OVERLOAD_RETRY_SECONDS, REQUESTS_IN_FLIGHT_MAX, UNAVAILABLE_RETRY_SECONDS } from './limits.ts';
import type { RequestRecord } from './own-token-record.ts';
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
import { noteRefusal } from './record.ts';
import type { Refusal, Result } from './refusal.ts';
import type { Ask, GrantType, Received, TokenRequest } from './request.ts';
import type { Spent } from './spend.ts';

/** What the paths of the token endpoint's form come to. */
export type Granted =
  | { readonly kind: 'granted'; readonly issued: Issued; readonly order: IssueOrder; readonly scopesAsked: boolean }
  /** A dry run that the exchange would have granted: there is nothing to render but the order. */
  | { readonly kind: 'would_grant'; readonly order: IssueOrder; readonly ask: Ask };

/** What a transport renders. The decision id is in every answer that can hold one, also in that of a fault. */
export type Outcome<Done = Granted> = { readonly decision: string } & (
  | Done
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
export type Operation<Request = TokenRequest, Done = Granted> = (
  received: Received<Request>,
  answer: (outcome: Outcome<Done>) => void,
) => Promise<void>;

/** What must be known, given back or left if the path ends early. */
export interface Kept {
  subject: ProvedPrincipal | undefined;
  ask: Ask | undefined;
  spent: Spent | undefined;
  /** Leaves the epoch before the end: for one who waits for all others in it, and whose own answer gives nothing away. */
  readonly leave: () => void;
}

/** One operation. */
export interface Work<Request, Record extends RequestRecord, Done> {
  open(received: Received<Request>, decision: string, time: number): Record;
  /** Its phases. What it returns as done, it has noted in the record. */
  path(received: Received<Request>, record: Record, kept: Kept): Promise<Result<Done>>;
}

export interface OperationParts {
  readonly audit: Audit;
  readonly epochs: Epochs;
  readonly observer: Observer;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
}

/** Makes an operation of its work. */
export type Operate = <Request, Record extends RequestRecord, Done>(
  work: Work<Request, Record, Done>,
) => Operation<Request, Done>;

/** All operations made by one `Operate` share one bound on what is in work: a dry run costs what an exchange does. */
export function createOperate(parts: OperationParts): Operate {
  let inFlight = 0;

  return (work) =>
    async function operation(received, answer) {
      const started = parts.clock.elapsedMs();
      const time = parts.clock.nowSeconds();
      const record = work.open(received, decisionId(time, parts.randomBytes), time);
      const leave = once(parts.epochs.enter());
      const kept: Kept = { subject: undefined, ask: undefined, spent: undefined, leave };
      inFlight += 1;
      try {
        const path = () => work.path(received, record, kept);
        answer(
          inFlight > REQUESTS_IN_FLIGHT_MAX
            ? await shed(parts, record)
            : await run(parts, { path, grantType: received.grantType }, record, kept),
        );
      } finally {
        inFlight -= 1;
        leave();
        parts.observer.finished(record, parts.clock.elapsedMs() - started);
      }
    };
}

const once = (leave: () => void): (() => void) => {
  let left = false;
  return () => {
    if (!left) leave();
    left = true;
  };
};

async function run<Done>(
  parts: OperationParts,
  { path, grantType }: { readonly path: () => Promise<Result<Done>>; readonly grantType: GrantType | undefined },
  record: RequestRecord,
  kept: Kept,
): Promise<Outcome<Done>> {
  const { decision } = record;
  try {
    const result = await path();
    if (!result.ok) {
      noteRefusal(record, result.refusal);
      await kept.spent?.release();
    }
    await parts.audit.write(record);
    if (result.ok) return { decision, ...result.value };
    const { subject, ask } = kept;
    return { kind: 'refused', decision, refusal: result.refusal, subject, ask, grantType };
  } catch (error) {
    return await unwind(parts, record, kept, error);
  }
}

/** A fault, or a record that could not be written: nothing leaves, what was spent is given back, and it is said so. */
async function unwind(
  parts: OperationParts,
  record: RequestRecord,
  kept: Kept,
  error: unknown,
): Promise<Outcome<never>> {
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
async function shed(parts: OperationParts, record: RequestRecord): Promise<Outcome<never>> {
  const refusal: Refusal = { reason: 'overloaded', retryAfterSeconds: OVERLOAD_RETRY_SECONDS };
  noteRefusal(record, refusal);
  await parts.audit.write(record).catch((error: unknown) => parts.observer.fault(record.decision, error));
  return refusedEarly(record, refusal);
}

/** Refused for nothing that the caller said. */
const refusedEarly = ({ decision }: RequestRecord, refusal: Refusal): Outcome<never> => ({
  kind: 'refused',
  decision,
  refusal,
  subject: undefined,
  ask: undefined,
  grantType: undefined,
});
