// Two brokers with one issuer, one directory of keys and one real Redis, before one fake AWS.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { startTestBroker } from './broker.ts';
import { type CloudScene, openCloudScene, sceneOf } from './cloud-scene.ts';
import { isReady } from './fleet.ts';
import { type RedisServer, startRedis } from './redis-server.ts';

export interface CloudFleet extends AsyncDisposable {
  readonly a: CloudScene;
  readonly b: Pick<CloudScene, 'broker' | 'ask' | 'record'>;
  readonly redis: RedisServer;
  readonly keysDirectory: string;
}

export async function openCloudFleet(): Promise<CloudFleet> {
  const keysDirectory = join(mkdtempSync(join(tmpdir(), 'exchequer-cloud-fleet-')), 'keys');
  const redis = await startRedis();
  const shared = (yaml: string) =>
    yaml
      .replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${redis.port}" } }`)
      .replace('keys: { directory: ./keys }', `keys: { directory: ${keysDirectory} }`);
  const a = await openCloudScene({ config: shared });
  const { folder } = a.broker;
  const text = (...path: readonly string[]) => readFileSync(join(folder, ...path), 'utf8');
  const copied = readdirSync(folder).filter((name) => /\.json$|-ca\.crt$/.test(name));
  const broker = await startTestBroker({
    policies: { 'clouds.yaml': text('policies', 'clouds.yaml') },
    files: Object.fromEntries(copied.map((name) => [name, text(name)])),
    world: { permitLoopback: true },
    // All of the other's, but where it listens.
    config: (own) =>
      text('exchequer.yaml').replaceAll(/^(?:listen|observe): .*$/gm, (line) => {
        const [name = ''] = line.split(':');
        return own.split('\n').find((one) => one.startsWith(`${name}:`)) ?? '';
      }),
  });
  const b = { broker, ...sceneOf(broker) };
  await vi.waitFor(async () => expect([await isReady(a.broker), await isReady(broker)]).toEqual([true, true]), 10_000);
  return {
    a,
    b,
    redis,
    keysDirectory,
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await a[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      rmSync(join(keysDirectory, '..'), { recursive: true });
    },
  };
}
