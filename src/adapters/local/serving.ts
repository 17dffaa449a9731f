// The local helper as a whole: for each target that the workload named a credential kept fresh, the endpoints that its SDKs ask, one listener
// on loopback, and the variables that send them there. Makes its secrets itself where none are given, and keeps everything in memory.

import { LOCAL_SECRET_BYTES } from '../../core/limits-local.ts';
import type { Clock, RandomBytes } from '../../core/ports.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE } from '../../core/request.ts';
import { type Endpoint, text } from './answer.ts';
import { awsPath, createAwsEndpoint } from './aws.ts';
import { AZURE_PATH, createAzureEndpoint } from './azure.ts';
import {
  type AwsCredentials,
  type BearerToken,
  fetchAs,
  type LocalBroker,
  readAws,
  readBearer,
} from './credentials.ts';
import { type After, createFresh, type Fresh } from './fresh.ts';
import { createGoogleEndpoint, type GoogleParts } from './google.ts';
import type { Fetched, Served } from './held.ts';
import { createIdentities } from './identities.ts';
import { createLocalListener, LOOPBACK } from './listener.ts';
import type { IsOwnUser } from './peer.ts';

/** What the workload is to have. Each list may be empty. */
export interface LocalOrder {
  readonly aws: readonly string[];
  readonly google: (Pick<GoogleParts, 'email' | 'project'> & { readonly target: string }) | undefined;
  readonly azure: readonly { readonly target: string; readonly resource: string | undefined }[];
}

/** What the workload shows; 256 random bits each. */
export interface LocalSecrets {
  readonly aws: string;
  readonly azure: string;
}

export interface LocalParts {
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly after: After;
  readonly broker: LocalBroker;
  /** Those of a helper before this one; what is missing is made. */
  readonly secrets: Partial<LocalSecrets>;
  /** For protocols without a secret; undefined where programs of other users are meant. */
  readonly isOwnUser: IsOwnUser | undefined;
  /** One line for people. Never a secret. */
  readonly notice: (line: string) => void;
}

/** What came of the first question about a target. */
export type FirstAnswer =
  | { readonly target: string; readonly answer: 'served' }
  | { readonly target: string; readonly answer: 'refused' | 'unavailable'; readonly sentence: string };

export interface LocalServing {
  /** Asks for every credential; from then on they are kept fresh. */
  start(): Promise<readonly FirstAnswer[]>;
  /** Binds the port of 127.0.0.1 (0: a free one). Rejects where that is impossible. */
  listen(port: number): Promise<void>;
  /** What SDKs read, once it listens. Some are secret. */
  variables(): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export function createLocalServing(order: LocalOrder, parts: LocalParts): LocalServing {
  const made = { aws: newSecret(parts.randomBytes), azure: newSecret(parts.randomBytes) };
  const secrets: LocalSecrets = { ...made, ...parts.secrets };
  const roles = new Map(order.aws.map((target) => [target, awsCredentials(parts, target)] as const));
  const google = order.google && { ...order.google, fresh: bearerToken(parts, order.google.target) };
  const azure = order.azure.map((one) => ({ ...one, fresh: bearerToken(parts, one.target) }));
  const identities = createIdentities(parts);
  const kept: readonly Kept[] = [
    ...[...roles].map(([target, fresh]) => ({ target, fresh })),
    ...(google ? [google] : []),
    ...azure,
  ];
  const listener = createLocalListener([
    health(kept),
    ...(roles.size > 0 ? [createAwsEndpoint(roles, secrets.aws)] : []),
    ...(google ? [createGoogleEndpoint({ ...google, isOwnUser: parts.isOwnUser, identity: identities.get })] : []),
    ...(azure.length > 0 ? [createAzureEndpoint(azure, secrets.azure)] : []),
  ]);
  let port = 0;
  return Object.freeze({
    start: () => Promise.all(kept.map(async ({ target, fresh }) => firstAnswer(target, await fresh.start()))),
    async listen(wanted) {
      port = await listener.listen(wanted);
    },
    variables: () => variablesOf(order, secrets, `${LOOPBACK}:${port}`),
    async close() {
      for (const { fresh } of kept) fresh.close();
      identities.close();
      await listener.close();
    },
  } satisfies LocalServing);
}

interface Kept {
  readonly target: string;
  readonly fresh: Fresh<AwsCredentials> | Fresh<BearerToken>;
}

const newSecret = (randomBytes: RandomBytes): string =>
  Buffer.from(randomBytes(LOCAL_SECRET_BYTES)).toString('base64url');

const awsCredentials = (parts: LocalParts, target: string): Fresh<AwsCredentials> =>
  keptFresh(parts, target, () =>
    fetchAs(
      parts.broker,
      { target, requestedTokenType: AWS_CREDENTIALS_TOKEN_TYPE },
      parts.clock.nowSeconds(),
      readAws,
    ),
  );

const bearerToken = (parts: LocalParts, target: string): Fresh<BearerToken> =>
  keptFresh(parts, target, () => fetchAs(parts.broker, { target }, parts.clock.nowSeconds(), readBearer));

const keptFresh = <T>(parts: LocalParts, target: string, ask: () => Promise<Fetched<T>>): Fresh<T> =>
  createFresh({
    ...parts,
    ask,
    ahead: true,
    onChange: (now, why) => parts.notice(`${target}: ${SAID[now]}${why === '' ? '' : `: ${why}`}`),
  });

const SAID = {
  served: 'there are credentials again',
  stale: 'the last credentials are served, no others could be had',
  refused: 'refused',
  unavailable: 'no credentials could be had',
};

const firstAnswer = (target: string, served: Served<unknown>): FirstAnswer =>
  served.ok ? { target, answer: 'served' } : { target, answer: served.why, sentence: served.sentence };

/** For probes, which have no secret: whether there is a credential of every target. */
const health = (kept: readonly Kept[]): Endpoint => ({
  has: (path) => path === '/healthz',
  async answer() {
    const missing = kept.filter(({ fresh }) => !fresh.serves()).length;
    return missing === 0 ? text(200, 'ok\n') : text(503, `${missing} of ${kept.length} have no credentials\n`);
  },
});

function variablesOf(order: LocalOrder, secrets: LocalSecrets, host: string): Readonly<Record<string, string>> {
  const [role] = order.aws;
  return {
    ...(role === undefined
      ? {}
      : {
          AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://${host}${awsPath(role)}`,
          AWS_CONTAINER_AUTHORIZATION_TOKEN: secrets.aws,
        }),
    ...(order.google ? { GCE_METADATA_HOST: host, GCE_METADATA_IP: host, GCE_METADATA_ROOT: host } : {}),
    ...(order.azure.length === 0
      ? {}
      : { IDENTITY_ENDPOINT: `http://${host}${AZURE_PATH}`, IDENTITY_HEADER: secrets.azure }),
  };
}
