// A whole broker in the test's process: its own folder, real TLS on loopback, real files, platforms with keys of their own. What a
// test changes is the configuration, the policies, and the clock.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/adapters/cli/demo/broker.ts';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { type Claims, createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { type Broker, startBroker } from '../../src/compose.ts';
import { AddressInUse } from '../../src/compose-listener.ts';
import { type BrokerWorld, openFrame } from '../../src/compose-state.ts';
import type { Outbound } from '../../src/core/outside.ts';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';
export const CLUSTER_ISSUER = 'https://kubernetes.default.svc.cluster.local';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface TestBroker {
  readonly issuer: string;
  readonly ca: string;
  readonly port: number;
  readonly observePort: number;
  readonly folder: string;
  readonly broker: Broker;
  readonly keys: Readonly<Record<'github' | 'gitlab' | 'cluster' | 'mesh' | 'login', PlatformKey>>;
  /** Everything the broker logged. */
  readonly logged: () => string;
  /** Seconds that the broker's clock is ahead of ours. */
  readonly clock: { offsetSeconds: number };
  now(): number;
  /** Sends any request to the public listener. */
  call(options: RequestOptions, body?: string | Buffer): Promise<Answer>;
  /** Sends a form to /token. Arrays repeat a parameter. */
  token(form: Readonly<Record<string, string | readonly string[]>>, headers?: Record<string, string>): Promise<Answer>;
  /** A token exchange with everything it needs; `more` adds to or replaces parameters, undefined removes one. */
  exchange(
    subjectToken: string,
    more?: Readonly<Record<string, string | readonly string[] | undefined>>,
  ): Promise<Answer>;
  /** The same over one connection of its own that presents a certificate; PEM, the leaf first. */
  as(identity: { readonly cert: string; readonly key: string }): Caller;
  /** Records so far, parsed; checkpoints left out. */
  records(): readonly Record<string, unknown>[];
  write(file: string, text: string): void;
  stop(): Promise<void>;
}

/** Whoever calls over a connection of its own. */
export interface Caller extends Pick<TestBroker, 'call' | 'token' | 'exchange'> {
  close(): void;
}

export interface TestBrokerOptions {
  /** Changes exchequer.yaml. */
  readonly config?: (yaml: string) => string;
  /** Policy files by name, instead of the ones below. */
  readonly policies?: Readonly<Record<string, string>>;
  /** Files beside the configuration, written before it is read. */
  readonly files?: Readonly<Record<string, string>>;
  readonly world?: Partial<BrokerWorld>;
  /** Instead of the way outward. */
  readonly outbound?: Outbound;
  /** Starts on the folder of a broker that was stopped with `keep`. */
  readonly folder?: string;
}

const CONFIG = (port: number, observePort: number): string => `
issuer: https://localhost:${port}
listen: { address: "127.0.0.1:${port}", tls: { certificate: ./tls.crt, key: ./tls.key } }
observe: { address: "127.0.0.1:${observePort}" }
control: { socket: ./run/control.sock }
trust:
  github: { kind: github, jwks: { file: ./github.json }, require: { repository_owner_id: 65 } }
  gitlab: { kind: gitlab, jwks: { file: ./gitlab.json }, require: { namespace_id: 72 } }
  cluster: { kind: kubernetes, issuer: ${CLUSTER_ISSUER}, jwks: { file: ./cluster.json } }
  mesh: { kind: spiffe, trustDomain: prod.example, bundle: { file: ./mesh.json } }
  login: { kind: oidc, issuer: https://login.example, subjects: workloads, presenter: self, tokens: [jwt, id_token, access_token], jwks: { file: ./login.json } }
targets:
  ledger:
    kind: token
    audience: https://api.example/ledger
    scopes: { postings:read: {}, postings:write: {} }
    defaultScopes: [postings:read]
  deploy: { kind: token, audience: https://deploy.example, lifetime: 15m, algorithm: RS256 }
  secret: { kind: token, audience: https://secret.example }
policies: [./policies]
store: { directory: ./store }
keys: { directory: ./keys }
audit: { to: ./audit.jsonl, sync: false }
`;

export const POLICIES: Readonly<Record<string, string>> = {
  'rules.yaml': `
rules:
  - name: payments-ledger
    owner: payments
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { ledger: [postings:read] }
  - name: mesh-ledger
    subject: { trust: mesh, sub: spiffe://prod.example/ns/payments/sa/* }
    allow: { ledger: all }
  - name: github-deploy
    owner: platform
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [deploy]
    lifetime: 10m
  - name: gitlab-deploy
    subject: { trust: gitlab, gitlab: { project_id: 20, ref_path: refs/heads/main } }
    allow: { deploy: all, ledger: [postings:read] }
  - name: login-ledger
    subject: { trust: login, sub: worker-1 }
    allow: { ledger: all }
  - name: never-mallory
    subject: { trust: github, claims: { actor: mallory } }
    deny: all
`,
};

/** A port that was free a moment ago may be somebody's by now: then on others. */
export async function startTestBroker(options: TestBrokerOptions = {}, attempts = 3): Promise<TestBroker> {
  try {
    return await startOnFreePorts(options);
  } catch (error) {
    if (attempts === 1 || !(error instanceof AddressInUse)) throw error;
    return startTestBroker(options, attempts - 1);
  }
}

async function startOnFreePorts(options: TestBrokerOptions): Promise<TestBroker> {
  const [port, observePort] = [await freePort(), await freePort()];
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'exchequer-test-'));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const keys = await writeMaterial(write);
  writeConfiguration(options, folder, write, CONFIG(port, observePort));
  const clock = { offsetSeconds: 0 };
  const now = () => Date.now() / 1000 + clock.offsetSeconds;
  const logs: string[] = [];

  const world: BrokerWorld = {
    clock: { nowSeconds: now, elapsedMs: () => performance.now() },
    randomBytes,
    env: {},
    version: 'test',
    log: { write: (text) => void logs.push(text) },
    ...options.world,
  };
  const { outbound } = options;
  const staging = outbound && { frame: { ...openFrame(world), outbound }, dev: () => NO_DEV };
  const started = await startBroker(world, join(folder, 'exchequer.yaml'), staging);
  if (!started.ok) throw new Error(`the broker did not start:\n${started.problems.join('\n')}`);
  const { broker } = started;
  const ca = readFileSync(join(folder, 'ca.crt'), 'utf8');
  const agent = new Agent({ keepAlive: true, ca, maxSockets: 64 });

  return {
    issuer: `https://localhost:${port}`,
    ca,
    port,
    observePort,
    folder,
    broker,
    keys,
    clock,
    now: () => Math.floor(now()),
    logged: () => logs.join(''),
    ...callsOf((sent, body) => send({ host: 'localhost', port, agent, ca, ...sent }, body)),
    as({ cert, key }) {
      // Node's client resumes sessions unless told otherwise; here every connection presents its certificate anew.
      const own = new Agent({ keepAlive: true, ca, cert, key, maxSockets: 1, maxCachedSessions: 0 });
      const calls = callsOf((sent, body) => send({ host: 'localhost', port, agent: own, ca, ...sent }, body));
      return { ...calls, close: () => own.destroy() };
    },
    records: () => recordsIn(join(folder, 'audit.jsonl')),
    write,
    async stop() {
      agent.destroy();
      await broker.stop('test');
      if (!options.folder) rmSync(folder, { recursive: true, force: true });
    },
  };
}

const NO_DEV = {
  place: () => ({ issuer: '', ca: '' }),
  sign: async () => ({ ok: false as const, problem: 'signs for nobody' }),
  beside: async () => ({ ok: false as const, problem: 'signs for nobody' }),
};

type Write = (file: string, text: string) => void;

function writeConfiguration(options: TestBrokerOptions, folder: string, write: Write, yaml: string): void {
  for (const [file, text] of Object.entries(options.files ?? {})) write(file, text);
  mkdirSync(join(folder, 'policies'), { recursive: true });
  for (const [file, text] of Object.entries(options.policies ?? POLICIES)) write(join('policies', file), text);
  write('exchequer.yaml', options.config ? options.config(yaml) : yaml);
}

function callsOf(call: TestBroker['call']): Pick<TestBroker, 'call' | 'token' | 'exchange'> {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const token: TestBroker['token'] = (parameters, headers = {}) =>
    call({ method: 'POST', path: '/token', headers: { ...form, ...headers } }, formOf(parameters));
  const exchange: TestBroker['exchange'] = (subjectToken, more = {}) =>
    token(
      withoutUndefined({
        grant_type: TOKEN_EXCHANGE,
        subject_token_type: JWT_TYPE,
        subject_token: subjectToken,
        audience: 'ledger',
        ...more,
      }),
    );
  return { call, token, exchange };
}

/** What is behind the last line end was not acknowledged. */
const recordsIn = (file: string): readonly Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line))
    .filter((record) => record.event !== 'checkpoint');

/** A signed token of one of the broker's platforms. */
export const mint = (
  broker: TestBroker,
  platform: keyof TestBroker['keys'],
  claims: Claims,
  header: Record<string, unknown> = {},
): Promise<string> => broker.keys[platform].sign(claims, header);

async function writeMaterial(write: Write): Promise<TestBroker['keys']> {
  const keys = {
    github: await createPlatformKey('RS256'),
    gitlab: await createPlatformKey('RS256'),
    cluster: await createPlatformKey('RS256'),
    mesh: await createPlatformKey('ES256', 'jwt-svid'),
    login: await createPlatformKey('ES256'),
  };
  for (const [name, { jwk }] of Object.entries(keys)) write(`${name}.json`, JSON.stringify({ keys: [jwk] }));
  const tls = await mintServerCertificate(['localhost', '127.0.0.1']);
  write('ca.crt', tls.ca);
  write('tls.crt', tls.cert);
  write('tls.key', tls.key);
  return keys;
}

export function formOf(form: Readonly<Record<string, string | readonly string[]>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(form))
    for (const one of typeof value === 'string' ? [value] : value) parameters.append(name, one);
  return parameters.toString();
}

const withoutUndefined = <Value>(form: Readonly<Record<string, Value | undefined>>): Record<string, Value> =>
  Object.fromEntries(Object.entries(form).filter((entry): entry is [string, Value] => entry[1] !== undefined));

function send(options: RequestOptions, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const json = String(incoming.headers['content-type']).startsWith('application/json');
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text,
          body: json ? JSON.parse(text) : {},
        });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
