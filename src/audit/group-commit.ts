// Group commit: while one group of lines is being written, the next one gathers; each is one write, and whoever waits in it is
// answered together. Whoever has waited RECORD_WRITE_MS is refused, and a group that failed is taken back as a whole. It
// never blocks the event loop and never holds more than its bounds; a sink that hangs refuses newcomers at once.

import { RECORD_WRITE_MS } from '../core/limits.ts';
import { AuditUnavailable } from '../core/ports.ts';
import { type Batch, type Batches, createBatches, type Note } from './batches.ts';
import type { Group, Ledger } from './ledger.ts';
import type { Sink } from './sinks.ts';

export interface GroupCommit {
  /** Resolves once the line is durable; rejects with AuditUnavailable after RECORD_WRITE_MS at most. Keeps the order of calls. */
  write(note: Note): Promise<void>;
  /** Asks for a group though nobody waits: to sign what is due (everything, if `checkpoint`), or to try again after a failure. */
  kick(checkpoint: boolean): void;
  /** False from a failure until a write has succeeded again. */
  healthy(): boolean;
  /** Resolves once nothing waits and nothing is being written; never, on a sink that hangs for ever. */
  idle(): Promise<void>;
}

interface Parts {
  readonly sink: Sink;
  readonly ledger: Ledger;
  /** Told once when writing begins to fail, and once when it works again. */
  readonly onProblem: (problem: string) => void;
}

/** What the closures of one group commit share. */
interface State {
  /** The batch that is being written. */
  flying: Batch | undefined;
  scheduled: boolean;
  kicked: boolean;
  /** The next group ends with a checkpoint. */
  sealing: boolean;
  /** The last group failed, and the sink has not been repaired since. */
  dirty: boolean;
  well: boolean;
  idlers: (() => void)[];
}

export function createGroupCommit(parts: Parts): GroupCommit {
  const state: State = {
    flying: undefined,
    scheduled: false,
    kicked: false,
    sealing: false,
    dirty: false,
    well: true,
    idlers: [],
  };
  const batches: Batches = createBatches((batch) => {
    const problem = `no record could be written within ${RECORD_WRITE_MS} ms`;
    refuse(parts, state, batches, batch, problem);
    // What is lost of a batch in the sink's hands is known only when the sink lets go of it.
    if (batch !== state.flying) return count(parts.ledger, batch);
    for (const behind of batches.refuseWaiting(problem)) count(parts.ledger, behind);
  });
  const schedule = (): void => {
    if (state.scheduled) return;
    state.scheduled = true;
    setImmediate(() => {
      state.scheduled = false;
      batches.arm();
      if (!state.flying) void drain(parts, state, batches);
    });
  };

  return Object.freeze({
    write(note: Note): Promise<void> {
      const stuck = state.flying?.state === 'refused';
      if (stuck || !batches.room()) {
        const problem = stuck ? 'an earlier record is still being written' : 'too many records wait to be written';
        ail(parts, state, problem);
        parts.ledger.lost(note.carries);
        return Promise.reject(new AuditUnavailable(problem));
      }
      schedule();
      return batches.add(note);
    },
    kick(checkpoint: boolean) {
      state.kicked = true;
      state.sealing ||= checkpoint;
      schedule();
    },
    healthy: () => state.well,
    idle: () =>
      new Promise<void>((resolve) => {
        state.idlers.push(resolve);
        // The next turn ends at once where there is nothing to do.
        schedule();
      }),
  });
}

async function drain(parts: Parts, state: State, batches: Batches): Promise<void> {
  while (batches.waiting() || state.kicked) {
    const batch = batches.take();
    const checkpoint = state.sealing;
    state.kicked = false;
    state.sealing = false;
    state.flying = batch;
    await fly(parts, state, batches, { batch, checkpoint });
    state.flying = undefined;
  }
  const { idlers } = state;
  state.idlers = [];
  for (const resolve of idlers) resolve();
}

interface Flight {
  readonly batch: Batch;
  readonly checkpoint: boolean;
}

/** One group: repaired, linked, written, and committed or taken back. Never rejects. */
async function fly(parts: Parts, state: State, batches: Batches, { batch, checkpoint }: Flight): Promise<void> {
  const { sink, ledger } = parts;
  let group: Group | undefined;
  try {
    if (state.dirty) await sink.repair?.();
    state.dirty = false;
    if (isRefused(batch)) throw new Error('the repair took too long');
    const bodies = batch.waiters.map(({ note }) => note.body);
    group = ledger.compose(bodies, checkpoint);
    if (group.bytes.length > 0) await sink.write(group.bytes);
    // Everybody in it has been told no: what can be taken back is, so that the trail says what happened.
    if (isRefused(batch) && sink.repair) throw new Error('it was written too late');
  } catch (error) {
    const problem = `no record could be written: ${error instanceof Error ? error.message : 'the sink failed'}`;
    group?.abandon();
    state.dirty = true;
    refuse(parts, state, batches, batch, problem);
    count(ledger, batch);
    return;
  }
  group.commit();
  if (isRefused(batch)) {
    ledger.unacknowledged(batch.waiters.flatMap(({ note }) => note.decision ?? []));
    return;
  }
  if (!state.well) parts.onProblem('records are written again');
  state.well = true;
  batches.written(batch);
}

const isRefused = (batch: Batch): boolean => batch.state === 'refused';

function refuse(parts: Parts, state: State, batches: Batches, batch: Batch, problem: string): void {
  ail(parts, state, problem);
  batches.refuse(batch, problem);
}

function ail({ onProblem, ledger }: Parts, state: State, problem: string): void {
  if (!state.well) return;
  state.well = false;
  onProblem(problem);
  // Also gives the next group something to say, so that a trail which lost nothing recovers as well.
  ledger.trouble(problem);
}

function count(ledger: Ledger, batch: Batch): void {
  for (const { note } of batch.waiters) ledger.lost(note.carries);
}
