// The client of the Workload API against a real gRPC server on a Unix socket: what it holds of what the agent says (SA-02, SA-03,
// SA-05), message by message. What ends streams is in workload-api-faults.test.ts.

import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KEY_SET_BYTES_MAX, WORKLOAD_MESSAGE_BYTES_MAX } from '../../src/core/limits-outside.ts';
import { type Reply, STREAMS } from '../support/workload-api-server.ts';
import { connected, DOMAIN, JWKS, NOW, PARTNER, until } from './workload-api-harness.ts';

describe('the state of a Workload API', () => {
  it('is what its streams said, asked for with the metadata that no forged request has (SA-02)', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    const identity = api.identity();
    expect(identity?.spiffeId).toBe(`spiffe://${DOMAIN}/broker`);
    expect(identity?.expiresAtSeconds).toBe(NOW + 3_600);
    expect(new X509Certificate(identity?.tls.certificate ?? '').subjectAltName).toBe(`URI:spiffe://${DOMAIN}/broker`);
    expect(identity?.tls.key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect([...(api.x509Bundles()?.keys() ?? [])].sort()).toEqual([DOMAIN, PARTNER]);
    expect(api.x509Bundles()?.get(DOMAIN)).toEqual([new Uint8Array(authority.der)]);
    expect(api.jwtBundles()?.get(PARTNER)).toBe(JWKS);
    expect(api.status()).toEqual({ state: 'connected', updatedAtSeconds: NOW, failures: 0, lastProblem: undefined });
    expect(server.bare).toEqual([]);
  });

  it('follows a rotation while everything stays connected (SA-03)', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    const opened = server.attempts.FetchX509SVID.length;
    let told = 0;
    const end = api.onChange(() => {
      told += 1;
    });
    const first = api.identity();
    for (let round = 1; round <= 20; round += 1) {
      const next = await authority.mint('/broker', NOW + 3_600 + round);
      server.set('FetchX509SVID', { message: { svids: [next] } });
      await until(() => api.identity()?.expiresAtSeconds === NOW + 3_600 + round);
    }
    expect(api.identity()?.tls.key).not.toBe(first?.tls.key);
    expect([told, server.attempts.FetchX509SVID.length]).toEqual([20, opened]);
    end();
    server.set('FetchX509Bundles', { message: { bundles: { [DOMAIN]: authority.der } } });
    await until(() => api.x509Bundles()?.size === 1);
    expect(told).toBe(20);
  });

  it('loses what a message redacts: our identity, and bundles of either kind (SA-03)', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    server.set('FetchX509SVID', { message: {} });
    server.set('FetchX509Bundles', { message: { bundles: { [`spiffe://${DOMAIN}`]: authority.der } } });
    server.set('FetchJWTBundles', { message: {} });
    await until(() => api.identity() === undefined && api.x509Bundles()?.size === 1 && api.jwtBundles()?.size === 0);
    expect(api.x509Bundles()?.has(DOMAIN)).toBe(true);
    expect(api.status()).toMatchObject({ state: 'connected', lastProblem: undefined });
  });

  it('has no identity once that has expired, and one again with the next message', async () => {
    await using setting = await connected();
    const { api, server, authority, now } = setting;
    now.seconds = NOW + 3_599.999;
    expect(api.identity()).toBeDefined();
    now.seconds = NOW + 3_600;
    expect(api.identity()).toBeUndefined();
    server.set('FetchX509SVID', { message: { svids: [await authority.mint('/broker', NOW + 7_200)] } });
    await until(() => api.identity() !== undefined);
    expect(api.status().updatedAtSeconds).toBe(NOW + 3_600);
  });

  it('is not changed by bytes that are no message; they are reported, and the stream lives on', async () => {
    await using setting = await connected();
    const { api, server, events, authority } = setting;
    const before = [api.identity(), api.x509Bundles(), api.jwtBundles()];
    for (const stream of STREAMS) server.set(stream, { bytes: Buffer.from('0affffffff0f', 'hex') });
    await until(() => events.length === 3);
    expect(events.map(({ problem }) => problem)).toEqual(Array(3).fill('a message that cannot be read'));
    expect([api.identity(), api.x509Bundles(), api.jwtBundles()]).toEqual(before);
    expect(api.status()).toMatchObject({ state: 'connected', failures: 0 });
    expect(api.status().lastProblem).toMatch(/^Fetch[A-Za-z0-9]+: a message that cannot be read$/);
    server.set('FetchX509SVID', { message: { svids: [await authority.mint('/next', NOW + 60)] } });
    await until(() => api.identity()?.spiffeId === `spiffe://${DOMAIN}/next`);
    expect(server.attempts.FetchX509SVID).toHaveLength(1);
  });

  it('is not changed by a flood of empty elements, which is never taken apart', async () => {
    await using setting = await connected();
    const { api, server, events } = setting;
    const before = api.identity();
    server.set('FetchX509SVID', { bytes: Buffer.alloc(WORKLOAD_MESSAGE_BYTES_MAX, Buffer.from('0a00', 'hex')) });
    await until(() => events.length > 0);
    // Taken apart, it would be two million X.509-SVIDs: ten seconds, and a complaint about their number.
    expect(events).toEqual([{ stream: 'FetchX509SVID', problem: 'a message that cannot be read' }]);
    expect(api.identity()).toBe(before);
    const full = Object.fromEntries(
      Array.from({ length: 1_024 }, (_, index) => [`d${index}.example`, Buffer.from(JWKS)]),
    );
    server.set('FetchJWTBundles', { message: { bundles: full } });
    await until(() => api.jwtBundles()?.size === 1_024);
  });

  it('says in its status what was wrong with a message until a good one comes, and never a byte of it', async () => {
    await using setting = await connected();
    const { api, server, authority } = setting;
    const good = await authority.mint('/broker', NOW + 60);
    const foreign = await authority.mint('/secret-name', NOW + 60);
    server.set('FetchX509SVID', { message: { svids: [{ ...good, x509_svid_key: foreign.x509_svid_key }] } });
    await until(() => api.status().lastProblem !== undefined);
    expect(api.status().lastProblem).toBe('FetchX509SVID: an X.509-SVID with the private key of another certificate');
    expect(api.identity()?.expiresAtSeconds).toBe(NOW + 3_600);
    server.set('FetchX509SVID', { message: { svids: [good] } });
    await until(() => api.status().lastProblem === undefined);
    expect(api.identity()?.expiresAtSeconds).toBe(NOW + 60);
  });

  it.each([[false], [true]])(
    'survives a message that is too large (compressed: %s), and takes the next one',
    async (compressed) => {
      await using setting = await connected({ compressed });
      const { api, server, events, authority } = setting;
      const before = api.x509Bundles();
      const huge = Buffer.alloc(WORKLOAD_MESSAGE_BYTES_MAX + 1);
      server.set('FetchX509Bundles', { message: { bundles: { [DOMAIN]: huge } } });
      await until(() => events.length > 0);
      expect(events[0]).toEqual({ stream: 'FetchX509Bundles', problem: 'RESOURCE_EXHAUSTED' });
      expect(api.x509Bundles()).toBe(before);
      server.set('FetchX509Bundles', { message: { bundles: { [DOMAIN]: authority.der } } });
      await until(() => api.status().state === 'connected');
      expect(api.x509Bundles()?.size).toBe(1);
    },
  );

  it('takes the largest message that there may be', async () => {
    await using setting = await connected();
    const { api, server } = setting;
    const jwks = Buffer.from(`{"keys":[]}${' '.repeat(KEY_SET_BYTES_MAX - 11)}`);
    const bundles = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`d${index}.example`, jwks]));
    server.set('FetchJWTBundles', { message: { bundles } });
    await until(() => api.jwtBundles()?.size === 7);
    expect(api.status()).toMatchObject({ state: 'connected', lastProblem: undefined });
  });
});

describe('a JWT-SVID of ours', () => {
  const AUDIENCE = 'https://partner.example';
  const jwt = (claims: object) =>
    ['{"alg":"ES256"}', JSON.stringify(claims), 'signature']
      .map((part) => Buffer.from(part).toString('base64url'))
      .join('.');
  const ID = `spiffe://${DOMAIN}/broker`;
  const good = { spiffe_id: ID, svid: jwt({ sub: ID, aud: [AUDIENCE] }) };

  it('is asked for by its audience, and is the first that is given', async () => {
    await using setting = await connected();
    const { api, server } = setting;
    const asked: (readonly string[])[] = [];
    server.jwtSvids = (audience) => {
      asked.push(audience);
      return { message: { svids: [good, { spiffe_id: `${ID}2`, svid: 'x' }] } };
    };
    expect(await api.jwtSvid(AUDIENCE)).toEqual({ ok: true, svid: good.svid, spiffeId: ID });
    expect(asked).toEqual([[AUDIENCE]]);
    server.jwtSvids = () => ({ message: { svids: [{ ...good, svid: jwt({ sub: ID, aud: AUDIENCE }) }] } });
    expect(await api.jwtSvid(AUDIENCE)).toMatchObject({ ok: true });
  });

  const refused: readonly (readonly [string, Reply, string])[] = [
    ['an answer without one', { message: {} }, 'an answer without a JWT-SVID'],
    ['bytes that are no answer', { bytes: Buffer.from('0affffffff0f', 'hex') }, 'an answer without a JWT-SVID'],
    ['no JWT', { message: { svids: [{ ...good, svid: 'x' }] } }, 'a JWT-SVID that cannot be read'],
    ['no SPIFFE ID', { message: { svids: [{ ...good, spiffe_id: 'broker' }] } }, 'a JWT-SVID that cannot be read'],
    ['another sub', { message: { svids: [{ ...good, spiffe_id: `${ID}2` }] } }, 'a JWT-SVID of or for somebody else'],
    ...[[AUDIENCE, 'https://else.example'], ['https://else.example'], [], undefined].map(
      (aud) =>
        [
          `the audience ${JSON.stringify(aud)}`,
          { message: { svids: [{ ...good, svid: jwt({ sub: ID, aud }) }] } },
          'a JWT-SVID of or for somebody else',
        ] as const,
    ),
    ['PermissionDenied', { code: 7 }, 'PERMISSION_DENIED'],
    ['Unimplemented', { code: 12 }, 'UNIMPLEMENTED'],
  ];

  it.each(refused)('is not taken with %s', async (_defect, reply, problem) => {
    await using setting = await connected();
    const { api, server } = setting;
    server.jwtSvids = () => reply;
    expect(await api.jwtSvid(AUDIENCE)).toEqual({ ok: false, problem });
    expect(api.status().state).toBe('connected');
  });

  it('is not asked for while the agent is away, nor once the client is closed (F-17)', async () => {
    await using setting = await connected();
    const { api, server } = setting;
    server.jwtSvids = () => ({ message: { svids: [good] } });
    server.stop();
    await until(() => api.status().failures >= 3);
    expect(await api.jwtSvid(AUDIENCE)).toEqual({ ok: false, problem: 'the Workload API is away' });
    await server.start();
    await until(() => api.status().state === 'connected');
    expect(await api.jwtSvid(AUDIENCE)).toMatchObject({ ok: true });
    api.close();
    expect(await api.jwtSvid(AUDIENCE)).toEqual({ ok: false, problem: 'the client is closed' });
  });
});
