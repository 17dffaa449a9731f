// Who takes part in delegation: the gateway and the services behind it, each registered as a client and known to the broker by the SVID of its
// connection; the person and the agent, each with a token of their own.

import { Client, SdkHttpError, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import type { DemoBroker } from './broker.ts';
import { type Answer, createConnection } from './client.ts';
import { mintCertificate, mintToken } from './material.ts';
import { type Claims, jwtSvid, personToken } from './platforms.ts';

export const ASSISTANT = 'spiffe://prod.example/ns/agents/sa/assistant';
export const BOOKS = 'https://books.example/mcp';
export const REPORTS = 'https://reports.example';

const TYPE = 'urn:ietf:params:oauth:token-type:';
const WORKLOADS = {
  'mcp-gateway': 'spiffe://prod.example/ns/mcp/sa/gateway',
  books: 'spiffe://prod.example/ns/books/sa/mcp',
  reports: 'spiffe://prod.example/ns/reports/sa/api',
  ledger: 'spiffe://prod.example/ns/ledger/sa/api',
};

/** What is exchanged: whose token, for which address, and who acts where that is somebody else than the client. */
export interface Exchange {
  readonly subject: string;
  readonly actor?: string;
  readonly resource: string;
  readonly scope?: string;
  readonly dpop?: string;
}

export interface Party {
  exchange(exchange: Exchange): Promise<Answer>;
  introspect(token: string): Promise<Answer>;
  close(): void;
}

/** One of the registered clients. */
export async function openParty(broker: DemoBroker, id: keyof typeof WORKLOADS): Promise<Party> {
  const connection = createConnection(broker, await mintCertificate(broker.material, WORKLOADS[id]));
  return Object.freeze({
    exchange: ({ subject, actor, resource, scope, dpop }: Exchange) =>
      connection.post(
        '/token',
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          client_id: id,
          subject_token: subject,
          subject_token_type: `${TYPE}access_token`,
          ...(actor === undefined ? {} : { actor_token: actor, actor_token_type: `${TYPE}jwt` }),
          resource,
          ...(scope === undefined ? {} : { scope }),
        },
        dpop === undefined ? {} : { dpop },
      ),
    introspect: (token: string) => connection.post('/introspect', { client_id: id, token }),
    close: () => connection.close(),
  });
}

const now = (): number => Math.floor(Date.now() / 1000);

/** The person's token, as the issuer at which she logged in gave it to the gateway. */
export const logIn = ({ material }: DemoBroker, claims: Claims = {}): Promise<string> =>
  mintToken(material, 'people', { ...personToken(now()), ...claims });

/** As above, with a second factor, just now. */
export const logInAnew = (broker: DemoBroker): Promise<string> => logIn(broker, { acr: 'mfa', auth_time: now() });

/** The agent's JWT-SVID, for the broker. */
export const agentSvid = ({ material, issuer }: DemoBroker): Promise<string> =>
  mintToken(material, 'mesh', jwtSvid(ASSISTANT, issuer, now()));

/** What an MCP server answers to the unmodified MCP client: what the tool says, or why it was not asked. */
export async function callTool(url: string, token: string, name: string): Promise<string> {
  const client = new Client({ name: 'mcp-gateway', version: '1.0.0' });
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit }));
    const { content } = await client.callTool({ name });
    return content.map((part) => (part.type === 'text' ? part.text : part.type)).join();
  } catch (error) {
    if (SdkHttpError.isInstance(error)) return `${error.status} ${error.data.text}`;
    return error instanceof Error ? error.message : String(error);
  } finally {
    await client.close();
  }
}
