// A whole broker whose own tokens go five hops far, each hop a resource server that asks for the next; and clients that introspect them,
// or may not. Beside it what a resource server asks: POST /introspect and POST /revoke.

import { request } from 'node:http';
import { join } from 'node:path';
import { type Answer, formOf, JWT_TYPE, type TestBrokerOptions, TOKEN_EXCHANGE } from './broker.ts';
import { CLIENT_RULES, type ClientBroker, SECRETS, startClientBroker } from './client-broker.ts';
import { basicEncoded } from './clients.ts';

const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
/** The hops, by the names of their targets, which are those of their clients too. */
export const HOPS = ['one', 'two', 'three', 'four', 'five'] as const;
export const audienceOf = (hop: string): string => `https://${hop}.example`;

const TARGETS = HOPS.map(
  (hop) =>
    `  ${hop}: { kind: token, audience: ${audienceOf(hop)}, scopes: { read: {} }, defaultScopes: [read], lifetime: 10m }\n`,
);
const CLIENTS = HOPS.map(
  (hop) => `  ${hop}: { secret: "\${litellm}", presents: [${audienceOf(hop)}], introspects: [${hop}] }\n`,
);

const NEXT: ReadonlyMap<string, string> = new Map(HOPS.slice(1).map((hop, index) => [HOPS[index] ?? '', hop]));
/** Each hop takes the token of the one before, as its client, for the next. */
const GOES_ON = HOPS.slice(1).map(
  (hop, index) => `
  - name: ${HOPS[index]}-goes-on
    subject: { trust: self, self: { aud: ${audienceOf(HOPS[index] ?? '')}, sub: "staff:*" } }
    actor: client
    client: ${HOPS[index]}
    allow: { ${hop}: all }`,
);
const RULES = `${CLIENT_RULES}
  - name: staff-begins
    subject: { trust: staff, sub: alice }
    actor: client
    client: [litellm, edge]
    allow: { one: all }
  - name: tenants
    subject: { trust: cluster, kubernetes: { namespace: <ns>, serviceaccount: api } }
    allow: [space]${GOES_ON.join('')}
`;

type Form = Readonly<Record<string, string>>;

export interface OwnTokenBroker extends ClientBroker {
  /** Asks as a client with a secret; `more` adds parameters. */
  introspect(token: string, as?: string, more?: Form): Promise<Answer>;
  revoke(token: string, as?: string): Promise<Answer>;
  /** The first token of a chain, about the person `staff:alice`, asked for by litellm. */
  begin(more?: Form): Promise<string>;
  /** What the client of this hop gets for the next one, for the token of its own. */
  goOn(hop: (typeof HOPS)[number], token: string): Promise<Answer>;
  /** The tokens of all five hops, the first one first. */
  chain(): Promise<readonly string[]>;
  /** Sends a command to the control socket. */
  command(path: string, body: object): Promise<{ readonly status: number; readonly text: string }>;
}

export const secretOf = (client: string): string => basicEncoded(client, SECRETS.litellm);
export const tokenIn = ({ body, text }: Answer): string => {
  if (typeof body.access_token !== 'string') throw new Error(text);
  return body.access_token;
};

export async function startOwnTokenBroker(options: TestBrokerOptions = {}): Promise<OwnTokenBroker> {
  const broker = await startClientBroker({
    ...options,
    rules: RULES,
    config: (yaml) =>
      (options.config ?? String)(
        yaml
          .replace('\ntrust:\n', '\ntrust:\n  self: {}\n')
          .replaceAll('presents: [https://mcp.example] }', 'presents: [https://mcp.example], introspects: [mcp] }')
          .replace(
            'clients:\n',
            `clients:\n  reader: { secret: "\${litellm}", introspects: [${HOPS.join(', ')}, space, ledger, bound] }\n${CLIENTS.join('')}`,
          )
          .replace(
            'targets:\n',
            `targets:\n  space: { kind: token, audience: "https://<ns>.spaces.example" }\n${TARGETS.join('')}`,
          ),
      ),
  });
  const post = (path: string, form: Form, as: string | undefined): Promise<Answer> => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const authorization = as === undefined ? {} : { authorization: secretOf(as) };
    return broker.call({ method: 'POST', path, headers: { ...headers, ...authorization } }, formOf(form));
  };
  const exchange = (form: Form, as: string) =>
    broker.token({ grant_type: TOKEN_EXCHANGE, ...form }, { authorization: secretOf(as) });
  const begin = async (more: Form = {}) => {
    const form = { subject_token: await broker.staffToken(), subject_token_type: JWT_TYPE, audience: 'one', ...more };
    return tokenIn(await exchange(form, 'litellm'));
  };
  const goOn = (hop: string, token: string) => {
    const next = NEXT.get(hop) ?? '';
    return exchange({ subject_token: token, subject_token_type: ACCESS_TOKEN, audience: next }, hop);
  };
  return {
    ...broker,
    introspect: (token, as = 'reader', more = {}) => post('/introspect', { token, ...more }, as),
    revoke: (token, as = 'litellm') => post('/revoke', { token }, as),
    begin,
    goOn,
    async chain() {
      const tokens = [await begin()];
      for (const hop of HOPS.slice(0, -1)) tokens.push(tokenIn(await goOn(hop, tokens.at(-1) ?? '')));
      return tokens;
    },
    command: (path, body) => commandOver(join(broker.folder, 'run', 'control.sock'), path, body),
  };
}

export function commandOver(socketPath: string, path: string, body: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request({ socketPath, path, method: 'POST', headers }, async (incoming) => {
      let text = '';
      for await (const chunk of incoming) text += chunk;
      resolve({ status: incoming.statusCode ?? 0, text });
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body));
  });
}
