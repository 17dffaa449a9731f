// The journal of the embedded store as a file: read whole at the start, appended to in single writes, replaced by a fresh one.
// A last line that was not finished is cut off, since nobody was told that it holds; damage anywhere else stops the start,
// because what it hides may be a spent credential or a block (F-38). Mode 0600 in a directory of 0700.

import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { JOURNAL_CHANGES_MAX, JOURNAL_LINE_BYTES_MAX } from '../core/limits.ts';
import { moveIntoPlace, openReplacement } from '../files/durable.ts';
import { openPrivateFile, type PrivateDirectory } from '../files/private-directory.ts';
import {
  type Change,
  JOURNAL_HEADER,
  joinChanges,
  readChanges,
  readLine,
  writeChange,
  writeLine,
} from './journal-line.ts';

export const JOURNAL_NAME = 'spent.journal';
const CHUNK_BYTES = 1_048_576;

/** An open journal, and where its next line goes. One writer at a time. */
export interface JournalFile {
  readonly handle: FileHandle;
  bytes: number;
  checksum: number;
  /** Changes written since the file was made. */
  changes: number;
}

/** Opens the journal and hands over what it tells, or gives undefined where there is none. Throws where it is damaged. */
export async function readJournal(
  directory: PrivateDirectory,
  replay: (change: Change) => void,
): Promise<{ readonly file: JournalFile; readonly cutBytes: number } | undefined> {
  const path = join(directory.path, JOURNAL_NAME);
  const handle = await openPrivateFile(directory, JOURNAL_NAME).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return undefined;
  try {
    const file: JournalFile = { handle, bytes: 0, checksum: 0, changes: 0 };
    const cutBytes = await replayLines(file, path, replay);
    if (cutBytes > 0) {
      await handle.truncate(file.bytes);
      await handle.sync();
    }
    return { file, cutBytes };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Reads line by line; resolves with the bytes of the unfinished last line. */
async function replayLines(file: JournalFile, path: string, replay: (change: Change) => void): Promise<number> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  let rest = '';
  let number = 0;
  for (let position = 0; ; ) {
    const { bytesRead } = await file.handle.read(chunk, 0, CHUNK_BYTES, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    const lines = (rest + chunk.toString('latin1', 0, bytesRead)).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number += 1;
      if (!replayLine(file, line, replay)) throw damaged(path, number);
    }
    if (rest.length > JOURNAL_LINE_BYTES_MAX) throw damaged(path, number + 1);
  }
  if (file.bytes === 0) throw damaged(path, 1);
  return rest.length;
}

function replayLine(file: JournalFile, line: string, replay: (change: Change) => void): boolean {
  const read = readLine(line, file.checksum);
  if (!read) return false;
  const changes = file.bytes === 0 ? [] : readChanges(read.text);
  if (!changes || (file.bytes === 0 && read.text !== JOURNAL_HEADER)) return false;
  for (const change of changes) replay(change);
  file.bytes += line.length + 1;
  file.checksum = read.checksum;
  file.changes += changes.length;
  return true;
}

const damaged = (path: string, line: number): Error =>
  new Error(
    `${path}: line ${line} is damaged. Restore the file; or move it away, and every credential that was spent and has not ` +
      'expired yet can be spent once more, and nothing is blocked or revoked any more',
  );

/** Begins a journal beside the one that it will replace. */
export async function beginJournal(directory: PrivateDirectory): Promise<JournalFile> {
  const handle = await openReplacement(directory.path, JOURNAL_NAME);
  const file: JournalFile = { handle, bytes: 0, checksum: 0, changes: 0 };
  await append(file, JOURNAL_HEADER, 0).catch(async (error: unknown) => {
    await handle.close();
    throw error;
  });
  return file;
}

/** Writes changes, not yet durably, in lines of bounded length. Takes them as they come, so that a table can be walked. */
export async function writeAll(file: JournalFile, changes: Iterable<Change>): Promise<void> {
  let line: string[] = [];
  let bytes = 0;
  for (const change of changes) {
    const text = writeChange(change);
    line.push(text);
    bytes += text.length;
    if (line.length < JOURNAL_CHANGES_MAX && bytes < JOURNAL_LINE_BYTES_MAX / 2) continue;
    await append(file, joinChanges(line), line.length);
    [line, bytes] = [[], 0];
  }
  if (line.length > 0) await append(file, joinChanges(line), line.length);
}

/** Makes durable what has been written. */
export const sync = (file: JournalFile): Promise<void> => file.handle.datasync();

/** Puts a finished journal in its place. */
export const install = (directory: PrivateDirectory): Promise<void> => moveIntoPlace(directory.path, JOURNAL_NAME);

async function append(file: JournalFile, text: string, changes: number): Promise<void> {
  const { line, checksum } = writeLine(text, file.checksum);
  const bytes = Buffer.from(line, 'latin1');
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.handle.write(bytes, written, bytes.length - written, file.bytes + written);
    written += bytesWritten;
  }
  file.bytes += bytes.length;
  file.checksum = checksum;
  file.changes += changes;
}
