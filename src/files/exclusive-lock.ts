// One process at a time. Node has no lock on files, SQLite has: the kernel's own (fcntl), which ends with its process, so that
// no lock is ever stale and no process id, which containers share, is ever guessed at. Nothing is stored in the file.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { PrivateDirectory } from './private-directory.ts';

/** Takes the lock `name` in a directory and gives back the function that lets it go. Throws where somebody else has it. */
export function lockExclusively(directory: PrivateDirectory, name: string): () => void {
  const path = join(directory.path, name);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw new Error(`${path}: another process uses this directory, or its file system has no locks`, { cause });
  }
  return () => {
    if (database.isOpen) database.close();
  };
}
