// The control socket's file. It is reachable by our own user only, from its first instant: bound inside a fresh directory of
// mode 0700, made 0600, and only then moved to its name. A socket that a dead process left is replaced; a living one, or a
// directory that somebody else may write to, is refused. Knows nothing of commands.

import { chmodSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { CONTROL_PROBE_MS } from '../../core/limits.ts';

/** `sun_path`, without its NUL, on the narrowest system we run on. A longer name could be bound, and never be connected to. */
const PATH_BYTES_MAX = 103;
const OTHERS_MAY_WRITE = 0o022;

/** Binds the server to this path; the function it resolves with removes the file again. Rejects with what must be changed. */
export async function bindSocket(server: Server, socket: string): Promise<() => void> {
  if (Buffer.byteLength(socket) > PATH_BYTES_MAX) throw new Error(`${socket} is too long for a socket`);
  const directory = dirname(socket);
  ownDirectory(directory);
  if (isSocket(socket) && (await answers(socket))) throw new Error(`another process answers on ${socket}`);

  const nest = mkdtempSync(join(directory, '.c-'));
  const nested = join(nest, 's');
  try {
    await listenAt(server, nested);
    chmodSync(nested, 0o600);
    renameSync(nested, socket);
  } finally {
    rmSync(nest, { recursive: true, force: true });
  }
  const { ino } = lstatSync(socket);
  // Another process may have bound the path since: its socket is not ours to remove.
  return () => {
    if (lstatSync(socket, { throwIfNoEntry: false })?.ino === ino) rmSync(socket, { force: true });
  };
}

/** Makes the directory where it is missing. Whoever may write to it could put a socket of their own in the place of ours. */
function ownDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const { uid, mode } = statSync(directory);
  if (uid !== userInfo().uid || (mode & OTHERS_MAY_WRITE) !== 0)
    throw new Error(`others may write to ${directory}; name a directory of our own, or one that does not exist yet`);
}

/** Whether a socket is there. Anything else under that name is not ours to replace. */
function isSocket(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats && !stats.isSocket()) throw new Error(`${path} exists and is no socket`);
  return stats !== undefined;
}

/** Whether somebody listens. A process too busy to accept in time is alive. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path, timeout: CONTROL_PROBE_MS });
    const settle = (alive: boolean): void => {
      probe.destroy();
      resolve(alive);
    };
    probe.on('connect', () => settle(true));
    probe.on('timeout', () => settle(true));
    probe.on('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

function listenAt(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`cannot bind ${path}: ${error.message}`, { cause: error })));
    server.listen({ path }, resolve);
  });
}
