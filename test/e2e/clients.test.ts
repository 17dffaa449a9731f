// Unmodified OAuth clients against a running broker, and a real OpenID provider as its issuer.

import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import * as oauth from 'oauth4webapi';
import Provider from 'oidc-provider';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { githubPush, jwtSvid } from '../../src/adapters/cli/demo/platforms.ts';
import { JWT_TYPE, mint, startTestBroker, type TestBroker, TOKEN_EXCHANGE } from '../support/broker.ts';

describe('unmodified clients', () => {
  let broker: TestBroker;
  const system = getCACertificates('default');
  beforeAll(async () => {
    broker = await startTestBroker();
    // The clients use the global fetch: what they trust is set as an operator would, for the process.
    setDefaultCACertificates([...system, broker.ca]);
  });
  afterAll(async () => {
    setDefaultCACertificates(system);
    await broker.stop();
  });

  const svid = () =>
    mint(broker, 'mesh', jwtSvid('spiffe://prod.example/ns/payments/sa/api', broker.issuer, broker.now()));

  it('openid-client discovers the broker and exchanges a token', async () => {
    const config = await client.discovery(new URL(broker.issuer), 'ignored', undefined, client.None());
    const tokens = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: await svid(),
      subject_token_type: JWT_TYPE,
      audience: 'ledger',
      scope: 'postings:read',
    });
    expect(tokens).toMatchObject({ token_type: 'bearer', expires_in: expect.any(Number) });
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'granted', unprovedClientId: 'ignored' });
  });

  it('openid-client sees the error code and the sentence of a refusal', async () => {
    const config = await client.discovery(new URL(broker.issuer), 'ignored', undefined, client.None(), {
      algorithm: 'oauth2',
    });
    const refused = client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: await svid(),
      subject_token_type: JWT_TYPE,
      audience: 'nowhere',
    });
    await expect(refused).rejects.toMatchObject({
      error: 'invalid_target',
      error_description: expect.stringMatching(/decision [0-9A-Z]{26}$/),
    });
  });

  it('oauth4webapi exchanges a token and validates the answer', async () => {
    const issuer = new URL(broker.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
    );
    const anyClient = { client_id: 'ignored' };
    const token = await mint(broker, 'github', githubPush(broker.issuer, broker.now()));
    const response = await oauth.genericTokenEndpointRequest(
      as,
      anyClient,
      oauth.None(),
      TOKEN_EXCHANGE,
      new URLSearchParams({ subject_token: token, subject_token_type: JWT_TYPE, resource: 'https://deploy.example' }),
    );
    const result = await oauth.processGenericTokenEndpointResponse(as, anyClient, response);
    expect(result).toMatchObject({
      token_type: 'bearer',
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
  });

  it('oauth4webapi reads a refusal as the OAuth error it is', async () => {
    const as = { issuer: broker.issuer, token_endpoint: `${broker.issuer}/token` };
    const anyClient = { client_id: 'ignored' };
    const response = await oauth.genericTokenEndpointRequest(
      as,
      anyClient,
      oauth.None(),
      'password',
      new URLSearchParams(),
    );
    await expect(oauth.processGenericTokenEndpointResponse(as, anyClient, response)).rejects.toMatchObject({
      error: 'unsupported_grant_type',
    });
  });
});

describe('a real OpenID provider as issuer', () => {
  let provider: ReturnType<typeof createServer>;
  let broker: TestBroker;
  let issuer: string;
  const system = getCACertificates('default');

  beforeAll(async () => {
    const tls = await mintServerCertificate(['localhost']);
    provider = createServer({ cert: tls.cert, key: tls.key });
    provider.listen(0, '127.0.0.1');
    await once(provider, 'listening');
    issuer = `https://localhost:${(provider.address() as AddressInfo).port}`;
    provider.on('request', openIdProvider(issuer, () => broker.issuer).callback());
    setDefaultCACertificates([...system, tls.ca]);
    broker = await startTestBroker({
      world: { permitLoopback: true },
      config: (yaml) =>
        yaml.replace(
          '\ntargets:',
          `\n  idp: { kind: oidc, issuer: "${issuer}", subjects: workloads, presenter: self, tokens: [access_token] }\ntargets:`,
        ),
      policies: {
        'idp.yaml': 'rules: [{ name: batch, subject: { trust: idp, sub: batch-worker }, allow: { ledger: all } }]',
      },
    });
  });
  afterAll(async () => {
    setDefaultCACertificates(system);
    await broker.stop();
    provider.close();
    provider.closeAllConnections();
  });

  async function accessToken(): Promise<string> {
    const config = await client.discovery(
      new URL(issuer),
      'batch-worker',
      undefined,
      client.ClientSecretBasic('a-secret-of-the-test'),
    );
    return (await client.clientCredentialsGrant(config, { resource: broker.issuer })).access_token;
  }

  it('its access token (at+jwt, keys by discovery) is exchanged', async () => {
    const answer = await broker.exchange(await accessToken(), {
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    });
    expect(answer.status, answer.text).toBe(200);
    expect(broker.records().at(-1)).toMatchObject({ subject: { source: 'idp', name: 'idp:batch-worker' } });
  });

  it('A-22 the same token sent as a plain jwt is refused', async () => {
    const answer = await broker.exchange(await accessToken());
    expect(answer.body.error).toBe('invalid_request');
    expect(broker.records().at(-1)).toMatchObject({ reason: 'token_type_refused' });
  });
});

function openIdProvider(issuer: string, audience: () => string): Provider {
  return new Provider(issuer, {
    clients: [
      {
        client_id: 'batch-worker',
        client_secret: 'a-secret-of-the-test',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: audience,
        getResourceServerInfo: () => ({
          scope: '',
          audience: audience(),
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
}
