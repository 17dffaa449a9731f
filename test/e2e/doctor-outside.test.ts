// `doctor` and what a broker depends on: sources whose keys are old or missing, clouds that do not answer, a store that forgets, the
// listener's own certificate.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { mintServerCertificate } from '../../src/adapters/cli/demo/certificates.ts';
import { createPlatformKey, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import type { Finding } from '../../src/adapters/cli/doctor-report.ts';
import { startCloudBroker } from '../support/cloud-broker.ts';
import { examine, openDoctorScene } from '../support/doctor-scene.ts';
import { runProgram } from '../support/program.ts';
import { describeWithRedis, startRedis } from '../support/redis-server.ts';
import { openTlsServer } from '../support/tls-server.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

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
    const { broker, aws, google, entra } = await startCloudBroker();
    const config = join(broker.folder, 'exchequer.yaml');
    const look = async (aheadSeconds = 0) => {
      const clock = { nowSeconds: () => Date.now() / 1000 + aheadSeconds, elapsedMs: () => performance.now() };
      const world = { permitLoopback: true, clock };
      const { findings } = await examine(config, ['--ca', join(broker.folder, 'ca.crt')], world);
      return findings
        .filter(({ area }) => /^(?:target |issuer|clock)/.test(area))
        .map(({ area, outcome, says }) => `${outcome} ${area}: ${says}`);
    };
    const at = (cloud: { readonly port: number }) => `localhost:${cloud.port}`;
    const agree = (who: string) => `ok clock: ${who} and this machine agree on the time`;
    expect(await look()).toEqual([
      agree('the broker'),
      `fail issuer: AWS takes no issuer with a port: ${broker.issuer}`,
      agree(at(broker)),
      `ok target payments-aws: https://${at(aws)} answers`,
      agree(at(aws)),
      `ok target lake: https://${at(google)} answers`,
      agree(at(google)),
      `ok target vault: https://${at(entra)} answers`,
      agree(at(entra)),
    ]);
    expect((await look(-60)).at(-1)).toMatch(/^fail clock: localhost:[0-9]+ is (59|60|61) s ahead of this machine; /);
    for (const cloud of [aws, google, entra]) await cloud[Symbol.asyncDispose]();
    const gone = await look();
    await broker.stop();
    expect(gone.filter((one) => one.includes(' target '))).toEqual([
      `fail target payments-aws: https://${at(aws)}: network (ECONNREFUSED)`,
      `fail target lake: https://${at(google)}: network (ECONNREFUSED)`,
      `fail target vault: https://${at(entra)}: network (ECONNREFUSED)`,
    ]);
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

describe('doctor and a bucket', () => {
  it('compares what is served there with the broker, byte for byte, as the system trusts it', async () => {
    const scene = kept(await openDoctorScene());
    const { folder } = scene.broker;
    const config = ['--config', join(folder, 'exchequer.yaml')];
    const bucket = join(folder, 'bucket');
    expect((await runProgram(['keys', 'publish', '--to', bucket, ...config])).exits).toEqual([0]);
    const served = kept(
      await openTlsServer(({ url = '/' }, response) =>
        response.end(readFileSync(join(bucket, url.slice('/b'.length)))),
      ),
    );
    const authorities = join(folder, 'authorities.crt');
    writeFileSync(authorities, served.ca);
    const look = () => {
      const words = [
        MAIN,
        'doctor',
        ...config,
        '--ca',
        scene.ca,
        '--published',
        `https://localhost:${served.port}/b`,
        '--json',
      ];
      // A private authority among the system's: what runs here was started without it.
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: authorities };
      return new Promise<readonly Finding[]>((resolve) => {
        execFile(process.execPath, words, { env }, (_, out) => resolve(JSON.parse(out).findings));
      });
    };
    expect((await look()).filter(({ outcome }) => outcome !== 'ok')).toEqual([]);
    expect((await look()).filter(({ area }) => area === 'published')).toHaveLength(3);
    const jwks = join(bucket, '.well-known/jwks.json');
    const { keys } = JSON.parse(readFileSync(jwks, 'utf8'));
    writeFileSync(jwks, JSON.stringify({ keys: keys.slice(1) }));
    expect(
      (await look()).filter(({ outcome }) => outcome !== 'ok').map(({ area, says }) => `${area}: ${says}`),
    ).toEqual([`published: the key set lacks ${keys[0].kid}: what it signs is refused by whoever reads this set`]);
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
