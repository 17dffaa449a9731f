// What watched files and folders are like at one moment: inode, size, times, the path that links lead to, as texts to compare. It
// reads no content. Missing files are a state like any other.

import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { POLICY_FILES_MAX, YAML_DEPTH_MAX } from '../core/limits.ts';

/** A folder to listen to, and the names in it that matter: all of them where the folder itself is watched. */
export interface Folder {
  readonly path: string;
  readonly names: 'all' | readonly string[];
}

/** By real path and inode: a folder that is deleted and made again is another one, and must be listened to anew. */
export type Folders = ReadonlyMap<string, Folder>;

interface Seen {
  /** By watched path. Two equal texts mean that nothing there has changed. */
  readonly states: ReadonlyMap<string, string>;
  /** Folders to listen to: those watched, and those that hold a watched file. */
  readonly folders: Folders;
}

/** Looks at every watched path, whatever is there. Never rejects. */
export async function stateOf(paths: readonly string[]): Promise<Seen> {
  const states = new Map<string, string>();
  const folders = new Map<string, Folder>();
  for (const path of paths) {
    const lines: string[] = [];
    await noteFolder(path, folders);
    await collect(path, new Set(), lines, folders);
    states.set(path, lines.join('\n'));
  }
  return { states, folders };
}

async function noteFolder(watched: string, folders: Map<string, Folder>): Promise<void> {
  const path = dirname(watched);
  try {
    const [real, { ino }] = await Promise.all([realpath(path), stat(path, { bigint: true })]);
    const identity = `${ino} ${real}`;
    const known = folders.get(identity)?.names ?? [];
    folders.set(identity, { path, names: known === 'all' ? known : [...known, basename(watched)] });
  } catch {
    // It does not exist yet; polling finds it.
  }
}

/** Follows links, so that a swapped `..data` shows in every file behind it; never round in circles, never without end. */
async function collect(path: string, above: ReadonlySet<string>, lines: string[], folders: Map<string, Folder>) {
  try {
    const [real, found] = await Promise.all([realpath(path), stat(path, { bigint: true })]);
    const { ino, size, mtimeNs, ctimeNs } = found;
    lines.push(found.isDirectory() ? `${path} ${real} ${ino}` : `${path} ${real} ${ino} ${size} ${mtimeNs} ${ctimeNs}`);
    if (!found.isDirectory() || above.has(real) || above.size > YAML_DEPTH_MAX || lines.length > POLICY_FILES_MAX)
      return;
    folders.set(`${ino} ${real}`, { path, names: 'all' });
    const within = new Set([...above, real]);
    for (const name of (await readdir(path)).sort())
      if (!name.startsWith('.')) await collect(join(path, name), within, lines, folders);
  } catch (error) {
    lines.push(`${path} ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`);
  }
}
