// The audit trail: takes the records of requests and of the broker itself, and answers once they are durable (docs/records.md).
// It refuses rather than forgets: whoever cannot be recorded in time is told so, and the path then lets nothing leave. What
// it lost is counted, and said on the trail itself as soon as that can be written again.

import { RECORD_CLOSE_MS } from '../core/limits.ts';
import type { RequestRecord } from '../core/own-token-record.ts';
import { type Audit, AuditUnavailable, type Clock, type RandomBytes } from '../core/ports.ts';
import { openAuditKey } from './audit-key.ts';
import { type Coalesced, type Coalescer, createCoalescer, renderCoalesced } from './coalesce.ts';
import { openFileSink } from './file-sink.ts';
import { createGroupCommit, type GroupCommit } from './group-commit.ts';
import { createLedger } from './ledger.ts';
import { type Chain, newChain } from './links.ts';
import { type Labels, renderRecord, timestamp, toLine } from './record.ts';
import { createMemory, type RememberedRecord } from './remembered.ts';
import { createStdoutSink, openStdout, type Sink, type Stdout } from './sinks.ts';
import { renderSystem, type SystemEvent } from './system.ts';

export type AuditTrail = Audit & {
  /** Records what the broker did or met. Resolves and rejects as `write` does. */
  system(event: SystemEvent): Promise<void>;
  /** A decision among the last DECISIONS_REMEMBERED_MAX, as it was recorded. */
  find(decision: string): RememberedRecord | undefined;
  /** The newest decisions, the newest first. */
  last(count: number): readonly RememberedRecord[];
  /** False from a failed write until one has succeeded again; it tries by itself, once a second. */
  healthy(): boolean;
  /** Writes every count there is, and resolves once nothing waits any more, after RECORD_CLOSE_MS at most. */
  flush(): Promise<void>;
  /** Takes no more records; writes what waits and a last checkpoint, within RECORD_CLOSE_MS. */
  close(): Promise<void>;
};

export interface AuditParts {
  readonly to: 'stdout' | { readonly file: string; readonly sync: boolean };
  /** Where `stdout` goes; file descriptor 1 where absent. */
  readonly stdout?: Stdout;
  readonly keyDirectory: string;
  /** Those of the next record; they may change with the configuration. */
  readonly labels: () => Labels;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** Told in words when the trail begins to fail, and when it works again; never once for each record. */
  readonly onProblem: (problem: string) => void;
}

/** Opens the trail. Throws where it cannot be: no such folder, no permission, somebody else's file, no usable audit key. */
export async function openAudit(parts: AuditParts): Promise<AuditTrail> {
  const { clock, labels, onProblem } = parts;
  const key = await openAuditKey(parts.keyDirectory);
  const { sink, chain } = await openSink(parts);
  const ledger = createLedger({ chain: chain ?? newChain(parts.randomBytes), key, clock, labels });
  const group = createGroupCommit({ sink, ledger, onProblem });
  const coalescer = createCoalescer((coalesced) => writeCoalesced(group, labels(), coalesced));

  const everySecond = async (): Promise<void> => {
    coalescer.flush();
    const problem = await sink.inspect();
    if (problem !== undefined) {
      ledger.trouble(problem);
      onProblem(problem);
    }
    if (ledger.due()) group.kick(false);
  };
  const timer = setInterval(() => void everySecond(), 1_000).unref();

  return createTrail(parts, {
    group,
    coalescer,
    async end() {
      clearInterval(timer);
      coalescer.flush();
      group.kick(true);
      if (await within(group.idle(), RECORD_CLOSE_MS)) await sink.close();
      else onProblem('the audit trail did not take its last records in time');
    },
  });
}

interface Works {
  readonly group: GroupCommit;
  readonly coalescer: Coalescer;
  end(): Promise<void>;
}

function createTrail({ labels, clock }: AuditParts, { group, coalescer, end }: Works): AuditTrail {
  const memory = createMemory();
  let ended: Promise<void> | undefined;

  return Object.freeze({
    async write(record: RequestRecord) {
      if (ended) throw new AuditUnavailable('the audit trail is closed');
      if (coalescer.take(record)) {
        // It waits for nothing, or a flood would hold every place in the queue: its answer gives nothing away, and its
        // count is written when the second ends. While nothing can be written, it is refused like everybody else.
        if (group.healthy()) return;
        throw new AuditUnavailable('records cannot be written');
      }
      const { decision } = record;
      const body = toLine(renderRecord(record, labels()));
      try {
        await group.write({ body, carries: 'request', decision });
      } catch (error) {
        memory.remember(decision, unwritten(record));
        throw error;
      }
      // An answer to a question about a token has no id to ask for, and there may be one for every request that a resource server gets.
      if (record.outcome !== 'answered') memory.remember(decision, body);
    },
    async system(event: SystemEvent) {
      if (ended) throw new AuditUnavailable('the audit trail is closed');
      const body = toLine(renderSystem(event, clock.nowSeconds(), labels()));
      await group.write({ body, carries: 'event', decision: undefined });
    },
    find: memory.find,
    last: memory.last,
    healthy: group.healthy,
    async flush() {
      coalescer.flush();
      await within(group.idle(), RECORD_CLOSE_MS);
    },
    close() {
      ended ??= end();
      return ended;
    },
  });
}

/** Whether the count was written; one that was not is kept by its coalescer, so nothing is lost with it. */
async function writeCoalesced(group: GroupCommit, labels: Labels, coalesced: Coalesced): Promise<boolean> {
  const own = Object.keys(labels).length > 0 ? { labels } : {};
  const body = toLine({ ...renderCoalesced(coalesced), ...own });
  return group.write({ body, carries: 'nothing', decision: undefined }).then(
    () => true,
    () => false,
  );
}

async function openSink(parts: AuditParts): Promise<{ sink: Sink; chain: Chain | undefined }> {
  if (parts.to !== 'stdout') return openFileSink({ ...parts.to, onProblem: parts.onProblem });
  // What was written to another process's pipe cannot be read back: every start has a chain of its own.
  return { sink: createStdoutSink(parts.stdout ?? (await openStdout(1))), chain: undefined };
}

/** What is remembered of a decision that could not be recorded: its caller was told so. */
const unwritten = ({ event, decision, time }: RequestRecord): string =>
  toLine({ event, decision, time: timestamp(time), outcome: 'refused', reason: 'audit_unavailable' });

async function within(work: Promise<void>, timeoutMs: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  try {
    return await Promise.race([work.then(() => true as const), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
