// The broker that the conformance tests ask, and what they say to it: more sources and targets than the plain test broker, good
// credentials of each platform with one thing changed, and oauth4webapi, unmodified, as a client that is strict about answers.

import * as oauth from 'oauth4webapi';
import { expect } from 'vitest';
import {
  type Claims,
  githubPush,
  gitlabPush,
  jwtSvid,
  kubernetesProjected,
} from '../../src/adapters/cli/demo/platforms.ts';
import {
  type Answer,
  CLUSTER_ISSUER,
  mint,
  POLICIES,
  startTestBroker,
  type TestBroker,
  TOKEN_EXCHANGE,
} from '../support/broker.ts';

export const TYPE = 'urn:ietf:params:oauth:token-type:';
/** An address that several targets' names, and several spellings, could be mistaken for. */
export const MCP = 'https://mcp.example';

const SOURCES = `
  people: { kind: oidc, issuer: "https://people.example", subjects: people, tokens: [jwt, id_token, access_token], jwks: { file: ./login.json } }
  agency: { kind: oidc, issuer: "https://agency.example", subjects: workloads, tokens: [jwt], jwks: { file: ./login.json } }
  other: { kind: oidc, issuer: "https://other.example", subjects: workloads, presenter: self, tokens: [jwt], jwks: { file: ./login.json } }
`;
const TARGETS = `
  mcp: { kind: token, audience: "${MCP}" }
  mcp-path: { kind: token, audience: "${MCP}/mcp" }
  query: { kind: token, audience: "https://api.example/p?q=1" }
`;
const RULES = `
rules:
  - { name: agency-ledger, subject: { trust: agency, sub: worker-1 }, allow: { ledger: all } }
  - { name: other-ledger, subject: { trust: other, sub: worker-1 }, allow: { ledger: all } }
  - name: mesh-resources
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/* }
    allow: [mcp, mcp-path, query]
`;

export interface SettingOptions {
  /** Every source says `tell: operator`. */
  readonly tell?: 'operator';
  /** The path of the issuer. */
  readonly path?: string;
}

export const startSetting = (options: SettingOptions = {}): Promise<TestBroker> =>
  startTestBroker({
    config(yaml) {
      const more = yaml
        .replace(/(?<=^issuer: .*)$/m, options.path ?? '')
        .replace(/\ntargets:\n/, `${SOURCES}targets:\n${TARGETS}`)
        .replaceAll(/\n\n+/g, '\n');
      const tell = options.tell === undefined ? '' : `tell: ${options.tell}, `;
      return more.replaceAll(/(?<=^ {2}[a-z]+: \{ )(?=kind: (?!token))/gm, tell);
    },
    policies: { ...POLICIES, 'more.yaml': RULES },
  });

/** Good credentials; `claims` and `header` change one thing, undefined removes it. */
export function credentialsOf(broker: TestBroker) {
  const signed =
    (platform: keyof TestBroker['keys'], good: () => Claims, goodHeader: Claims = {}) =>
    (claims: Claims = {}, header: Claims = {}): Promise<string> =>
      mint(broker, platform, withoutUndefined({ ...good(), ...claims }), { ...goodHeader, ...header });
  const times = () => ({ aud: broker.issuer, iat: broker.now(), exp: broker.now() + 300 });
  return {
    pod: signed('cluster', () => kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined }),
    github: signed('github', () => githubPush(broker.issuer, broker.now())),
    gitlab: signed('gitlab', () => gitlabPush(broker.issuer, broker.now())),
    svid: signed('mesh', () => jwtSvid('spiffe://prod.example/ns/payments/sa/api', broker.issuer, broker.now())),
    login: signed('login', () => ({ iss: 'https://login.example', sub: 'worker-1', ...times() })),
    person: signed('login', () => ({ iss: 'https://people.example', sub: 'person-1', ...times() })),
    agency: signed('login', () => ({ iss: 'https://agency.example', sub: 'worker-1', ...times() })),
    other: signed('login', () => ({ iss: 'https://other.example', sub: 'worker-1', ...times() })),
  } as const;
}

export type Credentials = ReturnType<typeof credentialsOf>;

/** Fails unless the answer is exactly this refusal, and its record exactly that reason. */
export function expectRefused(broker: TestBroker, answer: Answer, expected: readonly [number, string, string]): void {
  const { error, error_description: description, ...rest } = answer.body;
  const record = broker.records().at(-1);
  expect([answer.status, error, record?.reason], answer.text).toEqual(expected);
  expect(rest).toEqual({});
  expect(String(description).endsWith(String(record?.decision))).toBe(true);
}

/** Fails unless the answer grants, and gives the claims of what was issued. */
export function granted(answer: Answer): Claims {
  expect(answer.status, answer.text).toBe(200);
  return claimsOf(String(answer.body.access_token));
}

export const claimsOf = (token: string): Claims => JSON.parse(decoded(token, 1));
export const headerOf = (token: string): Claims => JSON.parse(decoded(token, 0));
const decoded = (token: string, part: number): string =>
  Buffer.from(token.split('.')[part] ?? '', 'base64url').toString();

/** A token with one character of its signature changed: as long as before, and still base64url. */
export const withBadSignature = (token: string): string => {
  const at = token.lastIndexOf('.') + 5;
  return `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
};

/** oauth4webapi against the broker: it has read the metadata, and takes no answer that the specifications do not allow. */
export async function strictClient(broker: TestBroker, algorithm: 'oauth2' | 'oidc' = 'oauth2') {
  const options = { [oauth.customFetch]: fetchThrough(broker) };
  const issuer = new URL(broker.issuer);
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm, ...options }),
  );
  const client: oauth.Client = { client_id: 'nobody' };
  return {
    server,
    async exchange(form: Readonly<Record<string, string>>, authentication = oauth.None()) {
      const parameters = new URLSearchParams({ subject_token_type: `${TYPE}jwt`, audience: 'ledger', ...form });
      const response = await oauth.genericTokenEndpointRequest(
        server,
        client,
        authentication,
        TOKEN_EXCHANGE,
        parameters,
        options,
      );
      return oauth.processGenericTokenEndpointResponse(server, client, response);
    },
    /** The same library as a resource server. */
    accept(token: string, audience: string) {
      const request = new Request(audience, { headers: { authorization: `Bearer ${token}` } });
      return oauth.validateJwtAccessToken(server, request, audience, options);
    },
  };
}

/** `fetch` over the test's own connection, which trusts the test's authority. */
function fetchThrough(broker: TestBroker) {
  return async (
    url: string,
    init: { readonly method: string; readonly headers: Record<string, string>; readonly body?: unknown },
  ): Promise<Response> => {
    const { pathname, search } = new URL(url);
    const body = init.body === undefined ? undefined : String(init.body);
    const answer = await broker.call({ method: init.method, path: pathname + search, headers: init.headers }, body);
    const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)]);
    return new Response(answer.text, { status: answer.status, headers });
  };
}

const withoutUndefined = (claims: Claims): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
