// Secrets that are kept in this process alone, until they end or there are too many: what was used longest ago goes first. Nothing of them
// is written anywhere.

import { LRUCache } from 'lru-cache';
import type { SecretMemory } from '../core/cloud-ports.ts';
import { SECRETS_BYTES_MAX, SECRETS_MAX } from '../core/limits-store.ts';
import type { Clock } from '../core/ports.ts';

export function createMemorySecrets(clock: Clock): SecretMemory {
  const held = new LRUCache<string, { readonly secret: string; readonly untilSeconds: number }>({
    max: SECRETS_MAX,
    maxSize: SECRETS_BYTES_MAX,
    sizeCalculation: ({ secret }, key) => secret.length + key.length,
  });
  return Object.freeze({
    async get(key: string) {
      const found = held.get(key);
      if (!found || found.untilSeconds > clock.nowSeconds()) return found?.secret;
      held.delete(key);
      return undefined;
    },
    async set(key: string, secret: string, untilSeconds: number) {
      held.set(key, { secret, untilSeconds });
    },
  });
}
