// Unmodified openid-client and oauth4webapi through everything that delegation has: an actor token beside the person's, private_key_jwt,
// DPoP with their own second attempt, introspection by a resource server, and revocation with all that was made from a token.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { calculateJwkThumbprint, decodeJwt, exportJWK } from 'jose';
import * as oauth from 'oauth4webapi';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOKEN_EXCHANGE } from '../support/broker.ts';
import { AGENT, type GatewayScene, RULES, SECRET, startGatewayScene, TOOLS, TYPE } from '../support/gateway.ts';

const NEXT = 'https://next.acme.example';

/** The service behind `tools` exchanges what it was given for the one behind it. */
const ONWARD = `${RULES}
  - name: tools-goes-on
    subject: { trust: self, self: { aud: "${TOOLS}", sub: "people:*" } }
    actor: client
    client: tools-api
    allow: [next]
`;

let scene: GatewayScene;
const system = getCACertificates('default');
beforeAll(async () => {
  scene = await startGatewayScene({
    config: (yaml) =>
      yaml
        .replace('\ntrust:\n', '\ntrust:\n  self: {}\n')
        .replace(
          'clients:\n',
          `clients:\n  tools-api: { secret: "\${secret}", presents: ["${TOOLS}"], introspects: [tools, next] }\n`,
        )
        .replace('targets:\n', `targets:\n  next: { kind: token, audience: ${NEXT} }\n`),
    policies: { 'gateways.yaml': ONWARD },
  });
  setDefaultCACertificates([...system, scene.ca]);
}, 30_000);
afterAll(async () => {
  setDefaultCACertificates(system);
  await scene?.stop();
});

const delegated = async () => ({
  subject_token: await scene.personToken(),
  subject_token_type: `${TYPE}access_token`,
  actor_token: await scene.agentToken(),
  actor_token_type: `${TYPE}jwt`,
  audience: 'tools',
});
const onward = (token: string) => ({
  subject_token: token,
  subject_token_type: `${TYPE}access_token`,
  audience: 'next',
});
const agentActs = { iss: 'spiffe://prod.example', sub: AGENT };
const signerKey = () => ({ key: scene.signer.privateKey, kid: scene.signer.kid });
const thumbprint = async ({ publicKey }: oauth.CryptoKeyPair) => calculateJwkThumbprint(await exportJWK(publicKey));

describe('openid-client', () => {
  const bySigner = () =>
    client.discovery(new URL(scene.issuer), 'signer', undefined, client.PrivateKeyJwt(signerKey()));
  const byService = () =>
    client.discovery(new URL(scene.issuer), 'tools-api', undefined, client.ClientSecretBasic(SECRET));

  it('TX-40, TX-41, JA-02 exchanges a person’s token with an actor’s, by private_key_jwt', async () => {
    const tokens = await client.genericGrantRequest(await bySigner(), TOKEN_EXCHANGE, await delegated());
    expect(decodeJwt(tokens.access_token)).toMatchObject({ sub: 'people:alice', client_id: 'signer', act: agentActs });
  });

  it('DP-06, DP-07 does it with DPoP, and finds the nonce by itself', async () => {
    const config = await bySigner();
    const keys = await client.randomDPoPKeyPair('ES256');
    const DPoP = client.getDPoPHandle(config, keys);
    const tokens = await client.genericGrantRequest(config, TOKEN_EXCHANGE, await delegated(), { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const bound = { cnf: { jkt: await thumbprint(keys) } };
    expect(decodeJwt(tokens.access_token)).toMatchObject({ act: agentActs, ...bound });
    const told = await client.tokenIntrospection(await byService(), tokens.access_token);
    expect(told).toMatchObject({ active: true, token_type: 'DPoP', ...bound });
  });

  it('introspects as the resource server, revokes as the client, and then finds all that was made from it inactive', async () => {
    const [gateway, service] = [await bySigner(), await byService()];
    const first = await client.genericGrantRequest(gateway, TOKEN_EXCHANGE, await delegated());
    const second = await client.genericGrantRequest(service, TOKEN_EXCHANGE, onward(first.access_token));
    const acts = { iss: scene.issuer, sub: 'tools-api', act: agentActs };
    const told = await client.tokenIntrospection(service, second.access_token);
    expect(told).toMatchObject({ active: true, sub: 'people:alice', aud: NEXT, client_id: 'tools-api', act: acts });

    await client.tokenRevocation(gateway, first.access_token);
    for (const { access_token: token } of [first, second])
      expect(await client.tokenIntrospection(service, token)).toEqual({ active: false });
    const again = client.genericGrantRequest(service, TOKEN_EXCHANGE, onward(first.access_token));
    await expect(again).rejects.toMatchObject({ error: 'invalid_request', status: 400 });
    expect(scene.lastRecord()).toMatchObject({ reason: 'withdrawn' });
  });

  it('is told nothing of a token that is none of its business', async () => {
    const tokens = await client.genericGrantRequest(await bySigner(), TOKEN_EXCHANGE, await delegated());
    expect(await client.tokenIntrospection(await bySigner(), tokens.access_token)).toEqual({ active: false });
    await client.tokenRevocation(await byService(), tokens.access_token); // answered as if it had been
    expect(await client.tokenIntrospection(await byService(), tokens.access_token)).toMatchObject({ active: true });
  });

  it('tells its caller that the person must confirm, and how', async () => {
    const asked = client.genericGrantRequest(await bySigner(), TOKEN_EXCHANGE, {
      ...(await delegated()),
      scope: 'pay',
    });
    await expect(asked).rejects.toMatchObject({
      error: 'insufficient_user_authentication',
      cause: { acr_values: 'mfa', max_age: 300 },
    });
  });
});

describe('oauth4webapi', () => {
  const signer: oauth.Client = { client_id: 'signer' };
  const service: oauth.Client = { client_id: 'tools-api' };
  async function server(): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(scene.issuer);
    return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }));
  }
  async function exchange(as: oauth.AuthorizationServer, options: oauth.TokenEndpointRequestOptions = {}) {
    const auth = oauth.PrivateKeyJwt(signerKey());
    const parameters = await delegated();
    const response = await oauth.genericTokenEndpointRequest(as, signer, auth, TOKEN_EXCHANGE, parameters, options);
    return oauth.processGenericTokenEndpointResponse(as, signer, response);
  }
  async function introspect(as: oauth.AuthorizationServer, token: string) {
    const response = await oauth.introspectionRequest(as, service, oauth.ClientSecretBasic(SECRET), token);
    return oauth.processIntrospectionResponse(as, service, response);
  }

  it('TX-40, TX-41, JA-02 exchanges, introspects, revokes, and introspects again', async () => {
    const as = await server();
    const { access_token: token, issued_token_type: issued } = await exchange(as);
    expect(issued).toBe(`${TYPE}access_token`);
    expect(await introspect(as, token)).toMatchObject({ active: true, sub: 'people:alice', act: agentActs });
    const revoked = await oauth.revocationRequest(as, signer, oauth.PrivateKeyJwt(signerKey()), token);
    expect(await oauth.processRevocationResponse(revoked)).toBeUndefined();
    expect(await introspect(as, token)).toEqual({ active: false });
  });

  it('DP-06, DP-07 with DPoP is told that a nonce is wanted, and is served with it', async () => {
    const as = await server();
    const keys = await oauth.generateKeyPair('ES256', { extractable: true });
    const DPoP = oauth.DPoP(signer, keys);
    const first = await exchange(as, { DPoP }).catch((error: unknown) => error);
    expect(oauth.isDPoPNonceError(first)).toBe(true);
    const tokens = await exchange(as, { DPoP });
    expect(tokens.token_type).toBe('dpop');
    const bound = { cnf: { jkt: await thumbprint(keys) } };
    expect(decodeJwt(tokens.access_token)).toMatchObject({ act: agentActs, ...bound });
  });

  it('OA-07 a wrong secret at introspection and revocation is its challenge', async () => {
    const as = await server();
    const { access_token: token } = await exchange(as);
    const wrong = oauth.ClientSecretBasic('wrong');
    const answers = [
      await oauth.introspectionRequest(as, service, wrong, token),
      await oauth.revocationRequest(as, service, wrong, token),
    ];
    for (const answer of answers)
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="exchequer"']);
    expect(await introspect(as, token)).toMatchObject({ active: true });
  });
});
