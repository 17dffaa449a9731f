// Several real Redis processes as one deployment: a master with a replica and a Sentinel that watches them, and a Cluster of three masters
// over TLS. Both on loopback, quick to notice that somebody is gone.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from 'ioredis';
import { expect, vi } from 'vitest';
import { freePort } from '../../src/adapters/cli/demo/broker.ts';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import type { RedisSettings } from '../../src/core/store-settings.ts';
import { type RedisServer, standalone, startRedis } from './redis-server.ts';

export interface SentinelFleet extends AsyncDisposable {
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinel: RedisServer;
  readonly settings: RedisSettings;
  /** The one that takes writes, by its port. */
  master(): Promise<number>;
}

/** Not five seconds later, when further replicas may have come. */
const SYNC_AT_ONCE = ['--repl-diskless-sync-delay', '0'];

/** A Sentinel connects to a server once a second at most: with less than two, the one that it has just promoted is down to it already. */
const DOWN_AFTER_MS = 2_000;

export async function startSentinelFleet(): Promise<SentinelFleet> {
  await using started = new AsyncDisposableStack();
  const first = started.use(await startRedis({ args: SYNC_AT_ONCE }));
  const second = started.use(
    await startRedis({ args: [...SYNC_AT_ONCE, '--replicaof', '127.0.0.1', String(first.port)] }),
  );
  await vi.waitFor(async () => expect(await second.admin.info('replication')).toContain('master_link_status:up'), {
    timeout: 10_000,
  });
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-sentinel-'));
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'sentinel.conf');
  writeFileSync(
    file,
    [
      `sentinel monitor shared 127.0.0.1 ${first.port} 1`,
      `sentinel down-after-milliseconds shared ${DOWN_AFTER_MS}`,
      'sentinel failover-timeout shared 2000',
      '',
    ].join('\n'),
  );
  const sentinel = started.use(await startRedis({ file, sentinel: true }));
  const master = async (): Promise<number> => {
    const answer = await sentinel.admin.call('sentinel', 'get-master-addr-by-name', 'shared');
    return Array.isArray(answer) ? Number(answer[1]) : 0;
  };
  // It promotes only what it has found.
  await vi.waitFor(
    async () => {
      const found = await sentinel.admin.call('sentinel', 'replicas', 'shared');
      expect(found).toHaveLength(1);
    },
    { timeout: 15_000 },
  );
  const all = started.move();
  return {
    servers: [first, second],
    sentinel,
    settings: {
      ...standalone(0),
      reach: {
        kind: 'sentinel',
        master: 'shared',
        addresses: [{ host: '127.0.0.1', port: sentinel.port }],
        username: undefined,
        passwordFile: undefined,
      },
    },
    master,
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

export interface ClusterFleet extends AsyncDisposable {
  readonly servers: readonly RedisServer[];
  readonly admin: Cluster;
  readonly settings: RedisSettings;
}

const SLOTS = 16_384;

/** Three masters whose clients must speak TLS. */
export async function startClusterFleet(): Promise<ClusterFleet> {
  await using started = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'exchequer-cluster-'));
  started.defer(() => rmSync(folder, { recursive: true, force: true }));
  const { ca, cert, key } = await mintServerCertificate(['localhost', '127.0.0.1']);
  for (const [name, text] of Object.entries({ 'ca.crt': ca, 'tls.crt': cert, 'tls.key': key }))
    writeFileSync(join(folder, name), text);
  const files = ['--tls-cert-file', 'tls.crt', '--tls-key-file', 'tls.key', '--tls-ca-cert-file', 'ca.crt'];
  const tls = [
    ...files.map((word) => (word.startsWith('--') ? word : join(folder, word))),
    ...['--tls-auth-clients', 'no', '--cluster-enabled', 'yes'],
    ...['--cluster-node-timeout', '500', '--cluster-announce-ip', '127.0.0.1'],
  ];
  // The bus of a node is ten thousand above its port unless it says another, and that may be none.
  const buses = [await freePort(), await freePort(), await freePort()];
  const servers: RedisServer[] = [];
  for (const bus of buses)
    servers.push(
      started.use(
        await startRedis({
          tls: (port) => [...tls, '--cluster-port', String(bus), '--cluster-announce-port', String(port)],
          client: { tls: { ca } },
        }),
      ),
    );
  const addresses = servers.map(({ port }) => ({ host: '127.0.0.1', port }));
  for (const [index, { admin }] of servers.entries()) {
    const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / servers.length));
    await admin.call('cluster', 'addslotsrange', from ?? 0, (to ?? 0) - 1);
    await admin.call('cluster', 'meet', '127.0.0.1', servers[0]?.port ?? 0, buses[0] ?? 0);
  }
  await vi.waitFor(
    async () => {
      for (const { admin } of servers) expect(await admin.call('cluster', 'info')).toContain('cluster_state:ok');
    },
    { timeout: 20_000 },
  );
  const admin = new Cluster(addresses, {
    redisOptions: { tls: { ca } },
    dnsLookup: (name, found) => found(null, name),
  });
  admin.on('error', () => undefined);
  started.defer(() => admin.disconnect());
  const all = started.move();
  return {
    servers,
    admin,
    settings: { ...standalone(0), tls: true, ca: join(folder, 'ca.crt'), reach: { kind: 'cluster', addresses } },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}
