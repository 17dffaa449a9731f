// Where lines go: a file that only grows, or the pipe on standard output. A sink takes one group of lines at a time, says when
// it is durable (file) or accepted (pipe), and after a failed write can be told to stand again on its last acknowledged line.
// It never blocks the event loop, and holds nothing but the one group that it is writing.

import {
  close as closeFd,
  constants,
  fdatasync,
  fstat,
  ftruncate,
  open as openFd,
  type Stats,
  write as writeFd,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { TRAIL_LINE_BYTES_MAX } from '../core/limits.ts';
import { type Chain, lineHash, readPlace } from './links.ts';

export interface Sink {
  /** Resolves once these bytes are durable, or accepted. Never called while an earlier call is pending. */
  write(bytes: Uint8Array): Promise<void>;
  /** Takes back what an unacknowledged write left behind. Undefined where nothing can be taken back: bytes in a pipe stay. */
  readonly repair: (() => Promise<void>) | undefined;
  /** Looks whether lines still go where somebody will find them: undefined, or what is wrong, once. Never rejects. */
  inspect(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** Standard output, or anything that takes bytes and says when. `net.Socket` and every other Writable of Node fit. */
export interface Stdout {
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
}

const openAsync = promisify(openFd);
const statAsync = promisify<number, Stats>(fstat);
const truncateAsync = promisify(ftruncate);
const closeAsync = promisify(closeFd);

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;

/** A file sink, and the chain that its last whole line stands on; undefined for a file without lines. */
export async function openFileSink(parts: {
  readonly file: string;
  /** Whether `fdatasync` belongs to a write. */
  readonly sync: boolean;
  readonly onProblem: (problem: string) => void;
}): Promise<{ readonly sink: Sink; readonly chain: Chain | undefined }> {
  const { file, sync, onProblem } = parts;
  let fd = await openAppend(file);
  const found = await readEnd(file, fd).catch(async (error: unknown) => {
    await closeAsync(fd);
    throw error;
  });
  /** Where the last acknowledged line ends. */
  let size = found.end;
  if (found.torn > 0) {
    await truncateAsync(fd, size);
    onProblem(`${file} ended in the middle of a line; its last ${found.torn} bytes, never acknowledged, were removed`);
  }

  /** Between the beginning of a write and its success or repair, the size says nothing. */
  let unsettled = false;
  let writes = 0;
  let deleted = false;

  const append = async (bytes: Uint8Array): Promise<void> => {
    if (deleted) throw new Error(`${file} has been deleted`);
    unsettled = true;
    writes += 1;
    await writeAll(fd, bytes);
    if (sync) await syncData(fd);
    size += bytes.length;
    unsettled = false;
  };

  const repair = async (): Promise<void> => {
    const stats = await statAsync(fd);
    if (stats.nlink === 0) {
      // Nobody would ever find what is written here. The path gets a new file; the chain goes on.
      const fresh = await openAppend(file);
      await closeAsync(fd);
      fd = fresh;
      size = (await statAsync(fd)).size;
      deleted = false;
    } else if (stats.isFile() && stats.size > size) await truncateAsync(fd, size);
    else size = stats.size;
    unsettled = false;
  };

  const inspect = async (): Promise<string | undefined> => {
    if (deleted) return undefined;
    const before = writes;
    const stats = await statAsync(fd).catch(() => undefined);
    if (!stats) return `${file} cannot be inspected`;
    deleted = stats.nlink === 0;
    if (deleted) return `${file} has been deleted`;
    if (unsettled || writes !== before || !stats.isFile() || stats.size === size) return undefined;
    const was = size;
    size = stats.size;
    return `${file} was changed by somebody else: it had ${was} bytes and has ${stats.size}`;
  };

  return {
    sink: Object.freeze({ write: append, repair, inspect, close: () => closeAsync(fd) }),
    chain: found.chain,
  };
}

/** The pipe on this descriptor, without ever blocking on it. A terminal or a file (`> audit.jsonl`) will do as well. */
export async function openStdout(fd: number): Promise<Stdout> {
  const stats = await statAsync(fd);
  if (stats.isFIFO() || stats.isSocket())
    return new Socket({ fd, readable: false, writable: true }).on('error', () => undefined);
  return Object.freeze({
    write: (bytes: Uint8Array, done: (error?: Error | null) => void) => writeAll(fd, bytes).then(() => done(), done),
  });
}

/** A sink that hands each group to standard output. */
export const createStdoutSink = (stdout: Stdout): Sink =>
  Object.freeze({
    write: (bytes: Uint8Array) =>
      new Promise<void>((resolve, reject) => {
        stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      }),
    repair: undefined,
    inspect: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  });

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

function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const from = (offset: number): void =>
    writeFd(fd, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error) return reject(error);
      if (offset + written >= bytes.length) return resolve();
      from(offset + written);
    });
  from(0);
  return promise;
}

const syncData = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error ? reject(error) : resolve()));
  });

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
