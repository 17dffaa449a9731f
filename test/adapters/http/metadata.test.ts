// Both metadata documents and the JWK Set as clients and clouds read them, for issuers with and without a path.

import { allowInsecureRequests, customFetch, discovery } from 'openid-client';
import { afterEach, describe, expect, it } from 'vitest';
import { createDocument, metadataDocument, pathsOf } from '../../../src/adapters/http/metadata.ts';
import { type Harness, JWKS, send, startListener } from './harness.ts';

let harness: Harness | undefined;
afterEach(async () => {
  await harness?.listener.close(0);
  harness = undefined;
});

const get = (target: Harness, path: string, headers: Record<string, string> = {}) =>
  send(target, { method: 'GET', path, headers });

describe('addresses', () => {
  it.each([
    ['https://h.example', '', ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']],
    ['https://h.example/', '', ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']],
    [
      'https://h.example/t1',
      '/t1',
      [
        '/t1/.well-known/oauth-authorization-server',
        '/.well-known/oauth-authorization-server/t1',
        '/t1/.well-known/openid-configuration',
        '/.well-known/openid-configuration/t1',
      ],
    ],
  ])('of %s are appended and inserted (MD-01)', (issuer, base, metadata) => {
    expect(pathsOf(issuer)).toEqual({
      token: `${base}/token`,
      decide: `${base}/decide`,
      introspect: `${base}/introspect`,
      revoke: `${base}/revoke`,
      awsSts: `${base}/aws/sts`,
      awsCredentials: `${base}/aws/credentials`,
      gcpToken: `${base}/gcp/token`,
      gcpIntrospect: `${base}/gcp/introspect`,
      jwks: `${base}/.well-known/jwks.json`,
      authorize: `${base}/authorize`,
      metadata,
    });
  });

  it.each(['https://h/a:b', 'https://h/*', 'https://h/a//b', 'https://h/%61', 'https://h/a;b', 'https://h/.a'])(
    'of %s could be read in two ways, and are refused',
    (issuer) => {
      expect(() => pathsOf(issuer)).toThrow(/path of the issuer/);
    },
  );
});

describe('metadata', () => {
  it.each(['https://sts.example', 'https://sts.example/', 'https://sts.example/t1', 'https://sts.example/a/b'])(
    'of %s is the same document at every address, and names that issuer byte for byte (MD-01, MD-02)',
    async (issuer) => {
      harness = await startListener({ issuer });
      const bodies = new Set<string>();
      for (const path of pathsOf(issuer).metadata) {
        const got = await get(harness, path);
        expect([got.status, got.headers['content-type']]).toEqual([200, 'application/json']);
        bodies.add(got.body);
      }
      expect([...bodies].map((body) => JSON.parse(body))).toEqual([
        metadataDocument({
          issuer,
          signingAlgorithms: ['RS256', 'ES256'],
          clientMethods: [],
          assertionAlgorithms: [],
          proofAlgorithms: ['ES256'],
        }),
      ]);
      expect(JSON.parse([...bodies].join('')).issuer).toBe(issuer);
    },
  );

  const document = metadataDocument({
    issuer: 'https://sts.example/t1',
    signingAlgorithms: ['RS256', 'ES256'],
    clientMethods: [],
    assertionAlgorithms: [],
    proofAlgorithms: ['ES256', 'RS256'],
  });

  it('publishes what exists and nothing else (DP-10, MD-03, MD-04, MD-07, MD-08, MD-10, PR-03)', () => {
    expect(document).toEqual({
      issuer: 'https://sts.example/t1',
      token_endpoint: 'https://sts.example/t1/token',
      authorization_endpoint: 'https://sts.example/t1/authorize',
      jwks_uri: 'https://sts.example/t1/.well-known/jwks.json',
      grant_types_supported: [
        'urn:ietf:params:oauth:grant-type:token-exchange',
        'client_credentials',
        'urn:ietf:params:oauth:grant-type:jwt-bearer',
      ],
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256', 'ES256'],
      claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'],
      tls_client_certificate_bound_access_tokens: true,
      dpop_signing_alg_values_supported: ['ES256', 'RS256'],
    });
  });

  it('lists the methods of clients, and what those who sign may sign with (MD-06)', () => {
    const parts = {
      issuer: 'https://sts.example',
      signingAlgorithms: [],
      assertionAlgorithms: ['ES256'],
      proofAlgorithms: [],
    };
    const signing = metadataDocument({ ...parts, clientMethods: ['client_secret_post', 'private_key_jwt'] });
    const secret = metadataDocument({ ...parts, clientMethods: ['client_secret_post'] });
    const nobody = metadataDocument({ ...parts, clientMethods: [] });
    for (const endpoint of ['token', 'introspection', 'revocation']) {
      const [methods, algorithms] = ['methods', 'signing_alg_values'].map(
        (what) => `${endpoint}_endpoint_auth_${what}_supported`,
      );
      expect(signing).toMatchObject({
        [String(methods)]: ['client_secret_post', 'private_key_jwt'],
        [String(algorithms)]: ['ES256'],
      });
      expect(secret).toHaveProperty(String(methods), ['client_secret_post']);
      expect(secret).not.toHaveProperty(String(algorithms));
      expect(nobody).not.toHaveProperty(String(methods));
    }
  });

  it('names where to introspect and to revoke, for issuers with a path too, where somebody can', () => {
    const parts = { signingAlgorithms: [], assertionAlgorithms: [], proofAlgorithms: [] };
    const of = (issuer: string, clientMethods: readonly 'client_secret_post'[]) =>
      metadataDocument({ ...parts, issuer, clientMethods });
    expect(of('https://sts.example/t1', ['client_secret_post'])).toMatchObject({
      introspection_endpoint: 'https://sts.example/t1/introspect',
      revocation_endpoint: 'https://sts.example/t1/revoke',
    });
    expect(Object.keys(of('https://sts.example', [])).join()).not.toMatch(/introspection|revocation/);
  });

  it('has no empty array (MD-05), and no `none` (MD-06)', () => {
    const bare = metadataDocument({
      issuer: 'https://sts.example',
      signingAlgorithms: [],
      clientMethods: [],
      assertionAlgorithms: [],
      proofAlgorithms: [],
    });
    for (const value of [...Object.values(document), ...Object.values(bare)]) expect(value).not.toEqual([]);
    expect(document).not.toHaveProperty('token_endpoint_auth_methods_supported');
    expect(JSON.stringify(document)).not.toContain('none');
  });

  it.each(['oidc', 'oauth2'] as const)('is taken by openid-client, discovery as %s', async (algorithm) => {
    const running = await startListener({ issuer: 'https://sts.example/t1' });
    harness = running;
    const fetcher = async (url: string): Promise<Response> => {
      const { status, body, headers } = await get(running, new URL(url).pathname);
      return new Response(body, { status, headers: { 'content-type': String(headers['content-type']) } });
    };
    const found = await discovery(new URL('https://sts.example/t1'), 'a', undefined, undefined, {
      algorithm,
      [customFetch]: fetcher,
      execute: [allowInsecureRequests],
    });
    expect(found.serverMetadata()).toMatchObject({ token_endpoint: 'https://sts.example/t1/token' });
  });
});

describe('documents', () => {
  it('may be kept for a while, and are asked for again by their tag (MD-09)', async () => {
    harness = await startListener();
    const first = await get(harness, '/.well-known/jwks.json');
    expect(JSON.parse(first.body)).toEqual(JWKS);
    expect(first.headers).toMatchObject({ 'cache-control': 'public, max-age=300', 'content-type': 'application/json' });
    const etag = String(first.headers.etag);
    const again = await get(harness, '/.well-known/jwks.json', { 'if-none-match': `"other", W/${etag}` });
    expect([again.status, again.body, again.headers.etag]).toEqual([304, '', etag]);
    expect((await get(harness, '/.well-known/jwks.json', { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('change with what they are read from, and so does their tag', () => {
    let source: object = { keys: [] };
    const document = createDocument({ read: () => source, mediaType: 'application/json' });
    const before = document(undefined);
    source = { keys: [1] };
    expect(document(before.headers.etag)).toMatchObject({ status: 200, body: '{"keys":[1]}' });
  });

  it('HEAD is answered like GET without its body; POST is 405 with Allow, and no request for a token', async () => {
    harness = await startListener();
    const head = await send(harness, { method: 'HEAD', path: '/.well-known/jwks.json' });
    expect([head.status, head.body, head.headers['content-length']]).toEqual([
      200,
      '',
      String(JSON.stringify(JWKS).length),
    ]);
    const post = await send(harness, { path: '/.well-known/jwks.json', body: 'x' });
    expect([post.status, post.headers.allow, post.headers.connection]).toEqual([405, 'GET, HEAD', 'close']);
    expect(harness.seen).toEqual([]);
  });
});
