// Files that a person or a variable names: read whole, once, up to a bound. Never waits for a pipe that nobody writes to, and never
// tells a byte of what it read.

import { constants, read } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { INPUT_POLL_MS } from '../core/limits-outside.ts';

/** The bytes of a regular file in latin1, or undefined where it is no file or a larger one. Rejects where it cannot be opened or read. */
export async function readBoundedFile(path: string, bytesMax: number): Promise<string | undefined> {
  // Opening a pipe that nobody writes to would otherwise wait for ever.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await file.read(new Uint8Array(bytesMax + 1));
    return bytesRead > bytesMax ? undefined : Buffer.from(buffer.subarray(0, bytesRead)).toString('latin1');
  } finally {
    await file.close();
  }
}

/** What is piped into this process, in latin1, or undefined where it is more. Waits for its end; rejects where it cannot be read. */
export async function readBoundedInput(bytesMax: number): Promise<string | undefined> {
  const buffer = Buffer.alloc(bytesMax + 1);
  let bytes = 0;
  while (bytes <= bytesMax) {
    const count = await readInput(buffer, bytes);
    if (count === 0) return buffer.toString('latin1', 0, bytes);
    bytes += count;
  }
  return undefined;
}

const readDescriptor = promisify(read);

/** By its descriptor: a socket, which some parents hand over, cannot be opened by the name /dev/stdin. */
async function readInput(buffer: Buffer, at: number): Promise<number> {
  for (;;) {
    try {
      return (await readDescriptor(0, buffer, at, buffer.length - at, null)).bytesRead;
    } catch (error) {
      // Such a socket may be set not to wait: then it is asked again for what its writer has not written yet.
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await setTimeout(INPUT_POLL_MS);
    }
  }
}
