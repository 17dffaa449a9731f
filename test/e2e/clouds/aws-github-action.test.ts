// aws-actions/configure-aws-credentials (v6.2.3) against the broker: the requests that it makes with `sts-endpoint`, by the SDK that it is made
// with, byte for byte as they were captured; from a GitHub token to the cloud itself.

import { Agent } from 'node:https';
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { githubPush } from '../../../src/adapters/cli/demo/platforms.ts';
import type { AwsKeys } from '../../support/aws-facade.ts';
import { mint } from '../../support/broker.ts';
import { type CloudBroker, ROLE, startCloudBroker } from '../../support/cloud-broker.ts';

let clouds: CloudBroker;
beforeAll(async () => {
  clouds = await startCloudBroker();
});
afterAll(() => clouds[Symbol.asyncDispose]());

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** As its CredentialsClient makes one; what it sends is noted on the way. */
function clientOf(sent: Sent[], endpoint: string, credentials?: AwsKeys) {
  const { broker, aws } = clouds;
  const client = new STSClient({
    region: 'eu-west-1',
    endpoint,
    customUserAgent: 'configure-aws-credentials-for-github-actions',
    requestHandler: { httpsAgent: new Agent({ ca: endpoint.startsWith(broker.issuer) ? broker.ca : aws.ca }) },
    ...(credentials ? { credentials } : {}),
  });
  client.middlewareStack.add(
    (next) => (args) => {
      const { method, path, headers, body } = args.request as Sent;
      sent.push({ method, path, headers: { ...headers }, body });
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low' },
  );
  return client;
}

describe('aws-actions/configure-aws-credentials', () => {
  it('gets an hour for a job, is told its account and ARN at the same endpoint, and the cloud knows it', async () => {
    const { broker, aws } = clouds;
    const token = await mint(broker, 'github', githubPush(broker.issuer, broker.now()));
    const sent: Sent[] = [];
    const endpoint = `${broker.issuer}/aws/sts`;
    const { Credentials } = await clientOf(sent, endpoint).send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: ROLE,
        RoleSessionName: 'GitHubActions',
        DurationSeconds: 3_600,
        WebIdentityToken: token,
      }),
    );
    const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '', Expiration } = Credentials ?? {};
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    const { Account, Arn } = await clientOf(sent, endpoint, credentials).send(new GetCallerIdentityCommand({}));

    const [assumed, asked] = sent;
    expect(assumed).toMatchObject({ method: 'POST', path: '/aws/sts/' });
    expect(assumed?.body.split('&').toSorted()).toEqual(
      [
        'Action=AssumeRoleWithWebIdentity',
        'Version=2011-06-15',
        `RoleArn=${encodeURIComponent(ROLE)}`,
        'RoleSessionName=GitHubActions',
        'DurationSeconds=3600',
        `WebIdentityToken=${token}`,
      ].toSorted(),
    );
    expect(assumed?.headers['content-type']).toBe('application/x-www-form-urlencoded');
    expect(assumed?.headers).not.toHaveProperty('authorization');
    expect(asked).toMatchObject({
      method: 'POST',
      path: '/aws/sts/',
      body: 'Action=GetCallerIdentity&Version=2011-06-15',
    });
    expect(asked?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=ASIA[A-Z0-9]+\/\d{8}\/eu-west-1\/sts\/aws4_request, SignedHeaders=\S*host;\S*, Signature=[0-9a-f]{64}$/,
    );
    expect(sent).toHaveLength(2);

    const [session] = aws.sessions;
    expect([Account, Arn]).toEqual(['111122223333', session?.arn]);
    expect((Expiration?.getTime() ?? 0) / 1_000 - broker.now()).toBeGreaterThan(3_500);
    // Who stands in CloudTrail is the job, proved, and not what the action calls itself.
    expect(session?.name).not.toContain('GitHubActions');
    const there = await clientOf([], `https://localhost:${aws.port}`, credentials).send(
      new GetCallerIdentityCommand({}),
    );
    expect([there.Account, there.Arn]).toEqual([Account, Arn]);
    expect(broker.records().slice(-2)).toMatchObject([
      { event: 'exchange', rule: 'github-aws', subject: { source: 'github' }, outlives: expect.any(Number) },
      { event: 'caller_identity', outcome: 'answered' },
    ]);
  });

  it('is refused in a sentence of ours where no rule gives the role, as often as it asks', async () => {
    const { broker, aws } = clouds;
    const claims = { ...githubPush(broker.issuer, broker.now()), ref: 'refs/heads/dev' };
    const sent: Sent[] = [];
    const asking = clientOf(sent, `${broker.issuer}/aws/sts`).send(
      new AssumeRoleWithWebIdentityCommand({
        RoleArn: ROLE,
        RoleSessionName: 'GitHubActions',
        DurationSeconds: 3_600,
        WebIdentityToken: await mint(broker, 'github', claims),
      }),
    );
    await expect(asking).rejects.toMatchObject({
      name: 'AccessDenied',
      message: expect.stringContaining('github-aws'),
      $metadata: { httpStatusCode: 403, attempts: 1 },
    });
    expect(sent).toHaveLength(1);
    expect(broker.records().at(-1)).toMatchObject({ outcome: 'refused', reason: 'no_rule' });
    expect(aws.sessions).toHaveLength(1);
  });
});
