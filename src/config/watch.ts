// Tells when watched files have changed and then been still for a second: editors write a file in several steps, `kubectl` and the
// kubelet swap a symbolic link. Events only say when to look; what counts is that the files' own state (inode, size, times, the
// path that links lead to) differs from the last one told. Polling finds what sends no event. One closure owns every handle.

import { type FSWatcher, watch } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { POLICY_FILES_MAX, RELOAD_POLL_MS, RELOAD_STILL_MS, YAML_DEPTH_MAX } from '../core/limits.ts';

export interface FileWatch {
  /** Watches these paths from now on; what they hold at this moment is not news. */
  update(paths: readonly string[]): void;
  close(): void;
}

export interface WatchInput {
  /** Files, and folders with everything below them; absolute. They may be missing. */
  readonly paths: readonly string[];
  /** Called once for each change, after everything has been still for `stillMs`. */
  readonly onChange: () => void;
  readonly stillMs?: number;
  readonly pollMs?: number;
}

export function watchFiles(input: WatchInput): FileWatch {
  const stillMs = input.stillMs ?? RELOAD_STILL_MS;
  const pollMs = input.pollMs ?? RELOAD_POLL_MS;
  let paths = input.paths;
  /** The state last told of, or found at the beginning. */
  let told: string | undefined;
  /** A state that differs from it, and waits to be found again unchanged. */
  let waiting: string | undefined;
  let generation = 0;
  let closed = false;
  let looking = false;
  let timer: NodeJS.Timeout | undefined;
  const watchers = new Map<string, FSWatcher>();

  const lookIn = (ms: number): void => {
    clearTimeout(timer);
    if (!closed) timer = setTimeout(look, ms).unref();
  };

  const look = async (): Promise<void> => {
    if (looking || closed) return;
    looking = true;
    const before = generation;
    const seen = await stateOf(paths);
    looking = false;
    if (closed) return;
    if (before !== generation) return lookIn(0);
    listen(seen.folders);
    judge(seen.state);
  };

  const judge = (state: string): void => {
    if (told === undefined) told = state;
    const changed = state !== told;
    if (changed && state === waiting) {
      told = state;
      waiting = undefined;
      lookIn(pollMs);
      return input.onChange();
    }
    waiting = changed ? state : undefined;
    lookIn(changed ? stillMs : pollMs);
  };

  /** An event starts the stillness again. While a look is under way, the next one finds what it missed. */
  const heard = (): void => {
    waiting = undefined;
    lookIn(Math.min(stillMs, pollMs));
  };

  const listen = (folders: ReadonlySet<string>): void => {
    for (const [folder, watcher] of watchers) if (!folders.has(folder)) drop(folder, watcher);
    for (const folder of folders) {
      if (watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, { persistent: false }, heard);
        watcher.on('error', () => drop(folder, watcher));
        watchers.set(folder, watcher);
      } catch {
        // The folder is gone, or the system has no handle left: polling finds what happens there.
      }
    }
  };

  const drop = (folder: string, watcher: FSWatcher): void => {
    watchers.delete(folder);
    watcher.close();
  };

  void look();
  return Object.freeze({
    update(next: readonly string[]) {
      paths = next;
      generation += 1;
      told = undefined;
      waiting = undefined;
      lookIn(0);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const [folder, watcher] of watchers) drop(folder, watcher);
    },
  });
}

interface Seen {
  /** One line for each file; two equal texts mean that nothing has changed. */
  readonly state: string;
  /** Folders to listen to: those watched, and those that hold a watched file. */
  readonly folders: ReadonlySet<string>;
}

async function stateOf(paths: readonly string[]): Promise<Seen> {
  const lines: string[] = [];
  const folders = new Set<string>();
  for (const path of paths) {
    folders.add(dirname(path));
    await collect(path, new Set(), lines, folders);
  }
  return { state: lines.join('\n'), folders };
}

/** Follows links, so that a swapped `..data` shows in every file behind it; never round in circles, never without end. */
async function collect(path: string, above: ReadonlySet<string>, lines: string[], folders: Set<string>): Promise<void> {
  try {
    const [real, found] = await Promise.all([realpath(path), stat(path, { bigint: true })]);
    lines.push(
      `${path} ${real} ${found.ino} ${found.isDirectory() ? '' : `${found.size} ${found.mtimeNs} ${found.ctimeNs}`}`,
    );
    if (!found.isDirectory() || above.has(real) || above.size > YAML_DEPTH_MAX || lines.length > POLICY_FILES_MAX)
      return;
    folders.add(path);
    const within = new Set([...above, real]);
    for (const name of (await readdir(path)).sort())
      if (!name.startsWith('.')) await collect(join(path, name), within, lines, folders);
  } catch (error) {
    lines.push(`${path} ${error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'}`);
  }
}
