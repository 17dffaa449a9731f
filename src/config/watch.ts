// Tells when watched files have changed and then been still for a second: editors write a file in several steps, `kubectl` and the
// kubelet swap a symbolic link. Events only say when to look; what counts is that the files' own state (inode, size, times, the
// path that links lead to) differs from the last one told. Polling finds what sends no event. One closure owns every handle.

import { type FSWatcher, watch } from 'node:fs';
import { RELOAD_EVENTS_MS, RELOAD_POLL_MS, RELOAD_STILL_MS } from '../core/limits.ts';
import { type Folder, type Folders, stateOf } from './watch-state.ts';

export interface FileWatch {
  /** Watches these paths from now on. What has changed since the last call of `onChange` in those that stay is still told. */
  update(paths: readonly string[], stillAsRead: () => boolean): void;
  close(): void;
}

export interface WatchInput {
  /** Files, and folders with everything below them; absolute. They may be missing. */
  readonly paths: readonly string[];
  /** Whether the paths hold what was read of them: asked once the first look at them is done, so that no change falls between. */
  readonly stillAsRead: () => boolean;
  /** Called once for each change, after everything has been still for `stillMs`. Must not throw. */
  readonly onChange: () => void;
  readonly stillMs?: number;
  readonly pollMs?: number;
}

export function watchFiles(input: WatchInput): FileWatch {
  let { paths, stillAsRead } = input;
  let compared = false;
  let looking = false;
  let lookAgain = false;
  let closed = false;
  let soon: NodeJS.Timeout | undefined;

  const lookSoon = (): void => {
    soon ??= setTimeout(look, RELOAD_EVENTS_MS).unref();
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
      stillness.judge(seen.states);
      const changedBefore = !compared && !stillAsRead();
      compared = true;
      if (changedBefore) input.onChange();
    } else lookAgain = true;
    if (lookAgain) lookSoon();
  };

  const folders = createFolderWatch(lookSoon);
  const stillness = createStillness(input.stillMs ?? RELOAD_STILL_MS, look, input.onChange);
  const poll = setInterval(look, input.pollMs ?? RELOAD_POLL_MS).unref();
  void look();
  return Object.freeze({
    update(next: readonly string[], nextAsRead: () => boolean) {
      paths = next;
      stillAsRead = nextAsRead;
      compared = false;
      lookSoon();
    },
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(soon);
      stillness.close();
      folders.set(new Map());
    },
  });
}

type States = ReadonlyMap<string, string>;

/** Tells of a state that differs from the last one told and was found again, unchanged, `stillMs` later. */
function createStillness(stillMs: number, look: () => unknown, onChange: () => void) {
  /** By watched path: its state when `onChange` was last called, or when it was first seen. */
  let told: States = new Map();
  /** A state that differs from what was told, and has not been still for long enough yet. */
  let waiting: { readonly state: string; still: boolean } | undefined;
  let timer: NodeJS.Timeout | undefined;

  const wait = (state: string | undefined): void => {
    clearTimeout(timer);
    waiting = state === undefined ? undefined : { state, still: false };
    if (waiting) timer = setTimeout(stood, stillMs, waiting).unref();
  };

  const stood = (held: { still: boolean }): void => {
    held.still = true;
    look();
  };

  return Object.freeze({
    judge(states: States) {
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
    },
    close: () => clearTimeout(timer),
  });
}

const textOf = (states: States): string => JSON.stringify([...states]);

/** Listens to a changing set of folders. A folder that cannot be listened to is left to polling. */
function createFolderWatch(heard: () => void): { set(folders: Folders): void } {
  const watchers = new Map<string, FSWatcher>();
  let current: Folders = new Map();
  const drop = (identity: string, watcher: FSWatcher): void => {
    watchers.delete(identity);
    watcher.close();
  };
  const add = (identity: string, { path }: Folder): void => {
    try {
      // Other files may be written there all the time, records among them: only what is watched, and Kubernetes' links, count.
      const watcher = watch(
        path,
        { persistent: false },
        (_event, name) => isNews(current.get(identity), name) && heard(),
      );
      watcher.on('error', () => drop(identity, watcher));
      watchers.set(identity, watcher);
    } catch {
      // It is gone, or the system has no handle left: polling finds what happens there.
    }
  };
  return Object.freeze({
    set(folders: Folders) {
      current = folders;
      for (const [identity, watcher] of watchers) if (!folders.has(identity)) drop(identity, watcher);
      for (const [identity, folder] of folders) if (!watchers.has(identity)) add(identity, folder);
    },
  });
}

const isNews = (folder: Folder | undefined, name: string | null): boolean =>
  folder !== undefined &&
  (folder.names === 'all' || name === null || name.startsWith('..') || folder.names.includes(name));
