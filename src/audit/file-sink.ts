// The trail as a file that only grows. A write is durable when `fdatasync` has returned for it; what a failed write left behind
// is cut off before the next; a restart reads back where the last whole line left off. It refuses to touch a file that is no
// trail, and notices one that was deleted or changed under it.

import { close as closeFd, constants, fdatasync, fstat, ftruncate, open as openFd, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { TRAIL_LINE_BYTES_MAX } from '../core/limits.ts';
import { type Chain, lineHash, readPlace } from './links.ts';
import { type Sink, writeAll } from './sinks.ts';

const openAsync = promisify(openFd);
const statAsync = promisify<number, Stats>(fstat);
const truncateAsync = promisify(ftruncate);
const closeAsync = promisify(closeFd);
const syncData = promisify(fdatasync);

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;

interface FileParts {
  readonly file: string;
  /** Whether `fdatasync` belongs to a write. */
  readonly sync: boolean;
  readonly onProblem: (problem: string) => void;
}

/** A file sink, and the chain that its last whole line stands on; undefined for a file without lines. */
export async function openFileSink(
  parts: FileParts,
): Promise<{ readonly sink: Sink; readonly chain: Chain | undefined }> {
  const { file, onProblem } = parts;
  const fd = await openAppend(file);
  try {
    const { end, torn, chain } = await readEnd(file, fd);
    if (torn > 0) {
      await truncateAsync(fd, end);
      onProblem(`${file} ended in the middle of a line; its last ${torn} bytes, never acknowledged, were removed`);
    }
    return { sink: createFileSink(parts, { fd, size: end, unsettled: false, writes: 0, deleted: false }), chain };
  } catch (error) {
    await closeAsync(fd);
    throw error;
  }
}

interface State {
  fd: number;
  /** Where the last acknowledged line ends. */
  size: number;
  /** Between the beginning of a write and its success or repair, the file's size says nothing. */
  unsettled: boolean;
  writes: number;
  deleted: boolean;
}

const createFileSink = ({ file, sync }: FileParts, state: State): Sink =>
  Object.freeze({
    async write(bytes: Uint8Array) {
      if (state.deleted) throw new Error(`${file} has been deleted`);
      state.unsettled = true;
      state.writes += 1;
      await writeAll(state.fd, bytes);
      if (sync) await syncData(state.fd);
      state.size += bytes.length;
      state.unsettled = false;
    },
    repair: () => repair(file, state),
    inspect: () => inspect(file, state),
    close: () => closeAsync(state.fd),
  });

async function repair(file: string, state: State): Promise<void> {
  const stats = await statAsync(state.fd);
  if (stats.nlink === 0) {
    // Nobody would ever find what is written here. The path gets a new file; the chain goes on.
    const fresh = await openAppend(file);
    await closeAsync(state.fd);
    state.fd = fresh;
    state.size = (await statAsync(fresh)).size;
    state.deleted = false;
  } else if (stats.isFile() && stats.size > state.size) await truncateAsync(state.fd, state.size);
  else state.size = stats.size;
  state.unsettled = false;
}

async function inspect(file: string, state: State): Promise<string | undefined> {
  if (state.deleted) return undefined;
  const { writes } = state;
  const stats = await statAsync(state.fd).catch(() => undefined);
  if (!stats) return `${file} cannot be inspected`;
  state.deleted = stats.nlink === 0;
  if (state.deleted) return `${file} has been deleted`;
  const { size, unsettled } = state;
  if (unsettled || state.writes !== writes || !stats.isFile() || stats.size === size) return undefined;
  state.size = stats.size;
  return `${file} was changed by somebody else: it had ${size} bytes and has ${stats.size}`;
}

async function openAppend(file: string): Promise<number> {
  const fd = await openAsync(file, FLAGS, 0o600);
  const stats = await statAsync(fd);
  if (stats.isFile() || stats.isCharacterDevice()) {
    if (stats.size === 0) await syncFolder(dirname(file));
    return fd;
  }
  await closeAsync(fd);
  throw new Error(`${file} is not a file`);
}

/** Makes the name of a new file as durable as its lines. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch {
    // Some file systems do not sync folders; their files are still synced.
  } finally {
    await handle.close();
  }
}

interface End {
  /** Bytes up to and with the last line feed. */
  readonly end: number;
  /** Bytes behind it. */
  readonly torn: number;
  readonly chain: Chain | undefined;
}

/** Reads back the last whole line. Throws where the file holds anything but a trail: nothing of it is touched then. */
async function readEnd(file: string, fd: number): Promise<End> {
  const stats = await statAsync(fd);
  if (!stats.isFile() || stats.size === 0) return { end: 0, torn: 0, chain: undefined };
  const length = Math.min(stats.size, 2 * TRAIL_LINE_BYTES_MAX);
  const handle = await open(file, 'r');
  const { buffer } = await handle
    .read(Buffer.alloc(length), 0, length, stats.size - length)
    .finally(() => handle.close());
  const tail = buffer.toString('latin1');

  const last = tail.lastIndexOf('\n');
  const line = tail.slice(tail.lastIndexOf('\n', last - 1) + 1, Math.max(last, 0));
  const place = readPlace(line);
  if (place)
    return {
      end: stats.size - (length - last - 1),
      torn: length - last - 1,
      chain: { ...place, prev: lineHash(line) },
    };
  // The very first write may have been cut: what is there must at least begin like ours.
  const beginning = '{"chain":"';
  if (last < 0 && length === stats.size && (tail.startsWith(beginning) || beginning.startsWith(tail)))
    return { end: 0, torn: stats.size, chain: undefined };
  throw new Error(`${file} does not end with a record: it is no audit trail of this broker`);
}
