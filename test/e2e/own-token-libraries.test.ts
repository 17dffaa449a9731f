// Unmodified openid-client and oauth4webapi introspect and revoke at a whole broker: by every method of client authentication that they
// have, at the endpoints that the metadata names.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { SECRETS } from '../support/client-broker.ts';
import { fetchAs } from '../support/fetch-as.ts';
import { type OwnTokenBroker, startOwnTokenBroker } from '../support/own-token-broker.ts';
import type { X509Svid } from '../support/spiffe-authority.ts';

let broker: OwnTokenBroker;
let edge: X509Svid;
const system = getCACertificates('default');
beforeAll(async () => {
  broker = await startOwnTokenBroker();
  edge = await broker.edge.mintSvid('/x', { uris: ['https://edge.example/client'] });
  // The clients use the global fetch: what they trust is set as an operator would, for the process.
  setDefaultCACertificates([...system, broker.ca]);
}, 30_000);
afterAll(async () => {
  setDefaultCACertificates(system);
  await broker.stop();
});

interface Method {
  readonly id: string;
  readonly auth: () => oauth.ClientAuth;
  readonly fetch?: () => typeof fetch;
}
const METHODS: readonly (readonly [string, Method])[] = [
  ['client_secret_post', { id: 'litellm', auth: () => oauth.ClientSecretPost(SECRETS.litellm) }],
  ['client_secret_basic', { id: 'kong', auth: () => oauth.ClientSecretBasic(SECRETS.kong) }],
  [
    'private_key_jwt',
    {
      id: 'signer',
      auth: () => oauth.PrivateKeyJwt({ key: broker.clientKeys.signer.privateKey, kid: broker.clientKeys.signer.kid }),
    },
  ],
  ['tls_client_auth', { id: 'edge', auth: () => oauth.TlsClientAuth(), fetch: () => fetchAs(broker, edge) }],
];

describe('openid-client', () => {
  const configured = ({ id, auth, fetch }: Method) =>
    client.discovery(
      new URL(broker.issuer),
      id,
      undefined,
      auth(),
      fetch ? { [client.customFetch]: fetch() as client.CustomFetch } : {},
    );

  it.each(METHODS)('IN-04, RV-01 introspects a token and revokes it by %s', async (method, options) => {
    const config = await configured(options);
    const { access_token: token } = await client.genericGrantRequest(config, TOKEN_EXCHANGE, {
      subject_token: await broker.appToken(),
      subject_token_type: JWT_TYPE,
      audience: 'mcp',
    });
    const { lineage: _, ...claims } = decodeJwt(token);
    expect(await client.tokenIntrospection(config, token)).toEqual({ active: true, token_type: 'Bearer', ...claims });
    expect(broker.lastRecord()).toMatchObject({ event: 'introspection', client: { id: options.id, method } });
    await client.tokenRevocation(config, token, { token_type_hint: 'access_token' });
    expect(broker.lastRecord()).toMatchObject({ event: 'revocation', client: { id: options.id, method } });
    expect(await client.tokenIntrospection(config, token)).toEqual({ active: false });
  });

  it('IN-01 sees the code of the error where it may not ask', async () => {
    const config = await configured({ id: 'litellm', auth: () => oauth.ClientSecretPost('wrong') });
    const wrong = { error: 'invalid_client', status: 400 };
    await expect(client.tokenIntrospection(config, 'a')).rejects.toMatchObject(wrong);
    await expect(client.tokenRevocation(config, 'a')).rejects.toMatchObject(wrong);
  });
});

describe('oauth4webapi', () => {
  it.each(METHODS)('IN-04, RV-02 introspects and revokes by %s', async (_method, { id, auth, fetch }) => {
    const issuer = new URL(broker.issuer);
    const as = await oauth.processDiscoveryResponse(
      issuer,
      await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }),
    );
    const self = { client_id: id };
    const options = fetch ? { [oauth.customFetch]: fetch() } : {};
    const parameters = { subject_token: await broker.appToken(), subject_token_type: JWT_TYPE, audience: 'mcp' };
    const granted = await oauth.genericTokenEndpointRequest(as, self, auth(), TOKEN_EXCHANGE, parameters, options);
    const { access_token: token } = await oauth.processGenericTokenEndpointResponse(as, self, granted);

    const introspect = async () => {
      const answer = await oauth.introspectionRequest(as, self, auth(), token, options);
      return oauth.processIntrospectionResponse(as, self, answer);
    };
    expect(await introspect()).toMatchObject({ active: true, client_id: id, sub: 'apps:app-1', scope: 'tools' });
    for (const one of ['random', token])
      await oauth.processRevocationResponse(await oauth.revocationRequest(as, self, auth(), one, options));
    expect(await introspect()).toEqual({ active: false });
  });
});
