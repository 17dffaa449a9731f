// A whole broker with registered clients of every method, and what they authenticate with: secrets, signing keys, certificates by
// an authority of their own, SVIDs. Sources of tokens that only clients present stand beside those of the test broker.

import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { type Claims, createPlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { POLICIES, startTestBroker, type TestBroker, type TestBrokerOptions } from './broker.ts';
import { sha256 } from './clients.ts';
import { openSpiffeAuthority, type SpiffeAuthority } from './spiffe-authority.ts';

/** From letters and digits, as `exchequer keys secret` makes them. */
const secret = (): string => randomBytes(32).toString('hex');
/** What each client with a secret has. */
export const SECRETS = {
  litellm: secret(),
  kong: secret(),
  'https://app.example/client': secret(),
  /** Chosen by hand: every encoding of it is another text. */
  hard: 'p+s%2w:o r/d=&x',
} as const;
export const SECRET_BEFORE = secret();
/** An audience of tokens that only clients present. */
export const MCP = 'https://mcp.example';
export const MACHINE = 'spiffe://prod.example/ns/payments/sa/api';

/** The day after this one, in UTC: the last of the older of kong's two secrets. */
const TOMORROW = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);

const CLIENTS = `clients:
  litellm: { secret: "\${litellm}", presents: [${MCP}] }
  kong: { secret: [ { sha256: "\${kong}", until: ${TOMORROW} }, "\${kong_next}" ], presents: [${MCP}] }
  "https://app.example/client": { secret: "\${app}" }
  hard: { secret: "\${hard}", presents: [${MCP}] }
  elsewhere: { secret: "\${kong_next}", presents: [https://bound.example] }
  signer: { jwks: { file: ./signer.json }, presents: [${MCP}] }
  elder: { jwks: { file: ./elder.json }, tokenEndpointAudience: allow, presents: [${MCP}] }
  edge: { certificate: { ca: ./edge-ca.pem, uri: "https://edge.example/client" }, presents: [${MCP}] }
  host: { certificate: { ca: ./edge-ca.pem, dns: host.edge.example } }
  gateway: { spiffe: spiffe://prod.example/ns/mcp/sa/gateway, presents: [${MCP}] }
  agents: { spiffe: spiffe://prod.example/ns/agents/* }
  strict: { spiffe: spiffe://prod.example/ns/strict/sa/*, proof: required }
  bound: { secret: "\${litellm}", proof: required, presents: [${MCP}] }
targets:
  bound: { kind: token, audience: https://bound.example, proof: required }
  mcp: { kind: token, audience: https://upstream.example, scopes: { tools: {} }, defaultScopes: [tools] }
`;

const TRUST = `
  staff: { kind: oidc, issuer: https://staff.example, audience: ${MCP}, subjects: people, tokens: [access_token, id_token, jwt], jwks: { file: ./staff.json } }
  apps: { kind: oidc, issuer: https://apps.example, audience: ${MCP}, subjects: workloads, tokens: [access_token, id_token, jwt], jwks: { file: ./apps.json } }
targets:`;

export const CLIENT_RULES = `
rules:
  - name: apps-through-clients
    subject: { trust: apps, sub: app-1 }
    client: [litellm, kong, hard, signer, elder, edge, gateway, bound]
    allow: { mcp: all }
  - name: clients-themselves
    subject: { trust: clients, sub: [litellm, kong, hard, "https://app.example/client", signer, elder, edge, host, bound] }
    allow: { ledger: [postings:read], bound: all }
  - name: strict-ledger
    subject: { trust: mesh, sub: spiffe://prod.example/ns/strict/sa/job }
    allow: { ledger: all }
  - name: workers-bound
    subject: { trust: login, sub: worker-1 }
    allow: [bound]
`;

/** A client's own key, with the private half that a library signs with. */
export interface ClientKey {
  readonly kid: string;
  readonly jwk: JWK;
  readonly privateKey: CryptoKey;
  sign(claims: Claims, header?: Record<string, unknown>): Promise<string>;
}

export async function createClientKey(alg: string): Promise<ClientKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return {
    kid,
    privateKey,
    jwk: { ...jwk, kid, alg, use: 'sig' },
    sign: (claims, header = {}) =>
      new SignJWT(claims).setProtectedHeader({ alg, kid, typ: 'JWT', ...header }).sign(privateKey),
  };
}

export interface ClientBroker extends TestBroker {
  readonly mesh: SpiffeAuthority;
  /** The authority of the clients edge and host. */
  readonly edge: SpiffeAuthority;
  readonly clientKeys: Readonly<Record<'signer' | 'elder', ClientKey>>;
  /** A token of the source apps, which a client presents. */
  appToken(claims?: Claims, header?: Record<string, unknown>): Promise<string>;
  staffToken(claims?: Claims): Promise<string>;
  workerToken(claims?: Claims): Promise<string>;
  /** An assertion of a client that passes. */
  assertion(id: 'signer' | 'elder', claims?: Claims): Promise<string>;
  lastRecord(): Record<string, unknown>;
}

export async function startClientBroker(
  options: TestBrokerOptions & { readonly rules?: string; readonly kept?: ClientBroker } = {},
): Promise<ClientBroker> {
  const kept = options.kept;
  const mesh = kept?.mesh ?? (await openSpiffeAuthority('prod.example'));
  const edge = kept?.edge ?? (await openSpiffeAuthority('edge.example'));
  const keys = kept?.clientKeys ?? { signer: await createClientKey('ES256'), elder: await createClientKey('RS256') };
  const apps = await createPlatformKey('ES256');
  const staff = await createPlatformKey('ES256');
  const set = ({ jwk }: Pick<ClientKey, 'jwk'>) => JSON.stringify({ keys: [jwk] });
  const broker = await startTestBroker({
    ...options,
    config: (yaml) =>
      (options.config ?? String)(
        yaml
          .replace('bundle: { file: ./mesh.json }', 'bundle: { file: ./roots.json }')
          .replace('\ntargets:\n', `${TRUST}\n`)
          .replace('targets:\n', CLIENTS),
      ),
    files: {
      'roots.json': mesh.bundleJson(),
      'edge-ca.pem': edge.bundlePem(),
      'signer.json': set(keys.signer),
      'elder.json': set(keys.elder),
      'apps.json': set(apps),
      'staff.json': set(staff),
      ...options.files,
    },
    policies: { ...POLICIES, 'clients.yaml': options.rules ?? CLIENT_RULES },
    world: { ...options.world, env: { ...ENVIRONMENT, ...options.world?.env } },
  });
  const claims = (iss: string, sub: string, aud: string): Claims => {
    const now = broker.now();
    return { iss, sub, aud, iat: now, exp: now + 300 };
  };
  return {
    ...broker,
    mesh,
    edge,
    clientKeys: keys,
    appToken: (more, header) => apps.sign({ ...claims('https://apps.example', 'app-1', MCP), ...more }, header),
    staffToken: (more) => staff.sign({ ...claims('https://staff.example', 'alice', MCP), ...more }),
    workerToken: (more) =>
      broker.keys.login.sign({ ...claims('https://login.example', 'worker-1', broker.issuer), ...more }),
    assertion: (id, more) => keys[id].sign({ ...claims(id, id, broker.issuer), ...more }),
    lastRecord: () => broker.records().at(-1) ?? {},
  };
}

/** What the configuration takes from variables. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  litellm: sha256(SECRETS.litellm),
  kong: sha256(SECRET_BEFORE),
  kong_next: sha256(SECRETS.kong),
  hard: sha256(SECRETS.hard),
  app: sha256(SECRETS['https://app.example/client']),
};
