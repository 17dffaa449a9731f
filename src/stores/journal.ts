// Group commit for the journal of the embedded store: all changes of one tick are one write and one fdatasync. Rewrites the file
// beside itself once most of it has expired, while commits go on. After a write or sync that failed nobody knows what the
// disk holds: nothing is taken until the file has been written anew from memory.

import { JOURNAL_CHANGES_MAX, JOURNAL_SLACK_CHANGES } from '../core/limits.ts';
import { StoreUnavailable } from '../core/ports.ts';
import type { PrivateDirectory } from '../files/private-directory.ts';
import { createSerially } from '../files/serially.ts';
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

/** What the journal is kept for: it is replayed into this, and written anew from it. */
export interface Journaled {
  replay(change: Change): void;
  /** Everything that holds durably; may be walked while other changes come. */
  changes(): Iterable<Change>;
  size(): number;
  /** Claims that ended here or before may have been forgotten. */
  forgottenUntilSeconds(): number;
}

export interface JournalParts {
  readonly directory: PrivateDirectory;
  readonly held: Journaled;
  readonly onEvent: (event: JournalEvent) => void;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Replays the journal, or begins one. Rejects where it is damaged or open to others. */
export async function openJournal(parts: JournalParts): Promise<Journal> {
  const { directory, held, onEvent } = parts;
  const read = await readJournal(directory, held.replay);
  if (read && read.cutBytes > 0) onEvent({ event: 'journal_cut', bytes: read.cutBytes });
  if (read) return createJournal(parts, read.file);
  const file = await beginJournal(directory);
  await sync(file);
  await install(directory);
  return createJournal(parts, file);
}

/** What commits and rewrites share. `since` is set while the file is rewritten: what has been committed since that began. */
interface JournalState {
  file: JournalFile;
  state: 'open' | 'broken' | 'closed';
  since: Change[] | undefined;
  /** After a rewrite that failed while the old file still serves: not before it has grown some more. */
  rewriteAtChanges: number;
}

function createJournal(parts: JournalParts, file: JournalFile): Journal {
  const journal: JournalState = { file, state: 'open', since: undefined, rewriteAtChanges: 0 };
  const exclusively = createSerially();
  let waiting: Waiting[] = [];
  let rewriting: Promise<void> = Promise.resolve();

  const flush = async (): Promise<void> => {
    while (waiting.length > 0) {
      const group = waiting.slice(0, JOURNAL_CHANGES_MAX);
      waiting = waiting.slice(JOURNAL_CHANGES_MAX);
      await commit(journal, parts, group);
    }
  };

  return Object.freeze({
    write: (change: Change) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ change, resolve, reject });
        // Whoever comes in the same tick joins the same write.
        if (waiting.length === 1) setImmediate(() => void exclusively(flush));
      }),
    tick: () => {
      if (journal.since || !rewriteIsDue(journal, parts.held)) return;
      rewriting = rewrite(journal, parts, (fresh) => exclusively(() => finish(journal, parts, fresh)));
    },
    healthy: () => journal.state === 'open',
    close: async () => {
      await exclusively(flush);
      journal.state = 'closed';
      await rewriting;
      await journal.file.handle.close();
    },
  });
}

/** Writes one group and answers each of its callers. */
async function commit(journal: JournalState, { onEvent }: JournalParts, group: readonly Waiting[]): Promise<void> {
  try {
    if (journal.state !== 'open') throw new StoreUnavailable('the journal cannot be written');
    const changes = group.map((one) => one.change);
    await writeAll(journal.file, changes);
    await sync(journal.file);
    journal.since?.push(...changes);
    for (const one of group) one.resolve();
  } catch (cause) {
    const error = cause instanceof StoreUnavailable ? cause : new StoreUnavailable('not written', { cause });
    if (journal.state === 'open') {
      journal.state = 'broken';
      onEvent({ event: 'journal_failed', error: cause });
    }
    for (const one of group) one.reject(error);
  }
}

function rewriteIsDue({ state, file, rewriteAtChanges }: JournalState, held: Journaled): boolean {
  if (state !== 'open') return state === 'broken';
  return file.changes > Math.max(rewriteAtChanges, 2 * held.size() + JOURNAL_SLACK_CHANGES);
}

/** Writes a fresh file from memory while commits go on, then has it finished between two of them. Never rejects. */
async function rewrite(
  journal: JournalState,
  { directory, held, onEvent }: JournalParts,
  finished: (fresh: JournalFile) => Promise<void>,
): Promise<void> {
  journal.since = [];
  let fresh: JournalFile | undefined;
  try {
    fresh = await beginJournal(directory);
    await writeAll(fresh, held.changes());
    await sync(fresh);
    await finished(fresh);
    onEvent({ event: 'journal_rewritten', changes: fresh.changes });
  } catch (error) {
    if (fresh && fresh !== journal.file) await fresh.handle.close().catch(() => undefined);
    journal.rewriteAtChanges = journal.file.changes + JOURNAL_SLACK_CHANGES;
    if (journal.state !== 'closed') onEvent({ event: 'journal_failed', error });
  }
  journal.since = undefined;
}

/** The end of a rewrite: what came meanwhile, and the change of files. */
async function finish(journal: JournalState, { directory, held }: JournalParts, fresh: JournalFile): Promise<void> {
  const untilSeconds = held.forgottenUntilSeconds();
  await writeAll(fresh, [...(journal.since ?? []), { change: 'forget', untilSeconds }]);
  await sync(fresh);
  if (journal.state === 'closed') throw new StoreUnavailable('closed');
  // From here until it is done, either file may be the one that a restart finds.
  journal.state = 'broken';
  await install(directory);
  await journal.file.handle.close().catch(() => undefined);
  journal.file = fresh;
  journal.state = 'open';
}
