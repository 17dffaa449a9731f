// An MCP server as a resource server of ours: the unmodified MCP server SDK over TLS on loopback, with its own bearer authentication, its
// own protected resource metadata (RFC 9728), and a verifier of tokens by our keys (jose) or by our introspection (oauth4webapi).

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type AuthInfo,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  type OAuthTokenVerifier,
  oauthMetadataResponse,
  requireBearerAuth,
  requireScopes,
  specTypeSchemas,
} from '@modelcontextprotocol/server';
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import { mintServerCertificate, type ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

/** Who may call, as a tool sees it. */
export interface Caller {
  readonly clientId: string;
  readonly sub: unknown;
  readonly act: unknown;
  readonly scopes: readonly string[];
}

export interface McpResource extends AsyncDisposable {
  /** Its address, and so the audience of the tokens that it takes. */
  readonly url: URL;
  /** For the broker too: of two authorities of one name, a client would try the first only. */
  readonly certificate: ServerCertificate;
  /** What each request bore in `Authorization`; undefined for none. */
  readonly presented: () => readonly (string | undefined)[];
  /** From now on it takes tokens of this authorization server. */
  trust(issuer: string, verifier: (as: oauth.AuthorizationServer) => OAuthTokenVerifier): Promise<void>;
}

/** Listens at once, so that its address is known before the broker is configured; until `trust` it serves nothing. */
export async function openMcpResource(): Promise<McpResource> {
  let respond: (request: Request) => Promise<Response> = async () => new Response(null, { status: 503 });
  const certificate = await mintServerCertificate(['localhost', '127.0.0.1']);
  const server = await openTlsServer((request, response) => void bridge(server, request, response, respond), {
    certificate,
  });
  const url = new URL('mcp', server.url);
  const handler = createMcpHandler(toolServer);
  return {
    url,
    certificate,
    presented: () => server.seen.filter(({ url: path }) => path === '/mcp').map(({ headers }) => headers.authorization),
    async trust(issuer, verifier) {
      const as = await discover(issuer);
      const metadata = specTypeSchemas.OAuthMetadata['~standard'].validate(as);
      if (metadata instanceof Promise || metadata.issues) throw new Error('the MCP SDK does not take our metadata');
      const described = { oauthMetadata: metadata.value, resourceServerUrl: url, scopesSupported: ['call'] };
      const resourceMetadataUrl = getOAuthProtectedResourceMetadataUrl(url);
      const gate = requireBearerAuth({ verifier: verifier(as), resourceMetadataUrl, expectedResource: url });
      respond = async (request) => {
        const document = oauthMetadataResponse(request, described);
        if (document) return document;
        const authInfo = await gate(request);
        return authInfo instanceof Response ? authInfo : handler.fetch(request, { authInfo });
      };
    },
    async [Symbol.asyncDispose]() {
      await handler.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** Two tools: who is asking, and one that wants a scope of its own. */
function toolServer(): McpServer {
  const server = new McpServer({ name: 'tools', version: '1.0.0' });
  const told = (authInfo: AuthInfo | undefined) => ({
    content: [{ type: 'text' as const, text: JSON.stringify({ ...authInfo?.extra, scopes: authInfo?.scopes }) }],
  });
  server.registerTool('whoami', { description: 'Who is asking' }, (context) => told(context.http?.authInfo));
  server.registerTool('pay', { description: 'Pays', scopeChallenge: requireScopes('pay') }, (context) =>
    told(context.http?.authInfo),
  );
  return server;
}

async function discover(issuer: string): Promise<oauth.AuthorizationServer> {
  const url = new URL(issuer);
  return oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2' }));
}

const invalid = (why: string) => new OAuthError(OAuthErrorCode.InvalidToken, why);
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const authInfoOf = (token: string, claims: JWTPayload | oauth.IntrospectionResponse): AuthInfo => ({
  token,
  clientId: textOf(claims.client_id),
  scopes: textOf(claims.scope).split(' ').filter(Boolean),
  ...(claims.exp === undefined ? {} : { expiresAt: claims.exp }),
  resource: new URL(textOf(claims.aud)),
  extra: { clientId: claims.client_id, sub: claims.sub, act: claims.act },
});

/** RFC 9068 §4, by the keys of the metadata. */
export const byKeys =
  (audience: URL) =>
  (as: oauth.AuthorizationServer): OAuthTokenVerifier => {
    const keys = createRemoteJWKSet(new URL(as.jwks_uri ?? ''));
    return {
      async verifyAccessToken(token) {
        const options = { issuer: as.issuer, audience: audience.href, typ: 'at+jwt', algorithms: ['ES256', 'RS256'] };
        const { payload } = await jwtVerify(token, keys, options).catch((error: unknown) => {
          throw invalid(error instanceof Error ? error.message : 'not verified');
        });
        return authInfoOf(token, payload);
      },
    };
  };

/** RFC 7662, as a client that is registered for it. */
export const byIntrospection =
  (clientId: string, secret: string) =>
  (as: oauth.AuthorizationServer): OAuthTokenVerifier => ({
    async verifyAccessToken(token) {
      const client = { client_id: clientId };
      const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(secret), token);
      const answer = await oauth.processIntrospectionResponse(as, client, response);
      if (!answer.active) throw invalid('the token is not active');
      return authInfoOf(token, answer);
    },
  });

/** Node's server, as the SDK's web-standard handlers want it. */
async function bridge(
  server: TlsServer,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  respond: (request: Request) => Promise<Response>,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(Buffer.from(chunk));
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) headers.set(name, String(value));
  const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
  const url = new URL(incoming.url ?? '/', server.url);
  const response = await respond(new Request(url, { method: incoming.method ?? 'GET', headers, ...body }));
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}
