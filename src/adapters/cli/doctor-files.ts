// Whether what must be private is: the directories of keys and of the store, every file in them, the listener's key, the control socket. It
// looks at modes and owners and opens nothing; what is not here may be elsewhere, and is no fault.

import { lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DOCTOR_FILES_MAX } from '../../core/limits-outside.ts';
import { about, type Finding } from './doctor-report.ts';

/** Any permission for group or others; writing by them; anything for others. */
const OPEN = 0o077;
const OTHERS_WRITE = 0o022;
const OTHERS = 0o007;

/** What holds no secret: locks, and public keys. */
const PUBLIC = /\.(?:lock|pub\.pem)$/;

const octal = (mode: number): string => `0${(mode & 0o777).toString(8).padStart(3, '0')}`;
const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';

/** A directory that the broker makes with mode 0700, and files in it with 0600. */
export async function privateDirectory(area: string, path: string): Promise<readonly Finding[]> {
  const { ok, fail, unknown } = about(area);
  try {
    const found = await lstat(path);
    if (!found.isDirectory())
      return [fail(`${path} is no directory`, 'name a directory, or none that is there: the broker makes it')];
    if ((found.mode & OPEN) !== 0)
      return [
        fail(
          `${path} has mode ${octal(found.mode)}: others than the broker may look into it`,
          'chmod 0700; if others may have read what is in it, replace it',
        ),
      ];
    const names = (await readdir(path)).filter((name) => !PUBLIC.test(name)).slice(0, DOCTOR_FILES_MAX);
    const files = await Promise.all(names.map(async (name) => ({ name, stats: await lstat(join(path, name)) })));
    const open = files.filter(({ stats }) => stats.isFile() && (stats.mode & OPEN) !== 0);
    const foreign = files.filter(({ stats }) => stats.uid !== found.uid);
    return [
      ...open.map(({ name, stats }) =>
        fail(
          `${join(path, name)} has mode ${octal(stats.mode)}: others than the broker may read it`,
          'it may be known: replace it (a signing key: exchequer keys revoke KID), or chmod 0600 where nobody else was here',
        ),
      ),
      ...foreign.map(({ name }) =>
        fail(`${join(path, name)} belongs to another user than the directory`, 'chown it to the user of the broker'),
      ),
      ...(open.length + foreign.length === 0 ? [ok(`${path} is private, with everything in it`)] : []),
    ];
  } catch (error) {
    return [
      unknown(`${path} cannot be looked at here (${codeOf(error)})`, 'run doctor where the broker runs, as its user'),
    ];
  }
}

/** The private key of the listener's certificate; a group may have it, as with mounted secrets. */
export async function listenerKey(path: string): Promise<readonly Finding[]> {
  const { ok, warn, unknown } = about('certificate');
  try {
    const { mode } = await stat(path);
    return (mode & OTHERS) === 0
      ? [ok(`${path} is no secret to others`)]
      : [warn(`${path} has mode ${octal(mode)}: everybody on this machine may read the key`, 'chmod 0600, or 0640')];
  } catch (error) {
    return [unknown(`${path} cannot be looked at here (${codeOf(error)})`, 'run doctor where the broker runs')];
  }
}

/** The control socket: whoever may open it may do everything. Gives nothing where it is as it should be. */
export async function controlSocket(path: string): Promise<readonly Finding[]> {
  const { fail } = about('control');
  try {
    const [socket, directory] = [await lstat(path), await lstat(dirname(path))];
    return [
      ...(socket.isSocket() ? [] : [fail(`${path} is no socket`, 'name another path in `control.socket`')]),
      ...(socket.isSocket() && (socket.mode & OPEN) !== 0
        ? [
            fail(
              `${path} has mode ${octal(socket.mode)}: others may command the broker`,
              'restart the broker: it makes the socket 0600',
            ),
          ]
        : []),
      ...((directory.mode & OTHERS_WRITE) === 0
        ? []
        : [
            fail(
              `others may write to ${dirname(path)}, and put a socket of theirs there`,
              'chmod 0700, or name a directory of its own',
            ),
          ]),
    ];
  } catch {
    // That nothing is there is what the client of the socket says.
    return [];
  }
}
