// A broker in the test's process, and a Google API on loopback that takes bearers of a lake: what application default credentials of every kind
// are tried through, from a file of credentials to a request that needs the token.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { mintServerCertificate, type ServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
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

/** What the target `lake` is. */
export const ACCOUNT = 'lake@example-data.iam.gserviceaccount.com';
const SCOPES = Object.fromEntries([CLOUD_PLATFORM, ...GCLOUD_SCOPES].map((scope) => [scope, {}]));

/** `lake` is a service account, `pool` is whoever asks. */
const targets = (port: number): string => {
  const endpoints = { sts: `https://localhost:${port}`, iamcredentials: `https://localhost:${port}` };
  const common = { kind: 'gcp', provider: PROVIDER, scopes: SCOPES, defaultScopes: [CLOUD_PLATFORM], endpoints };
  const reached = { ca: './ca.crt', lifetime: '1h' };
  return [
    `  lake: ${JSON.stringify({ ...common, ...reached, serviceAccount: ACCOUNT })}`,
    `  pool: ${JSON.stringify({ ...common, ...reached })}`,
  ].join('\n');
};

const RULES = {
  'google.yaml': `
rules:
  - name: payments-lake
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { lake: all, pool: all }
    lifetime: 1h
  - name: github-lake
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: { lake: ["${CLOUD_PLATFORM}"] }
    lifetime: 1h
`,
};

export async function startGoogleScene(): Promise<GoogleScene> {
  const certificate = await mintServerCertificate(['localhost', '127.0.0.1']);
  let started: TestBroker | undefined;
  const api = await openGoogle(certificate, () => {
    if (!started) throw new Error('the broker is not started yet');
    return started;
  });
  const broker = await startTestBroker({
    policies: RULES,
    config: (yaml) => yaml.replace('policies:', `${targets(api.port)}\npolicies:`),
    files: { 'ca.crt': certificate.ca, 'tls.crt': certificate.cert, 'tls.key': certificate.key },
    world: { permitLoopback: true },
  });
  started = broker;
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

/** Google, as far as it is asked: its STS, which trusts our published keys alone; service accounts; and an API that tells whose the bearer is. */
async function openGoogle(certificate: ServerCertificate, broker: () => TestBroker): Promise<TlsServer> {
  const given = new Map<string, string>();
  const give = (who: string): string => {
    const token = `ya29.${given.size}`;
    given.set(token, who);
    return token;
  };
  async function federate(message: IncomingMessage): Promise<object> {
    const form = new URLSearchParams(await textOf(message));
    if (message.headers.authorization !== undefined || form.get('audience') !== PROVIDER) throw new Error('no');
    const jwks = JSON.parse((await broker().call({ path: '/.well-known/jwks.json' })).text);
    const expected = { issuer: broker().issuer, algorithms: ['RS256'] };
    const { payload } = await jwtVerify(form.get('subject_token') ?? '', createLocalJWKSet(jwks), expected);
    const pinned = `target:${String(payload.aud).slice(`${broker().issuer}/targets/`.length)}`;
    if (payload.target !== pinned) throw new Error('no');
    return { access_token: give(payload.sub ?? ''), token_type: 'Bearer', expires_in: 3_600 };
  }
  async function answer(message: IncomingMessage): Promise<object> {
    if (message.url === '/v1/token') return federate(message);
    const who = given.get(message.headers.authorization?.replace(/^Bearer /, '') ?? '');
    if (who === undefined) throw new Error('no');
    const account = /^\/v1\/projects\/-\/serviceAccounts\/(.+):generateAccessToken$/.exec(message.url ?? '')?.[1];
    if (account === undefined) return { who };
    const seconds = Number.parseInt(JSON.parse(await textOf(message)).lifetime, 10);
    const expireTime = new Date(Date.now() + seconds * 1_000).toISOString();
    return { accessToken: give(`${decodeURIComponent(account)} for ${who}`), expireTime };
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
    { certificate },
  );
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message) text += String(chunk);
  return text;
}

/** One for all on loopback: clients can be told of one authority, and two of one name would be taken for each other. */
export const certificateOf = ({ folder, ca }: TestBroker): ServerCertificate => ({
  ca,
  cert: readFileSync(join(folder, 'tls.crt'), 'utf8'),
  key: readFileSync(join(folder, 'tls.key'), 'utf8'),
});
