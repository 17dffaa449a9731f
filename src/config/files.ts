// Files as configuration reads them: bounded, UTF-8 or refused, and folders walked through symbolic links (Kubernetes mounts
// are made of them) without ever going round in circles. Names that begin with a dot are skipped.

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CONFIG_FILE_BYTES_MAX, POLICY_FILES_MAX, YAML_DEPTH_MAX } from '../core/limits.ts';

/** What loading needs of a file system. Paths are absolute; both throw where they cannot answer. */
export interface ConfigFiles {
  read(path: string): string;
  /** Throws where `read` would. For a file that is read anew whenever it is used: what it holds now is no part of a load. */
  probe(path: string): void;
  /** Every file below a folder. */
  list(path: string): readonly { readonly path: string }[];
}

export const createConfigFiles = (): ConfigFiles =>
  Object.freeze({ read, probe: (path: string) => void read(path), list });

function read(path: string): string {
  // Opening a pipe that nobody writes to would otherwise wait for ever.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(descriptor);
    if (stat.isDirectory()) throw new Error('it is a folder');
    // A pipe or a device tells no size, and may never end.
    if (!stat.isFile()) throw new Error('it is not a regular file');
    if (stat.size > CONFIG_FILE_BYTES_MAX) throw new Error(`it is longer than ${CONFIG_FILE_BYTES_MAX} bytes`);
    return decode(readUpTo(descriptor, CONFIG_FILE_BYTES_MAX));
  } finally {
    closeSync(descriptor);
  }
}

/** A file may grow while it is read: the bound holds for what is read, not for what was announced. */
function readUpTo(descriptor: number, bytesMax: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (;;) {
    const chunk = new Uint8Array(65_536);
    const count = readSync(descriptor, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > bytesMax) throw new Error(`it is longer than ${bytesMax} bytes`);
    chunks.push(chunk.subarray(0, count));
  }
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Error('it is not UTF-8', { cause });
  }
}

function list(path: string): readonly { readonly path: string }[] {
  if (!statSync(path).isDirectory()) throw new Error('it is not a folder');
  const found: { path: string }[] = [];
  walk(path, new Set(), 0, found);
  return found;
}

function walk(folder: string, above: ReadonlySet<string>, depth: number, found: { path: string }[]): void {
  const real = realpathSync(folder);
  if (above.has(real)) return;
  if (depth > YAML_DEPTH_MAX) throw new Error('its folders are nested too deeply');
  const within = new Set([...above, real]);
  for (const name of readdirSync(folder).sort()) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    // A link that leads nowhere is an error: a policy that somebody believes to be there is not.
    if (statSync(path).isDirectory()) walk(path, within, depth + 1, found);
    else found.push({ path });
    if (found.length > POLICY_FILES_MAX) throw new Error(`it holds more than ${POLICY_FILES_MAX} files`);
  }
}
