// `doctor` and what a broker depends on: sources whose keys are old or missing, clouds that do not answer, a store that forgets, the
// listener's own certificate.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import { startCloudBroker } from '../support/cloud-broker.ts';
import { examine, openDoctorScene } from '../support/doctor-scene.ts';
import { describeWithRedis, startRedis } from '../support/redis-server.ts';
import { openTlsServer } from '../support/tls-server.ts';

/** What a broker finds out by itself takes a while. */
const eventually = (look: () => Promise<void>) => vi.waitFor(look, { timeout: 15_000, interval: 200 });

const closing: AsyncDisposable[] = [];
const kept = <Thing extends AsyncDisposable>(thing: Thing): Thing => {
  closing.push(thing);
  return thing;
};
afterEach(async () => {
  for (const thing of closing.splice(0).reverse()) await thing[Symbol.asyncDispose]();
});

describe('doctor and sources', () => {
  /** A source whose keys are fetched from loopback, in a broker whose monotonic clock a test moves. */
  async function scene() {
    const key: PlatformKey = await createPlatformKey('ES256');
    const origin = { down: false };
    const server = kept(
      await openTlsServer((_, response) => {
        if (origin.down) response.destroy();
        else response.end(JSON.stringify({ keys: [key.jwk] }));
      }),
    );
    const elapsed = { offsetMs: 0 };
    const clock = { nowSeconds: () => Date.now() / 1000, elapsedMs: () => performance.now() + elapsed.offsetMs };
    const start = async () =>
      kept(
        await openDoctorScene({
          files: { 'origin.crt': server.ca },
          config: (yaml) =>
            yaml.replace(
              /^( {2}login: .*jwks: )\{ file: .\/login.json \}/m,
              `$1{ url: "${server.url}", ca: ./origin.crt }`,
            ),
          world: { permitLoopback: true, clock },
        }),
      );
    return { origin, elapsed, start };
  }

  it('F-1 warns of keys that are old, and says why they cannot be fetched', async () => {
    const { origin, elapsed, start } = await scene();
    const { broker, front, examine: look } = await start();
    const present = async () => {
      const issuer = 'https://login.example';
      const now = Math.floor(Date.now() / 1000);
      // A key that is in no set: the broker looks whether it is new.
      const unknown = await createPlatformKey('ES256');
      await broker.exchange(
        await unknown.sign({
          iss: issuer,
          sub: 'worker-1',
          aud: `https://localhost:${front.port}`,
          iat: now,
          exp: now + 60,
        }),
      );
    };
    await eventually(async () => expect((await look()).wrong).toEqual([]));
    origin.down = true;
    elapsed.offsetMs = 301_000;
    await present();
    await eventually(async () =>
      expect((await look()).wrong).toEqual([
        expect.stringMatching(
          /^warn source login: its keys are [0-9]+ s old and cannot be fetched \(key set: network \(ECONNRESET\)\); they serve for a day$/,
        ),
      ]),
    );
    expect((await look()).exit).toBe(0);
  });

  it('F-2 fails where the keys of a source were never had', async () => {
    const { origin, start } = await scene();
    origin.down = true;
    const { examine: look } = await start();
    await eventually(async () =>
      expect((await look()).wrong).toEqual([
        expect.stringMatching(
          /^fail source login: its keys are not known \(key set: network \(ECONNRESET\)\): its tokens are refused$/,
        ),
      ]),
    );
    expect((await look()).exit).toBe(1);
  });
});

describe('doctor and clouds', () => {
  it('CA-01 says whether a cloud answers, what its clock says, and that AWS takes no such issuer', async () => {
    const clouds = kept(await startCloudBroker());
    const { broker, aws } = clouds;
    const config = join(broker.folder, 'exchequer.yaml');
    const look = async (nowSeconds = () => Date.now() / 1000) => {
      const clock = { nowSeconds, elapsedMs: () => performance.now() };
      const { findings, exit } = await examine(config, ['--ca', join(broker.folder, 'ca.crt')], {
        permitLoopback: true,
        clock,
      });
      const about = ['target payments-aws', 'issuer', 'clock'];
      return {
        exit,
        found: findings.filter(({ area }) => about.includes(area)).map(({ outcome, says }) => `${outcome} ${says}`),
      };
    };
    const issuer = `fail AWS takes no issuer with a port: ${broker.issuer}`;
    expect(await look()).toEqual({
      exit: 1,
      found: [
        'ok the broker and this machine agree on the time',
        issuer,
        `ok localhost:${broker.port} and this machine agree on the time`,
        `ok https://localhost:${aws.port} answers`,
        `ok localhost:${aws.port} and this machine agree on the time`,
      ],
    });
    const behind = (await look(() => Date.now() / 1000 - 60)).found.at(-1);
    expect(behind).toMatch(/^fail localhost:[0-9]+ is (59|60|61) s ahead of this machine; /);
    await aws[Symbol.asyncDispose]();
    closing.splice(0);
    expect((await look()).found).toContain(`fail https://localhost:${aws.port}: network (ECONNREFUSED)`);
    await broker.stop();
  });

  it('CX-03 says that a cloud would refuse the next key, and that clouds know public authorities alone', async () => {
    const { folder, write } = kept(await startCloudBroker()).broker;
    const words = ['--ca', join(folder, 'ca.crt')];
    const { wrong } = await examine(join(folder, 'exchequer.yaml'), words, { permitLoopback: true });
    expect(wrong).toContain(
      'warn documents: the certificate is judged by the authority that --ca names; clouds know public ones alone',
    );
    const yaml = readFileSync(join(folder, 'exchequer.yaml'), 'utf8');
    write('soon.yaml', yaml.replace('keys: { directory: ./keys', '$&, publishAhead: 1h'));
    const soon = await examine(join(folder, 'soon.yaml'), words);
    expect(soon).toMatchObject({ exit: 1, findings: [{ area: 'configuration', outcome: 'fail' }] });
    expect(soon.wrong[0]).toContain('keys.publishAhead: must be');
  });
});

describe('doctor and the certificate of the listener', () => {
  it.each([
    [
      'that has ended',
      () => mintServerCertificate(['localhost'], { notAfter: new Date(Date.now() - 3_600_000) }),
      /^fail certificate: .*\/tls\.crt ended at /,
    ],
    [
      'that is about to end',
      () => mintServerCertificate(['localhost'], { notAfter: new Date(Date.now() + 3_600_000) }),
      /^warn certificate: .*\/tls\.crt ends at /,
    ],
    [
      'for another host',
      () => mintServerCertificate(['other.example']),
      /^warn certificate: .*\/tls\.crt is not for localhost$/,
    ],
  ])('finds one %s', async (_, make, says) => {
    const scene = kept(await openDoctorScene());
    const { cert, key } = await make();
    const { folder } = scene.broker;
    writeFileSync(join(folder, 'new.crt'), cert);
    writeFileSync(join(folder, 'new.key'), key);
    writeFileSync(join(folder, 'tls.crt'), cert);
    writeFileSync(join(folder, 'tls.key'), key);
    const { wrong } = await scene.examine();
    expect(wrong.filter((one) => one.includes('certificate:'))).toEqual([expect.stringMatching(says)]);
  });

  it('finds one that does not belong to its key', async () => {
    const scene = kept(await openDoctorScene());
    const { cert } = await mintServerCertificate(['localhost']);
    scene.broker.write('tls.crt', cert);
    expect((await scene.examine()).wrong).toContainEqual(
      expect.stringMatching(/^fail certificate: .*\/tls\.crt and .*\/tls\.key cannot serve$/),
    );
  });
});

describeWithRedis('doctor and Redis', () => {
  it('finds one that evicts, and one that forgets', async () => {
    const words = ['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru', '--appendonly', 'no'];
    const redis = kept(await startRedis({ args: words }));
    const scene = kept(
      await openDoctorScene({
        config: (yaml) =>
          yaml.replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${redis.port}" } }`),
      }),
    );
    await eventually(async () =>
      expect((await scene.examine()).wrong).toEqual([
        'fail store: Redis may evict what must be kept: what was spent could be spent again',
        'warn store: Redis forgets with its process',
      ]),
    );
  });

  it('fails where it is gone', async () => {
    const redis = kept(await startRedis({ args: ['--appendonly', 'yes'] }));
    const scene = kept(
      await openDoctorScene({
        config: (yaml) =>
          yaml.replace('store: { directory: ./store }', `store: { redis: { url: "redis://127.0.0.1:${redis.port}" } }`),
      }),
    );
    await eventually(async () => expect((await scene.examine()).wrong).toEqual([]));
    await redis.kill();
    await eventually(async () =>
      expect((await scene.examine()).wrong).toEqual(['fail ready: store fails: nobody can be served']),
    );
  });
});
