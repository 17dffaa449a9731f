// SDKs of clouds, unmodified, that read a token from a file which `exchequer token` wrote, and exchange it with a cloud that trusts the broker as an
// OIDC issuer by nothing but what that publishes.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { awsCli, javascript } from '../../support/aws-children.ts';
import { CLOUD_PLATFORM } from '../../support/google-requests.ts';
import { type HelperScene, isHere, openGoogle, PROVIDER, startHelperScene } from '../../support/helper-scene.ts';
import { type Served, spawnVerb } from '../../support/served.ts';

const ADC = join(import.meta.dirname, '../../support/google-adc.ts');
const API = 'cluster:system:serviceaccount:payments:api';

let scene: HelperScene;
beforeAll(async () => {
  scene = await startHelperScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const place = () => ({ folder: scene.broker.folder, ca: scene.clouds.aws.ca });

describe('AWS_WEB_IDENTITY_TOKEN_FILE', () => {
  it('that `token --watch` keeps takes the AWS SDK to AWS itself, without a word to the broker', async () => {
    const { aws } = scene.clouds;
    const file = join(scene.broker.folder, 'web-identity');
    const verb: Served = spawnVerb(['token', 'role-by-file', '--watch', '--out', file], scene.env);
    try {
      while (!verb.stderr().includes('written')) await new Promise((resolve) => setTimeout(resolve, 20));
      const records = scene.broker.records().length;
      const source = `
        import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
        const { Arn } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
        process.stdout.write(Arn);`;
      const asked = await javascript(place(), source, {
        AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/payments-api-by-file',
        AWS_WEB_IDENTITY_TOKEN_FILE: file,
        AWS_ENDPOINT_URL_STS: aws.url,
      });
      expect(asked).toMatchObject({ code: 0, out: aws.sessions.at(-1)?.arn });
      expect(aws.sessions.at(-1)).toMatchObject({ subject: 'target:role-by-file' });
      expect(scene.broker.records()).toHaveLength(records);
    } finally {
      verb.child.kill('SIGTERM');
    }
    expect(await verb.ended).toBe(0);
  });
});

// Without the AWS CLI there is nobody to run the helper.
describe.skipIf(!isHere('aws'))('the AWS CLI (needs aws on the PATH)', () => {
  const ask = (target: string) => {
    const line = `credential_process = ${join(scene.broker.folder, 'bin/exchequer')} aws credential-process ${target}`;
    const config = scene.file(`aws-${target}`, `[profile pod]\n${line}\n`);
    return awsCli(place(), ['sts', 'get-caller-identity'], {
      ...scene.env,
      AWS_CONFIG_FILE: config,
      AWS_PROFILE: 'pod',
      AWS_ENDPOINT_URL_STS: scene.clouds.aws.url,
    });
  };

  it('is who the target says by `credential_process`, and prints the sentence of a refusal', async () => {
    const asked = await ask('payments-aws');
    expect(asked).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(asked.out)).toMatchObject({ Arn: scene.clouds.aws.sessions.at(-1)?.arn });
    const refused = await ask('closed');
    expect(refused.code).not.toBe(0);
    expect(refused.err).toMatch(/invalid_target: .* have closed/);
  });
});

describe('the file of an external_account', () => {
  it('that `token --out` wrote takes google-auth-library to an STS that knows nothing but our public keys', async () => {
    const file = join(scene.broker.folder, 'subject-token');
    const written = await scene.run('exchequer', ['token', 'warehouse', '--json', '--out', file]);
    expect(written).toEqual({ code: 0, out: '', err: '' });
    await using google = await openGoogle(scene.broker);
    const credentials = {
      type: 'external_account',
      audience: PROVIDER,
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${google.url}v1/token`,
      credential_source: { file, format: { type: 'json', subject_token_field_name: 'access_token' } },
    };
    const { out } = await scene.run(process.execPath, [ADC, google.url, CLOUD_PLATFORM], {
      env: {
        GOOGLE_APPLICATION_CREDENTIALS: scene.file('adc.json', JSON.stringify(credentials)),
        GOOGLE_CLOUD_PROJECT: 'example-data',
        NODE_EXTRA_CA_CERTS: scene.env.EXCHEQUER_CA ?? '',
      },
    });
    expect(JSON.parse(out)).toEqual({ status: 200, data: { who: API } });
  });
});
