// Unmodified openid-client and oauth4webapi against a whole broker: every method of client authentication that they have, with every
// grant. Certificates go through the hook that they document for them.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { type ClientBroker, SECRETS, startClientBroker } from '../support/client-broker.ts';
import { fetchAs } from '../support/fetch-as.ts';
import type { X509Svid } from '../support/spiffe-authority.ts';

const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const URL_ID = 'https://app.example/client';

let broker: ClientBroker;
let edge: X509Svid;
let gateway: X509Svid;
const system = getCACertificates('default');

beforeAll(async () => {
  broker = await startClientBroker();
  edge = await broker.edge.mintSvid('/x', { uris: [URL_OF_EDGE] });
  gateway = await broker.mesh.mintSvid('/ns/mcp/sa/gateway');
  // The clients use the global fetch: what they trust is set as an operator would, for the process.
  setDefaultCACertificates([...system, broker.ca]);
});
afterAll(async () => {
  setDefaultCACertificates(system);
  await broker.stop();
});

const URL_OF_EDGE = 'https://edge.example/client';
const claimsOf = ({ access_token }: { readonly access_token: string }) => decodeJwt(access_token);

interface Method {
  readonly id: string;
  readonly method: string;
  readonly auth: () => oauth.ClientAuth;
  readonly fetch?: () => typeof fetch;
}

const elderKey = () => ({ key: broker.clientKeys.elder.privateKey, kid: broker.clientKeys.elder.kid });
const METHODS: readonly Method[] = [
  { id: 'litellm', method: 'client_secret_post', auth: () => oauth.ClientSecretPost(SECRETS.litellm) },
  { id: 'kong', method: 'client_secret_basic', auth: () => oauth.ClientSecretBasic(SECRETS.kong) },
  {
    id: 'signer',
    method: 'private_key_jwt',
    auth: () => oauth.PrivateKeyJwt({ key: broker.clientKeys.signer.privateKey, kid: broker.clientKeys.signer.kid }),
  },
  { id: 'elder', method: 'private_key_jwt', auth: () => oauth.PrivateKeyJwt(elderKey()) },
  {
    // As older versions of the libraries, and most other ones, address it.
    id: 'elder',
    method: 'private_key_jwt',
    auth: () =>
      oauth.PrivateKeyJwt(elderKey(), {
        [oauth.modifyAssertion]: (_header, payload) => {
          payload.aud = `${broker.issuer}/token`;
        },
      }),
  },
  { id: 'edge', method: 'tls_client_auth', auth: () => oauth.TlsClientAuth(), fetch: () => fetchAs(broker, edge) },
  { id: 'gateway', method: 'spiffe_x509', auth: () => oauth.TlsClientAuth(), fetch: () => fetchAs(broker, gateway) },
];
const TABLE = METHODS.map((one, index) => [`${one.id} by ${one.method} (${index})`, one] as const);

describe('openid-client', () => {
  async function configured({ id, auth, fetch }: Method): Promise<client.Configuration> {
    const options = fetch ? { [client.customFetch]: fetch() as client.CustomFetch } : {};
    return client.discovery(new URL(broker.issuer), id, undefined, auth(), options);
  }

  it.each(TABLE)('TX-01, OA-03, JA-02 exchanges a token as %s', async (_title, method) => {
    const tokens = await client.genericGrantRequest(await configured(method), TOKEN_EXCHANGE, {
      subject_token: await broker.appToken(),
      subject_token_type: JWT_TYPE,
      audience: 'mcp',
    });
    expect(claimsOf(tokens)).toMatchObject({
      sub: 'apps:app-1',
      client_id: method.id,
      aud: 'https://upstream.example',
    });
    expect(broker.lastRecord()).toMatchObject({
      outcome: 'granted',
      client: { id: method.id, method: method.method },
      subject: { name: 'apps:app-1' },
    });
  });

  it.each(TABLE.filter(([, { id }]) => id !== 'gateway'))(
    'asks for itself as %s (client_credentials)',
    async (_title, method) => {
      const tokens = await client.clientCredentialsGrant(await configured(method), {
        resource: 'https://api.example/ledger',
      });
      expect(claimsOf(tokens)).toMatchObject({
        sub: `clients:${method.id}`,
        client_id: method.id,
        origin: { iss: broker.issuer, sub: method.id },
      });
    },
  );

  it.each(TABLE)('JA-01 presents an assertion as %s (jwt-bearer)', async (_title, method) => {
    const tokens = await client.genericGrantRequest(await configured(method), JWT_BEARER_GRANT, {
      assertion: await broker.appToken(),
      audience: 'mcp',
      scope: 'tools',
    });
    expect(claimsOf(tokens)).toMatchObject({ sub: 'apps:app-1', client_id: method.id, scope: 'tools' });
  });

  it('without authentication a workload exchanges its own token, and a client_id of nobody proves nothing', async () => {
    const config = await client.discovery(new URL(broker.issuer), 'ignored', undefined, client.None());
    const tokens = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: await broker.workerToken(),
      subject_token_type: JWT_TYPE,
      audience: 'ledger',
    });
    expect(claimsOf(tokens)).toMatchObject({ sub: 'login:worker-1', client_id: 'login:worker-1' });
    expect(broker.lastRecord()).toMatchObject({ unprovedClientId: 'ignored' });
  });

  it('OA-07 sees the challenge where Basic failed, and the code of the error anywhere else', async () => {
    const grant = async (auth: client.ClientAuth) => {
      const config = await client.discovery(new URL(broker.issuer), 'kong', undefined, auth);
      return client.clientCredentialsGrant(config, { audience: 'ledger' });
    };
    await expect(grant(client.ClientSecretBasic('wrong'))).rejects.toMatchObject({
      cause: [expect.objectContaining({ scheme: 'basic', parameters: { realm: 'exchequer' } })],
      status: 401,
    });
    await expect(grant(client.ClientSecretPost('wrong'))).rejects.toMatchObject({
      error: 'invalid_client',
      status: 400,
      error_description: expect.stringMatching(/decision [0-9A-Z]{26}$/),
    });
    expect(broker.lastRecord()).toMatchObject({ evidence: { method: 'post', problem: 'secret_wrong' } });
  });
});

describe('oauth4webapi', () => {
  async function server(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(broker.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }));
  }
  const optionsOf = ({ fetch }: Method) => (fetch ? { [oauth.customFetch]: fetch() } : {});

  it.each(TABLE)('TX-01 exchanges a token as %s', async (_title, method) => {
    const as = await server();
    const self = { client_id: method.id };
    const parameters = { subject_token: await broker.appToken(), subject_token_type: JWT_TYPE, audience: 'mcp' };
    const response = await oauth.genericTokenEndpointRequest(
      as,
      self,
      method.auth(),
      TOKEN_EXCHANGE,
      parameters,
      optionsOf(method),
    );
    const tokens = await oauth.processGenericTokenEndpointResponse(as, self, response);
    expect(claimsOf(tokens)).toMatchObject({ sub: 'apps:app-1', client_id: method.id });
  });

  it('OA-03 authenticates a client whose id is a URL, which only form-encoding carries', async () => {
    const as = await server();
    const self = { client_id: URL_ID };
    const response = await oauth.clientCredentialsGrantRequest(as, self, oauth.ClientSecretBasic(SECRETS[URL_ID]), {
      audience: 'ledger',
    });
    const tokens = await oauth.processClientCredentialsResponse(as, self, response);
    expect(claimsOf(tokens)).toMatchObject({ client_id: URL_ID, sub: `clients:https://app.example/client` });
  });

  it('JA-10 a client_secret_jwt is refused: a MAC is no signature', async () => {
    const as = await server();
    const self = { client_id: 'litellm' };
    const ask = async (auth: oauth.ClientAuth) => {
      const response = await oauth.clientCredentialsGrantRequest(as, self, auth, { audience: 'ledger' });
      return oauth.processClientCredentialsResponse(as, self, response);
    };
    await expect(ask(oauth.ClientSecretJwt(SECRETS.litellm))).rejects.toMatchObject({ error: 'invalid_client' });
    expect(broker.lastRecord()).toMatchObject({ evidence: { method: 'assertion', problem: 'other_method' } });
    expect((await ask(oauth.ClientSecretPost(SECRETS.litellm))).token_type).toBe('bearer');
  });

  it('SC-05, MD-06 reads the methods that there are', async () => {
    expect((await server()).token_endpoint_auth_methods_supported).toEqual([
      ...['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth'],
      ...['spiffe_jwt', 'spiffe_x509'],
    ]);
  });
});
