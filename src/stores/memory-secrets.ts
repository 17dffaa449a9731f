// Secrets that are kept in this process alone, until they end or there are too many: what was used longest ago goes first. Nothing of them
// is written anywhere.

import { LRUCache } from 'lru-cache';
import type { SecretMemory } from '../core/cloud-ports.ts';
import { SECRET_BYTES_MAX, SECRETS_BYTES_MAX, SECRETS_MAX } from '../core/limits-store.ts';
import type { Clock } from '../core/ports.ts';

export interface MemorySecretsParts {
  readonly clock: Pick<Clock, 'nowSeconds'>;
  /** For tests; SECRETS_MAX unless given. */
  readonly secretsMax?: number;
}

interface Held {
  readonly secret: string;
  readonly bytes: number;
  readonly untilSeconds: number;
}

export function createMemorySecrets({ clock, secretsMax = SECRETS_MAX }: MemorySecretsParts): SecretMemory {
  const held = new LRUCache<string, Held>({
    max: secretsMax,
    maxSize: SECRETS_BYTES_MAX,
    sizeCalculation: ({ bytes }, key) => bytes + key.length,
  });
  return Object.freeze({
    async get(key: string) {
      const found = held.get(key);
      if (!found || found.untilSeconds > clock.nowSeconds()) return found?.secret;
      held.delete(key);
      return undefined;
    },
    async set(key: string, secret: string, untilSeconds: number) {
      const bytes = Buffer.byteLength(secret);
      if (!(untilSeconds > clock.nowSeconds()) || bytes > SECRET_BYTES_MAX) return;
      held.set(key, { secret, bytes, untilSeconds });
    },
  });
}
