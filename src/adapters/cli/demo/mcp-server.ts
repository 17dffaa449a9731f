// MCP servers on the unmodified MCP SDK, as their authors would write them: the SDK's bearer middleware compares the token's audience with
// the server's own address and asks for scopes, jose verifies the signature. They know the broker by its issuer and its public keys only.
// TLS is left out: they listen on loopback, and stand in for the address that their tokens name.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AuthInfo,
  createMcpHandler,
  McpServer,
  OAuthError,
  OAuthErrorCode,
  requireBearerAuth,
  requireScopes,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { namesOf } from './names.ts';

export interface RunningMcpServer {
  readonly url: string;
  close(): void;
}

interface Trust {
  /** The address that tokens for this server name. */
  readonly resource: string;
  readonly issuer: string;
  readonly keys: JSONWebKeySet;
}

/** Listens on 127.0.0.1. */
export async function openMcpServer(trust: Trust): Promise<RunningMcpServer> {
  const admit = requireBearerAuth({ verifier: verifierOf(trust), expectedResource: new URL(trust.resource) });
  const mcp = createMcpHandler(books);
  const server = createServer((request, response) => {
    answer(request).then(
      (answered) => send(response, answered),
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;

  async function answer(incoming: IncomingMessage): Promise<Response> {
    const request = await read(incoming, url);
    const admitted = await admit(request);
    return admitted instanceof Response ? admitted : mcp.fetch(request, { authInfo: admitted });
  }

  return Object.freeze({
    url,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  });
}

/** What the SDK asks about a token. */
const verifierOf = ({ issuer, keys }: Trust) => ({
  async verifyAccessToken(token: string): Promise<AuthInfo> {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, typ: 'at+jwt' }).catch(() => {
      throw new OAuthError(OAuthErrorCode.InvalidToken, 'the token does not verify');
    });
    return {
      token,
      clientId: String(payload.client_id),
      scopes: String(payload.scope ?? '').split(' '),
      ...(payload.exp === undefined ? {} : { expiresAt: payload.exp }),
      resource: new URL(String(payload.aud)),
      extra: { names: namesOf(payload) },
    };
  },
});

/** A server with a tool that reads and one that needs more. */
function books(): McpServer {
  const server = new McpServer({ name: 'books', version: '1.0.0' });
  const forWhom = (ctx: ServerContext) => String(ctx.http?.authInfo?.extra?.names);
  const says = (text: string) => ({ content: [{ type: 'text' as const, text }] });
  server.registerTool('read_postings', {}, (ctx) => says(`three postings, for ${forWhom(ctx)}`));
  server.registerTool('write_posting', { scopeChallenge: requireScopes('postings:write') }, (ctx) =>
    says(`posted, for ${forWhom(ctx)}`),
  );
  return server;
}

async function read(incoming: IncomingMessage, url: string): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = Object.entries(incoming.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  );
  const method = incoming.method ?? 'GET';
  return new Request(url, { method, headers, ...(method === 'POST' ? { body: Buffer.concat(chunks) } : {}) });
}

async function send(response: ServerResponse, answered: Response): Promise<void> {
  response.writeHead(answered.status, Object.fromEntries(answered.headers));
  response.end(Buffer.from(await answered.arrayBuffer()));
}
