// Which user of this machine is at the other end of a connection on loopback, where the system tells: Linux lists every connection with its owner
// in /proc/net. For a protocol without a secret, which every user of the machine could speak. Reads numbers, and nothing about programs.

import { readFile, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { LOOPBACK } from './listener.ts';

/** Whether the program at the other end is of our own user; undefined where the system does not tell. Never rejects. */
export type IsOwnUser = (socket: Socket) => Promise<boolean | undefined>;

/** `place`: where the system lists connections. */
export function createIsOwnUser(place = '/proc'): IsOwnUser {
  return async ({ localPort, remoteAddress, remotePort }) => {
    try {
      if (localPort === undefined || remotePort === undefined) return undefined;
      // All of 127.0.0.0/8 is this machine, and whoever comes from another address of it is listed under that one.
      if (remoteAddress !== LOOPBACK) return false;
      const [{ uid }, lists] = await Promise.all([stat(`${place}/self`), listsAt(place)]);
      const owner = ownerOf(lists, remotePort, localPort);
      // Ours is listed and the other end is not: it is gone, or somebody hides it.
      if (owner === undefined) return ownerOf(lists, localPort, remotePort) === undefined ? undefined : false;
      return owner === uid;
    } catch {
      return undefined;
    }
  };
}

/** Java's sockets are of IPv6, and speak IPv4 by addresses that are mapped. */
async function listsAt(place: string): Promise<string> {
  const lists = await Promise.all([
    readFile(`${place}/net/tcp`, 'latin1'),
    readFile(`${place}/net/tcp6`, 'latin1').catch(() => ''),
  ]);
  return lists.join('\n');
}

const LOOPBACKS = ['0100007F', '0000000000000000FFFF00000100007F'];

/** The user that owns the end of a connection on 127.0.0.1 with these ports. */
function ownerOf(lists: string, ownPort: number, otherPort: number): number | undefined {
  const [own, other] = [hexadecimal(ownPort), hexadecimal(otherPort)];
  for (const line of lists.split('\n')) {
    const [, local = '', remote = '', , , , , uid = ''] = line.trim().split(/\s+/);
    if (isAt(local, own) && isAt(remote, other) && /^[0-9]+$/.test(uid)) return Number(uid);
  }
  return undefined;
}

const isAt = (end: string, port: string): boolean => LOOPBACKS.some((address) => end === `${address}:${port}`);

const hexadecimal = (port: number): string => port.toString(16).toUpperCase().padStart(4, '0');
