// The options of a target of kind `aws`: the role, where STS is asked, who stands in CloudTrail and how, and what the session is narrowed to.
// Which permissions a role must grant for them stands in docs/clouds/aws.md (CA-06, CA-07).

import { z } from 'zod';
import { AWS_POLICY_ARNS_MAX, AWS_SESSION_SECONDS_MAX, AWS_SESSION_SECONDS_MIN } from '../core/limits-cloud.ts';
import { STS_REGION } from '../parsing/sts-endpoint.ts';
import { cloudOptions } from './cloud-options.ts';

/** `arn:<partition>:iam::<account>:role/<path and name>`; account and name may have parameters. */
const ROLE_ARN = /^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}|<[A-Za-z][A-Za-z0-9_-]*>):role\/([\w+=,.@/<>-]{1,512})$/;

export const awsOptions = z.strictObject({
  ...cloudOptions({ floorSeconds: AWS_SESSION_SECONDS_MIN, secondsMax: AWS_SESSION_SECONDS_MAX, usually: '1h' }),
  role: z
    .string()
    .regex(ROLE_ARN, { error: 'must be the ARN of a role, such as arn:aws:iam::111122223333:role/deploy' })
    .describe('The ARN of the role; parameters may stand in its account and its name.'),
  region: z
    .string()
    .regex(STS_REGION, { error: 'must be a region of AWS, such as eu-west-1, or aws-global' })
    .describe('Whose STS endpoint is asked. `aws-global`: sts.amazonaws.com.'),
  session: z
    .strictObject({
      name: z
        .string()
        .min(1)
        .optional()
        .describe('The session name, with parameters; else the caller, and who acts for it.'),
      sourceIdentity: z
        .literal(true)
        .optional()
        .describe('The subject as source identity; the role must permit sts:SetSourceIdentity.'),
      tags: z
        .literal(true)
        .optional()
        .describe('Subject, actor and decision as session tags; the role must permit sts:TagSession.'),
      carry: z
        .array(z.string().min(1))
        .min(1)
        .optional()
        .describe("Claims of the subject's as session tags, by their names; the role must permit sts:TagSession."),
      transitive: z.literal(true).optional().describe('Tags stay through role chaining.'),
    })
    .optional()
    .describe('Who stands in CloudTrail, and how.'),
  policy: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('A session policy: nothing that it does not allow can be done with the credentials.'),
  policyArns: z
    .array(z.string().regex(/^arn:/, { error: 'must be the ARN of a managed policy' }))
    .min(1)
    .max(AWS_POLICY_ARNS_MAX)
    .optional()
    .describe('Managed policies as session policies.'),
});
export type AwsOptions = z.output<typeof awsOptions>;
