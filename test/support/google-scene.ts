// A broker in the test's process, and a Google API on loopback that takes bearers of a lake: what application default credentials of every kind
// are tried through, from a file of credentials to a request that needs the token.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLocalJWKSet, jwtVerify } from 'jose';
import type { ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from './broker.ts';
import { CLOUD_PLATFORM, GCLOUD_SCOPES, PROVIDER } from './google-requests.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

export interface GoogleScene extends AsyncDisposable {
  readonly broker: TestBroker;
  readonly api: TlsServer;
  /** The authority of the broker, of the API, and of whatever else stands on loopback with its certificate, in a file. */
  readonly trusted: string;
  /** Writes a file, and gives its path. */
  file(name: string, text: string): string;
  /** A token of a pod, as its file has it. */
  pod(): Promise<string>;
  /** Asks the API by google-auth-library, with these credentials in a file. */
  ask(
    credentials: object,
    options?: { readonly scopes?: readonly string[]; readonly env?: Record<string, string> },
  ): Promise<Asked>;
}

export interface Asked {
  readonly status?: number;
  readonly data?: { readonly who: string };
  readonly error?: string;
}

const SCOPES = [CLOUD_PLATFORM, ...GCLOUD_SCOPES];
const AUDIENCE = 'https://lake.example';
const TARGETS = `  lake: { kind: token, audience: ${AUDIENCE}, lifetime: 15m, scopes: { ${[...new Set(SCOPES)].map((scope) => `"${scope}": {}`).join(', ')} } }`;
const RULES = {
  'google.yaml': `
rules:
  - name: payments-lake
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all }
    lifetime: 15m
  - name: github-lake
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { lake: ["${CLOUD_PLATFORM}"] }
    lifetime: 15m
`,
};

export async function startGoogleScene(): Promise<GoogleScene> {
  const broker = await startTestBroker({
    policies: RULES,
    config: (yaml) => yaml.replace('policies:', `${TARGETS}\npolicies:`),
  });
  const api = await openApi(broker);
  const file = (name: string, text: string) => {
    const path = join(broker.folder, name);
    writeFileSync(path, text, { mode: 0o700 });
    return path;
  };
  const trusted = join(broker.folder, 'ca.crt');
  return {
    broker,
    api,
    trusted,
    file,
    pod: () =>
      mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), { typ: undefined }),
    async ask(credentials, { scopes = [CLOUD_PLATFORM], env = {} } = {}) {
      const adc = join(import.meta.dirname, 'google-adc.ts');
      const { stdout } = await promisify(execFile)(process.execPath, [adc, `${api.url}lake`, ...scopes], {
        env: {
          PATH: process.env.PATH,
          GOOGLE_APPLICATION_CREDENTIALS: file('adc.json', JSON.stringify(credentials)),
          GOOGLE_CLOUD_PROJECT: 'example-data',
          NODE_EXTRA_CA_CERTS: trusted,
          ...env,
        },
      });
      const asked: Asked = JSON.parse(stdout);
      return asked;
    },
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await api[Symbol.asyncDispose]();
    },
  };
}

/** An `external_account` file that asks the broker. */
export const externalAccount = (broker: TestBroker, source: object, more: object = {}) => ({
  type: 'external_account',
  audience: PROVIDER,
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${broker.issuer}/gcp/token/lake`,
  token_info_url: `${broker.issuer}/gcp/introspect`,
  credential_source: source,
  ...more,
});

/** Tells whose the bearer is, and gives tokens of a service account to whoever has one. */
async function openApi(broker: TestBroker): Promise<TlsServer> {
  const given = new Map<string, string>();
  async function whose(token: string): Promise<string> {
    const jwks = JSON.parse((await broker.call({ path: '/.well-known/jwks.json' })).text);
    const known = given.get(token);
    if (known !== undefined) return known;
    const { payload } = await jwtVerify(token, createLocalJWKSet(jwks), { issuer: broker.issuer, audience: AUDIENCE });
    return payload.sub ?? '';
  }
  async function answer(message: IncomingMessage): Promise<object> {
    const who = await whose(message.headers.authorization?.replace(/^Bearer /, '') ?? '');
    const account = /^\/v1\/projects\/-\/serviceAccounts\/(.+):generateAccessToken$/.exec(message.url ?? '')?.[1];
    if (account === undefined) return { who };
    const accessToken = `ya29.${given.size}`;
    given.set(accessToken, `${account} for ${who}`);
    return { accessToken, expireTime: new Date(Date.now() + 600_000).toISOString() };
  }
  return openTlsServer(
    (message, response) => {
      const reply = (status: number, body: object) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      answer(message).then(
        (body) => reply(200, body),
        () => reply(401, { error: { code: 401, status: 'UNAUTHENTICATED' } }),
      );
    },
    { certificate: certificateOf(broker) },
  );
}

/** The broker's own: its clients can be told of one authority, and two of one name would be taken for each other. */
export const certificateOf = ({ folder, ca }: TestBroker): ServerCertificate => ({
  ca,
  cert: readFileSync(join(folder, 'tls.crt'), 'utf8'),
  key: readFileSync(join(folder, 'tls.key'), 'utf8'),
});
