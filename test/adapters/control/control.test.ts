// The control socket and its client, over a real socket in a directory of the test.

import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlClient } from '../../../src/adapters/control/client.ts';
import {
  type ControlHandlers,
  type ControlListener,
  createControlListener,
} from '../../../src/adapters/control/server.ts';
import { CONTROL_DECISIONS_MAX } from '../../../src/core/limits.ts';
import { nobodyIsBlocked } from '../../support/incidents.ts';

const ID = '01JCX5ZZZZ0123456789ABCDEF';
const KEY = { kid: 'k1', algorithm: 'ES256', state: 'current', createdAtSeconds: 1_800_000_000 } as const;

let directory: string;
let listeners: ControlListener[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'exchequer-'));
  listeners = [];
});
afterEach(async () => {
  for (const listener of listeners) await listener.close();
  rmSync(directory, { recursive: true });
});

const handlers = (change: Partial<ControlHandlers> = {}): ControlHandlers => ({
  reload: async () => ({ ok: true, generation: 2 }),
  decision: (id) => (id === ID ? { decision: ID } : undefined),
  decisions: (last) => Array.from({ length: last + 5 }, (_, index) => ({ decision: index })),
  keys: () => [KEY],
  documents: () => ({}),
  rotateKeys: async (algorithm) => (algorithm === undefined ? [KEY, KEY] : [KEY]),
  revokeKey: async (kid) => (kid === 'k1' ? { revoked: kid } : undefined),
  status: () => ({ generation: 1 }),
  incidents: nobodyIsBlocked(),
  ...change,
});

async function start(
  socket = join(directory, 'run', 'c.sock'),
  change: Partial<ControlHandlers> = {},
): Promise<string> {
  const listener = createControlListener({ socket, handlers: handlers(change) });
  await listener.listen();
  listeners.push(listener);
  return socket;
}
const client = (socket: string) => createControlClient(socket);

describe('the socket', () => {
  it('is 0600 in a directory that is made 0700, and nothing else stays there', async () => {
    const socket = await start();
    const mode = (path: string): number => statSync(path).mode & 0o777;
    expect([mode(socket), mode(join(directory, 'run'))]).toEqual([0o600, 0o700]);
    expect(readdirSync(join(directory, 'run'))).toEqual(['c.sock']);
  });

  it('is gone after close, and can be bound again', async () => {
    const socket = await start();
    await listeners.pop()?.close();
    expect(existsSync(socket)).toBe(false);
    await start(socket);
    expect((await client(socket).request('GET', '/status')).status).toBe(200);
  });

  it('that a dead process left is replaced', async () => {
    const socket = join(directory, 'c.sock');
    await leaveStale(socket);
    expect(statSync(socket).isSocket()).toBe(true);
    await start(socket);
    expect((await client(socket).request('GET', '/status')).status).toBe(200);
  });

  it('on which another process answers is refused, and goes on answering', async () => {
    const socket = await start();
    await expect(start(socket)).rejects.toThrow(`another process answers on ${socket}`);
    expect((await client(socket).request('GET', '/status')).status).toBe(200);
  });

  it('is not bound where something else has its name', async () => {
    const file = join(directory, 'file');
    writeFileSync(file, 'x');
    await expect(start(file)).rejects.toThrow('exists and is no socket');
    expect(existsSync(file)).toBe(true);
  });

  it.each([0o770, 0o777, 0o1777])('is not bound in a directory of mode %o', async (mode) => {
    const open = join(directory, 'open');
    mkdirSync(open);
    chmodSync(open, mode);
    await expect(start(join(open, 'c.sock'))).rejects.toThrow(/others may write to .*open/);
  });

  it('with a name that is too long is refused by name', async () => {
    await expect(start(join(directory, 'x'.repeat(200)))).rejects.toThrow(/too long for a socket/);
  });
});

/** A socket file whose process is gone: bound, then left behind under another name. */
async function leaveStale(path: string): Promise<void> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.0`, resolve));
  linkSync(`${path}.0`, path);
  await new Promise((resolve) => server.close(resolve));
}

describe('commands', () => {
  it.each<['GET' | 'POST', string, number, unknown]>([
    ['POST', '/reload', 200, { ok: true, generation: 2 }],
    ['GET', `/decisions/${ID}`, 200, { decision: ID }],
    ['GET', `/decisions/${ID.toLowerCase()}`, 404, { error: 'no such decision is remembered' }],
    ['GET', '/decisions/__proto__', 404, { error: 'no such decision is remembered' }],
    ['GET', '/decisions?last=1', 200, { decisions: [{ decision: 0 }] }],
    ['GET', '/keys', 200, { keys: [KEY] }],
    ['POST', '/keys/rotate', 200, { keys: [KEY, KEY] }],
    ['POST', '/keys/rotate?algorithm=ES256', 200, { keys: [KEY] }],
    ['POST', '/keys/rotate?algorithm=none', 400, { error: 'algorithm must be ES256 or RS256' }],
    ['POST', '/keys/k1/revoke', 200, { revoked: 'k1' }],
    ['POST', '/keys/k2/revoke', 404, { error: 'there is no such key' }],
    ['GET', '/status', 200, { generation: 1 }],
    ['GET', '/reload', 404, { error: 'there is no such command' }],
    ['GET', '/token', 404, { error: 'there is no such command' }],
  ])('%s %s is %i', async (method, path, status, body) => {
    expect(await client(await start()).request(method, path)).toEqual({ status, body });
  });

  it.each(['0', '-1', 'x', '1e3', '', `${CONTROL_DECISIONS_MAX + 1}`, '1&last=2'])(
    'last=%s is refused',
    async (last) => {
      const { status } = await client(await start()).request('GET', `/decisions?last=${last}`);
      expect(status).toBe(400);
    },
  );

  it('no number is twenty, and no more come than were asked for', async () => {
    const { body } = await client(await start()).request('GET', '/decisions');
    expect(body).toMatchObject({ decisions: { length: 20 } });
  });

  it('a reload that changed nothing says why', async () => {
    const report = { ok: false, problems: ['exchequer.yaml:3:1 issuer: must be https'], generation: 1 };
    const socket = await start(undefined, { reload: async () => report });
    expect(await client(socket).request('POST', '/reload', {})).toEqual({ status: 200, body: report });
  });

  it('what fails says so to the operator', async () => {
    const socket = await start(undefined, { rotateKeys: () => Promise.reject(new Error('the disk is full')) });
    expect(await client(socket).request('POST', '/keys/rotate')).toEqual({
      status: 500,
      body: { error: 'the disk is full' },
    });
  });
});

describe('the client', () => {
  it('names the socket where none is there, or nobody listens', async () => {
    const missing = join(directory, 'none.sock');
    await expect(client(missing).request('GET', '/status')).rejects.toThrow(missing);
    const stale = join(directory, 'stale.sock');
    await leaveStale(stale);
    await expect(client(stale).request('GET', '/status')).rejects.toThrow(`no broker answers on ${stale}`);
  });

  it('refuses what is no JSON', async () => {
    const socket = join(directory, 'c.sock');
    const server = createServer((peer) => peer.resume().end('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    await expect(client(socket).request('GET', '/status')).rejects.toThrow(socket);
    await new Promise((resolve) => server.close(resolve));
  });
});
