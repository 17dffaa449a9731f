// What every memory for secrets must do, run against each implementation.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SecretMemory } from '../../src/core/cloud-ports.ts';
import { SECRET_BYTES_MAX } from '../../src/core/limits-store.ts';

export interface SecretsUnderTest {
  readonly memory: SecretMemory;
  close(): Promise<void>;
}

/** Opens an empty one that holds so many. */
export type SecretsMaker = (world: {
  readonly now: () => number;
  readonly secretsMax?: number;
}) => Promise<SecretsUnderTest>;

export function secretMemoryContract(name: string, open: SecretsMaker): void {
  describe(`${name} keeps the contract of a memory for secrets`, () => {
    let offset: number;
    let under: SecretsUnderTest;
    const now = () => Date.now() / 1_000 + offset;
    beforeEach(async () => {
      offset = 0;
      under = await open({ now });
    });
    afterEach(() => under.close());

    it('gives back what was put there, byte for byte, and nothing else', async () => {
      const { memory } = under;
      const secret = 'FwoGZXIvYXdzEBY \n\u0000 ключ 🔑 {"a":1}';
      await memory.set('a', secret, now() + 60);
      await memory.set('b', '', now() + 60);
      expect([await memory.get('a'), await memory.get('b')]).toEqual([secret, '']);
      expect([await memory.get('A'), await memory.get(''), await memory.get('constructor')]).toEqual(
        Array(3).fill(undefined),
      );
    });

    it('forgets it when it ends, by the clock of the broker', async () => {
      const { memory } = under;
      await memory.set('a', 'secret', now() + 60);
      offset = 59;
      expect(await memory.get('a')).toBe('secret');
      offset = 60.001;
      expect(await memory.get('a')).toBeUndefined();
    });

    it.each([0, -1, -1e9, Number.NaN, Number.NEGATIVE_INFINITY])(
      'keeps nothing that ends in %s seconds, and what was there before stays',
      async (seconds) => {
        const { memory } = under;
        await memory.set('a', 'before', now() + 60);
        await memory.set('a', 'after', now() + seconds);
        await memory.set('b', 'secret', now() + seconds);
        expect([await memory.get('a'), await memory.get('b')]).toEqual(['before', undefined]);
      },
    );

    it('replaces what was there', async () => {
      const { memory } = under;
      await memory.set('a', 'one', now() + 60);
      await memory.set('a', 'two', now() + 120);
      offset = 90;
      expect(await memory.get('a')).toBe('two');
    });

    it('keeps what is as large as may be, and nothing that is larger', async () => {
      const { memory } = under;
      const largest = 'é'.repeat(SECRET_BYTES_MAX / 2);
      await memory.set('a', largest, now() + 60);
      await memory.set('b', `${largest}x`, now() + 60);
      expect([await memory.get('a'), await memory.get('b')]).toEqual([largest, undefined]);
    });

    it('makes room for a new one by what was used longest ago', async () => {
      await under.close();
      under = await open({ now, secretsMax: 3 });
      const { memory } = under;
      for (const key of ['a', 'b', 'c']) await memory.set(key, key, now() + 60);
      expect(await memory.get('a')).toBe('a');
      await memory.set('d', 'd', now() + 60);
      // A shared one takes it away behind the scenes.
      await expect.poll(() => memory.get('b')).toBeUndefined();
      expect([await memory.get('a'), await memory.get('c'), await memory.get('d')]).toEqual(['a', 'c', 'd']);
    });
  });
}
