// The memories for secrets: the contract, and what is sealed in a Redis that others can read.

import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SECRET_BYTES_MAX } from '../../src/core/limits-store.ts';
import { StoreUnavailable } from '../../src/core/ports.ts';
import { createMemorySecrets } from '../../src/stores/memory-secrets.ts';
import { secretMemoryContract } from '../contract/secret-memory.ts';
import { describeWithRedis, type RedisServer, standalone, startRedis } from '../support/redis-server.ts';
import { openReplica, type Replica, type ReplicaOptions } from './replicas.ts';

secretMemoryContract('this process', async ({ now, secretsMax }) => ({
  memory: createMemorySecrets({ clock: { nowSeconds: now }, ...(secretsMax ? { secretsMax } : {}) }),
  close: () => Promise.resolve(),
}));

const soon = () => Date.now() / 1_000 + 60;

describeWithRedis('secrets in a Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server[Symbol.asyncDispose]());

  /** One replica for all of them: a new one waits until it has heard of the others. */
  const open = (prefix: string, name: string, options: ReplicaOptions = {}) =>
    openReplica(standalone(server.port, { prefix }), name, { eager: true, ...options });
  const connected = async (replica: Replica): Promise<Replica> => {
    await expect.poll(() => replica.store.secrets.get('nothing').catch(() => 'not yet')).toBeUndefined();
    return replica;
  };

  secretMemoryContract('a Redis', async (world) => {
    const { store } = await connected(await open(randomBytes(6).toString('hex'), 'one', world));
    return { memory: store.secrets, close: () => store.close() };
  });

  describe('as they lie there', () => {
    const sealingKey = randomBytes(32);
    let prefix: string;
    let a: Replica;
    let opened: Replica[];
    const also = async (options: ReplicaOptions) => {
      const replica = await connected(await open(prefix, randomBytes(4).toString('hex'), options));
      opened.push(replica);
      return replica;
    };
    const keyOf = (name: string) => `${prefix}:secret:${name}`;
    beforeEach(async () => {
      prefix = randomBytes(6).toString('hex');
      opened = [];
      a = await also({ sealingKey });
    });
    afterEach(() => Promise.all(opened.map(({ store }) => store.close())));

    it('are the same for every replica that has the key, and not there for one that has another', async () => {
      const b = await also({ sealingKey });
      const stranger = await also({});
      await a.store.secrets.set('x', 'canary-secret', soon());
      expect(await b.store.secrets.get('x')).toBe('canary-secret');
      expect(await stranger.store.secrets.get('x')).toBeUndefined();
    });

    it('A-170 are sealed, differently each time, and end by themselves', async () => {
      const seen: string[] = [];
      for (let round = 0; round < 2; round += 1) {
        await a.store.secrets.set('x', 'canary-secret', soon());
        seen.push((await server.admin.get(keyOf('x'))) ?? '');
        expect(await server.admin.pttl(keyOf('x'))).toSatisfy((ms: number) => ms > 50_000 && ms <= 60_000);
      }
      expect(seen[0]).not.toBe(seen[1]);
      for (const text of seen)
        for (const part of text.split('.')) {
          expect(part).not.toBe('');
          expect(Buffer.from(part, 'base64url').toString('latin1')).not.toContain('canary');
        }
    });

    it('A-170 are not there in the place of another, nor with one byte changed, cut or added', async () => {
      await a.store.secrets.set('x', 'canary-secret', soon());
      const sealed = (await server.admin.get(keyOf('x'))) ?? '';
      const put = async (name: string, text: string) => {
        await server.admin.set(keyOf(name), text);
        return a.store.secrets.get(name);
      };
      expect(await put('y', sealed)).toBeUndefined();
      const wrong = [
        '',
        '.',
        '..',
        'canary-secret',
        sealed.slice(0, -1),
        `${sealed}A`,
        `${sealed}.`,
        `.${sealed}`,
        sealed.replace('.', ''),
        `A${sealed}`,
        'x'.repeat(SECRET_BYTES_MAX * 2 + 1),
        ...[0, sealed.indexOf('.') + 1, sealed.lastIndexOf('.') + 1].map(
          (at) => `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`,
        ),
      ];
      for (const text of wrong) expect(await put('x', text), JSON.stringify(text.slice(0, 80))).toBeUndefined();
      expect(await put('x', sealed)).toBe('canary-secret');
    });

    it('nobody can know what is held where it does not answer; and nothing fails where it cannot be kept', async () => {
      await a.store.secrets.set('x', 'secret', soon());
      await server.admin.hset(keyOf('h'), 'a', 'b');
      await expect(a.store.secrets.get('h')).rejects.toThrow(StoreUnavailable);

      await using dead = await startRedis();
      const b = await connected(await openReplica(standalone(dead.port), 'b', { eager: true }));
      await b.store.secrets.set('x', 'secret', soon());
      expect(await b.store.secrets.get('x')).toBe('secret');
      await dead.kill();
      await expect
        .poll(() => b.store.secrets.get('x').catch((error: unknown) => error))
        .toBeInstanceOf(StoreUnavailable);
      await b.store.secrets.set('x', 'secret', soon());
      await b.store.close();
    });
  });
});
