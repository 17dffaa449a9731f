// A whole broker as gateways meet it: people's tokens of an identity provider, an agent's own, and a registered client for each
// gateway. A gateway's request goes over TLS as the bytes that it would send, and its answer comes back as the bytes that it would read.

import { randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import { type Claims, createPlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';
import { type ClientKey, createClientKey } from './client-broker.ts';
import { sha256 } from './clients.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from './spiffe-authority.ts';

/** What people's tokens are for: the gateway itself. */
export const MCP = 'https://mcp.acme.example';
export const TOOLS = 'https://tools.acme.example/mcp';
export const PEOPLE = 'https://login.acme.example/';
export const AGENT = 'spiffe://prod.example/ns/agents/sa/planner';
/** Chosen by hand, so that every encoding of it is another text. */
export const SECRET = 'p+s%2w:o r/d=&x';
export const TYPE = 'urn:ietf:params:oauth:token-type:';
export const GATEWAYS = ['agentgateway', 'kong', 'litellm', 'toolhive', 'spring', 'go', 'authlib', 'mcp'] as const;

const CLIENTS = `clients:
${GATEWAYS.map((id) => `  ${id}: { secret: "\${secret}", presents: [${MCP}] }\n`).join('')}\
  signer: { jwks: { file: ./signer.json }, presents: [${MCP}] }
  stranger: { secret: "\${secret}" }
targets:
  tools:
    kind: token
    audience: ${TOOLS}
    scopes: { call: {}, pay: { confirm: { acr: [mfa], maxAge: 5m } } }
    defaultScopes: [call]
`;

const TRUST = `
  people: { kind: oidc, issuer: "${PEOPLE}", audience: ${MCP}, subjects: people, tokens: [access_token, jwt], accessTokenTyp: optional, pins: [groups], tell: operator, jwks: { file: ./people.json } }
  visitors: { kind: oidc, issuer: https://visitors.example, audience: ${MCP}, subjects: people, tokens: [access_token, jwt], replay: once, jwks: { file: ./visitors.json } }
targets:`;

const CLIENT_IDS = `[${[...GATEWAYS, 'signer'].join(', ')}]`;

export const RULES = `
rules:
  - name: finance-through-gateways
    subject: { trust: people, claims: { groups: { has: finance } } }
    actor: client
    client: ${CLIENT_IDS}
    allow: { tools: all }
  - name: finance-through-agents
    subject: { trust: people, claims: { groups: { has: finance } } }
    actor: { trust: mesh, sub: ${AGENT} }
    client: ${CLIENT_IDS}
    allow: { tools: all }
  - name: gateways-themselves
    subject: { trust: clients, sub: ${CLIENT_IDS} }
    allow: { tools: [call] }
`;

export interface GatewayScene extends TestBroker {
  readonly mesh: SpiffeAuthority;
  readonly signer: ClientKey;
  /** An access token of a person, as an identity provider issues it. */
  personToken(claims?: Claims, header?: Record<string, unknown>): Promise<string>;
  /** A token of a person that is good for one exchange. */
  visitorToken(claims?: Claims): Promise<string>;
  /** The agent's own credential. */
  agentToken(): Promise<string>;
  lastRecord(): Record<string, unknown>;
}

export async function startGatewayScene(options: TestBrokerOptions = {}): Promise<GatewayScene> {
  const [mesh, signer, people, visitors] = await Promise.all([
    openSpiffeAuthority('prod.example'),
    createClientKey('ES256'),
    createPlatformKey('RS256'),
    createPlatformKey('RS256'),
  ]);
  const set = ({ jwk }: Pick<ClientKey, 'jwk'>) => JSON.stringify({ keys: [jwk] });
  const change = (yaml: string) =>
    yaml
      .replace('bundle: { file: ./mesh.json }', 'bundle: { file: ./roots.json }')
      .replace('\ntargets:\n', `${TRUST}\n`)
      .replace('targets:\n', CLIENTS);
  const broker = await startTestBroker({
    ...options,
    config: (yaml) => (options.config ?? String)(change(yaml)),
    files: {
      'roots.json': mesh.bundleJson(),
      'signer.json': set(signer),
      'people.json': set(people),
      'visitors.json': set(visitors),
      ...options.files,
    },
    policies: options.policies ?? { 'gateways.yaml': RULES },
    world: { ...options.world, env: { secret: sha256(SECRET), ...options.world?.env } },
  });
  const claims = (iss: string): Claims => {
    const now = broker.now();
    const person = { sub: 'alice', groups: ['finance'], client_id: 'assistant-app', scope: 'openid tools' };
    return { iss, aud: MCP, ...person, auth_time: now - 60, acr: 'pwd', jti: randomUUID(), iat: now, exp: now + 600 };
  };
  return {
    ...broker,
    mesh,
    signer,
    personToken: (more, header = { typ: 'at+jwt' }) => people.sign({ ...claims(PEOPLE), ...more }, header),
    visitorToken: (more) => visitors.sign({ ...claims('https://visitors.example'), ...more }, { typ: 'at+jwt' }),
    agentToken: () => mesh.signJwt('/ns/agents/sa/planner', broker.issuer, broker.now()),
    lastRecord: () => broker.records().at(-1) ?? {},
  };
}

/** An answer as it came. */
export interface RawAnswer {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * A request as bytes: what stands for `<...>` in a recorded one is filled in, `<length>` is the length of its body, and the lines of its
 * head end as HTTP says. What is filled into a body is encoded already, as the client would.
 */
export function requestBytes(recorded: string, values: Readonly<Record<string, string>>): Buffer {
  const [head = '', body = ''] = recorded.split('\n\n');
  const fill = (text: string, more: Readonly<Record<string, string>> = {}) =>
    text.replaceAll(/<([a-z-]+)>/g, (_, name: string) => {
      const value = { ...values, ...more }[name];
      if (value === undefined) throw new Error(`the recorded request names something unknown: ${name}`);
      return value;
    });
  const sent = fill(body.trimEnd());
  const lines = fill(head, { length: String(Buffer.byteLength(sent)) }).split('\n');
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${sent}`);
}

/** Sends bytes over a connection of its own and reads one answer. */
export function sendBytes({ port, ca }: Pick<TestBroker, 'port' | 'ca'>, bytes: Buffer): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: 'localhost', port, ca, servername: 'localhost', ALPNProtocols: ['http/1.1'] }, () =>
      socket.write(bytes),
    );
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      const answer = wholeAnswer(received);
      if (!answer) return;
      resolve(answer);
      socket.destroy();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the connection ended before a whole answer')));
  });
}

function wholeAnswer(received: Buffer): RawAnswer | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [status = '', ...fields] = received.subarray(0, end).toString().split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  const body = received.subarray(end + 4);
  if (body.length < Number(headers['content-length'])) return undefined;
  return { status: Number(status.split(' ')[1]), headers, text: body.toString() };
}

/** The body of an answer, as an object. */
export function bodyOf({ text }: RawAnswer): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(text);
  if (typeof body !== 'object' || body === null) throw new Error('the answer is no JSON object');
  return { ...body };
}

/** As `application/x-www-form-urlencoded` writes a value: what Go, Java, Python's quote_plus and the URL standard all write alike. */
export const formEncoded = (value: string): string => new URLSearchParams([['', value]]).toString().slice(1);
