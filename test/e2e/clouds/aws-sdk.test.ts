// The AWS SDK for JavaScript, unmodified, as a client of our STS endpoint.

import { Agent } from 'node:https';
import { AssumeRoleWithWebIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kubernetesProjected } from '../../../src/adapters/cli/demo/platforms.ts';
import { CLUSTER_ISSUER, mint } from '../../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from '../../support/cloud-broker.ts';

describe('the AWS SDK at our STS endpoint', () => {
  let clouds: CloudBroker;
  beforeAll(async () => {
    clouds = await startCloudBroker();
  });
  afterAll(() => clouds[Symbol.asyncDispose]());

  it('gets credentials of the role for a pod, for as long as the rule says', async () => {
    const { broker, aws } = clouds;
    const client = new STSClient({
      region: 'eu-west-1',
      endpoint: `${broker.issuer}/aws/sts`,
      requestHandler: { httpsAgent: new Agent({ ca: broker.ca }) },
    });
    const token = await mint(broker, 'cluster', kubernetesProjected(CLUSTER_ISSUER, broker.issuer, broker.now()), {
      typ: undefined,
    });
    const got = await client.send(
      new AssumeRoleWithWebIdentityCommand({ RoleArn: ROLE, RoleSessionName: 'pod', WebIdentityToken: `${token}\n` }),
    );
    expect(got.Credentials?.AccessKeyId).toBe(aws.sessions[0]?.accessKeyId);
    expect(aws.asked[0]?.get('DurationSeconds')).toBe('1800');
    expect(broker.records().at(-1)).toMatchObject({ transport: 'aws-sts', outcome: 'granted', target: 'payments-aws' });
  });
});
