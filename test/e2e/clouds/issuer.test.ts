// What clouds read of us before they trust a token: the two documents below the issuer, as AWS, Google Cloud and Entra require them, over
// connections of their own and while the broker has other things to do.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush } from '../../../src/adapters/cli/demo/platforms.ts';
import { judgeDocuments } from '../../../src/adapters/cli/public-documents.ts';
import { mint, startTestBroker, type TestBroker } from '../../support/broker.ts';
import { publishedKeys } from '../../support/relying-cloud.ts';

/** AWS gives up after about as long (CA-01). */
const CLOUD_WAITS_MS = 5_000;
const AT_ONCE = 20;

describe('the documents below our issuer', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startTestBroker();
  });
  afterAll(() => broker.stop());

  const served = async (path: string) => {
    const { status, headers, text } = await broker.call({ path });
    expect({ status, type: headers['content-type'] }).toMatchObject({ status: 200 });
    return text;
  };

  it('CA-01 CG-03 MD-02 MD-08 are what every cloud requires: issuer byte for byte, RS256, keys of two types and no more', async () => {
    const [metadata, jwks] = [
      await served('/.well-known/openid-configuration'),
      await served('/.well-known/jwks.json'),
    ];
    const { issuer } = broker;
    expect(judgeDocuments({ issuer, metadata, jwks })).toMatchObject({ ok: true });
    const document = JSON.parse(metadata);
    // What AWS lists as required of a provider.
    expect(document).toMatchObject({
      issuer,
      jwks_uri: `${issuer}/.well-known/jwks.json`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
      claims_supported: expect.arrayContaining(['iss', 'sub', 'aud', 'exp', 'iat']),
    });
    for (const value of Object.values(document)) expect(value).not.toEqual([]);
    const { keys } = JSON.parse(jwks);
    const ofType = (type: string) => keys.filter(({ kty }: { kty: string }) => kty === type);
    for (const type of ['RSA', 'EC']) {
      expect(ofType(type).length).toBeGreaterThanOrEqual(1);
      expect(ofType(type).length).toBeLessThanOrEqual(100);
    }
    // RSA of 2048 bits, and P-256: what all of them verify (CA-02, CZ-03).
    for (const { n } of ofType('RSA')) expect(Buffer.from(n, 'base64url')).toHaveLength(256);
    for (const { crv } of ofType('EC')) expect(crv).toBe('P-256');
    const members = keys.flatMap((key: object) => Object.keys(key));
    expect([...new Set(members)].sort()).toEqual(['alg', 'crv', 'e', 'kid', 'kty', 'n', 'use', 'x', 'y']);
  });

  it('MD-09 are published with the next key of each algorithm, and may be kept for as long as the key waits', async () => {
    const { keys } = JSON.parse(await served('/.well-known/jwks.json'));
    expect(keys.map(({ alg }: { alg: string }) => alg)).toEqual(['ES256', 'ES256', 'RS256', 'RS256']);
    const { headers } = await broker.call({ path: '/.well-known/jwks.json' });
    expect(headers['cache-control']).toBe('public, max-age=300');
  });

  it('A-171 are answered within the patience of a cloud while everybody else exchanges tokens', async () => {
    const tokens = await Promise.all(
      Array.from({ length: AT_ONCE }, () => mint(broker, 'github', githubPush(broker.issuer, broker.now()))),
    );
    let isOver = false;
    let exchanged = 0;
    const others = tokens.map(async (token) => {
      while (!isOver) {
        const { status } = await broker.exchange(token, { audience: 'deploy' });
        if (status === 200) exchanged += 1;
      }
    });
    const waited = await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        const since = performance.now();
        await publishedKeys({ issuer: broker.issuer, ca: broker.ca });
        return performance.now() - since;
      }),
    );
    isOver = true;
    await Promise.all(others);
    expect(exchanged).toBeGreaterThan(0);
    expect(Math.max(...waited)).toBeLessThan(CLOUD_WAITS_MS);
  });
});
