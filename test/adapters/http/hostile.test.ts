// Connections that mean harm, over real TLS: what is no HTTP, what never ends, and paths that look like ours. The limits are
// the product's own, so the tests of time run side by side.

import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  BODY_BYTES_MAX,
  CONNECTION_SWEEP_MS,
  HANDSHAKE_MS,
  HEADER_BYTES_MAX,
  HEADERS_MS,
  REQUEST_DEADLINE_MS,
} from '../../../src/core/limits.ts';
import { form, type Harness, ISSUER, open, send, sendRaw, startListener, untilClosed } from './harness.ts';

const TYPE = 'Content-Type: application/x-www-form-urlencoded\r\n';
const HEAD = `POST /token HTTP/1.1\r\nHost: x\r\n${TYPE}`;
/** A sweep, and room for a busy machine. */
const LATE_MS = CONNECTION_SWEEP_MS + 2_000;

let harness: Harness;
beforeAll(async () => {
  harness = await startListener();
});
afterAll(() => harness.listener.close(0));

describe.concurrent('slow clients', () => {
  it('a connection that sends nothing is closed', async () => {
    const { elapsedMs } = await untilClosed(await open(harness));
    expect(elapsedMs).toBeLessThan(HEADERS_MS + LATE_MS);
  });

  it('a connection that never begins TLS is closed and counted (A-174)', async () => {
    const begun = performance.now();
    const socket = connect(harness.port, '127.0.0.1');
    socket.on('error', () => undefined).resume();
    await once(socket, 'close');
    expect(performance.now() - begun).toBeLessThan(HANDSHAKE_MS + LATE_MS);
    expect(harness.problems).toContain('handshake_timeout');
  });

  it('headers that never end are cut off (A-173, F-42)', async () => {
    const socket = await open(harness);
    socket.write('POST /token HTTP/1.1\r\nHost: x\r\n');
    const drip = setInterval(() => socket.write('X-A: b\r\n'), 100);
    const { text, elapsedMs } = await untilClosed(socket);
    clearInterval(drip);
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    expect(elapsedMs).toBeLessThan(HEADERS_MS + LATE_MS);
    expect(harness.problems).toContain('timeout');
  });

  it('a body that drips is cut off, counted and recorded, and others are served meanwhile (A-173, F-42)', async () => {
    const before = harness.seen.length;
    const socket = await open(harness);
    socket.write(`${HEAD}Content-Length: 100000\r\n\r\n`);
    const drip = setInterval(() => socket.write('a'), 50);
    const closed = untilClosed(socket);
    expect((await send(harness, { body: form() })).status).toBe(200);
    const { elapsedMs } = await closed;
    clearInterval(drip);
    expect(elapsedMs).toBeGreaterThan(HEADERS_MS);
    expect(elapsedMs).toBeLessThan(REQUEST_DEADLINE_MS + LATE_MS);
    const refusals = () => harness.seen.slice(before).map(({ request }) => (request.ok ? undefined : request.refusal));
    // The broker learns of its own cutting a moment after the client does.
    await vi.waitFor(() => expect(refusals()).toContainEqual({ reason: 'body_malformed', problem: 'incomplete' }));
    expect(harness.problems).toContain('body_aborted');
  });
});

describe('bodies without end', () => {
  it('a chunked body is cut off where the bound is passed (A-129, A-175)', async () => {
    const local = await startListener();
    const socket = await open(local);
    const closed = untilClosed(socket);
    socket.write(`${HEAD}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `4000\r\n${'a'.repeat(0x4000)}\r\n`;
    const flood = setInterval(() => socket.write(chunk), 1);
    const { text, elapsedMs } = await closed;
    clearInterval(flood);
    expect(text).toMatch(/^HTTP\/1\.1 413 /);
    expect(text).toMatch(/connection: close/i);
    expect(elapsedMs).toBeLessThan(HEADERS_MS);
    expect(local.seen).toHaveLength(1);
    expect(local.seen[0]?.request).toEqual({
      ok: false,
      refusal: { reason: 'body_too_large', bytesMax: BODY_BYTES_MAX },
    });
    await local.listener.close(0);
  });

  it('a body whose connection ends first is recorded as incomplete', async () => {
    const told = Promise.withResolvers<string>();
    const local = await startListener({
      exchange: async ({ request }) => told.resolve(request.ok ? 'ok' : JSON.stringify(request.refusal)),
    });
    const socket = await open(local);
    socket.on('error', () => undefined);
    socket.write(`${HEAD}Content-Length: 1000\r\n\r\ngrant_type=`, () => socket.destroy());
    expect(JSON.parse(await told.promise)).toEqual({ reason: 'body_malformed', problem: 'incomplete' });
    await local.listener.close(0);
  });
});

describe('what is no HTTP', () => {
  const body = form();
  const chunks = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  const length = `Content-Length: ${body.length}\r\n`;
  it.each([
    ['both Content-Length and Transfer-Encoding', `${HEAD}${length}Transfer-Encoding: chunked\r\n\r\n${chunks}`],
    ['Transfer-Encoding before Content-Length', `${HEAD}Transfer-Encoding: chunked\r\n${length}\r\n${chunks}`],
    ['two lengths', `${HEAD}${length}Content-Length: 1\r\n\r\n${body}`],
    ['a length with a sign', `${HEAD}Content-Length: +${body.length}\r\n\r\n${body}`],
    ['chunked that is not the last coding', `${HEAD}Transfer-Encoding: chunked, identity\r\n\r\n${chunks}`],
    ['a folded header', `${HEAD}X-A: a\r\n b\r\n${length}\r\n${body}`],
    ['a blank before the colon', `${HEAD}Content-Length : ${body.length}\r\n\r\n${body}`],
    ['bare line feeds', `${HEAD}${length}\r\n${body}`.replaceAll('\r\n', '\n')],
    ['no Host', `POST /token HTTP/1.1\r\n${TYPE}${length}\r\n${body}`],
    ['HTTP/2 in clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a bad method', `POSTT /token HTTP/1.1\r\nHost: x\r\n\r\n`],
    ['a NUL in a header', `${HEAD}X-A: \0\r\n${length}\r\n${body}`],
  ])('%s is refused with 400, the connection closed, and nothing exchanged (A-176)', async (_name, bytes) => {
    const before = harness.seen.length;
    const text = await sendRaw(harness, bytes);
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    // One answer only: what follows is not read as a second request.
    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(harness.seen).toHaveLength(before);
  });

  it('the same form with one length is taken (control)', async () => {
    const text = await sendRaw(harness, `${HEAD}Connection: close\r\n${length}\r\n${body}`);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
  });

  it.each(['gzip, chunked', 'xchunked'])('%s transfer is refused and recorded', async (coding) => {
    const before = harness.seen.length;
    const head = `${HEAD}Connection: close\r\nTransfer-Encoding: ${coding}\r\n`;
    expect(await sendRaw(harness, `${head}\r\n${chunks}`)).toMatch(/^HTTP\/1\.1 400 /);
    // Where the parser gives up on the body, the client hears of it first.
    await vi.waitFor(() => expect(harness.seen).toHaveLength(before + 1));
    expect(harness.seen.at(-1)).toMatchObject({
      peer: '127.0.0.1',
      request: { ok: false, refusal: { reason: 'body_malformed', problem: 'encoded' } },
    });
  });

  it('a header after hundreds of others is read like the first', async () => {
    const many = Array.from({ length: 900 }, (_, index) => `X-${index}: a\r\n`).join('');
    await sendRaw(harness, `${HEAD}${many}DPoP: x\r\nConnection: close\r\n${length}\r\n${body}`);
    const proof = { texts: ['x'], htm: 'POST', htu: `${ISSUER}/token` };
    expect(harness.seen.at(-1)?.request).toMatchObject({ ok: true, value: { proof } });
  });

  it('headers over their size are 431', async () => {
    const text = await sendRaw(harness, `${HEAD}X-A: ${'a'.repeat(HEADER_BYTES_MAX)}\r\n\r\n`);
    expect(text).toMatch(/^HTTP\/1\.1 431 /);
    expect(harness.problems).toContain('headers_too_large');
  });
});

describe('paths that look like ours', () => {
  it.each([
    ...['/token/', '//token', '/token%2f', '/TOKEN', '/token;x', '/v1/../token', '/./token', '/%74oken', '/token%00'],
    ...['/token#x', '/token%3fx', '/tokens', '/', '/metrics', '/readyz', '/reload', '/%zz', '/.well-known/jwks.json/'],
  ])('%s is not found, and recorded by nobody (A-178, A-192)', async (path) => {
    const before = harness.seen.length;
    const bytes = form();
    const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${TYPE}Content-Length: ${bytes.length}\r\n\r\n`;
    expect(await sendRaw(harness, head + bytes)).toMatch(/^HTTP\/1\.1 404 /);
    expect(harness.seen).toHaveLength(before);
  });

  it('whatever host is named, in Host or in the target, the issuer stays ours (A-179)', async () => {
    const document = '/.well-known/openid-configuration';
    for (const [target, header] of [
      [document, 'Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\n'],
      [`https://evil.example${document}`, 'Host: evil.example\r\nForwarded: host=evil.example\r\n'],
    ]) {
      const text = await sendRaw(harness, `GET ${target} HTTP/1.1\r\n${header}Connection: close\r\n\r\n`);
      expect(text).toMatch(/^HTTP\/1\.1 200 /);
      expect(text).not.toContain('evil');
      expect(text).toContain('"issuer":"https://sts.example"');
    }
  });

  it("the peer is the socket's, whatever a header says (A-193)", async () => {
    await send(harness, { headers: { 'x-forwarded-for': '10.9.8.7', forwarded: 'for=10.9.8.7' }, body: form() });
    expect(harness.seen.at(-1)?.peer).toBe('127.0.0.1');
  });
});
