// Tells when watched files have changed and then been still for a second: editors write a file in several steps, `kubectl` and the
// kubelet swap a symbolic link. Events only say when to look; what counts is that the files' own state (inode, size, times, the
// path that links lead to) differs from the last one told. Polling finds what sends no event. One closure owns every handle.

import { type FSWatcher, watch } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { POLICY_FILES_MAX, RELOAD_POLL_MS, RELOAD_STILL_MS, YAML_DEPTH_MAX } from '../core/limits.ts';

export interface FileWatch {
  /** Watches these paths from now on. What has changed since the last call of `onChange` in those that stay is still told. */
  update(paths: readonly string[]): void;
  close(): void;
}

export interface WatchInput {
  /** Files, and folders with everything below them; absolute. They may be missing. What they hold at first is not news. */
  readonly paths: readonly string[];
  /** Called once for each change, after everything has been still for `stillMs`. Must not throw. */
  readonly onChange: () => void;
  readonly stillMs?: number;
  readonly pollMs?: number;
}

/** One event is the first of several: looking waits for the rest of them. */
const EVENTS_MS = 20;

export function watchFiles(input: WatchInput): FileWatch {
  const { onChange, stillMs = RELOAD_STILL_MS, pollMs = RELOAD_POLL_MS } = input;
  let paths = input.paths;
  /** By watched path: its state when `onChange` was last called, or when it was first seen. */
  let told: ReadonlyMap<string, string> = new Map();
  /** A state that differs from what was told, and has not been still for long enough yet. */
  let waiting: { readonly state: string; still: boolean } | undefined;
  let looking = false;
  let lookAgain = false;
  let closed = false;
  let soon: NodeJS.Timeout | undefined;
  let stillness: NodeJS.Timeout | undefined;
  const folders = createFolderWatch(() => lookSoon());

  const lookSoon = (): void => {
    soon ??= setTimeout(look, EVENTS_MS).unref();
  };

  const look = async (): Promise<void> => {
    clearTimeout(soon);
    soon = undefined;
    if (looking || closed) {
      lookAgain = true;
      return;
    }
    looking = true;
    lookAgain = false;
    const asked = paths;
    const seen = await stateOf(asked);
    looking = false;
    if (closed) return;
    if (asked === paths) {
      folders.set(seen.folders);
      judge(seen.states);
    } else lookAgain = true;
    if (lookAgain) lookSoon();
  };

  const judge = (states: ReadonlyMap<string, string>): void => {
    const known = new Map([...states].map(([path, state]) => [path, told.get(path) ?? state]));
    const state = textOf(states);
    told = known;
    if (state === textOf(known)) wait(undefined);
    else if (waiting?.state !== state) wait(state);
    else if (waiting.still) {
      told = states;
      wait(undefined);
      onChange();
    }
  };

  const wait = (state: string | undefined): void => {
    clearTimeout(stillness);
    waiting = state === undefined ? undefined : { state, still: false };
    if (waiting) stillness = setTimeout(stood, stillMs, waiting).unref();
  };

  const stood = (held: { still: boolean }): void => {
    held.still = true;
    void look();
  };

  const poll = setInterval(look, pollMs).unref();
  void look();
  return Object.freeze({
    update(next: readonly string[]) {
      paths = next;
      lookSoon();
    },
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(soon);
      clearTimeout(stillness);
      folders.set(new Map());
    },
  });
}

/** Listens to a changing set of folders. A folder that cannot be listened to is left to polling. */
function createFolderWatch(heard: () => void): { set(folders: Folders): void } {
  const watchers = new Map<string, FSWatcher>();
  const drop = (identity: string, watcher: FSWatcher): void => {
    watchers.delete(identity);
    watcher.close();
  };
  const add = (identity: string, folder: string): void => {
    try {
      const watcher = watch(folder, { persistent: false }, heard);
      watcher.on('error', () => drop(identity, watcher));
      watchers.set(identity, watcher);
    } catch {
      // It is gone, or the system has no handle left: polling finds what happens there.
    }
  };
  return Object.freeze({
    set(folders: Folders) {
      for (const [identity, watcher] of watchers) if (!folders.has(identity)) drop(identity, watcher);
      for (const [identity, folder] of folders) if (!watchers.has(identity)) add(identity, folder);
    },
  });
}

/** By real path and inode: a folder that is deleted and made again is another one, and must be listened to anew. */
type Folders = ReadonlyMap<string, string>;

const textOf = (states: ReadonlyMap<string, string>): string => JSON.stringify([...states]);

interface Seen {
  /** By watched path. Two equal texts mean that nothing there has changed. */
  readonly states: ReadonlyMap<string, string>;
  /** Folders to listen to: those watched, and those that hold a watched file. */
  readonly folders: Folders;
}

async function stateOf(paths: readonly string[]): Promise<Seen> {
  const states = new Map<string, string>();
  const folders = new Map<string, string>();
  for (const path of paths) {
    const lines: string[] = [];
    await noteFolder(dirname(path), folders);
    await collect(path, new Set(), lines, folders);
    states.set(path, lines.join('\n'));
  }
  return { states, folders };
}

async function noteFolder(path: string, folders: Map<string, string>): Promise<void> {
  try {
    const [real, { ino }] = await Promise.all([realpath(path), stat(path, { bigint: true })]);
    folders.set(`${ino} ${real}`, path);
  } catch {
    // It does not exist yet; polling finds it.
  }
}

/** Follows links, so that a swapped `..data` shows in every file behind it; never round in circles, never without end. */
async function collect(path: string, above: ReadonlySet<string>, lines: string[], folders: Map<string, string>) {
  try {
    const [real, found] = await Promise.all([realpath(path), stat(path, { bigint: true })]);
    const { ino, size, mtimeNs, ctimeNs } = found;
    lines.push(found.isDirectory() ? `${path} ${real} ${ino}` : `${path} ${real} ${ino} ${size} ${mtimeNs} ${ctimeNs}`);
    if (!found.isDirectory() || above.has(real) || above.size > YAML_DEPTH_MAX || lines.length > POLICY_FILES_MAX)
      return;
    folders.set(`${ino} ${real}`, path);
    const within = new Set([...above, real]);
    for (const name of (await readdir(path)).sort())
      if (!name.startsWith('.')) await collect(join(path, name), within, lines, folders);
  } catch (error) {
    lines.push(`${path} ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`);
  }
}
