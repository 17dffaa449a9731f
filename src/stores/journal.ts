// Group commit for the journal of spent credentials: all changes of one tick are one write and one fdatasync. Rewrites the file
// beside itself once most of it has expired, while commits go on. After a write or sync that failed nobody knows what the
// disk holds: nothing is taken until the file has been written anew from memory.

import { JOURNAL_CHANGES_MAX, JOURNAL_SLACK_CHANGES } from '../core/limits.ts';
import { StoreUnavailable } from '../core/ports.ts';
import type { PrivateDirectory } from '../files/private-directory.ts';
import { createSerially } from '../files/serially.ts';
import type { ClaimTable } from './claim-table.ts';
import { beginJournal, install, type JournalFile, readJournal, sync, writeAll } from './journal-file.ts';
import type { Change } from './journal-line.ts';

/** For logs and metrics; none of them stops the store by itself. */
export type JournalEvent =
  /** The last line was not finished when the process ended: cut off. */
  | { readonly event: 'journal_cut'; readonly bytes: number }
  | { readonly event: 'journal_rewritten'; readonly changes: number }
  | { readonly event: 'journal_failed'; readonly error: unknown };

export interface Journal {
  /** Resolves once the change is durable; rejects with StoreUnavailable where it is not, or nobody knows. */
  write(change: Change): Promise<void>;
  /** Rewrites the file where that is due, or where it failed. */
  tick(): void;
  healthy(): boolean;
  close(): Promise<void>;
}

export interface JournalParts {
  readonly directory: PrivateDirectory;
  readonly table: ClaimTable;
  readonly onEvent: (event: JournalEvent) => void;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Replays the journal into the table, or begins one. Rejects where it is damaged or open to others. */
export async function openJournal(parts: JournalParts): Promise<Journal> {
  const { directory, table, onEvent } = parts;
  const read = await readJournal(directory, table.replay);
  if (read && read.cutBytes > 0) onEvent({ event: 'journal_cut', bytes: read.cutBytes });
  if (read) return createJournal(parts, read.file);
  const file = await beginJournal(directory);
  await sync(file);
  await install(directory);
  return createJournal(parts, file);
}

function createJournal(parts: JournalParts, opened: JournalFile): Journal {
  const exclusively = createSerially();
  let file = opened;
  const waiting: Waiting[] = [];
  let state: 'open' | 'broken' | 'closed' = 'open';
  /** Set while the file is rewritten: what has been committed since that began. */
  let since: Change[] | undefined;
  let rewriting: Promise<void> = Promise.resolve();
  /** After a rewrite that failed while the old file still serves: not before it has grown some more. */
  let rewriteAtChanges = 0;

  const fail = (error: unknown): void => {
    state = 'broken';
    parts.onEvent({ event: 'journal_failed', error });
  };

  const commit = async (group: readonly Waiting[]): Promise<void> => {
    try {
      if (state !== 'open') throw new StoreUnavailable('the journal of spent credentials cannot be written');
      const changes = group.map((one) => one.change);
      await writeAll(file, changes);
      await sync(file);
      since?.push(...changes);
      for (const one of group) one.resolve();
    } catch (cause) {
      if (state === 'open') fail(cause);
      const error = cause instanceof StoreUnavailable ? cause : new StoreUnavailable('not written', { cause });
      for (const one of group) one.reject(error);
    }
  };

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) await commit(waiting.splice(0, JOURNAL_CHANGES_MAX));
  };

  /** The end of a rewrite, between two commits: what came meanwhile, and the change of files. */
  const finish = async (fresh: JournalFile): Promise<void> => {
    const untilSeconds = parts.table.forgottenUntilSeconds();
    await writeAll(fresh, [...(since ?? []), { change: 'forget', untilSeconds }]);
    await sync(fresh);
    if (state === 'closed') throw new StoreUnavailable('closed');
    // From here until it is done, either file may be the one that a restart finds.
    state = 'broken';
    await install(parts.directory);
    await file.handle.close().catch(() => undefined);
    file = fresh;
    state = 'open';
  };

  const rewrite = async (): Promise<void> => {
    since = [];
    let fresh: JournalFile | undefined;
    try {
      fresh = await beginJournal(parts.directory);
      const begun = fresh;
      await writeAll(begun, parts.table.changes());
      await sync(begun);
      await exclusively(() => finish(begun));
      parts.onEvent({ event: 'journal_rewritten', changes: begun.changes });
    } catch (error) {
      if (fresh && fresh !== file) await fresh.handle.close().catch(() => undefined);
      rewriteAtChanges = file.changes + JOURNAL_SLACK_CHANGES;
      if (state !== 'closed') parts.onEvent({ event: 'journal_failed', error });
    }
    since = undefined;
  };

  const rewriteIsDue = (): boolean => {
    if (state !== 'open') return state === 'broken';
    return file.changes > Math.max(rewriteAtChanges, 2 * parts.table.size() + JOURNAL_SLACK_CHANGES);
  };

  return Object.freeze({
    write: (change: Change) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ change, resolve, reject });
        // Whoever comes in the same tick joins the same write.
        if (waiting.length === 1) setImmediate(() => void exclusively(flush));
      }),
    tick: () => {
      if (!since && rewriteIsDue()) rewriting = rewrite();
    },
    healthy: () => state === 'open',
    close: async () => {
      await exclusively(flush);
      state = 'closed';
      await rewriting;
      await file.handle.close();
    },
  });
}
