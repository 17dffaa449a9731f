// SDKs of clouds, unmodified, that run our helpers for their credentials, each through to a call that needs them.

import { Agent } from 'node:https';
import { join } from 'node:path';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { AzureCliCredential } from '@azure/identity';
import { jwtVerify } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CLOUD_PLATFORM } from '../../support/google-requests.ts';
import { type HelperScene, openGoogle, PROVIDER, startHelperScene } from '../../support/helper-scene.ts';
import { publishedKeys } from '../../support/relying-cloud.ts';

const ADC = join(import.meta.dirname, '../../support/google-adc.ts');
const API = 'cluster:system:serviceaccount:payments:api';

let scene: HelperScene;
beforeAll(async () => {
  scene = await startHelperScene();
});
afterAll(() => scene[Symbol.asyncDispose]());
afterEach(() => {
  vi.unstubAllEnvs();
});
const stub = (env: Readonly<Record<string, string>>) => {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
};

describe('the AWS SDK for JavaScript, by `credential_process` of a profile', () => {
  const client = (target: string) => {
    stub(scene.env);
    stub({
      AWS_CONFIG_FILE: scene.file(
        `aws-${target}`,
        `[profile pod]\ncredential_process = exchequer aws credential-process ${target}\n`,
      ),
    });
    const { aws } = scene.clouds;
    return new STSClient({
      region: 'eu-west-1',
      endpoint: aws.url,
      credentials: defaultProvider({ profile: 'pod' }),
      requestHandler: { httpsAgent: new Agent({ ca: aws.ca }) },
    });
  };

  it('is who the target says, to AWS', async () => {
    const identity = await client('payments-aws').send(new GetCallerIdentityCommand({}));
    const [session] = scene.clouds.aws.sessions;
    expect(identity).toMatchObject({ Account: '111122223333', Arn: session?.arn });
    expect(session).toMatchObject({ seconds: 1_800, subject: 'target:payments-aws' });
    expect(scene.broker.records().at(-1)).toMatchObject({
      outcome: 'granted',
      target: 'payments-aws',
      rule: 'payments',
    });
  });

  it('has no credentials where the broker refuses, whose sentence is on stderr', async () => {
    const asked = client('closed').send(new GetCallerIdentityCommand({}));
    await expect(asked).rejects.toThrow('Could not load credentials from any providers');
    const said = await scene.run('exchequer', ['aws', 'credential-process', 'closed']);
    expect(said).toMatchObject({ code: 1, out: '' });
    expect(said.err).toMatch(/^invalid_target: .* have closed.* [0-9A-Z]{26}\n$/);
  });

  it('A-170 no secret is on stderr, whatever the helper ends with', async () => {
    const said = await scene.run('exchequer', ['aws', 'credential-process', 'payments-aws']);
    expect(said).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(said.out)).toMatchObject({ Version: 1, AccountId: '111122223333' });
    expect(await scene.run('exchequer', ['aws', 'credential-process', 'vault'])).toMatchObject({ code: 1, out: '' });
  });
});

describe('google-auth-library, by an executable source', () => {
  /** Asks for something of Google with nothing but a file of credentials. */
  async function ask(command: string, place: { readonly token: string; readonly api: string }) {
    const credentials = {
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: place.token,
      credential_source: { executable: { command, timeout_millis: 20_000 } },
    };
    const { out } = await scene.run(process.execPath, [ADC, place.api, CLOUD_PLATFORM], {
      env: {
        GOOGLE_APPLICATION_CREDENTIALS: scene.file('adc.json', JSON.stringify(credentials)),
        GOOGLE_CLOUD_PROJECT: 'example-data',
        GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES: '1',
        NODE_EXTRA_CA_CERTS: scene.env.EXCHEQUER_CA ?? '',
      },
    });
    return JSON.parse(out);
  }

  it('takes our assertion for a target to an STS that knows nothing but our public keys', async () => {
    await using google = await openGoogle(scene.broker);
    const place = { token: `${google.url}v1/token`, api: google.url };
    expect(await ask('exchequer gcp executable warehouse', place)).toEqual({ status: 200, data: { who: API } });
    expect(scene.broker.records().at(-1)).toMatchObject({ outcome: 'granted', target: 'warehouse' });
    expect(await ask('exchequer gcp executable vault', place)).toMatchObject({ error: expect.any(String) });
  });

  it('takes the credential of the pod to our own token endpoint', async () => {
    await using api = await scene.protect('https://lake.example', (_, response, { who }) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ who }));
    });
    const place = { token: `${scene.broker.issuer}/gcp/token/lake`, api: api.url };
    expect(await ask('exchequer gcp executable', place)).toEqual({ status: 200, data: { who: API } });
  });

  it('shows the code and the sentence of a refusal', async () => {
    await using google = await openGoogle(scene.broker);
    const { error } = await ask('exchequer gcp executable closed', { token: google.url, api: google.url });
    expect(error).toMatch(/invalid_target.*no rule lets .* have closed/);
  });
});

describe('AzureCliCredential of the Azure SDK, with our shim in the place of `az`', () => {
  const ask = (scope: string) => {
    stub(scene.env);
    return new AzureCliCredential({ processTimeoutInMs: 20_000 }).getToken(scope);
  };

  it('has a token of the target, with its end', async () => {
    const { token, expiresOnTimestamp } = await ask('https://vault.azure.net/.default');
    const { issuer, ca } = scene.broker;
    const audience = 'https://vault.example';
    const { payload } = await jwtVerify(token, await publishedKeys({ issuer, ca }), { issuer, audience });
    expect(payload.sub).toBe(API);
    expect(Math.abs(expiresOnTimestamp / 1_000 - (payload.exp ?? 0))).toBeLessThanOrEqual(5);
  });

  it('has none for another resource than the target is for, and shows why', async () => {
    await expect(ask('https://management.azure.com/.default')).rejects.toThrow(
      'this target is for https://vault.azure.net, and not for https://management.azure.com',
    );
  });
});
