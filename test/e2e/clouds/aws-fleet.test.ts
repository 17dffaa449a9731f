// Two brokers with one issuer and one Redis: whoever got credentials of AWS at one is told who it is by the other, which finds the session sealed in
// Redis; and where Redis cannot be asked, nobody is guessed to be unknown.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { askIdentity, element, keysFor, verdict } from '../../support/aws-facade.ts';
import { CLUSTER_ISSUER, mint, startTestBroker, type TestBroker } from '../../support/broker.ts';
import { ROLE } from '../../support/cloud-broker.ts';
import { type FakeAws, openFakeAws } from '../../support/fake-aws.ts';
import { isReady } from '../../support/fleet.ts';
import { describeWithRedis, type RedisServer, startRedis } from '../../support/redis-server.ts';
import { openTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts';

const RULE = `
rules:
  - name: payments-aws
    subject: { trust: cluster, kubernetes: { namespace: payments, serviceaccount: api } }
    allow: [payments-aws]
`;

describeWithRedis('two brokers with one Redis', () => {
  const keysDirectory = join(mkdtempSync(join(tmpdir(), 'exchequer-aws-fleet-')), 'keys');
  let aws: FakeAws;
  let redis: RedisServer;
  let network: TcpProxy;
  let a: TestBroker;
  let b: TestBroker;
  beforeAll(async () => {
    redis = await startRedis();
    network = await openTcpProxy(redis.port);
    aws = await openFakeAws({ issuers: () => [{ issuer: a.issuer, ca: a.ca }] });
    const target = `  payments-aws: { kind: aws, role: "${ROLE}", region: eu-west-1, endpoint: "https://localhost:${aws.port}", ca: ./aws-ca.crt }`;
    const start = (port: number, issuer?: string, files: Record<string, string> = {}) =>
      startTestBroker({
        policies: { 'aws.yaml': RULE },
        files: { 'aws-ca.crt': aws.ca, ...files },
        world: { permitLoopback: true },
        config: (yaml) =>
          (issuer === undefined ? yaml : yaml.replace(/^issuer: .*$/m, `issuer: ${issuer}`))
            .replace('policies:', `${target}\npolicies:`)
            .replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${port}" } }`)
            .replace('keys: { directory: ./keys }', `keys: { directory: ${keysDirectory} }`),
      });
    a = await start(redis.port);
    b = await start(network.port, a.issuer, { 'cluster.json': readFileSync(join(a.folder, 'cluster.json'), 'utf8') });
    await vi.waitFor(async () => expect([await isReady(a), await isReady(b)]).toEqual([true, true]), 10_000);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([a?.stop(), b?.stop()]);
    for (const one of [network, redis, aws]) await one?.[Symbol.asyncDispose]();
    rmSync(join(keysDirectory, '..'), { recursive: true });
  });

  const podToken = () => mint(a, 'cluster', kubernetesProjected(CLUSTER_ISSUER, a.issuer, a.now()), { typ: undefined });
  const host = () => new URL(a.issuer).host;

  it('tell each of them whose credentials they are, which one gave; and Redis holds no secret that can be read', async () => {
    const keys = await keysFor(a, await podToken());
    const answer = await askIdentity(b, keys, { host: host() });
    expect([answer.status, element(answer.text, 'Arn')]).toEqual([200, aws.sessions[0]?.arn]);
    expect(verdict(b, await askIdentity(b, { ...keys, secretAccessKey: 'x' }, { host: host() }))).toBe(
      '403 SignatureDoesNotMatch signature_invalid',
    );
    // As they are: a dump would be compressed, and hide what it holds.
    const texts: Buffer[] = [];
    for (const name of await redis.admin.keys('*'))
      if ((await redis.admin.type(name)) === 'string')
        texts.push((await redis.admin.getBuffer(name)) ?? Buffer.alloc(0));
    expect(texts.filter(({ length }) => length > 300).length).toBeGreaterThan(0);
    const all = Buffer.concat(texts).toString('latin1');
    for (const secret of [keys.secretAccessKey, keys.sessionToken, keys.accessKeyId]) expect(all).not.toContain(secret);
  });

  it('say 503, and not that nobody is known, while Redis cannot be asked', async () => {
    const keys = await keysFor(a, await podToken());
    network.be('refuse');
    const answer = await askIdentity(b, keys, { host: host() });
    expect(verdict(b, answer)).toBe('503 ServiceUnavailable store_unavailable');
    expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
    expect((await askIdentity(a, keys)).status).toBe(200);
    network.be('open');
    await vi.waitFor(async () => expect((await askIdentity(b, keys, { host: host() })).status).toBe(200), 10_000);
  }, 30_000);
});
