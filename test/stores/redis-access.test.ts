// How a broker gets into Redis: TLS by an authority of its own, a user and a password of the ACL. Both are read anew for every connection, so
// that they can be replaced while the broker runs; and nothing that is told of a failure holds a password.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import type { Spending } from '../../src/core/ports.ts';
import type { RedisSettings } from '../../src/core/store-settings.ts';
import { describeWithRedis, type RedisServer, standalone, startRedis } from '../support/redis-server.ts';
import { beginLongAgo, openReplica, ready } from './replicas.ts';

const now = () => Date.now() / 1_000;
const spent = (jti: string): Spending => ({ purpose: 'subject', issuer: 'github', jti, target: undefined });
/** What docs/operating.md says that the broker's user needs. */
const RIGHTS = [
  '~sts:*',
  '~{sts:withdrawals}:*',
  'resetchannels',
  '-@all',
  '+@read',
  '+@write',
  '+@scripting',
  '+@connection',
  '+info',
  '+time',
  '+wait',
];

describeWithRedis('the way into Redis', () => {
  let server: RedisServer;
  let folder: string;
  let settings: RedisSettings;
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'exchequer-access-'));
    const { ca, cert, key } = await mintServerCertificate(['localhost', '127.0.0.1']);
    const files = { cert: write('tls.crt', cert), key: write('tls.key', key), ca: write('ca.crt', ca) };
    server = await startRedis({
      tls: () => [
        ...['--tls-cert-file', files.cert, '--tls-key-file', files.key, '--tls-ca-cert-file', files.ca],
        ...['--tls-auth-clients', 'no', '--requirepass', 'operator'],
      ],
      client: { tls: { ca }, password: 'operator' },
    });
    await server.admin.call('acl', 'setuser', 'sts', 'on', '>first', ...RIGHTS);
    await beginLongAgo(server.admin, 'sts');
    settings = standalone(server.port, {
      tls: true,
      ca: files.ca,
      username: 'sts',
      passwordFile: write('password', 'first\n'),
      prefix: 'sts',
    });
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  it('needs no right that the documentation does not name', async () => {
    const { store, events } = await openReplica(settings, 'a');
    expect(await store.claim(spent('one'), 'D1', now() + 300)).toBe('D1');
    await store.release(spent('one'), 'D1');
    expect(await store.claim(spent('one'), 'D2', now() + 300)).toBe('D2');
    await vi.waitFor(() => expect(events).toContainEqual({ event: 'redis_not_durable' }));
    expect(events.filter(({ event }) => event === 'redis_problem')).toEqual([]);
    await store.close();
  });

  it.each<[string, () => Partial<RedisSettings>, RegExp]>([
    ['another authority', () => ({ ca: join(folder, 'other.crt') }), /certificate/],
    ['a wrong password', () => ({ passwordFile: write('wrong', 'guessed-secret') }), /WRONGPASS/],
    ['no password', () => ({ username: undefined, passwordFile: undefined }), /NOAUTH/],
    ['no TLS', () => ({ tls: false, ca: undefined }), /Connection is closed|ECONNRESET|timed out/],
    ['a prefix that is not its own', () => ({ prefix: 'other' }), /NOPERM/],
  ])('does not open with %s, says why, and not with what', async (_what, change, reason) => {
    write('other.crt', (await mintServerCertificate(['localhost'])).ca);
    const { store, events } = await openReplica({ ...settings, ...change() }, 'a', { eager: true });
    await vi.waitFor(() => {
      const told = events.flatMap((event) => (event.event === 'redis_problem' ? [event.reason] : []));
      expect(told.join('\n')).toMatch(reason);
    }, 8_000);
    expect(store.healthy()).toBe(false);
    await expect(store.claim(spent('two'), 'D1', now() + 300)).rejects.toThrow('Redis has been silent');
    expect(JSON.stringify(events)).not.toMatch(/guessed-secret|first/);
    await store.close();
  });

  it('goes on with a new password once the file has it', async () => {
    const passwordFile = write('renewed', 'first');
    const { store } = await openReplica({ ...settings, passwordFile }, 'a');
    await server.admin.call('acl', 'setuser', 'sts', '>second', '<first');
    await server.admin.call('client', 'kill', 'user', 'sts');
    await vi.waitFor(() => expect(store.healthy()).toBe(false), { timeout: 5_000 });
    writeFileSync(passwordFile, 'second');
    await ready(store);
    expect(await store.claim(spent('three'), 'D1', now() + 300)).toBe('D1');
    await store.close();
  });
});
