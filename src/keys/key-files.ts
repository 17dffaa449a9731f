// Our signing keys on disk: one file `signing-<kid>.json` for each key, mode 0600 in a directory of 0700, with its material and
// what is known about it. A file that cannot be read, is open to others, or holds another or a weak key stops the start and
// is never replaced. Errors name the file and nothing that it holds.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SIGNING_KEY_FILE_BYTES_MAX } from '../core/limits.ts';
import type { RandomBytes } from '../core/ports.ts';
import { removeDurably, removeLeftovers, writeDurably } from '../files/durable.ts';
import { lockExclusively } from '../files/exclusive-lock.ts';
import { openPrivateDirectory, readPrivateFile } from '../files/private-directory.ts';
import { type KeyMaterial, readKeyMaterial } from './key-material.ts';
import type { KeyRecord } from './ring.ts';

/** One key: what is known about it, and what it signs with. */
export interface StoredKey {
  readonly record: KeyRecord;
  readonly material: KeyMaterial;
}

export interface KeyFiles {
  readAll(): Promise<readonly StoredKey[]>;
  write(key: StoredKey): Promise<void>;
  remove(kid: string): Promise<void>;
  /** Lets the directory go. */
  close(): void;
}

const seconds = z.int().nonnegative();
const content = z.strictObject({
  version: z.literal(1),
  algorithm: z.enum(['ES256', 'RS256']),
  createdAtSeconds: seconds,
  publishedAtSeconds: seconds.optional(),
  inEverySet: z.literal(true).optional(),
  currentSinceSeconds: seconds.optional(),
  retiredAtSeconds: seconds.optional(),
  longestLifetimeSeconds: seconds,
  privateKey: z.string(),
});

const OURS = /^signing-.*\.json$/;
const PROBE_BYTES = 32;
const fileName = (kid: string): string => `signing-${kid}.json`;

/**
 * Opens the directory, or makes it, and locks it: of two processes that rotated the same files, each would publish keys that
 * the other does not know. Throws where it is open to others or in use.
 */
export async function openKeyFiles(path: string, randomBytes: RandomBytes): Promise<KeyFiles> {
  const directory = await openPrivateDirectory(path);
  const unlock = lockExclusively(directory, 'signing-keys.lock');

  return Object.freeze({
    async readAll() {
      await removeLeftovers(directory.path, (name) => OURS.test(name));
      const names = (await readdir(directory.path)).filter((name) => OURS.test(name)).sort();
      return Promise.all(
        names.map(async (name) => {
          const text = await readPrivateFile(directory, name, SIGNING_KEY_FILE_BYTES_MAX);
          return readKey({ path: join(path, name), name, text, probe: randomBytes(PROBE_BYTES) });
        }),
      );
    },
    write: ({ record, material }: StoredKey) => {
      const { kid, ...known } = record;
      const text = JSON.stringify({ version: 1, ...known, privateKey: material.privatePem() }, undefined, 2);
      return writeDurably(directory.path, fileName(kid), `${text}\n`);
    },
    remove: (kid: string) => removeDurably(directory.path, fileName(kid)),
    close: unlock,
  });
}

interface KeyFile {
  readonly path: string;
  readonly name: string;
  readonly text: string;
  /** What the key signs, and must verify, before it is believed. */
  readonly probe: Uint8Array;
}

function readKey({ path, name, text, probe }: KeyFile): StoredKey {
  const { version: _, privateKey, ...known } = readContent(path, text);
  if (known.retiredAtSeconds !== undefined && known.currentSinceSeconds === undefined)
    throw new Error(`${path}: is retired and has never been current`);
  const material = readMaterial(path, () => readKeyMaterial(known.algorithm, privateKey, probe));
  if (name !== fileName(material.kid)) throw new Error(`${path}: holds another key than its name says`);
  return { record: Object.freeze({ kid: material.kid, ...known }), material };
}

function readContent(path: string, text: string): z.output<typeof content> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which is a private key.
    throw new Error(`${path}: is not a key file (no JSON)`);
  }
  const read = content.safeParse(parsed);
  if (read.success) return read.data;
  const members = read.error.issues.map((issue) => issue.path.join('.') || 'its members').join(', ');
  throw new Error(`${path}: is not a key file (wrong: ${members})`);
}

function readMaterial(path: string, read: () => KeyMaterial): KeyMaterial {
  try {
    return read();
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}
