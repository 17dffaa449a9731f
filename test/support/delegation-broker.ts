// A whole broker where agents act for people: two identity providers of people, agents with JWT-SVIDs, jobs and pods, clients by secret,
// by key, by certificate and by SVID, services behind each other that exchange our own tokens, and rules for each of them.

import { decodeJwt } from 'jose';
import {
  type Claims,
  createPlatformKey,
  githubPush,
  gitlabPush,
  kubernetesProjected,
} from '../../src/adapters/cli/demo/platforms.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { type Caller, CLUSTER_ISSUER, JWT_TYPE, mint, type TestBrokerOptions, TOKEN_EXCHANGE } from './broker.ts';
import { type ClientBroker, MCP, SECRET_BEFORE, SECRETS, startClientBroker } from './client-broker.ts';
import { basicEncoded, JWT_BEARER, JWT_SPIFFE } from './clients.ts';

const AGENTS = 'spiffe://prod.example/ns/agents/sa';
export const ASSISTANT = `${AGENTS}/assistant`;
export const RESEARCHER = `${AGENTS}/researcher`;
export const STAFF = 'https://staff.example';
export const PARTNER = 'https://partner.example';
export const MESH = 'spiffe://prod.example';
const [ONE, TWO, THREE] = ['https://one.example', 'https://two.example', 'https://three.example'] as const;
export const HOPS = { one: ONE, two: TWO, three: THREE } as const;

const RULES = `
rules:
  - name: agents-for-people
    subject: { trust: [staff, partner], sub: [alice, bob] }
    actor: { trust: mesh, sub: [${ASSISTANT}, ${RESEARCHER}] }
    client: [litellm, kong, signer]
    allow: { one: all }
  - name: fleet-for-people
    subject: { trust: staff, sub: alice }
    actor: { trust: mesh, sub: "spiffe://prod.example/ns/fleet/*" }
    allow: { one: all }
  - name: clients-for-people
    subject: { trust: [staff, partner], sub: [alice, bob] }
    actor: client
    client: [gateway, fleet, edge, signer, kong]
    allow: { two: all }
  - name: jobs-for-people
    subject: { trust: staff, sub: alice }
    actor: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    client: litellm
    allow: { one: all }
  - name: pods-for-people
    subject: { trust: staff, sub: alice }
    actor: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    client: litellm
    allow: { one: all }
  - name: workers-for-people
    subject: { trust: staff, sub: alice }
    actor: { trust: login, sub: worker-1 }
    client: litellm
    allow: { one: all }
  - name: agents-for-jobs
    subject: { trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }
    actor: { trust: mesh, sub: ${ASSISTANT} }
    client: litellm
    allow: { one: all }
  - name: jobs-for-jobs
    subject: { trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }
    actor: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    client: litellm
    allow: { one: all }
  - name: own-tokens-for-people
    subject: { trust: staff, sub: alice }
    actor: { trust: self, self: { aud: ${ONE}, sub: "cluster:system:serviceaccount:payments:api" } }
    client: one-api
    allow: { two: all }
  - name: in-their-own-name
    subject: { trust: [staff, partner], sub: alice }
    impersonate: true
    accept: { impersonation: what they do is done in their own name }
    client: hard
    allow: { one: all, three: all }
  - name: pods-themselves
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { one: all }
  - name: one-goes-on
    subject: { trust: self, self: { aud: ${ONE}, sub: ["staff:*", "partner:*"] } }
    actor: client
    client: one-api
    allow: { two: all }
  - name: one-goes-on-by-agents
    subject: { trust: self, self: { aud: ${ONE}, sub: "staff:*" } }
    actor: { trust: mesh, sub: [${ASSISTANT}, ${RESEARCHER}] }
    client: one-api
    allow: { one: all, two: all }
  - name: two-goes-on
    subject: { trust: self, self: { aud: ${TWO}, sub: ["staff:*", "partner:*"] } }
    actor: client
    client: two-api
    allow: { three: all }
`;

const CLIENTS = `clients:
  one-api: { secret: "\${kong}", presents: [${ONE}, ${MCP}], introspects: [one, two, three] }
  two-api: { secret: "\${kong_next}", presents: [${TWO}] }
  fleet: { spiffe: "spiffe://prod.example/ns/fleet/*", presents: [${MCP}] }
`;
const TARGETS = Object.entries(HOPS)
  .map(
    ([name, audience]) =>
      `  ${name}: { kind: token, audience: ${audience}, scopes: { read: {}, write: {} }, defaultScopes: [read] }\n`,
  )
  .join('');
const TRUST = `
trust:
  self: {}
  partner: { kind: oidc, issuer: ${PARTNER}, audience: ${MCP}, subjects: people, tokens: [jwt], jwks: { file: ./partner.json } }
`;

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** How one request ended: `granted`, or the OAuth error and the reason in the record; and what was issued, and recorded. */
export interface Ended {
  readonly said: string;
  readonly token: string;
  readonly claims: JsonObject;
  readonly record: Readonly<Record<string, unknown>>;
}

/** Credentials of a client beside the form: parameters, or a header. */
export interface Authenticated {
  readonly form?: Form;
  readonly headers?: Record<string, string>;
}

export interface DelegationBroker extends ClientBroker {
  partnerToken(claims?: Claims): Promise<string>;
  /** A JWT-SVID for the broker. */
  svid(id: string, claims?: Claims): Promise<string>;
  /** A job on GitHub, which acts. */
  job(claims?: Claims): Promise<string>;
  /** A job on GitLab, for which somebody acts. */
  build(claims?: Claims): Promise<string>;
  pod(claims?: Claims): Promise<string>;
  worker(claims?: Claims): Promise<string>;
  /** A token exchange as this client. */
  ask(client: Authenticated, form: Form, by?: Pick<Caller, 'token'>): Promise<Ended>;
  /** For a person of the staff, by an agent with a JWT-SVID, through litellm. */
  acted(subject: string, actor: string, more?: Form): Promise<Ended>;
  /** What one-api is told about a token. */
  introspect(token: string): Promise<Readonly<Record<string, unknown>>>;
  /** By the client that it was issued to. */
  revoke(client: Authenticated, token: string): Promise<number>;
  bySvid(id: string, path: string): Promise<Authenticated>;
  byKey(): Promise<Authenticated>;
}

const secret = (id: string, value: string): Authenticated => ({ headers: { authorization: basicEncoded(id, value) } });
export const LITELLM = secret('litellm', SECRETS.litellm);
export const KONG = secret('kong', SECRETS.kong);
export const HARD = secret('hard', SECRETS.hard);
export const ONE_API = secret('one-api', SECRET_BEFORE);
export const TWO_API = secret('two-api', SECRETS.kong);

interface DelegationOptions extends Pick<TestBrokerOptions, 'files' | 'world'> {
  /** YAML below `targets:`. */
  readonly targets?: string;
}

/** `more`: rules. */
export async function startDelegationBroker(more = '', options: DelegationOptions = {}): Promise<DelegationBroker> {
  const partner = await createPlatformKey('ES256');
  const broker = await startClientBroker(configured(more, options, JSON.stringify({ keys: [partner.jwk] })));
  const about = (path: string, { headers }: Authenticated, token: string) =>
    broker.call(
      { method: 'POST', path, headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' } },
      new URLSearchParams({ token }).toString(),
    );
  const svid: DelegationBroker['svid'] = (id, claims) =>
    broker.mesh.signJwt(id.slice(MESH.length), broker.issuer, broker.now(), claims);
  const ask: DelegationBroker['ask'] = async (client, form, by = broker) => {
    const all = { grant_type: TOKEN_EXCHANGE, subject_token_type: JWT_TYPE, ...form, ...client.form };
    const sent: Record<string, string | readonly string[]> = {};
    for (const [name, value] of Object.entries(all)) if (value !== undefined) sent[name] = value;
    const { status, body } = await by.token(sent, client.headers ?? {});
    const record = broker.lastRecord();
    if (status !== 200) return { said: `${body.error} ${record.reason}`, token: '', claims: {}, record };
    const token = String(body.access_token);
    // Credentials of AWS are no token.
    const claims = token.startsWith('{') ? {} : decodeJwt(token);
    return { said: 'granted', token, claims: claims as JsonObject, record };
  };
  return {
    ...broker,
    ask,
    svid,
    acted: (subject, actor, form = {}) =>
      ask(LITELLM, {
        subject_token: subject,
        actor_token: actor,
        actor_token_type: JWT_TYPE,
        audience: 'one',
        ...form,
      }),
    partnerToken: (claims) => {
      const now = broker.now();
      return partner.sign({ iss: PARTNER, sub: 'alice', aud: MCP, iat: now, exp: now + 300, ...claims });
    },
    job: (claims) => mint(broker, 'github', { ...githubPush(broker.issuer, broker.now()), ...claims }),
    build: (claims) => mint(broker, 'gitlab', { ...gitlabPush(broker.issuer, broker.now()), ...claims }),
    pod: (claims) =>
      mint(broker, 'cluster', { ...kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), ...claims }),
    worker: (claims) => broker.workerToken(claims),
    introspect: async (token) => (await about('/introspect', ONE_API, token)).body,
    revoke: async (client, token) => (await about('/revoke', client, token)).status,
    bySvid: async (id, path) => ({
      form: { client_id: id, client_assertion_type: JWT_SPIFFE, client_assertion: await svid(`${MESH}${path}`) },
    }),
    byKey: async () => ({
      form: { client_assertion_type: JWT_BEARER, client_assertion: await broker.assertion('signer') },
    }),
  };
}

const configured = (
  more: string,
  { world, files, targets = '' }: DelegationOptions,
  partner: string,
): Parameters<typeof startClientBroker>[0] => ({
  ...(world ? { world } : {}),
  rules: RULES + more,
  files: { 'partner.json': partner, ...files },
  config: (yaml) =>
    yaml
      .replace('\ntrust:\n', TRUST)
      .replace('clients:\n', CLIENTS)
      .replace('targets:\n', `targets:\n${TARGETS}${targets}`),
});
