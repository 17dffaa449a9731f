// The options of a target of kind `aws`: the role, where STS is asked, who stands in CloudTrail and how, and what the session is narrowed to.
// Which permissions a role must grant for them stands in docs/clouds/aws.md (CA-06, CA-07).

import { z } from 'zod';
import { SESSION_POLICY_TEXT } from '../core/cloud.ts';
import type { Json } from '../core/json.ts';
import {
  AWS_POLICY_ARNS_MAX,
  AWS_POLICY_CHARACTERS_MAX,
  AWS_ROLE_NAME_CHARACTERS_MAX,
  AWS_SESSION_SECONDS_MAX,
  AWS_SESSION_SECONDS_MIN,
} from '../core/limits-cloud.ts';
import { STS_REGION, stsEndpoint } from '../parsing/sts-endpoint.ts';
import { parametersIn } from '../parsing/template.ts';
import { carry, tagsProblem } from './aws-carry.ts';
import { cloudOptions } from './cloud-options.ts';

/**
 * `arn:<partition>:iam::<account>:role/<path and name>`; parameters may stand in account, path and name. There are no wildcards: an ARN is one
 * role.
 */
const ROLE_ARN =
  /^arn:(?<partition>aws|aws-cn|aws-us-gov):iam::(?:[0-9]{12}|<[A-Za-z][A-Za-z0-9_-]*>):role(?:\/(?:[\w+=,.@-]|<[A-Za-z][A-Za-z0-9_-]*>)+)+$/;
const ARN_CHARACTERS_MAX = 512;
/** A managed policy, of AWS's own or of an account. */
const POLICY_ARN = /^arn:(?:aws|aws-cn|aws-us-gov):iam::(?:aws|[0-9]{12}|<[^<>]+>):policy\/[\w+=,.@/<>-]+$/;

const json: z.ZodType<Json> = z.json();

const options = z.strictObject({
  ...cloudOptions({ floorSeconds: AWS_SESSION_SECONDS_MIN, secondsMax: AWS_SESSION_SECONDS_MAX, usually: '1h' }),
  role: z
    .string()
    .max(ARN_CHARACTERS_MAX)
    .regex(ROLE_ARN, {
      error: 'must be the ARN of one role, without wildcards, such as arn:aws:iam::111122223333:role/deploy',
    })
    .describe('The ARN of the role; parameters may stand in its account, its path and its name.'),
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
      carry: carry.optional(),
      transitive: z.literal(true).optional().describe('Tags stay through role chaining.'),
    })
    .optional()
    .describe('Who stands in CloudTrail, and how.'),
  policy: z
    .record(z.string(), json)
    .refine((policy) => Object.hasOwn(policy, 'Statement'), { error: 'must be a policy, with a `Statement`' })
    .optional()
    .describe('A session policy: nothing that it does not allow can be done with the credentials.'),
  policyArns: z
    .array(
      z.string().regex(POLICY_ARN, {
        error: 'must be the ARN of a managed policy, such as arn:aws:iam::aws:policy/ReadOnlyAccess',
      }),
    )
    .min(1)
    .max(AWS_POLICY_ARNS_MAX)
    .optional()
    .describe('Managed policies as session policies.'),
});

type Chosen = z.output<typeof options>;

/** What no single option shows to be wrong. */
function* problemsOf({ role, region, session = {}, policy, policyArns, deliver }: Chosen): Generator<Problem> {
  const partition = ROLE_ARN.exec(role)?.groups?.partition;
  const { partition: reached } = stsEndpoint(region);
  if (partition !== undefined && partition !== reached)
    yield { at: 'region', message: `is of the partition ${reached}, and the role is of ${partition}` };
  const name = role.slice(role.lastIndexOf('/') + 1);
  if (parametersIn(name).length === 0 && name.length > AWS_ROLE_NAME_CHARACTERS_MAX)
    yield { at: 'role', message: `the name of a role has at most ${AWS_ROLE_NAME_CHARACTERS_MAX} characters` };
  const tags = tagsProblem(session);
  if (tags !== undefined) yield { at: 'session', message: tags };
  if (session.transitive && !session.tags && !session.carry)
    yield { at: 'session', message: '`transitive` is about tags, and there are none' };
  const text = JSON.stringify(policy ?? {});
  if (parametersIn(text).length === 0 && text.length > AWS_POLICY_CHARACTERS_MAX)
    yield {
      at: 'policy',
      message: `has ${text.length} characters as JSON, and AWS takes at most ${AWS_POLICY_CHARACTERS_MAX}`,
    };
  if (!SESSION_POLICY_TEXT.test(text))
    yield { at: 'policy', message: 'has characters beyond ISO 8859-1, which AWS does not take' };
  // An assertion is taken to AWS by somebody else, who says what it is to be narrowed to, if anything, and calls the session as he likes.
  if (deliver === 'assertion')
    for (const [at, value] of Object.entries({ policy, policyArns, 'session.name': session.name }))
      if (value !== undefined) yield { at, message: 'cannot be kept where `deliver: assertion` is written' };
}

interface Problem {
  readonly at: string;
  readonly message: string;
}

export const awsOptions = options.superRefine((chosen, context) => {
  for (const { at, message } of problemsOf(chosen)) context.addIssue({ code: 'custom', path: at.split('.'), message });
});
export type AwsOptions = z.output<typeof awsOptions>;
