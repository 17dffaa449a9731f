// The outbound client over real TLS on loopback: attacks and faults F-5, F-6, F-15. What
// concerns time and name look-ups is in deadlines.test.ts.

import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { OUTBOUND_REDIRECTS_MAX } from '../../src/core/limits-outside.ts';
import type { OutboundRequest } from '../../src/core/outside.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import type { Lookup } from '../../src/outbound/lookups.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';

const LOOPBACK: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];

/** A resolver that answers every name with these addresses, one list for each call, the last one for ever. */
function resolver(...answers: LookupAddress[][]) {
  const asked: string[] = [];
  const lookup: Lookup = (hostname, _options, callback) => {
    asked.push(hostname);
    callback(null, answers[Math.min(asked.length, answers.length) - 1] ?? []);
  };
  return { asked, lookup };
}

const open = (lookup: Lookup = resolver(LOOPBACK).lookup) => createOutbound({ permitLoopback: true, lookup });

const request = (server: TlsServer, changes: Partial<OutboundRequest> = {}): OutboundRequest => ({
  url: server.url,
  bytesMax: 1_000,
  ca: server.ca,
  accept: 'application/json',
  ...changes,
});

const good = () => openTlsServer((_request, response) => response.end('{"keys":[]}'));

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('an answer', () => {
  it('is the body of a 200 over verified TLS, asked for without compression, cookies or anything else', async () => {
    await using server = await good();
    const answer = await open().request(request(server));
    expect(answer).toEqual({ ok: true, body: Buffer.from('{"keys":[]}') });
    expect(server.seen[0]?.headers).toEqual({
      accept: 'application/json',
      'accept-encoding': 'identity',
      connection: 'close',
      host: `localhost:${server.port}`,
      'user-agent': 'exchequer',
    });
  });

  it.each([201, 204, 206, 304, 401, 404, 429, 500, 503])('of status %i is not one (F-5)', async (status) => {
    await using server = await openTlsServer((_request, response) => response.writeHead(status).end());
    expect(await open().request(request(server))).toEqual({ ok: false, problem: 'status', detail: String(status) });
  });

  it('may be as long as the cap and not a byte longer, announced or not (F-6, A-187)', async () => {
    await using server = await openTlsServer(({ url = '' }, response) => {
      const body = 'x'.repeat(Number(url.slice(2)));
      if (url.startsWith('/n')) response.setHeader('content-length', body.length);
      else response.write('');
      response.end(body);
    });
    const ask = (path: string) => open().request(request(server, { url: server.url + path }));
    const tooLarge = { ok: false, problem: 'too_large', detail: 'more than 1000 bytes' };
    expect(await ask('n1000')).toMatchObject({ ok: true });
    expect(await ask('c1000')).toMatchObject({ ok: true });
    expect(await ask('n1001')).toEqual(tooLarge);
    expect(await ask('c1001')).toEqual(tooLarge);
  });

  it('that announces too much is not waited for (F-6)', async () => {
    await using server = await openTlsServer((_request, response) => {
      response.writeHead(200, { 'content-length': 1001 }).flushHeaders();
    });
    expect(await open().request(request(server))).toMatchObject({ ok: false, problem: 'too_large' });
  });

  it('that never ends is cut off at the cap (F-6)', async () => {
    let closed: Promise<unknown> | undefined;
    await using server = await openTlsServer((_request, response) => {
      closed = once(response, 'close');
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', pour);
      pour();
    });
    const answer = await open().request(request(server));
    expect(answer).toEqual({ ok: false, problem: 'too_large', detail: 'more than 1000 bytes' });
    await closed;
  });

  it.each(['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'identity, gzip'])(
    'in %s is refused before a byte is unpacked (F-6, A-187)',
    async (encoding) => {
      const bomb = gzipSync(Buffer.alloc(1_000_000));
      await using server = await openTlsServer((_request, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(bomb);
      });
      expect(await open().request(request(server, { bytesMax: 100_000 }))).toEqual({
        ok: false,
        problem: 'encoding',
        detail: 'a compressed body',
      });
    },
  );

  it('that is cut off is none (F-51)', async () => {
    await using server = await openTlsServer((_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"keys":', () => response.destroy());
    });
    expect(await open().request(request(server))).toEqual({ ok: false, problem: 'network', detail: 'ECONNRESET' });
  });

  it('does not come through an offer of another protocol', async () => {
    await using server = await openTlsServer((_request, response) => {
      response.socket?.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    });
    expect(await open().request(request(server))).toEqual({ ok: false, problem: 'status', detail: '101' });
  });
});

describe('a redirect', () => {
  const chain = (last: string) =>
    openTlsServer(({ url = '/' }, response) => {
      const left = Number(url.slice(1));
      if (left > 0) response.writeHead(302, { location: `/${left - 1}` }).end();
      else if (last === '') response.end('here');
      else response.writeHead(307, { location: last }).end();
    });

  it(`is followed on the same origin, ${OUTBOUND_REDIRECTS_MAX} times at most`, async () => {
    await using server = await chain('');
    const ask = (hops: number) => open().request(request(server, { url: `${server.url}${hops}` }));
    expect(await ask(OUTBOUND_REDIRECTS_MAX)).toEqual({ ok: true, body: Buffer.from('here') });
    expect(await ask(OUTBOUND_REDIRECTS_MAX + 1)).toEqual({
      ok: false,
      problem: 'redirect',
      detail: `more than ${OUTBOUND_REDIRECTS_MAX}`,
    });
  });

  it.each([
    'https://169.254.169.254/latest/meta-data/',
    'http://localhost/',
    'https://other.example/',
    'https://localhost:1/',
    '//keys.example/',
    'file:///etc/passwd',
    'data:application/json,{}',
    'https://user:secret@localhost/',
    'https://',
  ])('to %s is not followed, and nothing is resolved or dialled for it (A-38)', async (location) => {
    await using server = await chain(location);
    const { asked, lookup } = resolver(LOOPBACK);
    expect(await open(lookup).request(request(server))).toEqual({
      ok: false,
      problem: 'redirect',
      detail: 'to another origin',
    });
    expect(asked).toEqual(['localhost']);
  });
});

describe('an address', () => {
  it('is judged after the name was resolved, and the judged one is dialled (A-38)', async () => {
    await using server = await good();
    // The name answers once with an address that is permitted, and from then on with one that is not: DNS rebinding.
    const { asked, lookup } = resolver(LOOPBACK, [{ address: '169.254.169.254', family: 4 }]);
    const outbound = open(lookup);
    const url = `https://keys.example:${server.port}/`;
    expect(await outbound.request(request(server, { url }))).toMatchObject({ ok: true });
    expect(asked).toHaveLength(1);
    expect(await outbound.request(request(server, { url }))).toEqual({
      ok: false,
      problem: 'address',
      detail: 'resolves to a link-local address',
    });
  });

  it('that may not be dialled refuses the whole answer of the resolver', async () => {
    await using server = await good();
    const mixed = resolver([...LOOPBACK, { address: '10.0.0.1', family: 4 }]);
    expect(await open(mixed.lookup).request(request(server))).toMatchObject({ ok: false, problem: 'address' });
    expect(await open(mixed.lookup).request(request(server, { privateNetwork: true }))).toMatchObject({ ok: true });
    expect(server.seen).toHaveLength(1);
  });

  it('of loopback is refused outside of tests', async () => {
    await using server = await good();
    const { lookup } = resolver(LOOPBACK);
    expect(await createOutbound({ lookup }).request(request(server, { privateNetwork: true }))).toEqual({
      ok: false,
      problem: 'address',
      detail: 'resolves to a loopback address',
    });
    expect(await open(lookup).request(request(server))).toMatchObject({ ok: true });
  });

  it.each([
    ['127.0.0.1', 'a loopback address'],
    ['2130706433', 'a loopback address'],
    ['0x7f.1', 'a loopback address'],
    ['0177.0.0.1', 'a loopback address'],
    ['[::1]', 'a loopback address'],
    ['[::ffff:127.0.0.1]', 'a loopback address'],
    ['10.0.0.1', 'a private address'],
    ['169.254.169.254', 'a link-local address'],
    ['[fd00:ec2::254]', 'a metadata address'],
  ])('written into the URL as %s is judged too (A-38)', async (host, detail) => {
    await using server = await good();
    const { asked, lookup } = resolver(LOOPBACK);
    const url = `https://${host}:${server.port}/`;
    expect(await createOutbound({ lookup }).request(request(server, { url }))).toEqual({
      ok: false,
      problem: 'address',
      detail,
    });
    expect(asked).toEqual([]);
    expect(server.seen).toHaveLength(0);
  });

  it('written into the URL is dialled where it is permitted', async () => {
    await using server = await good();
    const url = `https://127.0.0.1:${server.port}/`;
    expect(await open().request(request(server, { url }))).toMatchObject({ ok: true });
  });

  it.each([
    'http://localhost/',
    'ftp://localhost/',
    'https://user@localhost/',
    'https://:p@localhost/',
    'localhost',
    '',
  ])('is not even looked up for the URL %j', async (url) => {
    const { asked, lookup } = resolver(LOOPBACK);
    const answer = await open(lookup).request({ url, bytesMax: 10, accept: '*/*' });
    expect(answer).toEqual({ ok: false, problem: 'url', detail: 'not an https URL without user information' });
    expect(asked).toEqual([]);
  });
});

describe('trust in a server', () => {
  it('comes from the given CA only, and for the right name (F-15)', async () => {
    await using server = await good();
    const { ca: otherCa } = await mintServerCertificate(['localhost']);
    const { ca: _ca, ...withoutCa } = request(server);
    const ask = (changes: Partial<OutboundRequest>) => open().request(request(server, changes));
    expect(await ask({})).toMatchObject({ ok: true });
    expect(await ask({ ca: otherCa })).toMatchObject({ ok: false, problem: 'tls' });
    expect(await open().request(withoutCa)).toMatchObject({ ok: false, problem: 'tls' });
    expect(await ask({ url: `https://wrong.example:${server.port}/` })).toEqual({
      ok: false,
      problem: 'tls',
      detail: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(await ask({ ca: 'no certificate' })).toMatchObject({ ok: false, problem: 'tls' });
  });

  it('cannot be switched off by the environment (F-15)', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await using server = await good();
    const { ca: _ca, ...withoutCa } = request(server);
    expect(await open().request(withoutCa)).toMatchObject({ ok: false, problem: 'tls' });
    expect(await open().request(request(server))).toMatchObject({ ok: true });
  });

  it('ends with its certificate (F-15)', async () => {
    const expired = await mintServerCertificate(['localhost'], { notAfter: new Date('2020-01-01') });
    await using server = await openTlsServer((_request, response) => response.end(), { certificate: expired });
    expect(await open().request(request(server))).toEqual({ ok: false, problem: 'tls', detail: 'CERT_HAS_EXPIRED' });
  });

  it('ends at once when its certificate changes: no session and no connection is kept (F-15)', async () => {
    await using server = await good();
    const resumed: boolean[] = [];
    server.server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
    const outbound = open();
    expect(await outbound.request(request(server))).toMatchObject({ ok: true });
    expect(await outbound.request(request(server))).toMatchObject({ ok: true });
    expect(resumed).toEqual([false, false]);
    const { cert, key } = await mintServerCertificate(['localhost']);
    server.server.setSecureContext({ cert, key });
    expect(await outbound.request(request(server))).toMatchObject({ ok: false, problem: 'tls' });
  });
});
