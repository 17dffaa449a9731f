// Files that a person or a variable names: read whole, once, up to a bound. Never waits for a pipe that nobody writes to, and never
// tells a byte of what it read.

import { constants, read } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { INPUT_CHUNK_BYTES, INPUT_RETRY_MS } from '../core/limits.ts';

const readInput = promisify(read);

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
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (let chunk = await nextInput(); chunk.length > 0; chunk = await nextInput()) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > bytesMax) return undefined;
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** By its descriptor: a socket, which some parents hand over, cannot be opened by the name /dev/stdin, and says EAGAIN while it is empty. */
async function nextInput(): Promise<Buffer> {
  for (;;) {
    try {
      const { bytesRead, buffer } = await readInput(0, Buffer.alloc(INPUT_CHUNK_BYTES), 0, INPUT_CHUNK_BYTES, null);
      return buffer.subarray(0, bytesRead);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error;
      await setTimeout(INPUT_RETRY_MS);
    }
  }
}
