// Changes to files that are whole or have not happened, also after a crash or a power failure: written beside, synced, renamed
// over, and the directory synced. One process at a time may do this in a directory (exclusive-lock.ts), but where it says otherwise.

import { type FileHandle, mkdtemp, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';

const temporaryName = (name: string): string => `.${name}.tmp`;
const TEMPORARY = /^\..+\.tmp$/;

/** Replaces or makes one file. Resolves once it is durable; where it rejects, the old file may still stand. */
export async function writeDurably(directory: string, name: string, text: string, mode = 0o600): Promise<void> {
  const file = await openReplacement(directory, name);
  try {
    await file.writeFile(text);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await moveIntoPlace(directory, name);
}

/** The same for a file that everybody may read, where other processes may do it at the same moment: the last one stands, whole. */
export async function publishDurably(directory: string, name: string, text: string): Promise<void> {
  const own = await mkdtemp(join(directory, `.${name}-`));
  try {
    const file = await open(join(own, name), 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.chmod(0o644);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(join(own, name), join(directory, name));
  } finally {
    await rm(own, { recursive: true, force: true });
  }
  await syncDirectory(directory);
}

/** A new empty file beside the one that it will replace; write it, sync it, then `moveIntoPlace`. */
export async function openReplacement(directory: string, name: string): Promise<FileHandle> {
  const path = join(directory, temporaryName(name));
  await rm(path, { force: true });
  return open(path, 'wx', 0o600);
}

/** Puts a synced replacement in its place. */
export async function moveIntoPlace(directory: string, name: string): Promise<void> {
  await rename(join(directory, temporaryName(name)), join(directory, name));
  await syncDirectory(directory);
}

/** Removes one file, durably; it may be gone already. */
export async function removeDurably(directory: string, name: string): Promise<void> {
  await rm(join(directory, name), { force: true });
  await syncDirectory(directory);
}

/** Removes what a crash in the middle of a write has left behind. */
export async function removeLeftovers(directory: string, owned: (name: string) => boolean): Promise<void> {
  for (const entry of await readdir(directory)) {
    if (TEMPORARY.test(entry) && owned(entry.slice(1, -'.tmp'.length)))
      await rm(join(directory, entry), { force: true });
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
