// The life of connections: what TLS is spoken, how a certificate is replaced under living ones, and how the listener stops
// without a reset for anybody whose request it took (F-37, F-43).

import { once } from 'node:events';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../../src/adapters/cli/demo/certificates.ts';
import { createPublicListener } from '../../../src/adapters/http/app.ts';
import { form, granted, type Harness, ISSUER, JWKS, open, send, startListener } from './harness.ts';

let harness: Harness;
afterEach(() => harness.listener.close(0));

/** Opens and closes a connection; the common name of the certificate, or the error's code. */
function handshake(
  options: ConnectionOptions,
): Promise<{ protocol?: string | null; fingerprint?: string; code?: string }> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port: harness.port, servername: 'localhost', ...options }, () => {
      resolve({ protocol: socket.getProtocol(), fingerprint: socket.getPeerCertificate().fingerprint256 });
      socket.destroy();
    });
    socket.once('error', (error: NodeJS.ErrnoException) => resolve({ code: error.code ?? '' }));
  });
}

/** One request on a kept connection of the agent. */
function over(agent: Agent): Promise<{ status: number; connection: string | undefined; socket: TLSSocket }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const { port, minted } = harness;
    const outgoing = httpsRequest(
      { host: '127.0.0.1', port, path: '/token', method: 'POST', headers, agent, ca: minted.ca },
      async (answer) => {
        const socket = answer.socket as TLSSocket;
        for await (const _chunk of answer);
        resolve({ status: answer.statusCode ?? 0, connection: answer.headers.connection, socket });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(form());
  });
}

describe('TLS', () => {
  it('1.2 and 1.3 are spoken, 1.1 is not (TX-51)', async () => {
    harness = await startListener();
    const { ca } = harness.minted;
    expect(await handshake({ ca, maxVersion: 'TLSv1.2' })).toMatchObject({ protocol: 'TLSv1.2' });
    expect(await handshake({ ca, minVersion: 'TLSv1.3' })).toMatchObject({ protocol: 'TLSv1.3' });
    const old = { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    expect(await handshake(old)).toMatchObject({ code: expect.stringContaining('ERR_SSL') });
    await vi.waitFor(() => expect(harness.problems).toContain('tls'));
  });

  it('plain HTTP gets no answer', async () => {
    harness = await startListener();
    const socket = connectTcp(harness.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.write('GET /token HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'close');
    expect(text).not.toContain('HTTP');
  });

  it('HTTP/2 is not offered (A-180)', async () => {
    harness = await startListener();
    const { port, minted } = harness;
    const socket = connect({ host: '127.0.0.1', port, ca: minted.ca, ALPNProtocols: ['h2', 'http/1.1'] });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('no %s session is resumed', async (version) => {
    harness = await startListener();
    const { port, minted } = harness;
    const first = await open(harness);
    const session = first.getSession();
    first.destroy();
    const options = { host: '127.0.0.1', port, ca: minted.ca, servername: 'localhost', minVersion: version };
    const second = connect({ ...options, maxVersion: version, ...(session ? { session } : {}) });
    await once(second, 'secureConnect');
    expect(second.isSessionReused()).toBe(false);
    second.destroy();
  });
});

describe('a replaced certificate', () => {
  it('is given to new connections, and living ones go on', async () => {
    harness = await startListener();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const before = await over(agent);
    const fresh = await mintServerCertificate(['localhost']);
    harness.listener.replaceCertificate({ certificate: fresh.cert, key: fresh.key });
    const after = await over(agent);
    expect([after.status, after.socket]).toEqual([200, before.socket]);
    expect(await handshake({ ca: fresh.ca })).toHaveProperty('fingerprint');
    expect(await handshake({ ca: harness.minted.ca })).toHaveProperty('code');
    agent.destroy();
  });

  it('that cannot be used is refused, and the old one stays', async () => {
    harness = await startListener();
    const fresh = await mintServerCertificate(['localhost']);
    const { listener, minted } = harness;
    expect(() => listener.replaceCertificate({ certificate: fresh.cert, key: minted.key })).toThrow(/key/i);
    expect(() => listener.replaceCertificate({ certificate: 'x', key: 'y' })).toThrow();
    expect(await handshake({ ca: minted.ca })).toHaveProperty('fingerprint');
  });

  it('a listener without a usable one is not made', () => {
    const parts = { issuer: ISSUER, jwks: () => JWKS, metadata: () => ({}), sentence: () => undefined };
    const rest = {
      exchange: async () => undefined,
      dryRun: async () => undefined,
      introspect: async () => undefined,
      revoke: async () => undefined,
      callerIdentity: async () => undefined,
      googleIntrospect: async () => undefined,
      nonce: () => '',
      nowSeconds: () => 0,
      onConnectionProblem: () => undefined,
    };
    expect(() => createPublicListener({ ...parts, ...rest, tls: { certificate: 'x', key: 'y' } })).toThrow();
  });
});

describe('stopping', () => {
  it('a running request is answered with `Connection: close`, a new connection is refused (F-37)', async () => {
    const entered = Promise.withResolvers<void>();
    const leave = Promise.withResolvers<void>();
    harness = await startListener({
      exchange: async (_received, answer) => {
        entered.resolve();
        await leave.promise;
        answer(granted());
      },
    });
    const running = send(harness, { body: form() });
    await entered.promise;
    const closed = harness.listener.close(5_000);
    expect(await handshake({ ca: harness.minted.ca })).toEqual({ code: 'ECONNREFUSED' });
    leave.resolve();
    expect(await running).toMatchObject({ status: 200, headers: { connection: 'close' } });
    await closed;
  });

  it('a request that comes on a kept connection meanwhile is answered, not reset (F-37)', async () => {
    harness = await startListener();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const first = await over(agent);
    const closed = harness.listener.close(5_000);
    const second = await over(agent);
    expect([second.status, second.connection, second.socket]).toEqual([200, 'close', first.socket]);
    await closed;
    agent.destroy();
  });

  it('an idle connection and one that hangs are closed by the end of the grace', async () => {
    const entered = Promise.withResolvers<void>();
    harness = await startListener({
      exchange: () => {
        entered.resolve();
        return new Promise(() => undefined);
      },
    });
    const idle = once(await open(harness), 'close');
    const hanging = send(harness, { body: form() }).catch((error: NodeJS.ErrnoException) => error.code);
    await entered.promise;
    await harness.listener.close(200);
    await idle;
    expect(await hanging).toBe('ECONNRESET');
  });

  it('a port that is taken is said so', async () => {
    harness = await startListener();
    await expect(harness.listener.listen('127.0.0.1', harness.port)).rejects.toThrow(/listen/i);
    const other = await startListener();
    await other.listener.close(0);
  });
});
