// Where lines go: what every sink promises, and the one that hands them to standard output. A sink takes one group of lines at
// a time, says when it is durable (file) or accepted (pipe), and holds nothing but the group that it is writing. It never
// blocks the event loop: Node's own `process.stdout` does, on a pipe that nobody reads.

import { fstat, type Stats, write as writeFd } from 'node:fs';
import { Socket } from 'node:net';
import { promisify } from 'node:util';

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

const statAsync = promisify<number, Stats>(fstat);

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

/** Writes all of it where the descriptor stands. */
export function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
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
