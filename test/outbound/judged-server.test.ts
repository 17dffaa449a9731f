// Servers that the caller judges by their certificates: the profile https_spiffe (SF-09), attacks. Real TLS on
// loopback, with certificates of a SPIFFE authority that no host name is in.

import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { OutboundRequest } from '../../src/core/outside.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { openSpiffeAuthority } from '../support/spiffe-authority.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';

const authority = await openSpiffeAuthority('a.example');
const svid = await authority.mintSvid('/bundle', { intermediate: true });
const other = await authority.mintSvid('/other');

const open = () => createOutbound({ permitLoopback: true });
const ask = (server: TlsServer, changes: Partial<OutboundRequest>, path = '') =>
  open().request({ url: server.url + path, bytesMax: 1_000, accept: 'application/json', ...changes });
const good = (certificate = svid) =>
  openTlsServer((_request, response) => response.end('{}'), { certificate: { ...certificate, ca: '' } });

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('a server that the caller judges', () => {
  it('is judged by everything it presents, the leaf first, and not by its name (SF-09)', async () => {
    await using server = await good();
    const seen: Uint8Array[][] = [];
    const answer = await ask(server, {
      serverProblem(chain) {
        seen.push([...chain]);
        return undefined;
      },
    });
    expect(answer).toEqual({ ok: true, body: Buffer.from('{}') });
    expect(seen.map((chain) => chain.map((der) => Buffer.from(der)))).toEqual([
      svid.ders.map((der) => Buffer.from(der)),
    ]);
    // The same server without a judge: neither its name nor its authority is known.
    expect(await ask(server, {})).toEqual({
      ok: false,
      problem: 'tls',
      detail: expect.stringMatching(/UNABLE|SELF|CERT/),
    });
  });

  it('that is refused gets no byte of the request, and the problem is told (SF-09, A-97)', async () => {
    await using server = await good();
    const answer = await ask(server, { serverProblem: () => 'is not the one', bearer: 'secret' });
    expect(answer).toEqual({ ok: false, problem: 'tls', detail: 'is not the one' });
    expect(server.seen).toHaveLength(0);
  });

  it('is refused where the judge fails', async () => {
    await using server = await good();
    const answer = await ask(server, {
      serverProblem() {
        throw new Error('secret');
      },
    });
    expect(answer).toEqual({ ok: false, problem: 'tls', detail: 'a fault while judging the server' });
    expect(server.seen).toHaveLength(0);
  });

  it('is asked for its name in the handshake, so that it can choose its certificate', async () => {
    await using server = await good();
    const names: unknown[] = [];
    server.server.on('secureConnection', (socket) => names.push(socket.servername));
    await ask(server, { serverProblem: () => undefined });
    await ask(server, { serverProblem: () => undefined, url: `https://127.0.0.1:${server.port}/` });
    expect(names).toEqual(['localhost', false]);
  });

  it('is judged again after a redirect, by the same judge (SF-08, A-97)', async () => {
    let redirected = false;
    await using server = await openTlsServer(
      ({ url }, response) => {
        redirected = true;
        if (url === '/two') response.end('{}');
        else response.writeHead(302, { location: '/two' }).end();
      },
      { certificate: { ...svid, ca: '' } },
    );
    let asked = 0;
    const strict = () => {
      asked += 1;
      // Between the two requests another workload has taken the address.
      server.server.setSecureContext({ cert: other.cert, key: other.key });
      return asked === 1 ? undefined : 'is not the one';
    };
    expect(await ask(server, { serverProblem: strict })).toEqual({
      ok: false,
      problem: 'tls',
      detail: 'is not the one',
    });
    expect([asked, redirected, server.seen.length]).toEqual([2, true, 1]);
    expect(await ask(server, { serverProblem: () => undefined })).toMatchObject({ ok: true });
  });

  it.each([
    ['http', (server: TlsServer) => `http://localhost:${server.port}/`],
    ['another host', (server: TlsServer) => `https://127.0.0.1:${server.port}/`],
    ['a file', () => 'file:///etc/passwd'],
  ])('leads to %s in vain (SF-08, A-97)', async (_title, location) => {
    await using server = await openTlsServer(
      (_request, response) => response.writeHead(302, { location: location(server) }).end(),
      { certificate: { ...svid, ca: '' } },
    );
    const answer = await ask(server, { serverProblem: () => undefined });
    expect(answer).toEqual({ ok: false, problem: 'redirect', detail: 'to another origin' });
    expect(server.seen).toHaveLength(1);
  });

  it('is not dialled on an address that is refused (A-38)', async () => {
    await using server = await good();
    const judge = vi.fn(() => undefined);
    const outbound = createOutbound();
    const request = { url: server.url, bytesMax: 1, accept: '*/*', serverProblem: judge };
    expect(await outbound.request(request)).toMatchObject({ ok: false, problem: 'address' });
    expect(judge).not.toHaveBeenCalled();
  });

  it('that never finishes its handshake is given up at the deadline (F-4)', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const connection = once(silent, 'connection');
    const answer = open().request({
      url: `https://localhost:${port}/`,
      bytesMax: 1,
      accept: '*/*',
      deadlineMs: 100,
      serverProblem: () => undefined,
    });
    const [socket] = await connection;
    const closed = once(socket, 'close');
    socket.resume();
    expect(await answer).toEqual({ ok: false, problem: 'timeout', detail: 'no answer within 100 ms' });
    await closed;
    silent.close();
  });

  it('that speaks no TLS, or nothing at all, is a failure and no more (F-5)', async () => {
    const plain = createServer((socket) => socket.resume().end('HTTP/1.1 200 OK\r\n\r\n')).listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address() as { port: number };
    const request = { bytesMax: 1, accept: '*/*', serverProblem: () => undefined };
    const url = `https://localhost:${port}/`;
    expect(await open().request({ ...request, url })).toMatchObject({ ok: false, problem: 'tls' });
    plain.close();
    await once(plain, 'close');
    expect(await open().request({ ...request, url })).toEqual({
      ok: false,
      problem: 'network',
      detail: 'ECONNREFUSED',
    });
  });

  it('takes our own certificate where it asks for one', async () => {
    await using server = await openTlsServer(
      (request, response) => {
        const { socket } = request as unknown as { socket: { getPeerX509Certificate(): { subjectAltName: string } } };
        response.end(socket.getPeerX509Certificate().subjectAltName);
      },
      { certificate: { ...svid, ca: '' }, askClient: true },
    );
    const identity = { certificate: other.cert, key: other.key };
    const answer = await ask(server, { serverProblem: () => undefined, identity });
    expect(answer.ok && Buffer.from(answer.body).toString()).toBe('URI:spiffe://a.example/other');
  });

  it('meets no judge that the environment could switch off', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await using server = await good();
    expect(await ask(server, { serverProblem: () => 'no' })).toMatchObject({ problem: 'tls', detail: 'no' });
  });
});
