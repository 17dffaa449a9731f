// AWS's SDKs and tools, unmodified, with nothing but their environment: from the workload's own token to the cloud itself, which is asked who
// they are with what they got; and the broker's STS endpoint is asked the same.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { awsCli, type Ended, javascript, python, withoutAwsCli, withoutBoto3 } from '../../support/aws-children.ts';
import { openRelay } from '../../support/aws-relay.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from '../../support/cloud-broker.ts';

/** Finds credentials as every SDK does, and asks both who they are. */
const JAVASCRIPT = `
import { defaultProvider } from '@aws-sdk/credential-provider-node';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
const found = await defaultProvider()();
const ask = async (more) => {
  const { Account, Arn, UserId } = await new STSClient({ credentials: found, ...more }).send(new GetCallerIdentityCommand({}));
  return { Account, Arn, UserId };
};
const told = { accessKeyId: found.accessKeyId, expiration: found.expiration, accountId: found.accountId };
const here = await ask(process.env.BROKER_STS ? { endpoint: process.env.BROKER_STS } : {});
const requestHandler = { httpsAgent: new Agent({ ca: readFileSync(process.env.CLOUD_CA) }) };
console.log(JSON.stringify({ ...told, here, there: await ask({ endpoint: process.env.CLOUD, requestHandler }) }));
`;

const PYTHON = `
import boto3, json, os
session = boto3.Session()
found = session.get_credentials().get_frozen_credentials()
ask = lambda **more: {k: v for k, v in session.client('sts', **more).get_caller_identity().items() if k != 'ResponseMetadata'}
here = ask(**({'endpoint_url': os.environ['BROKER_STS']} if 'BROKER_STS' in os.environ else {}))
there = ask(endpoint_url=os.environ['CLOUD'], verify=os.environ['CLOUD_CA'])
print(json.dumps({'accessKeyId': found.access_key, 'here': here, 'there': there}))
`;

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker();
});
afterAll(() => clouds[Symbol.asyncDispose]());

const place = () => ({ folder: clouds.broker.folder, ca: clouds.broker.ca });
const cloud = () => ({
  CLOUD: `https://localhost:${clouds.aws.port}`,
  CLOUD_CA: join(clouds.broker.folder, 'aws-ca.crt'),
});

/** A token's file as kubelet writes it, or with the line end that others add. */
async function tokenFile(end = ''): Promise<string> {
  const { broker } = clouds;
  const claims = kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now());
  const path = join(broker.folder, `token-${end.length}`);
  writeFileSync(path, (await mint(broker, 'cluster', claims, { typ: undefined })) + end);
  return path;
}

/** A pod's environment: docs/clouds/aws.md. */
const webIdentity = async (path = '/aws/sts', end = '\n') => ({
  AWS_WEB_IDENTITY_TOKEN_FILE: await tokenFile(end),
  AWS_ROLE_ARN: ROLE,
  AWS_ENDPOINT_URL_STS: `${clouds.broker.issuer}${path}`,
  ...cloud(),
});
const container = async () => ({
  AWS_CONTAINER_CREDENTIALS_FULL_URI: `${clouds.broker.issuer}/aws/credentials/payments-aws`,
  AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: await tokenFile(),
  BROKER_STS: `${clouds.broker.issuer}/aws/sts`,
  ...cloud(),
});

/** What the process was told is what the cloud knows, and both know it as the same. */
function expectTold(ended: Ended, transport: string): Record<string, unknown> {
  expect(ended).toMatchObject({ code: 0, err: '' });
  const told: Record<string, unknown> = JSON.parse(ended.out);
  const session = clouds.aws.sessions.at(-1);
  const identity = { Account: '111122223333', Arn: session?.arn, UserId: session?.roleId };
  expect(told).toMatchObject({ accessKeyId: session?.accessKeyId, here: identity, there: identity });
  expect(clouds.broker.records().slice(-2)).toMatchObject([
    { event: 'exchange', transport, outcome: 'granted', target: 'payments-aws', session: { id: session?.accessKeyId } },
    { event: 'caller_identity', outcome: 'answered', session: { id: session?.accessKeyId } },
  ]);
  return told;
}

describe('the AWS SDK for JavaScript in a process of its own', () => {
  it.each(['/aws/sts', '/aws/sts/', '/aws/sts/payments-aws'])(
    'gets credentials by its web identity file at %s, and is told who it is',
    async (path) => {
      const told = expectTold(await javascript(place(), JAVASCRIPT, await webIdentity(path)), 'aws-sts');
      const seconds = Date.parse(String(told.expiration)) / 1_000 - clouds.broker.now();
      expect(seconds).toBeGreaterThan(1_700);
      expect(seconds).toBeLessThanOrEqual(1_800);
      expect(told.accountId).toBe('111122223333');
    },
    60_000,
  );

  it('gets them at the endpoint for containers', async () => {
    expectTold(await javascript(place(), JAVASCRIPT, await container()), 'aws-container');
  }, 60_000);
});

// A machine need not have Python, nor boto3: the title says so.
describe.skipIf(withoutBoto3() !== '')(`boto3 ${withoutBoto3()}`, () => {
  it('gets credentials by its web identity file, a line end in it, and is told who it is', async () => {
    expectTold(await python(place(), PYTHON, await webIdentity()), 'aws-sts');
  }, 60_000);

  // Its requests for containers trust the authorities that come with it, whatever AWS_CA_BUNDLE says; so ours is reached through loopback.
  it('gets them at the endpoint for containers', async () => {
    await using relay = await openRelay(clouds.broker);
    const { pathname } = new URL((await container()).AWS_CONTAINER_CREDENTIALS_FULL_URI);
    const env = {
      ...(await container()),
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${relay.port}${pathname}`,
    };
    expectTold(await python(place(), PYTHON, env), 'aws-container');
  }, 60_000);
});

// Nor the AWS CLI.
describe.skipIf(withoutAwsCli() !== '')(`the AWS CLI ${withoutAwsCli()}`, () => {
  it('prints who it is', async () => {
    const ended = await awsCli(place(), ['sts', 'get-caller-identity', '--output', 'json'], await webIdentity());
    const session = clouds.aws.sessions.at(-1);
    expect(ended).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(ended.out)).toEqual({ Account: session?.account, Arn: session?.arn, UserId: session?.roleId });
  }, 60_000);

  it('prints the sentence of a refusal as the broker says it', async () => {
    const env = { ...(await webIdentity()), AWS_ROLE_ARN: 'arn:aws:iam::111122223333:role/admin' };
    const ended = await awsCli(place(), ['sts', 'get-caller-identity'], env);
    const { decision } = clouds.broker.records().at(-1) ?? {};
    expect(ended.code).toBe(255);
    expect(ended.err).toContain(
      'An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: ',
    );
    expect(ended.err.trimEnd().endsWith(String(decision))).toBe(true);
  }, 60_000);
});
