// Credentials of AWS that one broker got and another gives: sealed in the Redis that they share, where nobody who reads it finds any of it.

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { Answer } from '../../support/broker.ts';
import { type CloudFleet, openCloudFleet } from '../../support/cloud-fleet.ts';
import { operatorOf } from '../../support/operator.ts';
import { describeWithRedis } from '../../support/redis-server.ts';

vi.setConfig({ testTimeout: 60_000 });

describeWithRedis('credentials of AWS in a shared store', () => {
  let fleet: CloudFleet;
  beforeAll(async () => {
    fleet = await openCloudFleet();
  });
  afterAll(() => fleet[Symbol.asyncDispose]());

  /** Everything that Redis was told from now on, and all that it holds. */
  async function readers() {
    const told: string[] = [];
    const monitor = await fleet.redis.admin.monitor();
    monitor.on('monitor', (_time: string, words: readonly string[]) => told.push(words.join(' ')));
    return {
      told,
      async held() {
        const keys = await fleet.redis.admin.keys('*');
        const values = await Promise.all(keys.map(async (key) => (await fleet.redis.admin.dumpBuffer(key)) ?? ''));
        return [...keys, ...values.map((value) => value.toString('latin1'))];
      },
      close: () => monitor.disconnect(),
    };
  }
  const keyId = ({ body }: Answer): unknown => JSON.parse(String(body.access_token)).AccessKeyId;

  it('A-170 are given by a broker that never asked AWS, and lie in Redis sealed: no byte of them can be read there', async () => {
    const { a, b, keysDirectory } = fleet;
    const redis = await readers();
    const first = await a.ask(await a.pod());
    const second = await b.ask(await a.pod());
    expect([first.status, second.status], second.text).toEqual([200, 200]);
    expect(keyId(second)).toBe(keyId(first));
    expect(a.aws.asked).toHaveLength(1);
    expect(b.record()).toMatchObject({
      outcome: 'granted',
      madeFor: a.record().decision,
      session: { id: keyId(first) },
    });

    const [session] = a.aws.sessions;
    const key = readFileSync(join(keysDirectory, 'sealing.key'), 'utf8').trim();
    const secrets = [session?.secretAccessKey, session?.sessionToken, session?.accessKeyId, key];
    const held = await redis.held();
    expect(held.filter((text) => text.includes(':secret:cloud-1:')).length).toBeGreaterThan(0);
    // What was told went over the wire in this form: the same text as what is held.
    await vi.waitFor(() => expect(redis.told.some((text) => text.includes(':secret:cloud-1:'))).toBe(true));
    for (const secret of secrets) {
      expect(secret?.length).toBeGreaterThan(15);
      for (const form of formsOf(secret ?? ''))
        expect([...held, ...redis.told].filter((text) => text.includes(form))).toEqual([]);
    }
    expect(statSync(join(keysDirectory, 'sealing.key')).mode & 0o777).toBe(0o600);
    redis.close();
  });

  it('end in each of them where one of them is told to revoke their subject', async () => {
    const { a, b } = fleet;
    const before = await a.ask(await a.pod());
    // `iat` is in whole seconds.
    await setTimeout(1_100);
    const name = 'cluster:system:serviceaccount:payments:api';
    expect(await operatorOf(a.broker)('revoke', 'subject', name, '--why', 'stolen')).toMatchObject({ exit: 0 });
    await setTimeout(1_100);
    const asked = a.aws.asked.length;
    const next = await b.ask(await a.pod());
    expect([before.status, next.status], next.text).toEqual([200, 200]);
    expect(a.aws.asked.length - asked).toBe(1);
    expect(keyId(next)).not.toBe(keyId(before));
    expect(keyId(await a.ask(await a.pod()))).toBe(keyId(next));
  });

  it('are asked for anew where what lies in Redis was changed', async () => {
    const { a, redis } = fleet;
    await a.ask(await a.pod());
    const [name = ''] = (await redis.admin.keys('*:secret:cloud-1:*')) ?? [];
    expect(name).not.toBe('');
    const sealed = (await redis.admin.get(name)) ?? '';
    // Another first character than it has, whichever that is.
    await redis.admin.set(name, `${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`, 'KEEPTTL');
    const asked = a.aws.asked.length;
    for (const key of await redis.admin.keys('*:secret:cloud-1:*')) if (key !== name) await redis.admin.del(key);
    expect((await a.ask(await a.pod())).status).toBe(200);
    expect(a.aws.asked.length - asked).toBe(1);
  });
});

/** As it is, and as encodings of the store would have it. */
const formsOf = (secret: string): readonly string[] => [
  secret,
  secret.slice(0, 24),
  Buffer.from(secret).toString('base64').slice(0, 20),
  Buffer.from(secret).toString('base64url').slice(0, 20),
  Buffer.from(secret).toString('hex').slice(0, 20),
];
