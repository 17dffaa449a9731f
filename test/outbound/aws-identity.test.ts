// What AWS's own libraries sign for us, judged by our own verifier and by an STS that checks the signature.

import { createServer } from 'node:http';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { presignCallerIdentity } from '../../src/outbound/aws-identity.ts';
import { AUDIENCE, NOW } from '../support/sources.ts';
import { openStsScene, WORKER } from '../support/sts-scene.ts';

const signedBy = (change: Record<string, string> = {}) => {
  // Nothing of the machine that runs the tests counts.
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  for (const [name, value] of Object.entries(change)) vi.stubEnv(name, value);
};
const KEYS = {
  AWS_ACCESS_KEY_ID: WORKER.accessKeyId,
  AWS_SECRET_ACCESS_KEY: WORKER.secret,
  AWS_SESSION_TOKEN: WORKER.sessionToken ?? '',
};
const urlOf = async (audience = AUDIENCE, region = 'eu-west-1', now = NOW) => {
  const signed = await presignCallerIdentity(audience, region, now);
  return signed.ok ? signed.url : signed.problem;
};

describe('a request signed with the credentials of where it runs', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('proves the role to a broker, and to no other broker than it was signed for', async () => {
    await using scene = await openStsScene();
    signedBy(KEYS);
    expect(await scene.verdict(await urlOf())).toBe('proved');
    expect(await scene.verdict(await urlOf('https://other.example'))).toBe('review_refused not_authenticated');
  });

  it('is signed with what a container endpoint gives', async () => {
    await using scene = await openStsScene();
    const server = createServer((_, response) =>
      response.setHeader('content-type', 'application/json').end(
        JSON.stringify({
          AccessKeyId: WORKER.accessKeyId,
          SecretAccessKey: WORKER.secret,
          Token: WORKER.sessionToken,
          Expiration: '2099-01-01T00:00:00Z',
        }),
      ),
    ).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    signedBy({ AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${port}/` });
    for (const name of Object.keys(KEYS)) vi.stubEnv(name, undefined);
    expect(await scene.verdict(await urlOf())).toBe('proved');
    server.close();
  });

  it('lives two minutes', async () => {
    await using scene = await openStsScene();
    signedBy(KEYS);
    expect(await scene.verdict(await urlOf(AUDIENCE, 'eu-west-1', NOW - 100))).toBe('proved');
    expect(await scene.verdict(await urlOf(AUDIENCE, 'eu-west-1', NOW - 160))).toBe('expired');
  });

  it.each(['', 'eu', 'EU-WEST-1', 'eu-west-1.example', 'eu-west-1/', '../x'])('is of no region %j', async (region) => {
    signedBy(KEYS);
    expect(await urlOf(AUDIENCE, region)).toBe('AWS_REGION names no region');
    expect(await urlOf(AUDIENCE, 'us-gov-west-1')).toMatch(/^https:\/\/sts\.us-gov-west-1\.amazonaws\.com\//);
  });

  it('is none without credentials, and says nothing of why but a name', async () => {
    signedBy();
    for (const name of Object.keys(KEYS)) vi.stubEnv(name, undefined);
    expect(await urlOf()).toBe('CredentialsProviderError');
  });
});
