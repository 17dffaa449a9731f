// The one folder below the system's temporary one that holds everything `exchequer dev` writes for a configuration: of our own
// user, mode 0700, made anew at every start. Its name says whose it is, so that other verbs find a running `dev`; whatever
// somebody else put under that name is refused, and never opened.

import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';

const OPEN_TO_OTHERS = 0o077;
/** Of a SHA-256 in hex: enough to keep one person's configurations apart, and short enough for the path of a socket. */
const NAME_CHARACTERS = 12;

/** The folder of a configuration, whether it is there or not. */
export function devDirectory(config: string): string {
  const name = createHash('sha256').update(resolve(config)).digest('hex').slice(0, NAME_CHARACTERS);
  return join(tmpdir(), `exchequer-dev-${userInfo().uid}-${name}`);
}

/** The control socket of the `dev` whose folder this is. */
export const devSocket = (directory: string): string => join(directory, 'control.sock');
export const devRecords = (directory: string): string => join(directory, 'audit.jsonl');

/** Whether it is there, and nobody else's. */
export function isOurs(directory: string): boolean {
  const found = lstatSync(directory, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === userInfo().uid && (found.mode & OPEN_TO_OTHERS) === 0;
}

/** Removes what an earlier `dev` left, and makes it anew. Throws where somebody else has that name. */
export function makeDirectory(directory: string): void {
  if (lstatSync(directory, { throwIfNoEntry: false }) && !isOurs(directory))
    throw new Error(`${directory} is not ours, or open to others: remove it`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { mode: 0o700 });
}

export const removeDirectory = (directory: string): void => rmSync(directory, { recursive: true, force: true });
