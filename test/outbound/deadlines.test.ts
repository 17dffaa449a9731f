// The outbound client against everything that waits: faults F-3, F-4, F-13, F-14. Time is a fake clock that moves only when the
// other side has done its part, so nothing here sleeps.

import type { LookupAddress } from 'node:dns';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LOOKUPS_AT_ONCE_MAX, OUTBOUND_MS } from '../../src/core/limits-outside.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { createLookups, type Lookup } from '../../src/outbound/lookups.ts';
import { openTlsServer } from '../support/tls-server.ts';

const LOOPBACK: LookupAddress[] = [{ address: '127.0.0.1', family: 4 }];
const lookup: Lookup = (_hostname, _options, callback) => callback(null, LOOPBACK);
const TIMED_OUT = { ok: false, problem: 'timeout', detail: `no answer within ${OUTBOUND_MS} ms` };
const ask = (url: string, ca?: string) => ({
  url,
  bytesMax: 1_000,
  accept: '*/*',
  ...(ca === undefined ? {} : { ca }),
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the deadline of a request', () => {
  it('covers a server that takes the connection and says nothing (F-3)', async () => {
    const accepted = Promise.withResolvers<Socket>();
    await using server = createServer(accepted.resolve);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;

    const answer = createOutbound({ permitLoopback: true, lookup }).request(ask(`https://localhost:${port}/`));
    const socket = await accepted.promise;
    const closed = new Promise((done) => socket.on('close', done));
    socket.on('error', () => undefined);
    socket.resume();
    vi.advanceTimersByTime(OUTBOUND_MS);
    expect(await answer).toEqual(TIMED_OUT);
    await closed;
  });

  it('is one for the whole answer: bytes that keep dripping do not move it (F-4)', async () => {
    const dripped = Promise.withResolvers<void>();
    await using server = await openTlsServer((_request, response) => {
      response.write('{', () => dripped.resolve());
    });
    const answer = createOutbound({ permitLoopback: true, lookup }).request(ask(server.url, server.ca));
    await dripped.promise;
    vi.advanceTimersByTime(OUTBOUND_MS - 1);
    await new Promise((written) => server.responses[0]?.write('"', written));
    vi.advanceTimersByTime(1);
    expect(await answer).toEqual(TIMED_OUT);
  });

  it('is one for all redirects (F-4)', async () => {
    let step = Promise.withResolvers<void>();
    await using server = await openTlsServer(({ url }, response) => {
      if (url === '/') response.writeHead(302, { location: '/next' });
      step.resolve();
    });
    const answer = createOutbound({ permitLoopback: true, lookup }).request(ask(server.url, server.ca));
    await step.promise;
    vi.advanceTimersByTime(OUTBOUND_MS - 1);
    step = Promise.withResolvers();
    server.responses[0]?.end();
    await step.promise;
    vi.advanceTimersByTime(1);
    expect(await answer).toEqual(TIMED_OUT);
  });

  it('covers a resolver that never answers (F-14)', async () => {
    const asked = Promise.withResolvers<string>();
    const answer = createOutbound({ permitLoopback: true, lookup: asked.resolve }).request(
      ask('https://hung.example/'),
    );
    expect(await asked.promise).toBe('hung.example');
    vi.advanceTimersByTime(OUTBOUND_MS);
    expect(await answer).toEqual(TIMED_OUT);
  });

  it('leaves no timer behind when the answer was in time', async () => {
    await using server = await openTlsServer((_request, response) => response.end('ok'));
    expect(await createOutbound({ permitLoopback: true, lookup }).request(ask(server.url, server.ca))).toMatchObject({
      ok: true,
    });
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('closing the client', () => {
  it('ends what is under way and answers nothing more', async () => {
    const asked = Promise.withResolvers<string>();
    const outbound = createOutbound({ permitLoopback: true, lookup: asked.resolve });
    const answer = outbound.request(ask('https://hung.example/'));
    await asked.promise;
    outbound.close();
    const closed = { ok: false, problem: 'network', detail: 'the client is closed' };
    expect(await answer).toEqual(closed);
    expect(await outbound.request(ask('https://hung.example/'))).toEqual(closed);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a failure below HTTP', () => {
  it.each(['ENOTFOUND', 'EAI_AGAIN'])('of the resolver is a network problem: %s (F-14)', async (code) => {
    const failing: Lookup = (_hostname, _options, callback) =>
      callback(Object.assign(new Error('no such name'), { code }), []);
    expect(await createOutbound({ lookup: failing }).request(ask('https://keys.example/'))).toEqual({
      ok: false,
      problem: 'network',
      detail: code,
    });
  });

  it('of a resolver that knows no address is one as well (F-14)', async () => {
    const empty: Lookup = (_hostname, _options, callback) => callback(null, []);
    expect(await createOutbound({ lookup: empty }).request(ask('https://keys.example/'))).toMatchObject({
      ok: false,
      problem: 'network',
    });
  });

  it('of a port that nobody listens on is one as well (F-1)', async () => {
    const server = await openTlsServer(() => undefined);
    await server[Symbol.asyncDispose]();
    const answer = await createOutbound({ permitLoopback: true, lookup }).request(ask(server.url, server.ca));
    expect(answer).toEqual({ ok: false, problem: 'network', detail: 'ECONNREFUSED' });
  });
});

describe('name look-ups', () => {
  /** A resolver that answers only when the test says so. */
  function heldResolver() {
    const held = new Map<string, Parameters<Lookup>[2]>();
    const hold: Lookup = (hostname, _options, callback) => {
      held.set(hostname, callback);
    };
    return { held, lookups: createLookups(hold) };
  }

  it(`are ${LOOKUPS_AT_ONCE_MAX} at once, so that hung ones leave libuv's other threads to crypto (F-14)`, async () => {
    const { held, lookups } = heldResolver();
    const names = ['a.example', 'b.example', 'c.example', 'd.example'];
    const answers = names.map((name) => lookups.addresses(name));
    expect([...held.keys()]).toEqual(['a.example', 'b.example']);
    held.get('b.example')?.(null, LOOPBACK);
    expect([...held.keys()]).toEqual(['a.example', 'b.example', 'c.example']);
    expect(await answers[1]).toEqual(LOOPBACK);
  });

  it('of one name are one, so that one hung name holds one thread however often it is asked (F-13, F-14)', async () => {
    const { held, lookups } = heldResolver();
    const hung = Array.from({ length: 50 }, () => lookups.addresses('hung.example'));
    const other = lookups.addresses('other.example');
    expect([...held.keys()]).toEqual(['hung.example', 'other.example']);
    held.get('other.example')?.(null, LOOPBACK);
    expect(await other).toEqual(LOOPBACK);
    held.get('hung.example')?.(null, LOOPBACK);
    expect(await Promise.all(hung)).toHaveLength(50);
  });

  it('keep no answer: the next request asks the resolver again', async () => {
    const { held, lookups } = heldResolver();
    const first = lookups.addresses('keys.example');
    held.get('keys.example')?.(null, LOOPBACK);
    await first;
    held.clear();
    const second = lookups.addresses('keys.example');
    held.get('keys.example')?.(new Error('gone'), []);
    await expect(second).rejects.toThrow('gone');
  });
});
