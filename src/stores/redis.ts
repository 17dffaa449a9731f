// One client of Redis: standalone, by Sentinel, or of a Cluster. The only file that knows ioredis, whose defaults would queue and resend
// while Redis is away: here nothing waits for a connection and nothing is sent twice. It does not reconnect: redis-connection.ts makes
// another one. What it tells of a failure holds no password and no argument of a command.

import { createHash } from 'node:crypto';
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis';
import { REDIS_COMMAND_MS, REDIS_CONNECT_MS, REDIS_COPIES_MS } from '../core/limits-store.ts';
import type { RedisSettings } from '../core/store-settings.ts';
import { SCRIPTS, type ScriptName } from './redis-scripts.ts';

/** What is read anew for every client. */
export interface RedisSecrets {
  readonly password: string | undefined;
  readonly sentinelPassword: string | undefined;
  /** PEM. */
  readonly ca: string | undefined;
}

export interface RedisListener {
  ready(): void;
  problem(reason: string): void;
  /** It is of no use any more. */
  ended(): void;
}

export interface RedisClient {
  /** Commands are taken, at once or not at all. */
  isReady(): boolean;
  /** Runs a script whole, and where `replicas` says so waits for that many to have what it wrote. Rejects with an Error of one reason. */
  run(script: ScriptName, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** `INFO` of every node that takes writes. */
  info(): Promise<readonly string[]>;
  close(): void;
}

type Client = Redis | Cluster;

/** Begins to connect; tells the listener what becomes of it. */
export function openRedisClient(settings: RedisSettings, secrets: RedisSecrets, listener: RedisListener): RedisClient {
  const client = clientOf(settings, secrets);
  const problem = (error: unknown): void => listener.problem(reasonOf(error));
  let warm = false;
  client.on('ready', async () => {
    await Promise.allSettled((client instanceof Cluster ? client.nodes('master') : [client]).map(prepare));
    warm = true;
    listener.ready();
  });
  client.on('error', problem).on('node error', problem).on('sentinelError', problem).once('end', listener.ended);
  client.on('+node', (node: Redis) => void prepare(node).catch(() => undefined));
  client.connect().catch(problem);

  return Object.freeze({
    isReady: () => warm && client.status === 'ready',
    async run(script: ScriptName, keys: readonly string[], args: readonly string[]) {
      const { sha, text } = PREPARED[script];
      try {
        return await evaluated(client, { verb: 'evalsha', script: sha, keys, args, replicas: settings.replicas });
      } catch (error) {
        if (!reasonOf(error).startsWith('NOSCRIPT')) throw new Error(reasonOf(error));
      }
      return evaluated(client, { verb: 'eval', script: text, keys, args, replicas: settings.replicas }).catch(
        (error: unknown) => {
          throw new Error(reasonOf(error));
        },
      );
    },
    async info() {
      const nodes = client instanceof Cluster ? client.nodes('master') : [client];
      return Promise.all(nodes.map((node) => node.info())).catch((error: unknown) => {
        throw new Error(reasonOf(error));
      });
    },
    close: () => client.disconnect(),
  });
}

/**
 * Gives a node the scripts. It also connects to it: in a Cluster that would happen with the first claim, which has no time for it. A node
 * that is dead is not waited for.
 */
const prepare = (node: Redis): Promise<unknown> =>
  Promise.all(Object.values(SCRIPTS).map((text) => node.script('LOAD', text)));

/** ioredis hangs the command with its arguments on an error, and AUTH is a command: the message alone goes on. */
const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : 'no reason was given');

const prepared = (text: string) => ({ text, sha: createHash('sha1').update(text).digest('hex') });
const PREPARED: Readonly<Record<ScriptName, ReturnType<typeof prepared>>> = {
  claim: prepared(SCRIPTS.claim),
  release: prepared(SCRIPTS.release),
  feed: prepared(SCRIPTS.feed),
  add: prepared(SCRIPTS.add),
  lift: prepared(SCRIPTS.lift),
  begin: prepared(SCRIPTS.begin),
  leave: prepared(SCRIPTS.leave),
  remember: prepared(SCRIPTS.remember),
  recall: prepared(SCRIPTS.recall),
  drop: prepared(SCRIPTS.drop),
};

interface Evaluation {
  readonly verb: 'eval' | 'evalsha';
  readonly script: string;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly replicas: number;
}

async function evaluated(client: Client, { verb, script, keys, args, replicas }: Evaluation): Promise<unknown> {
  const words = [script, keys.length, ...keys, ...args];
  if (replicas === 0) return client.call(verb, ...words);
  // One after the other on one connection: WAIT is about what this connection wrote.
  const answers = await client
    .pipeline([
      [verb, ...words],
      ['wait', replicas, REDIS_COPIES_MS],
    ])
    .exec();
  const [[failed, answer] = [new Error('no answer')], [unwaited, copies] = [new Error('no answer')]] = answers ?? [];
  if (failed ?? unwaited) throw failed ?? unwaited;
  if (Number(copies) < replicas) throw new Error(`NOREPLICAS ${copies} of ${replicas} replicas have the write`);
  return answer;
}

function clientOf(settings: RedisSettings, secrets: RedisSecrets): Client {
  const { reach, username } = settings;
  const tls = settings.tls
    ? { tls: { ...(secrets.ca ? { ca: secrets.ca } : {}), minVersion: 'TLSv1.2' as const } }
    : {};
  const common = {
    ...COMMON,
    ...tls,
    ...(username === undefined ? {} : { username }),
    ...(secrets.password === undefined ? {} : { password: secrets.password }),
  } satisfies RedisOptions;
  switch (reach.kind) {
    case 'standalone':
      return new Redis({ ...common, ...UNMANAGED, ...reach.address, db: reach.database });
    case 'sentinel':
      return new Redis({
        ...common,
        ...UNMANAGED,
        name: reach.master,
        sentinels: [...reach.addresses],
        sentinelRetryStrategy: () => null,
        sentinelCommandTimeout: REDIS_COMMAND_MS,
        ...(reach.username === undefined ? {} : { sentinelUsername: reach.username }),
        ...(secrets.sentinelPassword === undefined ? {} : { sentinelPassword: secrets.sentinelPassword }),
        ...(settings.tls ? { enableTLSForSentinelMode: true, sentinelTLS: tls.tls } : {}),
      });
    case 'cluster':
      return new Cluster([...reach.addresses], { ...CLUSTER, redisOptions: common });
  }
}

const COMMON = {
  lazyConnect: true,
  connectionName: 'exchequer',
  disableClientInfo: true,
  // RESP2: scripts answer with arrays and texts, and no HELLO has to be permitted.
  protocol: 2,
  connectTimeout: REDIS_CONNECT_MS,
  commandTimeout: REDIS_COMMAND_MS,
  socketTimeout: REDIS_CONNECT_MS,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  reconnectOnError: null,
} as const satisfies RedisOptions;

const UNMANAGED = { enableOfflineQueue: false, retryStrategy: null } as const satisfies RedisOptions;

const CLUSTER = {
  lazyConnect: true,
  enableOfflineQueue: false,
  clusterRetryStrategy: () => null,
  // A command that met a slot on its way elsewhere is sent on; all of it has to fit into REDIS_ANSWER_MS, and every script may run twice.
  maxRedirections: 4,
  retryDelayOnFailover: 50,
  retryDelayOnClusterDown: 50,
  retryDelayOnTryAgain: 20,
  slotsRefreshTimeout: REDIS_CONNECT_MS,
  // Names stay names: a certificate is checked against what the cluster says, not against an address.
  dnsLookup: (name, answer) => answer(null, name),
} as const satisfies ClusterOptions;
