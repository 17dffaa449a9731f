// Two whole brokers that are one to everybody outside: one issuer, one directory of signing keys, one real Redis, which each reaches by a
// network of its own that a test can break. The first one's tokens of platforms and people are taken by both.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';
import { type OwnTokenBroker, startOwnTokenBroker } from './own-token-broker.ts';
import { startRedis } from './redis-server.ts';
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export interface Fleet extends AsyncDisposable {
  readonly a: OwnTokenBroker;
  readonly b: OwnTokenBroker;
  /** Between the second one and Redis. */
  readonly network: TcpProxy;
  readonly keysDirectory: string;
}

export async function startFleet(): Promise<Fleet> {
  const keysDirectory = join(mkdtempSync(join(tmpdir(), 'exchequer-fleet-')), 'keys');
  const redis = await startRedis();
  const [near, network] = [await openTcpProxy(redis.port), await openTcpProxy(redis.port)];
  const shared = (proxy: TcpProxy, issuer?: string) => (yaml: string) =>
    (issuer === undefined ? yaml : yaml.replace(/^issuer: .*$/m, `issuer: ${issuer}`))
      .replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${proxy.port}" } }`)
      .replace('keys: { directory: ./keys }', `keys: { directory: ${keysDirectory} }`);

  const a = await startOwnTokenBroker({ config: shared(near) });
  const b = await startOwnTokenBroker({ config: shared(network, a.issuer), files: keyFiles(a.folder) });
  await vi.waitFor(async () => expect([await isReady(a), await isReady(b)]).toEqual([true, true]), 10_000);
  return {
    a,
    b,
    network,
    keysDirectory,
    async [Symbol.asyncDispose]() {
      await Promise.all([a.stop(), b.stop()]);
      for (const one of [near, network, redis]) await one[Symbol.asyncDispose]();
      rmSync(join(keysDirectory, '..'), { recursive: true });
    },
  };
}

/** The keys of everybody who is trusted, as the folder of a broker has them. */
const keyFiles = (folder: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => /\.(json|pem)$/.test(name))
      .map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );

/** As a load balancer asks. */
export const isReady = async ({ observePort }: Pick<OwnTokenBroker, 'observePort'>): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${observePort}/readyz`)).ok;
