// RFC 8414 and OpenID Connect Discovery at running brokers, with and without a path in the issuer, and the JWK Set through a
// rotation, as a client sees it that keeps what it once fetched.

import { join } from 'node:path';
import { createLocalJWKSet, type JSONWebKeySet, type JWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createControlClient } from '../../src/adapters/control/client.ts';
import { formOf, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';
import { claimsOf, credentialsOf, headerOf, startSetting, strictClient, TYPE } from './setting.ts';

const AUTHORIZATION_SERVER = '/.well-known/oauth-authorization-server';
const OPENID = '/.well-known/openid-configuration';

describe.each(['', '/', '/t1', '/a/b'])('the metadata of an issuer with the path %j', (path) => {
  const base = path === '/' ? '' : path;
  let broker: TestBroker;
  let metadata: Record<string, unknown>;
  beforeAll(async () => {
    broker = await startSetting({ path });
    metadata = (await broker.call({ path: `${base}${OPENID}` })).body;
  });
  afterAll(() => broker.stop());

  const exchange = async (change: Readonly<Record<string, string>> = {}) => {
    const form = {
      grant_type: TOKEN_EXCHANGE,
      subject_token: await credentialsOf(broker).svid({ aud: [broker.issuer + path] }),
      subject_token_type: `${TYPE}jwt`,
      audience: 'ledger',
      ...change,
    };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return broker.call({ method: 'POST', path: `${base}/token`, headers }, formOf(form));
  };

  it('MD-01 is one document, inserted before the path and appended to it, under both names', async () => {
    const places = [AUTHORIZATION_SERVER, OPENID].flatMap((name) => [`${base}${name}`, `${name}${base}`]);
    const texts = new Set<string>();
    for (const place of places) {
      const { status, text } = await broker.call({ path: place });
      expect([place, status]).toEqual([place, 200]);
      texts.add(text);
    }
    expect(texts.size).toBe(1);
    for (const place of [`${OPENID}/other`, `/other${OPENID}`, `${base}${OPENID}/`])
      expect((await broker.call({ path: place })).status).toBe(404);
  });

  it('MD-01 is found and taken by oauth4webapi, in either way of discovery', async () => {
    const issued = { ...broker, issuer: broker.issuer + path };
    for (const algorithm of ['oauth2', 'oidc'] as const)
      expect((await strictClient(issued, algorithm)).server.issuer).toBe(issued.issuer);
  });

  it('MD-02 names the issuer byte for byte, as every token does, whatever Host asks', async () => {
    expect(metadata.issuer).toBe(broker.issuer + path);
    const headers = { host: 'attacker.example', 'x-forwarded-host': 'attacker.example', forwarded: 'host=attacker' };
    expect((await broker.call({ path: `${base}${OPENID}`, servername: 'localhost', headers })).body).toEqual(metadata);
    const answer = await exchange();
    expect([answer.status, claimsOf(String(answer.body.access_token)).iss]).toEqual([200, broker.issuer + path]);
  });

  it('MD-03 has a response type, although nobody can be sent to the authorization endpoint', () => {
    expect(metadata.response_types_supported).toEqual(['id_token']);
  });

  it('MC-07 names an authorization endpoint, which refuses everything and sends nobody anywhere', async () => {
    expect(metadata).not.toHaveProperty('code_challenge_methods_supported');
    const asked = '?response_type=code&client_id=a&redirect_uri=https%3A%2F%2Fattacker.example&state=s';
    const answer = await broker.call({ path: `${base}/authorize${asked}` });
    expect([answer.status, answer.body.error, answer.headers.location]).toEqual([
      400,
      'unsupported_response_type',
      undefined,
    ]);
    expect(answer.text).not.toContain('attacker');
  });

  it('MC-01, MC-02, MC-06 is found where MCP clients look, with endpoints by https', async () => {
    const places = [`${AUTHORIZATION_SERVER}${base}`, `${OPENID}${base}`, `${base}${OPENID}`];
    for (const place of places) expect((await broker.call({ path: place })).body.issuer).toBe(broker.issuer + path);
    for (const [name, url] of Object.entries(metadata))
      if (/_(endpoint|uri)$/.test(name)) expect(url).toMatch(/^https:/);
  });

  it('MD-04 lists the grants that are offered, and no other is', async () => {
    const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    expect(metadata.grant_types_supported).toEqual([TOKEN_EXCHANGE, 'client_credentials', jwtBearer]);
    expect((await exchange()).status).toBe(200);
    expect((await exchange({ grant_type: 'authorization_code' })).body.error).toBe('unsupported_grant_type');
    const none = { subject_token: '', subject_token_type: '' };
    expect((await exchange({ grant_type: 'client_credentials', ...none })).body.error).toBe('invalid_client');
    expect((await exchange({ grant_type: jwtBearer, ...none, assertion: 'a.b.c' })).body.error).toBe('invalid_grant');
  });

  it('MD-05 is JSON, and has no empty array', async () => {
    const { headers, text } = await broker.call({ path: `${base}${OPENID}` });
    expect(headers['content-type']).toBe('application/json');
    expect(text).not.toMatch(/\[\s*\]/);
    expect(Object.values(metadata).filter(Array.isArray).length).toBeGreaterThan(2);
  });

  it('MD-06 lists the ways to authenticate that somebody has, with their algorithms, and never `none`', () => {
    expect(metadata.token_endpoint_auth_methods_supported).toEqual(['spiffe_jwt', 'spiffe_x509']);
    expect(metadata.token_endpoint_auth_signing_alg_values_supported).toEqual(
      expect.arrayContaining(['RS256', 'ES256']),
    );
    expect(JSON.stringify(metadata)).not.toContain('none');
  });

  it('MD-07 names endpoints by https that are there, and none that is not', async () => {
    const urls = Object.entries(metadata).filter(([name]) => /_(endpoint|uri)$/.test(name));
    expect(urls).toEqual([
      ['token_endpoint', `${broker.issuer}${base}/token`],
      ['authorization_endpoint', `${broker.issuer}${base}/authorize`],
      ['jwks_uri', `${broker.issuer}${base}/.well-known/jwks.json`],
      ['introspection_endpoint', `${broker.issuer}${base}/introspect`],
      ['revocation_endpoint', `${broker.issuer}${base}/revoke`],
    ]);
    expect((await exchange()).status).toBe(200);
    expect((await broker.call({ path: `${base}/.well-known/jwks.json` })).body).toHaveProperty('keys');
    for (const endpoint of ['introspect', 'revoke'])
      expect((await broker.call({ method: 'POST', path: `${base}/${endpoint}` })).body.error).toBe('invalid_request');
    for (const absent of ['register', 'userinfo'])
      expect((await broker.call({ method: 'POST', path: `${base}/${absent}` })).status).toBe(404);
  });

  it('MD-08 has what OpenID Connect asks of a provider, RS256 among the algorithms', () => {
    expect(metadata).toMatchObject({
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: expect.arrayContaining(['RS256', 'ES256']),
      claims_supported: expect.arrayContaining(['iss', 'sub', 'aud', 'exp', 'iat']),
    });
  });

  it('MD-10 has nothing else: no member of a feature that is not on', () => {
    expect(Object.keys(metadata).sort()).toEqual([
      'authorization_endpoint',
      'claims_supported',
      'dpop_signing_alg_values_supported',
      'grant_types_supported',
      'id_token_signing_alg_values_supported',
      'introspection_endpoint',
      'introspection_endpoint_auth_methods_supported',
      'introspection_endpoint_auth_signing_alg_values_supported',
      'issuer',
      'jwks_uri',
      'response_types_supported',
      'revocation_endpoint',
      'revocation_endpoint_auth_methods_supported',
      'revocation_endpoint_auth_signing_alg_values_supported',
      'subject_types_supported',
      'tls_client_certificate_bound_access_tokens',
      'token_endpoint',
      'token_endpoint_auth_methods_supported',
      'token_endpoint_auth_signing_alg_values_supported',
    ]);
  });
});

describe('the JWK Set', () => {
  let broker: TestBroker;
  beforeAll(async () => {
    broker = await startSetting();
  });
  afterAll(() => broker.stop());

  const fetchKeys = async (): Promise<JSONWebKeySet & { readonly keys: readonly JWK[] }> =>
    JSON.parse((await broker.call({ path: '/.well-known/jwks.json' })).text);
  const issue = async (audience: string): Promise<string> => {
    const answer = await broker.exchange(await credentialsOf(broker).gitlab(), { audience });
    expect(answer.status, answer.text).toBe(200);
    return String(answer.body.access_token);
  };
  const verified = async (token: string, keys: JSONWebKeySet): Promise<boolean> =>
    jwtVerify(token, createLocalJWKSet(keys)).then(
      () => true,
      () => false,
    );

  it('MD-09 has public keys for signatures, each with its own kid and its algorithm', async () => {
    const { keys } = await fetchKeys();
    expect(new Set(keys.map(({ kid }) => kid)).size).toBe(keys.length);
    expect(keys.map(({ alg }) => alg).sort()).toEqual(['ES256', 'ES256', 'RS256', 'RS256']);
    for (const key of keys) {
      expect(key).toMatchObject({ use: 'sig', kid: expect.stringMatching(/^[\w-]{8,}$/) });
      const members =
        key.kty === 'EC' ? ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'] : ['alg', 'e', 'kid', 'kty', 'n', 'use'];
      expect(Object.keys(key).sort()).toEqual(members);
    }
  });

  it('MD-09 has a key before it signs and after, so that a set fetched once serves through a rotation', async () => {
    const before = await fetchKeys();
    const old = { ledger: await issue('ledger'), deploy: await issue('deploy') };
    const control = createControlClient(join(broker.folder, 'run/control.sock'));
    expect((await control.request('POST', '/keys/rotate')).status).toBe(200);
    const after = await fetchKeys();

    for (const target of ['ledger', 'deploy'] as const) {
      const fresh = await issue(target);
      expect(headerOf(fresh).kid).not.toBe(headerOf(old[target]).kid);
      expect(await verified(fresh, before)).toBe(true);
      expect(await verified(old[target], after)).toBe(true);
    }
    const stranger = { keys: before.keys.map((key, index) => ({ ...key, kid: `other-${index}` })) };
    expect(await verified(old.ledger, stranger)).toBe(false);
  });

  it('MD-09 may be kept for minutes, far shorter than a key is published ahead', async () => {
    const { headers } = await broker.call({ path: '/.well-known/jwks.json' });
    expect(headers).toMatchObject({ 'cache-control': 'public, max-age=300', 'content-type': 'application/json' });
  });
});
