// Files that a person or a variable names: read whole, once, up to a bound. Never waits for a pipe that nobody writes to, and never
// tells a byte of what it read.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

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

/** What is piped into this process, in latin1, or undefined where it is more. Waits for its end. */
export async function readBoundedInput(bytesMax: number): Promise<string | undefined> {
  const file = await open('/dev/stdin', 'r');
  try {
    const buffer = new Uint8Array(bytesMax + 1);
    let filled = 0;
    while (filled <= bytesMax) {
      const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, null);
      if (bytesRead === 0) return Buffer.from(buffer.subarray(0, filled)).toString('latin1');
      filled += bytesRead;
    }
    return undefined;
  } finally {
    await file.close();
  }
}
