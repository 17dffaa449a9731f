// What runs in the pod, and in the job: a program that knows nothing of a broker. It makes the AWS SDK's own client and asks who it is;
// the SDK finds its credentials by its own variables, as it does everywhere.

import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';

try {
  const { Arn, Account } = await new STSClient({}).send(new GetCallerIdentityCommand({}));
  process.stdout.write(`${JSON.stringify({ Arn, Account })}\n`);
} catch (error) {
  process.stdout.write(
    `${JSON.stringify({ error: error instanceof Error ? `${error.name}: ${error.message}` : 'none' })}\n`,
  );
}
