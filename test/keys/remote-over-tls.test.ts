// Remote keys through the real outbound client: a cold start, a rotation, and a hostile answer, over TLS on loopback
// (F-6, F-7, F-9, F-15, A-38, A-187). The clock is real; nothing here waits for it.

import type { ServerResponse } from 'node:http';
import { performance } from 'node:perf_hooks';
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/ports.ts';
import { createRemoteKeys } from '../../src/keys/remote-jwks.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { openTlsServer, type TlsServer } from '../support/tls-server.ts';
import { publicJwk, setOf } from './public-jwk.ts';

/** A clock that the test moves by hand over the real one. */
function movable() {
  let extraMs = 0;
  const clock: Clock = {
    nowSeconds: () => (Date.now() + extraMs) / 1000,
    elapsedMs: () => performance.now() + extraMs,
  };
  return {
    clock,
    skip(seconds: number) {
      extraMs += seconds * 1000;
    },
  };
}

function remote(server: TlsServer, clock: Clock) {
  const base = `https://localhost:${server.port}`;
  return createRemoteKeys({
    origin: { discovery: base, issuer: base },
    outbound: createOutbound({ permitLoopback: true }),
    clock,
    randomBytes: (count) => new Uint8Array(count),
    use: 'sig',
    algorithms: ['ES256', 'RS256'],
    ca: server.ca,
  });
}

/** A provider whose key set is what `answer` writes. */
const provider = (answer: (response: ServerResponse) => void) =>
  openTlsServer(({ url, headers }, response) => {
    const base = `https://${headers.host}`;
    if (url === '/.well-known/openid-configuration')
      response.end(JSON.stringify({ issuer: base, jwks_uri: `${base}/jwks` }));
    else answer(response);
  });

describe('remote keys over TLS', () => {
  it('verify a token signed with a published key, and one signed after a rotation (F-7)', async () => {
    const pair = await generateKeyPair('ES256');
    const rotated = { ...(await exportJWK(pair.publicKey)), kid: 'new' };
    let published = setOf(await publicJwk('ES256', 'old'));
    await using server = await provider((response) => response.end(published));
    const { clock, skip } = movable();
    const keys = remote(server, clock);
    expect(await keys.find({ alg: 'ES256', kid: 'old' })).toMatchObject({ found: [{ kid: 'old' }] });
    expect(await keys.find({ alg: 'ES256', kid: 'new' })).toEqual({ found: 'none' });

    published = setOf(rotated);
    skip(10);
    const answer = await keys.find({ alg: 'ES256', kid: 'new' });
    const key = Array.isArray(answer.found) ? answer.found[0]?.key : undefined;
    const token = await new SignJWT({ sub: 'x' }).setProtectedHeader({ alg: 'ES256' }).sign(pair.privateKey);
    expect(key && (await jwtVerify(token, key)).payload.sub).toBe('x');
    expect(server.seen.map(({ url }) => url)).toEqual([
      '/.well-known/openid-configuration',
      '/jwks',
      '/.well-known/openid-configuration',
      '/jwks',
    ]);
    keys.close();
  });

  it.each<[string, string, (response: ServerResponse) => void]>([
    ['without end (F-6)', 'key set: too_large (more than 524288 bytes)', pour],
    [
      'of gzip (F-6)',
      'key set: encoding (a compressed body)',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(),
    ],
    [
      'that is a redirect to the metadata service (A-38)',
      'key set: redirect (to another origin)',
      (response) => response.writeHead(302, { location: 'https://169.254.169.254/' }).end(),
    ],
    [
      'of 10,000 keys (F-6)',
      'key set: has more than 256 keys',
      (response) => response.end(`{"keys":[${Array(10_000).fill('{}').join(',')}]}`),
    ],
  ])('outlive an answer %s', async (_title, problem, hostile) => {
    let answer: (response: ServerResponse) => void = (response) => response.end(good);
    const good = setOf(await publicJwk('ES256', 'one'));
    await using server = await provider((response) => answer(response));
    const { clock, skip } = movable();
    const keys = remote(server, clock);
    await keys.find({ alg: 'ES256', kid: 'one' });
    answer = hostile;
    skip(10);
    expect(await keys.find({ alg: 'ES256', kid: 'two' })).toMatchObject({ found: 'unavailable' });
    expect(keys.status()).toMatchObject({ keys: 1, lastProblem: problem, state: 'stale' });
    expect(await keys.find({ alg: 'ES256', kid: 'one' })).toMatchObject({ found: [{ kid: 'one' }] });
    keys.close();
  });
});

function pour(response: ServerResponse): void {
  const more = () => {
    while (!response.destroyed && response.write('x'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
}
