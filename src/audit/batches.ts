// The queue before the sink: records gather in batches, and each batch is written, or refused, as one. Owns the bounds on what
// may wait and the time that it may wait. It does not write, and it does not know why a batch was refused.

import { RECORD_GROUP_MAX, RECORD_QUEUE_BYTES_MAX, RECORD_QUEUE_MAX, RECORD_WRITE_MS } from '../core/limits.ts';
import { AuditUnavailable } from '../core/ports.ts';

/** One line to be. */
export interface Note {
  /** The JSON text of an object, without its place in the chain. */
  readonly body: string;
  /** What is lost if it cannot be written; `nothing` where its caller keeps it and tries again. */
  readonly carries: Carried;
  readonly decision: string | undefined;
}

export type Carried = 'request' | 'event' | 'nothing';

export interface Batch {
  readonly waiters: { readonly note: Note; readonly resolve: () => void; readonly reject: (error: Error) => void }[];
  timer: NodeJS.Timeout | undefined;
  /** `refused` once its waiters have been told no; it may still be in the sink's hands then. */
  state: 'waiting' | 'taken' | 'written' | 'refused';
}

export interface Batches {
  /** Whether one more note may wait. */
  room(): boolean;
  add(note: Note): Promise<void>;
  /**
   * Starts the time of the oldest batch that waits. Called after the turn of the event loop that filled it. Only a burst above
   * RECORD_GROUP_MAX, which is more than the path lets in, has batches behind it; their time starts as they move up.
   */
  arm(): void;
  waiting(): boolean;
  /** The oldest batch, for writing; an empty one where nobody waits. Its time runs on. */
  take(): Batch;
  written(batch: Batch): void;
  /** Tells everybody in it no, once. */
  refuse(batch: Batch, problem: string): void;
  /** The same for every batch that waits; gives those batches. */
  refuseWaiting(problem: string): readonly Batch[];
}

/** `onLate` is told of a batch whose time is up, whether it still waits or has been taken. */
export function createBatches(onLate: (batch: Batch) => void): Batches {
  let batches: Batch[] = [];
  let notes = 0;
  let bytes = 0;

  const arm = (batch = batches[0]): void => {
    if (!batch) return;
    // A write may have ended while the loop was busy: its answer gets one look at before the batch is given up.
    const late = (): unknown => setImmediate(() => isOpen(batch) && onLate(batch));
    batch.timer ??= setTimeout(late, RECORD_WRITE_MS).unref();
  };
  const end = (batch: Batch, state: 'written' | 'refused'): void => {
    clearTimeout(batch.timer);
    if (batch.state === 'waiting') batches = batches.filter((other) => other !== batch);
    batch.state = state;
    notes -= batch.waiters.length;
    for (const { note } of batch.waiters) bytes -= note.body.length;
  };

  const refuse = (batch: Batch, problem: string): void => {
    if (!isOpen(batch)) return;
    end(batch, 'refused');
    for (const { reject } of batch.waiters) reject(new AuditUnavailable(problem));
  };

  return Object.freeze({
    room: () => notes < RECORD_QUEUE_MAX && bytes < RECORD_QUEUE_BYTES_MAX,
    add(note: Note) {
      notes += 1;
      bytes += note.body.length;
      let batch = batches.at(-1);
      if (!batch || batch.waiters.length >= RECORD_GROUP_MAX) {
        batch = newBatch();
        batches.push(batch);
      }
      const { waiters } = batch;
      return new Promise<void>((resolve, reject) => void waiters.push({ note, resolve, reject }));
    },
    arm: () => arm(),
    waiting: () => batches.length > 0,
    take() {
      const batch = batches.shift() ?? newBatch();
      batch.state = 'taken';
      arm(batch);
      arm();
      return batch;
    },
    written(batch: Batch) {
      end(batch, 'written');
      for (const { resolve } of batch.waiters) resolve();
    },
    refuse,
    refuseWaiting(problem: string) {
      const refused = batches;
      for (const batch of refused) refuse(batch, problem);
      return refused;
    },
  });
}

const newBatch = (): Batch => ({ waiters: [], timer: undefined, state: 'waiting' });

const isOpen = ({ state }: Batch): boolean => state === 'waiting' || state === 'taken';
