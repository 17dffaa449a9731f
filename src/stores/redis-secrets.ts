// Secrets in the store that replicas share: sealed here before they leave the process, one key of Redis each, until they end. What cannot
// be unsealed (another broker's key, another's text, another's place) is not there. What this broker keeps there at once is bounded: what
// it used longest ago is taken away first, so that no flood of credentials leaves Redis without room for what must be kept (F-26).

import { LRUCache } from 'lru-cache';
import type { Sealing, SecretMemory } from '../core/cloud-ports.ts';
import { SECRET_BYTES_MAX, SECRETS_BYTES_MAX, SECRETS_MAX } from '../core/limits-store.ts';
import type { Clock } from '../core/ports.ts';
import type { RedisConnection } from './redis-connection.ts';
import { secretKeyIn } from './redis-keys.ts';
import { statusOf } from './redis-replies.ts';

export interface RedisSecretsParts {
  readonly prefix: string;
  readonly connection: Pick<RedisConnection, 'run'>;
  readonly sealing: Sealing;
  readonly clock: Pick<Clock, 'nowSeconds'>;
  /** For tests; SECRETS_MAX unless given. */
  readonly secretsMax?: number;
}

export function createRedisSecrets(parts: RedisSecretsParts): SecretMemory {
  const { prefix, connection, sealing, clock, secretsMax = SECRETS_MAX } = parts;
  const drop = (key: string): Promise<unknown> =>
    connection.run('drop', [secretKeyIn(prefix, key)], []).catch(() => undefined);
  /** What this broker has put there, by its size. */
  const kept = new LRUCache<string, number>({
    max: secretsMax,
    maxSize: SECRETS_BYTES_MAX,
    sizeCalculation: (bytes) => bytes,
    dispose: (_bytes, key, why) => {
      if (why === 'evict') void drop(key);
    },
  });

  return Object.freeze({
    async get(key: string) {
      const { status, rest } = statusOf(await connection.run('recall', [secretKeyIn(prefix, key)], []));
      const [sealed] = rest;
      if (status !== 'held' || typeof sealed !== 'string' || sealed.length > SEALED_CHARACTERS_MAX) return undefined;
      // How long it counts is sealed too: the clock of Redis is another.
      const found = ENTRY.exec((await sealing.unseal(key, sealed)) ?? '');
      kept.get(key);
      return found && Number(found[1]) > clock.nowSeconds() ? found[2] : undefined;
    },
    async set(key: string, secret: string, untilSeconds: number) {
      const leftMs = Math.ceil((untilSeconds - clock.nowSeconds()) * 1_000);
      if (!(leftMs > 0) || Buffer.byteLength(secret) > SECRET_BYTES_MAX) return;
      const sealed = await sealing.seal(key, `${untilSeconds} ${secret}`);
      kept.set(key, sealed.length);
      await connection.run('remember', [secretKeyIn(prefix, key)], [sealed, String(leftMs)]).catch(() => undefined);
    },
  });
}

const ENTRY = /^(\d+(?:\.\d+)?) (.*)$/s;
/** Base64url of the longest, with room for nonce, tag and time. */
const SEALED_CHARACTERS_MAX = SECRET_BYTES_MAX * 2;
