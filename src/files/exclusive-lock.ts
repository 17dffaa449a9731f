// Locks between processes, also of several machines that share a volume. Node has no lock on files, SQLite has: the kernel's own (fcntl),
// which ends with its process, so that no lock is ever stale and no process id, which containers share, is ever guessed at. Nothing is
// stored in the files.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout } from 'node:timers/promises';
import { TURN_PAUSE_MS, TURN_WAIT_MS } from '../core/limits.ts';
import type { PrivateDirectory } from './private-directory.ts';

type LockMode = 'alone' | 'together';

const TAKE: Readonly<Record<LockMode, string>> = {
  alone: 'BEGIN EXCLUSIVE',
  // SQLite takes the lock of readers with the first reading.
  together: 'BEGIN; SELECT count(*) FROM sqlite_schema',
};
const SQLITE_BUSY = 5;

/** Takes the lock `name` in a directory and gives back the function that lets it go. Throws where somebody else has it. */
export const lockExclusively = (directory: PrivateDirectory, name: string): (() => void) =>
  lock(directory, name, 'alone');

/** The same, beside others who take it so: it keeps out who wants it exclusively, and the other way round. */
export const lockTogether = (directory: PrivateDirectory, name: string): (() => void) =>
  lock(directory, name, 'together');

function lock(directory: PrivateDirectory, name: string, mode: LockMode): () => void {
  const path = join(directory.path, name);
  const taken = take(path, mode);
  if (taken.ok) return taken.unlock;
  throw new Error(`${path}: another process uses this directory, or its file system has no locks`, {
    cause: taken.cause,
  });
}

/**
 * Does a short piece of work while no other process does any under this name. Waits for its turn, and rejects where that does not come
 * within TURN_WAIT_MS. Calls of one process must not overlap.
 */
export async function inTurn<Value>(
  directory: PrivateDirectory,
  name: string,
  work: () => Promise<Value>,
): Promise<Value> {
  const path = join(directory.path, name);
  for (let waitedMs = 0; ; waitedMs += TURN_PAUSE_MS) {
    const taken = take(path, 'alone');
    if (taken.ok) return work().finally(taken.unlock);
    if (!taken.busy || waitedMs >= TURN_WAIT_MS)
      throw new Error(`${path}: another process has held this lock for too long, or its file system has no locks`, {
        cause: taken.cause,
      });
    await setTimeout(TURN_PAUSE_MS);
  }
}

type Taken =
  | { readonly ok: true; readonly unlock: () => void }
  | { readonly ok: false; readonly busy: boolean; readonly cause: unknown };

function take(path: string, mode: LockMode): Taken {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec(`PRAGMA journal_mode = MEMORY; ${TAKE[mode]}`);
  } catch (cause) {
    database.close();
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY;
    return { ok: false, busy, cause };
  }
  return {
    ok: true,
    unlock: () => {
      if (database.isOpen) database.close();
    },
  };
}
