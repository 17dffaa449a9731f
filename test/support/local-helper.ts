// The local helper on its socket, over a broker that is scripted answer by answer, with a clock of the test's own.

import { randomBytes } from 'node:crypto';
import type { LocalBroker } from '../../src/adapters/local/credentials.ts';
import type { IsOwnUser } from '../../src/adapters/local/peer.ts';
import { createLocalServing, type FirstAnswer, type LocalOrder } from '../../src/adapters/local/serving.ts';
import { awsAnswer, bearerAnswer, NOW, refused, startTime, type Time } from './local-broker.ts';
import { callLocal, type LocalCall, type LocalReply } from './local-client.ts';

type Answer = Awaited<ReturnType<LocalBroker['ask']>>;
type Headers = NonNullable<LocalCall['headers']>;

export const VAULT = 'https://vault.azure.net';
export const VAULT_QUERY = `api-version=2019-08-01&resource=${encodeURIComponent(VAULT)}`;
export const CLIENT = '11111111-2222-4333-8444-555555555555';
/** Of Entra's shape; nobody here looks at its signature. */
const jwt = (claims: object): string =>
  [{ alg: 'RS256', typ: 'JWT' }, claims, 'x']
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
export const ENTRA = jwt({ aud: VAULT, appid: CLIENT });
export const TOKEN_PATH = '/computeMetadata/v1/instance/service-accounts/default/token';

export const ORDER: LocalOrder = {
  aws: ['role', 'admin'],
  google: {
    target: 'lake',
    email: 'lake@example-data.iam.gserviceaccount.com',
    project: { id: 'example-data', number: '42' },
  },
  azure: [{ target: 'vault', resource: undefined }],
};

const ANSWERS: Readonly<Record<string, Answer>> = {
  role: awsAnswer(NOW + 1_800),
  admin: refused('invalid_target: rule payments-aws (decision 01J)'),
  lake: bearerAnswer('ya29.canary', 1_800, { scope: 'https://www.googleapis.com/auth/cloud-platform' }),
  vault: bearerAnswer(ENTRA, 3_599),
  'https://ledger.example': bearerAnswer('identity-canary', 300),
};

export interface Helper extends AsyncDisposable {
  readonly time: Time;
  readonly port: number;
  readonly variables: Readonly<Record<string, string>>;
  readonly first: readonly FirstAnswer[];
  readonly asked: Parameters<LocalBroker['ask']>[0][];
  /** By target; may be changed. */
  readonly answers: Record<string, Answer>;
  readonly said: readonly string[];
  call(path: string, options?: LocalCall): Promise<LocalReply>;
  /** With what each cloud's SDK shows. */
  aws(path?: string, headers?: Headers): Promise<LocalReply>;
  google(path: string, headers?: Headers): Promise<LocalReply>;
  azure(query: string, headers?: Headers): Promise<LocalReply>;
}

export async function openHelper(
  more: {
    readonly order?: LocalOrder;
    readonly answers?: Readonly<Record<string, Answer>>;
    readonly isOwnUser?: IsOwnUser;
  } = {},
): Promise<Helper> {
  const time = startTime();
  const answers = { ...ANSWERS, ...more.answers };
  const asked: Parameters<LocalBroker['ask']>[0][] = [];
  const said: string[] = [];
  const serving = createLocalServing(more.order ?? ORDER, {
    ...time,
    randomBytes,
    broker: {
      async ask(question) {
        asked.push(question);
        return answers[question.target] ?? refused('invalid_target');
      },
    },
    secrets: {},
    isOwnUser: more.isOwnUser,
    notice: (line) => void said.push(line),
  });
  const first = await serving.start();
  await serving.listen(0);
  const variables = serving.variables();
  const port = Number(new URL(variables.IDENTITY_ENDPOINT ?? `http://${variables.GCE_METADATA_HOST}`).port);
  const call: Helper['call'] = (path, options) => callLocal(port, path, options);
  const { AWS_CONTAINER_AUTHORIZATION_TOKEN: authorization = '', IDENTITY_HEADER: identity = '' } = variables;
  return {
    time,
    port,
    variables,
    first,
    asked,
    answers,
    said,
    call,
    aws: (path = '/aws/credentials/role', headers = {}) => call(path, { headers: { authorization, ...headers } }),
    google: (path, headers = {}) => call(path, { headers: { 'metadata-flavor': 'Google', ...headers } }),
    azure: (query, headers = {}) =>
      call(`/msi/token?${query}`, { headers: { 'x-identity-header': identity, ...headers } }),
    [Symbol.asyncDispose]: () => serving.close(),
  };
}
