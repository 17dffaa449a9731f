// The way to Redis: one client at a time, made anew when it ends (a connection that has said nothing for a second does), does not get ready,
// or knows old roles or passwords. Every question is answered or refused within REDIS_ANSWER_MS, and at once where no client is ready:
// nothing hangs, nothing is queued.

import { CA_FILE_BYTES_MAX } from '../core/limits-outside.ts';
import {
  REDIS_ANSWER_MS,
  REDIS_PASSWORD_BYTES_MAX,
  REDIS_PROBLEMS_MAX,
  REDIS_READY_MS,
  REDIS_RECONNECT_MS_MAX,
  REDIS_RECONNECT_MS_MIN,
} from '../core/limits-store.ts';
import { StoreUnavailable } from '../core/ports.ts';
import type { RedisSettings } from '../core/store-settings.ts';
import { readBoundedFile } from '../files/bounded-file.ts';
import { openRedisClient, type RedisClient, type RedisSecrets } from './redis.ts';
import type { ScriptName } from './redis-scripts.ts';

/** The same reason is told once, until Redis answers again. */
export type ConnectionEvent = { readonly event: 'redis_problem'; readonly reason: string };

export interface RedisConnection {
  /** Answers as the script does. Throws StoreUnavailable where there is no answer in time; then it may have run. */
  run(script: ScriptName, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  info(): Promise<readonly string[]>;
  isReady(): boolean;
  /** Tells of an answer that is none. */
  tell(reason: string): void;
  close(): void;
}

export function openRedisConnection(
  settings: RedisSettings,
  onEvent: (event: ConnectionEvent) => void,
): RedisConnection {
  const problems = createProblems(onEvent);
  const keeper = keepClient(settings, problems.tell);
  const ready = (): RedisClient => {
    const client = keeper.current();
    if (!client?.isReady()) throw new StoreUnavailable('Redis is not connected');
    return client;
  };

  return Object.freeze({
    async run(script: ScriptName, keys: readonly string[], args: readonly string[]) {
      const client = ready();
      try {
        const answer = await answered(client.run(script, keys, args));
        problems.over();
        return answer;
      } catch (error) {
        const reason = error instanceof Error ? error.message : '';
        const unavailable = new StoreUnavailable(`Redis does not answer as it should: ${reason}`);
        problems.tell(unavailable.message);
        if (isOutdated(reason)) keeper.replace(client);
        throw unavailable;
      }
    },
    info: async () => answered(ready().info()),
    isReady: () => keeper.current()?.isReady() ?? false,
    tell: problems.tell,
    close: keeper.close,
  });
}

/** Roles have changed, or a password: what this client knows is old. */
const isOutdated = (reason: string): boolean => /^(?:READONLY|WRONGPASS|NOAUTH)\b/.test(reason);

/** Always has a client, or is about to have one. */
function keepClient(settings: RedisSettings, tell: (reason: string) => void) {
  let client: RedisClient | undefined;
  let secrets: RedisSecrets = { password: undefined, sentinelPassword: undefined, ca: undefined };
  let attempts = 0;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  const open = async (): Promise<void> => {
    attempts += 1;
    secrets = await readSecrets(settings, secrets, tell);
    if (closed) return;
    const mine: RedisClient = openRedisClient(settings, secrets, {
      ready() {
        if (client !== mine) return;
        clearTimeout(timer);
        attempts = 0;
      },
      problem(reason) {
        if (client === mine) tell(reason);
        if (isOutdated(reason)) replace(mine);
      },
      ended: () => replace(mine),
    });
    client = mine;
    timer = setTimeout(replace, REDIS_READY_MS, mine).unref();
  };

  const replace = (old: RedisClient | undefined): void => {
    if (client !== old) return;
    client = undefined;
    old?.close();
    clearTimeout(timer);
    if (closed) return;
    const pauseMs = Math.min(REDIS_RECONNECT_MS_MIN * 2 ** Math.min(attempts, 10), REDIS_RECONNECT_MS_MAX);
    timer = setTimeout(() => void open(), pauseMs).unref();
  };

  void open();
  return {
    current: () => client,
    replace,
    close() {
      closed = true;
      replace(client);
    },
  };
}

/** Tells each reason once, until all is well again. */
function createProblems(onEvent: (event: ConnectionEvent) => void) {
  const told = new Set<string>();
  return {
    tell(reason: string) {
      if (told.has(reason) || told.size >= REDIS_PROBLEMS_MAX) return;
      told.add(reason);
      onEvent({ event: 'redis_problem', reason });
    },
    over: () => told.clear(),
  };
}

/** Within REDIS_ANSWER_MS. Where this process itself was held up, an answer that has arrived meanwhile still counts. */
async function answered<Answer>(asked: Promise<Answer>): Promise<Answer> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => setImmediate(() => late.reject(new Error(`no answer within ${REDIS_ANSWER_MS} ms`))),
    REDIS_ANSWER_MS,
  );
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a file does not give now, it gave before. */
async function readSecrets(
  { reach, passwordFile, ca }: RedisSettings,
  before: RedisSecrets,
  tell: (reason: string) => void,
): Promise<RedisSecrets> {
  const read = async (path: string | undefined, bytesMax: number, last: string | undefined) => {
    if (path === undefined) return undefined;
    const text = await readBoundedFile(path, bytesMax).catch(() => undefined);
    if (text === undefined) tell(`${path} cannot be read`);
    return text === undefined ? last : Buffer.from(text, 'latin1').toString().replace(/\n$/, '');
  };
  const sentinelFile = reach.kind === 'sentinel' ? reach.passwordFile : undefined;
  return {
    password: await read(passwordFile, REDIS_PASSWORD_BYTES_MAX, before.password),
    sentinelPassword: await read(sentinelFile, REDIS_PASSWORD_BYTES_MAX, before.sentinelPassword),
    ca: await read(ca, CA_FILE_BYTES_MAX, before.ca),
  };
}
