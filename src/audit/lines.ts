// Reads the lines of a trail from a file or standard input, for `audit verify` and `audit tail`: bounded memory for files of
// any size and for lines of any length, and on request it waits for more, as the file grows or is replaced. It judges nothing.

import { createPublicKey, type KeyObject } from 'node:crypto';
import { type FileHandle, open, readFile, stat } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { TRAIL_LINE_BYTES_MAX, TRAIL_POLL_MS } from '../core/limits.ts';
import { type Report, verifyTrail } from './chain.ts';

const CHUNK_BYTES = 65_536;
const LINE_FEED = 10;

/** Judges the trail in this file by the public key in that one. Rejects where either cannot be read. `-` is standard input. */
export async function verifyFile(file: string, publicKeyFile: string): Promise<Report> {
  const pem = await readFile(publicKeyFile, 'utf8');
  return verifyTrail(openLines(file), readKey(pem, publicKeyFile));
}

function readKey(pem: string, file: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch (cause) {
    throw new Error(`${file} holds no public key; the broker wrote it as audit-key.pub.pem in keys.directory`, {
      cause,
    });
  }
}

/** The lines of a file, without their ends. A last line without an end is a line too, unless the file is followed. */
export async function* openLines(
  file: string,
  options: { readonly follow?: boolean; readonly last?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<string> {
  const piped = file === '-';
  const path = piped ? '/dev/stdin' : file;
  const { signal } = options;
  // A pipe ends when its writer ends. To follow it is to show what comes as it comes, so there is no end to count from.
  const follow = options.follow === true && !piped;
  const last = options.follow === true && piped ? undefined : options.last;
  let handle = await open(path, 'r');
  try {
    const splitter = createSplitter();
    yield* last === undefined ? drain(handle, splitter) : tail(drain(handle, splitter), last);
    if (!follow) {
      const rest = splitter.rest();
      if (rest !== '') yield rest;
      return;
    }
    while (!signal?.aborted) {
      yield* drain(handle, splitter);
      const replaced = await replacement(path, handle);
      if (replaced) {
        await handle.close();
        handle = replaced;
      } else await pause(TRAIL_POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    await handle.close();
  }
}

/** Everything from where the handle stands to the end of what is there now. */
async function* drain(handle: FileHandle, splitter: Splitter): AsyncGenerator<string> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, null);
    if (bytesRead === 0) return;
    yield* splitter.push(buffer.subarray(0, bytesRead));
  }
}

async function* tail(lines: AsyncIterable<string>, count: number): AsyncGenerator<string> {
  const kept: string[] = [];
  for await (const line of lines) {
    kept.push(line);
    if (kept.length > count) kept.shift();
  }
  yield* kept;
}

/** The file that has taken the path's place, or the same one from its beginning where it has been cut. */
async function replacement(path: string, handle: FileHandle): Promise<FileHandle | undefined> {
  const there = await stat(path).catch(() => undefined);
  if (!there?.isFile()) return undefined;
  const here = await handle.stat();
  return there.ino === here.ino && there.dev === here.dev ? undefined : open(path, 'r');
}

type Splitter = ReturnType<typeof createSplitter>;

/** Cuts bytes into lines. Of a line that is too long only a part is kept: enough to see that it is none of ours. */
function createSplitter() {
  let parts: Buffer[] = [];
  let length = 0;

  const take = (): string => {
    // Lines of ours are ASCII; anything else keeps its bytes apart and so its hash wrong.
    const line = Buffer.concat(parts).toString('latin1');
    parts = [];
    length = 0;
    return line;
  };
  const keep = (bytes: Buffer): void => {
    if (length <= TRAIL_LINE_BYTES_MAX) parts.push(Buffer.from(bytes.subarray(0, TRAIL_LINE_BYTES_MAX + 1 - length)));
    length += bytes.length;
  };

  return {
    *push(chunk: Buffer): Generator<string> {
      let from = 0;
      for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, from)) {
        keep(chunk.subarray(from, end));
        yield take();
        from = end + 1;
      }
      if (from < chunk.length) keep(chunk.subarray(from));
    },
    rest: take,
  };
}
