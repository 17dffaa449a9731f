// Our signing keys on disk: one file `signing-<kid>.json` for each key, mode 0600 in a directory of 0700, with its material and
// what is known about it. Brokers may share it: each change is a turn of its own, and files become and go whole. A file that cannot be
// read, is open to others, or holds another or a weak key stops the start and is never replaced. Errors name the file and nothing
// that it holds.

import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SIGNING_KEY_FILE_BYTES_MAX } from '../core/limits.ts';
import type { RandomBytes } from '../core/ports.ts';
import { removeDurably, removeLeftovers, writeDurably } from '../files/durable.ts';
import { inTurn, lockExclusively, lockTogether } from '../files/exclusive-lock.ts';
import { openPrivateDirectory, readPrivateFile } from '../files/private-directory.ts';
import { type KeyMaterial, readKeyMaterial } from './key-material.ts';
import type { KeyRecord } from './ring.ts';

/** One key: what is known about it, and what it signs with. */
export interface StoredKey {
  readonly record: KeyRecord;
  readonly material: KeyMaterial;
}

export interface KeyFiles {
  /** Does a piece of work while no other broker changes anything here. Calls must not overlap. */
  inTurn<Value>(work: () => Promise<Value>): Promise<Value>;
  /** What there is now. Outside of a turn, what another broker is changing at that moment may be half done, as after a crash. */
  readAll(): Promise<readonly StoredKey[]>;
  /** Whether there is anything that the last `readAll` has not read. Rejects where nobody can know. */
  haveChanged(): Promise<boolean>;
  /** In a turn. */
  write(key: StoredKey): Promise<void>;
  /** In a turn. */
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

export interface KeyFilesParts {
  readonly directory: string;
  /** Whether other brokers may use it at the same time. */
  readonly shared: boolean;
  readonly randomBytes: RandomBytes;
}

/** Opens the directory, or makes it. Throws where it is open to others, or in use by a broker that does not share it. */
export async function openKeyFiles({ directory: path, shared, randomBytes }: KeyFilesParts): Promise<KeyFiles> {
  const directory = await openPrivateDirectory(path);
  const unlock = (shared ? lockTogether : lockExclusively)(directory, 'signing-keys.lock');
  const place = await placeOf(path);
  /** What was read last, by name. */
  let known: ReadonlyMap<string, Known> = new Map();

  const stampAll = async (): Promise<readonly (readonly [string, string])[]> => {
    // A volume that went away leaves an empty folder behind, in which new keys would be made that nobody else has.
    if ((await placeOf(path)) !== place) throw new Error(`${path}: is another directory than at the start; restart`);
    const names = (await readdir(path)).filter((name) => OURS.test(name)).sort();
    const stamps = await Promise.all(names.map(async (name) => ({ name, stamp: await stampOf(path, name) })));
    return stamps.flatMap(({ name, stamp }) => (stamp === undefined ? [] : [[name, stamp] as const]));
  };
  // Stamped before it is read: what changes meanwhile has another stamp at the next look.
  const read = async ([name, stamp]: readonly [string, string]): Promise<readonly (readonly [string, Known])[]> => {
    const before = known.get(name);
    if (before?.stamp === stamp) return [[name, before]];
    const text = await readPrivateFile(directory, name, SIGNING_KEY_FILE_BYTES_MAX).catch(unlessGone);
    if (text === undefined) return [];
    const key = readKey({ path: join(path, name), name, text, probe: randomBytes(PROBE_BYTES) });
    return [[name, { stamp, key }]];
  };

  return Object.freeze({
    inTurn: <Value>(work: () => Promise<Value>) =>
      inTurn(directory, 'signing-keys.turn.lock', async () => {
        await removeLeftovers(path, (name) => OURS.test(name));
        return work();
      }),
    async readAll() {
      known = new Map((await Promise.all((await stampAll()).map(read))).flat());
      return [...known.values()].map(({ key }) => key);
    },
    async haveChanged() {
      const stamps = await stampAll();
      return stamps.length !== known.size || stamps.some(([name, stamp]) => known.get(name)?.stamp !== stamp);
    },
    write: ({ record, material }: StoredKey) => {
      const { kid, ...rest } = record;
      const text = JSON.stringify({ version: 1, ...rest, privateKey: material.privatePem() }, undefined, 2);
      return writeDurably(path, fileName(kid), `${text}\n`);
    },
    remove: (kid: string) => removeDurably(path, fileName(kid)),
    close: unlock,
  });
}

async function placeOf(path: string): Promise<string> {
  const { dev, ino } = await stat(path, { bigint: true });
  return `${dev} ${ino}`;
}

/** Another one for every file that is moved into place; undefined where it is gone by now. */
async function stampOf(path: string, name: string): Promise<string | undefined> {
  const found = await lstat(join(path, name), { bigint: true }).catch(unlessGone);
  return found && `${found.ino} ${found.size} ${found.mtimeNs} ${found.ctimeNs}`;
}

/** What another broker takes away between the listing and the reading is not there. */
function unlessGone(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

interface Known {
  readonly stamp: string;
  readonly key: StoredKey;
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
