// Probes and scrapes over a real socket.

import { afterEach, describe, expect, it } from 'vitest';
import { createObserveListener, type ObserveListener, type Readiness } from '../../../src/adapters/observe/listener.ts';

let listener: ObserveListener;
afterEach(() => listener.close());

const READY: Readiness = {
  needs: { audit: true, store: true, signingKeys: true, policy: true, certificate: true },
  stopping: false,
  degraded: [],
};

async function start(readiness: () => Readiness | Promise<Readiness> = () => READY, body = 'm 1\n') {
  const contentType = 'text/plain; version=0.0.4; charset=utf-8';
  listener = createObserveListener({ render: async () => ({ contentType, body }), readiness });
  const { port } = await listener.listen('127.0.0.1', 0);
  return (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${port}${path}`, init);
}

describe('/readyz', () => {
  it('is 200 where every need holds', async () => {
    const got = await (await start())('/readyz');
    expect([got.status, await got.json()]).toEqual([
      200,
      {
        status: 'ready',
        checks: { audit: 'ok', store: 'ok', signingKeys: 'ok', policy: 'ok', certificate: 'ok' },
        degraded: [],
      },
    ]);
    expect(got.headers.get('cache-control')).toBe('no-store');
  });

  it.each(['audit', 'store', 'signingKeys', 'policy'] as const)('is 503 without %s, and says so', async (need) => {
    const got = await (await start(() => ({ ...READY, needs: { ...READY.needs, [need]: false } })))('/readyz');
    expect([got.status, await got.json()]).toMatchObject([503, { status: 'failed', checks: { [need]: 'failed' } }]);
  });

  it('stays 200 with a source in trouble, and names it', async () => {
    const got = await (await start(async () => ({ ...READY, degraded: ['people'] })))('/readyz');
    expect([got.status, await got.json()]).toMatchObject([200, { status: 'degraded', degraded: ['people'] }]);
  });

  it('is 503 while stopping (F-37)', async () => {
    const got = await (await start(() => ({ ...READY, stopping: true })))('/readyz');
    expect([got.status, await got.json()]).toMatchObject([503, { status: 'stopping' }]);
  });

  it('is 500 without a word where asking fails', async () => {
    const got = await (await start(() => Promise.reject(new Error('secret'))))('/readyz');
    expect([got.status, await got.text()]).toEqual([500, 'failed\n']);
  });
});

describe('the observe listener', () => {
  it('answers /livez whatever readiness says', async () => {
    const got = await (await start(() => ({ ...READY, stopping: true })))('/livez');
    expect([got.status, await got.text()]).toEqual([200, 'ok\n']);
  });

  it('gives metrics in the format of their registry', async () => {
    const got = await (await start())('/metrics');
    expect([got.headers.get('content-type'), await got.text()]).toEqual([
      'text/plain; version=0.0.4; charset=utf-8',
      'm 1\n',
    ]);
  });

  it('takes no command and knows no other path (A-192)', async () => {
    const get = await start();
    for (const path of ['/', '/token', '/reload', '/keys', '/decisions', '/livez/']) {
      expect((await get(path)).status).toBe(404);
      expect((await get(path, { method: 'POST', body: 'x' })).status).toBe(404);
    }
    expect((await get('/livez', { method: 'POST' })).status).toBe(404);
  });
});
