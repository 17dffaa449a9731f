// A pod beside a whole broker, and on its PATH the command line as a process of its own under every name that other programs run it by:
// `exchequer`, `az`, `docker-credential-exchequer`. What the pod asks for is accepted by servers that know our public keys alone.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { delimiter, join } from 'node:path';
import { jwtVerify } from 'jose';
import { kubernetesProjected } from '../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint, type TestBroker } from './broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from './cloud-broker.ts';
import { CLOUD_PLATFORM } from './google-requests.ts';
import { certificateOf } from './google-scene.ts';
import { publishedKeys } from './relying-cloud.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
export const PROVIDER =
  '//iam.googleapis.com/projects/123456789/locations/global/workloadIdentityPools/pool/providers/exchequer';

const TARGETS = ({ aws }: { readonly aws: string }) => `
  payments-aws: { kind: aws, role: "${ROLE}", region: eu-west-1, ${aws} }
  role-by-file: { kind: aws, role: "${ROLE}-by-file", region: eu-west-1, deliver: assertion }
  warehouse: { kind: gcp, provider: "${PROVIDER}", audience: https://warehouse.example, deliver: assertion }
  prod: { kind: token, audience: https://prod.example }
  test: { kind: token, audience: https://test.example }
  code: { kind: token, audience: https://code.example }
  images: { kind: token, audience: https://images.example }
  vault: { kind: token, audience: https://vault.example }
  lake: { kind: token, audience: https://lake.example, scopes: { "${CLOUD_PLATFORM}": {} } }
  closed: { kind: token, audience: https://closed.example }`;

const RULES = {
  'pods.yaml': `
rules:
  - name: payments
    why: "Ask #payments."
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: { warehouse: all, lake: all, payments-aws: all, role-by-file: all, prod: all, test: all, code: all, images: all, vault: all }
    lifetime: 30m
  - name: github
    why: "Ask #platform."
    subject: { trust: github, github: { repository_id: 74, ref: refs/heads/main } }
    allow: [closed]
`,
};

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface HelperScene extends AsyncDisposable {
  readonly clouds: CloudBroker;
  readonly broker: TestBroker;
  /** Where the programs of the pod are, ours first. */
  readonly path: string;
  /** What its environment has of ours. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file, and gives its path. */
  file(name: string, text: string, mode?: number): string;
  /** Runs a program of the pod to its end. */
  run(program: string, words: readonly string[], how?: How): Promise<Ran>;
  /** A server that asks for a bearer or a password which is a token of ours for this audience. */
  protect(audience: string, answer: Answer, challenge?: string): Promise<TlsServer>;
}

interface How {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

/** `who` is the verified `sub`; `user` the name beside a password. */
type Answer = (
  request: IncomingMessage,
  response: ServerResponse,
  shown: { readonly who: string; readonly user: string | undefined },
) => void;

/** Whether a program of another maker is on this machine. */
export const isHere = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));

export async function startHelperScene(): Promise<HelperScene> {
  const clouds = await startCloudBroker({ targets: TARGETS, policies: RULES });
  const { broker } = clouds;
  const file = (name: string, text: string, mode = 0o600) => {
    const place = join(broker.folder, name);
    writeFileSync(place, text, { mode });
    return place;
  };
  mkdirSync(join(broker.folder, 'bin'));
  const program = (name: string, line: string) => file(join('bin', name), `#!/bin/sh\nexec ${line}\n`, 0o755);
  const exchequer = program('exchequer', `'${process.execPath}' '${MAIN}' "$@"`);
  program('docker-credential-exchequer', `'${exchequer}' docker "$@"`);
  program('az', `'${exchequer}' azure vault --for https://vault.azure.net -- "$@"`);
  const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
  const path = [join(broker.folder, 'bin'), process.env.PATH ?? ''].join(delimiter);
  const env = {
    PATH: path,
    HOME: broker.folder,
    // Helpers start a dozen times here.
    NODE_COMPILE_CACHE: join(broker.folder, 'cache'),
    EXCHEQUER_BROKER: broker.issuer,
    EXCHEQUER_CA: join(broker.folder, 'ca.crt'),
    EXCHEQUER_TOKEN_FILE: file('projected', await mint(broker, 'cluster', claims, { typ: undefined })),
  };
  return {
    clouds,
    broker,
    path,
    env,
    file,
    run: (name, words, { env: more = {}, input = '' } = {}) =>
      new Promise((resolve) => {
        const child = execFile(name, [...words], { env: { ...env, ...more } }, (error, out, err) =>
          resolve({ code: typeof error?.code === 'number' ? error.code : error ? 1 : 0, out, err }),
        );
        child.stdin?.on('error', () => undefined);
        child.stdin?.end(input);
      }),
    protect: (audience, answer, challenge = 'Basic realm="pods"') =>
      openTlsServer(
        (request, response) =>
          void shownIn(broker, audience, request.headers.authorization).then(
            (shown) => answer(request, response, shown),
            () => response.writeHead(401, { 'www-authenticate': challenge }).end(),
          ),
        { certificate: certificateOf(broker) },
      ),
    [Symbol.asyncDispose]: () => clouds[Symbol.asyncDispose](),
  };
}

async function shownIn({ issuer, ca }: TestBroker, audience: string, header = '') {
  const [scheme = '', value = ''] = header.split(' ');
  const [user, password = ''] =
    scheme === 'Basic' ? Buffer.from(value, 'base64').toString().split(':') : [undefined, value];
  const { payload } = await jwtVerify(password, await publishedKeys({ issuer, ca }), { issuer, audience });
  return { who: payload.sub ?? '', user };
}

/** Google's STS and an API of Google in one, as far as one subject token goes. */
export function openGoogle(broker: TestBroker): Promise<TlsServer> {
  const { issuer, ca } = broker;
  const given = new Map<string, unknown>();
  async function answer(request: IncomingMessage): Promise<object> {
    if (request.method === 'GET') return { who: given.get(request.headers.authorization ?? '') };
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const token = new URLSearchParams(body).get('subject_token') ?? '';
    const { payload } = await jwtVerify(token, await publishedKeys({ issuer, ca }), {
      issuer,
      audience: 'https://warehouse.example',
      algorithms: ['RS256'],
    });
    given.set(`Bearer ya29.${given.size}`, payload.sub);
    return { access_token: `ya29.${given.size - 1}`, token_type: 'Bearer', expires_in: 600 };
  }
  return openTlsServer(
    (request, response) => {
      response.setHeader('content-type', 'application/json');
      answer(request).then(
        (body) => response.end(JSON.stringify(body)),
        () => response.writeHead(400).end(JSON.stringify({ error: 'invalid_grant' })),
      );
    },
    { certificate: certificateOf(broker) },
  );
}
