// Who is at the other end of a connection: on this system as it is, and on systems that say something else, by lists of their form.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createIsOwnUser, type IsOwnUser } from '../../../src/adapters/local/peer.ts';
import { openHelper, TOKEN_PATH } from '../../support/local-helper.ts';

/** Both ends of a connection on loopback: the server's. */
async function connected(judge: (socket: Socket) => Promise<unknown>, localAddress = '127.0.0.1'): Promise<unknown> {
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const server = createServer((socket) => void judge(socket).then(resolve));
  await new Promise<void>((listens) => server.listen(0, '127.0.0.1', listens));
  const address = server.address();
  const client = connect({
    host: '127.0.0.1',
    port: typeof address === 'object' && address ? address.port : 0,
    localAddress,
  });
  try {
    return await promise;
  } finally {
    client.destroy();
    server.close();
  }
}

const own = process.getuid?.();
const hex = (port = 0) => port.toString(16).toUpperCase().padStart(4, '0');
const row = (local: string, remote: string, uid: number | undefined) =>
  `   1: ${local} ${remote} 01 00000000:00000000 00:00000000 00000000 ${String(uid).padStart(5)}        0 1 1 x 20 4 30 10 -1\n`;
const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const V4 = '0100007F';
const V6 = `0000000000000000FFFF0000${V4}`;

/** Judges a connection by the lists of a system that says this of it. */
async function judged(lists: (client: string, server: string) => { readonly tcp?: string; readonly tcp6?: string }) {
  const place = mkdtempSync(join(tmpdir(), 'proc-'));
  try {
    mkdirSync(join(place, 'self'));
    mkdirSync(join(place, 'net'));
    return await connected((socket) => {
      const said = lists(hex(socket.remotePort), hex(socket.localPort));
      for (const [name, rows] of Object.entries(said)) writeFileSync(join(place, 'net', name), `${HEAD}${rows}`);
      return createIsOwnUser(place)(socket);
    });
  } finally {
    rmSync(place, { recursive: true });
  }
}

describe('the other end of a connection', () => {
  // Other systems do not tell.
  it.skipIf(process.platform !== 'linux')('is of our own user, as this system says', async () => {
    expect(await connected(createIsOwnUser())).toBe(true);
  });

  // Once it was looked for at 127.0.0.1 alone, and whoever is not found may be anybody: so every user was served.
  it.skipIf(process.platform !== 'linux')('A-178 is none of ours from another address of loopback', async () => {
    expect(await connected(createIsOwnUser(), '127.0.0.2')).toBe(false);
  });

  it.each([
    ['our own', own, true],
    ['another', (own ?? 0) + 1, false],
  ])('is of the user that is listed: %s', async (_title, uid, is) => {
    const none = row(`${V4}:0050`, `${V4}:0051`, 0);
    expect(
      await judged((client, server) => ({ tcp: none + row(`${V4}:${client}`, `${V4}:${server}`, uid), tcp6: none })),
    ).toBe(is);
    expect(
      await judged((client, server) => ({ tcp: none, tcp6: row(`${V6}:${client}`, `${V6}:${server}`, uid) })),
    ).toBe(is);
  });

  it('is none of ours where our end is listed and it is not', async () => {
    expect(await judged((client, server) => ({ tcp: row(`${V4}:${server}`, `${V4}:${client}`, own), tcp6: '' }))).toBe(
      false,
    );
  });

  it.each([
    ['lists nothing of it', { tcp: '', tcp6: '' }],
    ['has no lists', {}],
  ])('is not known where the system %s', async (_title, lists) => {
    expect(await judged(() => lists)).toBeUndefined();
  });
});

describe('the metadata server', () => {
  it.each<[string, IsOwnUser, number]>([
    ['our own', async () => true, 200],
    ['another', async () => false, 403],
    ['nobody knows which', async () => undefined, 200],
  ])('serves programs of our user alone, where the system tells: %s', async (_title, isOwnUser, status) => {
    await using helper = await openHelper({ isOwnUser });
    expect((await helper.google(TOKEN_PATH)).status).toBe(status);
    // A secret is worth more than a user.
    expect((await helper.aws()).status).toBe(200);
  });
});
