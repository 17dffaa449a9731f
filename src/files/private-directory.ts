// Directories and files that nobody else may read: 0700, 0600, and owned by whoever this process runs as. What is open to
// others is refused and never repaired, because a secret that others could read has to be replaced.

import { constants } from 'node:fs';
import { lstat, mkdir, mkdtemp, open, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Any permission for group or others. */
const OPEN_TO_OTHERS = 0o077;

/** A directory that has been found private; `owner` is the user id that its files must have. */
export interface PrivateDirectory {
  readonly path: string;
  readonly owner: number;
}

/** Opens a private directory, or makes it where it is missing. Throws where it is open to others, not ours, or not writable. */
export async function openPrivateDirectory(path: string): Promise<PrivateDirectory> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  const found = await stat(path);
  if (!found.isDirectory()) throw new Error(`${path}: is not a directory`);
  if ((found.mode & OPEN_TO_OTHERS) !== 0)
    throw new Error(
      `${path}: must have mode 0700, has ${octal(found.mode)}; where a volume fixes it, name a folder inside`,
    );

  const owner = await ownUserId(path);
  if (found.uid !== owner) throw new Error(`${path}: belongs to user ${found.uid}, must belong to user ${owner}`);
  return Object.freeze({ path, owner });
}

/** Reads a private file whole. Throws where it is open to others, not ours, a link, no plain file, or too large. */
export async function readPrivateFile(directory: PrivateDirectory, name: string, bytesMax: number): Promise<string> {
  const path = join(directory.path, name);
  const file = await openPrivateFile(directory, name);
  try {
    const { size } = await file.stat();
    if (size > bytesMax) throw new Error(`${path}: is larger than ${bytesMax} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * The whole of a private file of ours in a directory that others may use as well, or undefined where there is none. Throws as
 * `readPrivateFile` does.
 */
export async function readPrivateFileAt(path: string, bytesMax: number): Promise<string | undefined> {
  const directory = dirname(path);
  if ((await lstat(path).catch(() => undefined)) === undefined) return undefined;
  return await readPrivateFile({ path: directory, owner: await ownUserId(directory) }, basename(path), bytesMax);
}

/** Opens a private file for reading and writing, never through a link. Throws as `readPrivateFile` does. */
export async function openPrivateFile(directory: PrivateDirectory, name: string) {
  const path = join(directory.path, name);
  const file = await open(path, constants.O_RDWR | constants.O_NOFOLLOW);
  try {
    const found = await file.stat();
    if (!found.isFile()) throw new Error(`${path}: is not a plain file`);
    if ((found.mode & OPEN_TO_OTHERS) !== 0)
      throw new Error(`${path}: must have mode 0600, has ${octal(found.mode)}; others may have read it, replace it`);
    if (found.uid !== directory.owner)
      throw new Error(`${path}: belongs to user ${found.uid}, must belong to user ${directory.owner}`);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** The user that files made here belong to. Asked of the file system itself, which also proves that it can be written to. */
async function ownUserId(directory: string): Promise<number> {
  const probe = await mkdtemp(join(directory, '.owner-'));
  try {
    return (await stat(probe)).uid;
  } finally {
    await rmdir(probe);
  }
}

const octal = (mode: number): string => `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
