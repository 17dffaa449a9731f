// The unmodified MCP TypeScript SDK on both sides of us: a server that names us as its authorization server and verifies our tokens by our
// keys or by introspection, and a client that is told nothing but the server's address.

import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import {
  auth,
  Client,
  ClientCredentialsProvider,
  DpopSession,
  discoverOAuthServerInfo,
  exchangeJwtAuthGrant,
  type OAuthClientProvider,
  PrivateKeyJwtProvider,
  requestJwtAuthorizationGrant,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { decodeJwt, exportJWK } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TOKEN_EXCHANGE } from '../../support/broker.ts';
import { basicEncoded, sha256 } from '../../support/clients.ts';
import { AGENT, type GatewayScene, MCP, RULES, SECRET, startGatewayScene, TYPE } from '../../support/gateway.ts';
import { byIntrospection, byKeys, type Caller, type McpResource, openMcpResource } from '../../support/mcp.ts';

/** What `exchequer keys secret` makes has letters and digits only; the SDK's Basic is raw. */
const SERVER_SECRET = 'c2VjcmV0b2Z0aGVzZXJ2ZXI';

const ELSEWHERE = `
  - name: payments-elsewhere
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/api }
    allow: [secret]
`;

let scene: GatewayScene;
let resource: McpResource;
const system = getCACertificates('default');

beforeAll(async () => {
  resource = await openMcpResource();
  const { certificate } = resource;
  scene = await startGatewayScene({
    config: (yaml) =>
      yaml
        .replace('audience: https://tools.acme.example/mcp', `audience: "${resource.url.href}"`)
        .replace('clients:\n', `clients:\n  mcp-server: { secret: "\${server}", introspects: [tools] }\n`),
    policies: { 'gateways.yaml': `${RULES}${ELSEWHERE}` },
    files: { 'ca.crt': certificate.ca, 'tls.crt': certificate.cert, 'tls.key': certificate.key },
    world: { env: { secret: sha256(SECRET), server: sha256(SERVER_SECRET) } },
  });
  // The SDK uses the global fetch: what it trusts is set as an operator would, for the process.
  setDefaultCACertificates([...system, scene.ca]);
}, 30_000);
afterAll(async () => {
  setDefaultCACertificates(system);
  await resource?.[Symbol.asyncDispose]();
  await scene?.stop();
});

beforeEach(() => void vi.spyOn(console, 'warn').mockImplementation(() => undefined));
afterEach(() => void vi.restoreAllMocks());

const bySecret = (clientSecret: string, scope?: string): OAuthClientProvider =>
  new ClientCredentialsProvider({
    ...{ clientId: 'mcp', clientSecret, expectedIssuer: scene.issuer },
    ...(scope === undefined ? {} : { scope }),
  });

async function byKey(): Promise<OAuthClientProvider> {
  const privateKey = { ...(await exportJWK(scene.signer.privateKey)) };
  return new PrivateKeyJwtProvider({
    clientId: 'signer',
    privateKey,
    algorithm: 'ES256',
    expectedIssuer: scene.issuer,
  });
}

type Auth = NonNullable<NonNullable<ConstructorParameters<typeof StreamableHTTPClientTransport>[1]>['authProvider']>;

/** A client that knows the server's address, connected, and what the tool told it. */
async function call(authProvider: Auth, tool = 'whoami'): Promise<Caller> {
  const client = new Client({ name: 'assistant', version: '1.0.0' });
  try {
    await client.connect(new StreamableHTTPClientTransport(resource.url, { authProvider }));
    const { content } = await client.callTool({ name: tool, arguments: {} });
    const [first] = content;
    return JSON.parse(first?.type === 'text' ? first.text : '');
  } finally {
    await client.close();
  }
}

/** A client that has its token from elsewhere: from a gateway's exchange. */
const holding = (token: string) => ({ token: async () => token });

async function exchanged(form: Readonly<Record<string, string>>): Promise<string> {
  const answer = await scene.token(
    {
      ...{ grant_type: TOKEN_EXCHANGE, subject_token: await scene.personToken() },
      ...{ subject_token_type: `${TYPE}access_token`, resource: resource.url.href, ...form },
    },
    { authorization: basicEncoded('agentgateway', SECRET) },
  );
  return String(answer.body.access_token);
}

describe.each([
  ['by our keys', () => byKeys(resource.url)],
  ['by introspection', () => byIntrospection('mcp-server', SERVER_SECRET)],
])('an MCP server that verifies %s', (_how, verifier) => {
  beforeAll(() => resource.trust(scene.issuer, verifier()));

  it.each([
    ['client_secret_basic', 'mcp', () => bySecret(SECRET)],
    ['private_key_jwt', 'signer', () => byKey()],
  ])('MC-03, MC-11, MC-23 serves a client that was told its address alone, by %s', async (method, id, provider) => {
    const before = resource.presented().length;
    const caller = await call(await provider());
    expect(caller).toEqual({ clientId: id, sub: `clients:${id}`, scopes: ['call'] });
    const [first, second] = resource.presented().slice(before);
    expect([first, second]).toEqual([undefined, expect.stringMatching(/^Bearer eyJ/)]);
    const granted = scene.records().findLast(({ outcome }) => outcome === 'granted');
    expect(granted).toMatchObject({ grantType: 'client_credentials', target: 'tools', client: { id, method } });
  });

  it('MC-04 hears of the person and of the agent, whatever gateway asked for the token', async () => {
    const acting = await call(holding(await exchanged({})));
    expect(acting).toMatchObject({ sub: 'people:alice', act: { iss: scene.issuer, sub: 'agentgateway' } });
    const actor = { actor_token: await scene.agentToken(), actor_token_type: `${TYPE}jwt` };
    const delegated = await call(holding(await exchanged(actor)));
    expect(delegated).toMatchObject({
      ...{ clientId: 'agentgateway', sub: 'people:alice', scopes: ['call'] },
      act: { iss: 'spiffe://prod.example', sub: AGENT },
    });
  });

  it('MC-04, MC-10 does not take the person’s own token, nor one for another audience', async () => {
    const other = await scene.token(
      {
        ...{ grant_type: TOKEN_EXCHANGE, subject_token_type: `${TYPE}jwt`, audience: 'secret' },
        subject_token: await scene.mesh.signJwt('/ns/payments/sa/api', scene.issuer, scene.now()),
      },
      {},
    );
    expect(other.status, other.text).toBe(200);
    for (const token of [await scene.personToken(), String(other.body.access_token)])
      await expect(call(holding(token))).rejects.toThrow(/401|Unauthorized/);
    expect(await call(holding(await exchanged({})))).toMatchObject({ sub: 'people:alice' });
  });

  it('MC-10 asks for a scope that the client’s rule does not give: the client asks us, and is refused', async () => {
    const before = scene.records().length;
    await expect(call(bySecret(SECRET), 'pay')).rejects.toThrow(
      /^no rule lets clients:mcp have .*; nearest gateways-themselves .*: scope was 'pay', must be 'call'\. [0-9A-Z]{26}$/,
    );
    const reasons = scene
      .records()
      .slice(before)
      .map(({ reason }) => reason);
    expect(reasons).toContain('scope_not_allowed');
    const confirmed = await scene.personToken({ acr: 'mfa', auth_time: scene.now() - 5 });
    const token = await exchanged({ subject_token: confirmed, scope: 'call pay' });
    expect(await call(holding(token), 'pay')).toMatchObject({ sub: 'people:alice', scopes: ['call', 'pay'] });
  });
});

describe('the MCP client', () => {
  beforeAll(() => resource.trust(scene.issuer, byKeys(resource.url)));

  it('MC-01, MC-02, MC-07 finds us by the server’s metadata, and takes ours', async () => {
    const found = await discoverOAuthServerInfo(resource.url);
    expect(found).toMatchObject({
      authorizationServerUrl: scene.issuer,
      authorizationServerMetadata: { issuer: scene.issuer, token_endpoint: `${scene.issuer}/token` },
      resourceMetadata: { resource: resource.url.href, authorization_servers: [scene.issuer] },
    });
  });

  it('OA-03 whose secret is wrong asks twice, and shows its user our sentence', async () => {
    const before = scene.records().length;
    await expect(call(bySecret('wrong'))).rejects.toThrow(/client authentication failed/);
    const written = scene.records().slice(before);
    expect(written.map(({ reason }) => reason)).toEqual(['client_credential_refused', 'client_credential_refused']);
  });

  it('MC-25, DP-07 proves a key of its own to us, nonce and all, and gets a token that is bound to it', async () => {
    const session = await DpopSession.create({ alg: 'ES256' });
    const provider = Object.assign(await byKey(), { dpop: async () => session });
    expect(await auth(provider, { serverUrl: resource.url })).toBe('AUTHORIZED');
    const tokens = await provider.tokens();
    expect(tokens?.token_type).toBe('DPoP');
    expect(decodeJwt(tokens?.access_token ?? '')).toMatchObject({
      sub: 'clients:signer',
      cnf: { jkt: session.thumbprint },
    });
    const [first, second] = scene.records().slice(-2);
    expect([first?.reason, second?.outcome]).toEqual(['dpop_nonce_wanted', 'granted']);
  });

  it('MC-24 that is a workload presents its own token as a grant, and is no client', async () => {
    const assertion = await scene.mesh.signJwt('/ns/payments/sa/api', scene.issuer, scene.now());
    const grant = { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion };
    const answer = await scene.token({ ...grant, resource: 'https://secret.example' });
    expect(decodeJwt(String(answer.body.access_token))).toMatchObject({
      ...{ sub: 'spiffe://prod.example/ns/payments/sa/api', aud: 'https://secret.example' },
    });
    const refused = await scene.token({ ...grant, assertion: `${assertion}x`, resource: 'https://secret.example' });
    expect(refused.body.error).toBe('invalid_grant');
  });

  it('MC-20 asks for an ID-JAG, which is refused and never answered with another token', async () => {
    const asked = requestJwtAuthorizationGrant({
      ...{ tokenEndpoint: `${scene.issuer}/token`, audience: scene.issuer, resource: resource.url.href },
      ...{ idToken: await scene.personToken({}, { typ: 'JWT' }), clientId: 'mcp', clientSecret: SECRET },
    });
    await expect(asked).rejects.toThrow(
      /^Token exchange failed: invalid_request - requested_token_type names a token type that is not supported/,
    );
  });

  it('MC-22, OA-03 redeems a person’s JWT by jwt-bearer, its Basic credential raw', async () => {
    const grant = async (jwt: string) =>
      exchangeJwtAuthGrant({
        ...{ tokenEndpoint: `${scene.issuer}/token`, jwtAuthGrant: jwt },
        ...{ clientId: 'litellm', clientSecret: SECRET },
      });
    // It sends no resource, and there is no target for everybody.
    await expect(grant(await scene.personToken({}, { typ: 'JWT' }))).rejects.toThrow(
      /invalid_target|the target is unknown/,
    );
    expect(scene.lastRecord()).toMatchObject({
      ...{ reason: 'target_unknown', subject: { name: 'people:alice' } },
      client: { id: 'litellm', method: 'client_secret_basic' },
    });
    await expect(grant(await scene.personToken({ aud: `${MCP}/other` }, { typ: 'JWT' }))).rejects.toThrow(
      /assertion was refused/,
    );
  });
});
