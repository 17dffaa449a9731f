// `exchequer run --aws` as a pod runs it: the AWS SDK for JavaScript, unmodified, in a program that the real command line starts, through to a
// call that AWS's side verifies.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalScene, script, startLocalScene } from '../../support/local-scene.ts';

/** Asks its chain for credentials, as any program does, and AWS for whose they are. */
const WHO = `
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
const client = new STSClient({ region: 'eu-west-1', endpoint: process.env.STS });
try {
  const { Arn } = await client.send(new GetCallerIdentityCommand({}));
  const { expiration } = await client.config.credentials();
  console.log(JSON.stringify({ Arn, seconds: (expiration - Date.now()) / 1000 }));
} catch (error) {
  console.log(JSON.stringify({ error: error.message, code: error.Code }));
}
`;
/** What every program here has, that would win over a container's credentials. */
const STALE = { AWS_ACCESS_KEY_ID: 'AKIASTALE', AWS_SECRET_ACCESS_KEY: 'stale-canary', AWS_PROFILE: 'stale' };

let scene: LocalScene;
beforeAll(async () => {
  scene = await startLocalScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const who = (env: Readonly<Record<string, string>> = {}) =>
  scene.run(['run', '--aws', 'payments-aws', ...script(WHO)], { STS: scene.aws.url, ...env });

describe('a program with the AWS SDK', () => {
  it('gets credentials of the role from its default chain, and AWS knows the workload by them', async () => {
    const ran = await who();
    expect([ran.status, ran.err]).toEqual([0, '']);
    const { Arn, seconds } = JSON.parse(ran.out);
    expect(Arn).toMatch(/^arn:aws:sts::111122223333:assumed-role\/payments-api\//);
    expect(Math.round(seconds / 10)).toBe(180);
  });

  it('gets them in place of what it has in its environment, and is told the names', async () => {
    mkdirSync(join(scene.folder, '.aws'), { recursive: true });
    writeFileSync(
      join(scene.folder, '.aws/credentials'),
      '[default]\naws_access_key_id = AKIAFILE\naws_secret_access_key = file-canary\n',
    );
    const ran = await who(STALE);
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ Arn: expect.stringContaining('assumed-role/payments-api/') });
    expect(ran.err).toBe(
      'the program does not get AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE: they would win\n',
    );
  });

  it('F-54 keeps its credentials while the broker is away, and none of them is in a log, a record or a message', async () => {
    const gone = join(scene.folder, 'gone');
    const twice = `
import { existsSync } from 'node:fs';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
const had = async () => console.log(JSON.stringify(await defaultProvider()()));
await had();
while (!existsSync(${JSON.stringify(gone)})) await new Promise((resolve) => setTimeout(resolve, 20));
await had();
`;
    const running = scene.start(['run', '--aws', 'payments-aws', ...script(twice)]);
    await running.until(({ out }) => out.endsWith('}\n'));
    const records = JSON.stringify(scene.broker.records());
    await scene.stopBroker();
    writeFileSync(gone, '');
    const { status, out, err } = await running.ended;
    const [before, after] = out.trim().split('\n');
    expect([status, err, after]).toEqual([0, '', before]);
    const { secretAccessKey, sessionToken } = JSON.parse(before ?? '');
    expect(scene.aws.sessions.at(-1)).toMatchObject({ secretAccessKey, sessionToken });
    for (const secret of [secretAccessKey, sessionToken]) {
      expect(secret.length).toBeGreaterThan(30);
      expect(`${records}${scene.broker.logged()}`).not.toContain(secret);
    }
  });
});
