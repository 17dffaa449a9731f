// Group commit: while one group of lines is being written, the next one gathers; each is one write, whoever waits in it is
// answered together. Whoever has waited RECORD_WRITE_MS is refused, and a group that failed is taken back as a whole. It
// never blocks the event loop and never holds more than its bounds; a sink that hangs refuses newcomers at once.

import { RECORD_GROUP_MAX, RECORD_QUEUE_BYTES_MAX, RECORD_QUEUE_MAX, RECORD_WRITE_MS } from '../core/limits.ts';
import { AuditUnavailable } from '../core/ports.ts';
import type { Group, Ledger } from './ledger.ts';
import type { Sink } from './sinks.ts';

/** One line to be. */
export interface Note {
  /** The JSON text of an object, without its place in the chain. */
  readonly body: string;
  /** What is lost if it cannot be written; `nothing` where its caller keeps it and tries again. */
  readonly carries: 'request' | 'event' | 'nothing';
  readonly decision: string | undefined;
}

export interface GroupCommit {
  /** Resolves once the line is durable; rejects with AuditUnavailable after RECORD_WRITE_MS at most. Keeps the order of calls. */
  write(note: Note): Promise<void>;
  /** Asks for a group though nobody waits: for a checkpoint (now, if `checkpoint`), or to try again after a failure. */
  kick(checkpoint: boolean): void;
  /** False from a failure until a write has succeeded again. */
  healthy(): boolean;
  /** Resolves once nothing is being written, or what is has been given up. */
  settled(): Promise<void>;
}

interface Waiter {
  readonly note: Note;
  readonly resolve: () => void;
  readonly reject: (error: AuditUnavailable) => void;
}

interface Batch {
  readonly waiters: Waiter[];
  timer: NodeJS.Timeout | undefined;
  /** Its waiters have been refused. */
  refused: boolean;
}

export function createGroupCommit(parts: {
  readonly sink: Sink;
  readonly ledger: Ledger;
  /** Told once when writing begins to fail, and once when it works again. */
  readonly onProblem: (problem: string) => void;
}): GroupCommit {
  const { sink, ledger, onProblem } = parts;
  const full: Batch[] = [];
  let gathering = newBatch();
  let flying: Batch | undefined;
  let scheduled = false;
  let kicked = false;
  let sealing = false;
  let dirty = false;
  let well = true;
  let queued = 0;
  let queuedBytes = 0;
  let settling: (() => void)[] = [];

  const ill = (problem: string): void => {
    if (!well) return;
    well = false;
    onProblem(problem);
    // Also makes the next group one that has something to say, so that a trail without losses recovers as well.
    ledger.trouble(problem);
  };
  const settle = (): void => {
    const waiting = settling;
    settling = [];
    for (const resolve of waiting) resolve();
  };

  /** Refuses everybody in a batch. What then counts as lost is known only once a pending write has ended. */
  function refuse(batch: Batch, problem: string): void {
    clearTimeout(batch.timer);
    if (batch.refused) return;
    batch.refused = true;
    ill(problem);
    for (const { note, reject } of batch.waiters) {
      leaveQueue(note);
      reject(new AuditUnavailable(problem));
    }
  }
  const count = (batch: Batch, problem: string): void => {
    for (const { note } of batch.waiters) ledger.lost(note.carries, problem);
  };
  const leaveQueue = (note: Note): void => {
    queued -= 1;
    queuedBytes -= note.body.length;
  };

  function timeOut(batch: Batch): void {
    const problem = `no record could be written within ${RECORD_WRITE_MS} ms`;
    refuse(batch, problem);
    if (batch === flying) {
      settle();
      return;
    }
    count(batch, problem);
    if (batch === gathering) gathering = newBatch();
    else full.splice(full.indexOf(batch), 1);
  }

  /** Starts the time of a batch. It does not start before the turn of the event loop that filled it has ended. */
  function arm(batch: Batch): void {
    if (batch.timer) return;
    // A write may have ended while the loop was busy: its answer gets one look at before the batch is given up.
    batch.timer = setTimeout(() => setImmediate(() => isOver(batch) || timeOut(batch)), RECORD_WRITE_MS).unref();
  }
  const isOver = (batch: Batch): boolean =>
    batch.refused || (batch !== flying && batch !== gathering && !full.includes(batch));

  function pump(): void {
    scheduled = false;
    for (const batch of full) arm(batch);
    if (gathering.waiters.length > 0) arm(gathering);
    if (!flying) void drain();
  }

  async function drain(): Promise<void> {
    while (full.length > 0 || gathering.waiters.length > 0 || kicked) {
      const batch = full.shift() ?? gathering;
      if (batch === gathering) gathering = newBatch();
      const checkpoint = sealing;
      kicked = false;
      sealing = false;
      flying = batch;
      arm(batch);
      await writeBatch(batch, checkpoint);
      clearTimeout(batch.timer);
      flying = undefined;
    }
    settle();
  }

  async function writeBatch(batch: Batch, checkpoint: boolean): Promise<void> {
    let group: Group | undefined;
    try {
      if (dirty) await sink.repair?.();
      dirty = false;
      if (batch.refused) throw new Error('its repair took too long');
      const bodies = batch.waiters.map(({ note }) => note.body);
      group = ledger.compose(bodies, checkpoint);
      if (group.bytes.length > 0) await sink.write(group.bytes);
      // Everybody in it has been told no: what can be taken back is, so that the trail says what happened.
      if (batch.refused && sink.repair) throw new Error('it was written too late');
    } catch (error) {
      const problem = messageOf(error);
      group?.abandon();
      dirty = true;
      refuse(batch, problem);
      count(batch, problem);
      return;
    }
    group.commit();
    if (batch.refused) ledger.unacknowledged(batch.waiters.flatMap(({ note }) => note.decision ?? []));
    else succeed(batch);
  }

  function succeed(batch: Batch): void {
    if (!well) onProblem('records are written again');
    well = true;
    for (const { note, resolve } of batch.waiters) {
      leaveQueue(note);
      resolve();
    }
  }

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(pump);
  };

  return Object.freeze({
    write(note: Note): Promise<void> {
      const problem = flying?.refused
        ? 'an earlier record is still being written'
        : queued >= RECORD_QUEUE_MAX || queuedBytes >= RECORD_QUEUE_BYTES_MAX
          ? 'too many records wait to be written'
          : undefined;
      if (problem) {
        ill(problem);
        ledger.lost(note.carries, problem);
        return Promise.reject(new AuditUnavailable(problem));
      }
      queued += 1;
      queuedBytes += note.body.length;
      return new Promise((resolve, reject) => {
        gathering.waiters.push({ note, resolve, reject });
        if (gathering.waiters.length >= RECORD_GROUP_MAX) {
          full.push(gathering);
          gathering = newBatch();
        }
        schedule();
      });
    },
    kick(checkpoint: boolean) {
      kicked = true;
      sealing ||= checkpoint;
      schedule();
    },
    healthy: () => well,
    settled: () =>
      new Promise<void>((resolve) => {
        settling.push(resolve);
        // Behind whatever has just been scheduled; with nothing to do, `drain` settles at once.
        setImmediate(() => {
          if (flying?.refused) settle();
          else if (!flying) void drain();
        });
      }),
  });
}

const newBatch = (): Batch => ({ waiters: [], timer: undefined, refused: false });

const messageOf = (error: unknown): string =>
  error instanceof Error ? `no record could be written: ${error.message}` : 'no record could be written';
