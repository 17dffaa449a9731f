// Issues credentials of AWS roles (CA rows): AssumeRoleWithWebIdentity with an assertion of ours, at the region's endpoint, by AWS's own
// client. What a role's trust policy pins is the target, by `sub` and `aud`; caller, person and agent stand in CloudTrail, as session
// name, session tags and source identity. The request is not signed: this broker has no credentials of its own in any cloud.

import { z } from 'zod';
import { AWS_POLICY_ARNS_MAX, AWS_SESSION_SECONDS_MAX, AWS_SESSION_SECONDS_MIN } from '../core/limits-cloud.ts';
import type { Issuer } from '../core/ports.ts';
import { ok, refuse } from '../core/refusal.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { STS_REGION, stsEndpoint } from '../parsing/sts-endpoint.ts';
import { assertionEnd, signAssertion } from './assertion.ts';
import { processCredentials, rememberSession } from './aws-credentials.ts';
import { sessionOf } from './aws-session.ts';
import { createAssumeRole } from './aws-sts.ts';
import { audienceOf, cloudOptions, cloudTerms } from './cloud-options.ts';
import type { IssuerParts, TargetKind } from './kind.ts';

/** `arn:<partition>:iam::<account>:role/<path and name>`; account and name may have parameters. */
const ROLE_ARN = /^arn:(aws|aws-cn|aws-us-gov):iam::([0-9]{12}|<[A-Za-z][A-Za-z0-9_-]*>):role\/([\w+=,.@/<>-]{1,512})$/;

const options = z.strictObject({
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
export type AwsOptions = z.output<typeof options>;

/** The target kind `aws`. */
export const awsTarget: TargetKind<typeof options> = Object.freeze({
  kind: 'aws',
  options,
  address: ({ role }) => role,
  terms: (chosen) => ({ scopes: [], defaultScopes: [], ...cloudTerms(chosen, AWS_SESSION_SECONDS_MIN) }),
  signedFor: audienceOf,
  create: createAwsIssuer,
} satisfies TargetKind<typeof options>);

function createAwsIssuer(parts: IssuerParts, chosen: AwsOptions): Issuer {
  const { clouds, target } = parts;
  const delivers = chosen.deliver === 'assertion';
  const issuedTokenType = delivers ? JWT_TOKEN_TYPE : AWS_CREDENTIALS_TOKEN_TYPE;
  const { host, region } = stsEndpoint(chosen.region);
  const assumeRole = createAssumeRole({
    outbound: clouds.outbound,
    endpoint: chosen.endpoint ?? `https://${host}`,
    region,
    ca: chosen.ca === undefined ? undefined : clouds.files.get(chosen.ca),
    privateNetwork: chosen.privateNetwork ?? false,
  });

  const issuer: Issuer = {
    typeFor({ requestedTokenType = issuedTokenType, ask }) {
      // Two session policies cannot be one, and two lists of managed ones would be wider than either.
      if (ask.session && (delivers || chosen.policy !== undefined || chosen.policyArns !== undefined))
        return refuse({ reason: 'parameter_unsupported', parameter: 'Policy' });
      return requestedTokenType === issuedTokenType
        ? ok(issuedTokenType)
        : refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' });
    },
    async issue(order) {
      const session = sessionOf(order, parts, chosen);
      const assertion = await signAssertion(parts, order, session);
      if (delivers) {
        const { principal, audience, subject } = session;
        const cloud = { cloud: 'aws' as const, assertion, session: { principal, audience, subject } };
        return ok({ token: assertion, tokenType: 'N_A', issuedTokenType, expiresAt: assertionEnd(order), cloud });
      }
      const asked = { cloud: 'aws' as const, account: session.account, target };
      const given = await clouds.ask(asked, (deadlineMs) =>
        assumeRole({ session, assertion, seconds: order.expiresAt - order.issuedAt }, deadlineMs),
      );
      if (!given.ok) return given;
      const { credential: cloud, expiresAt } = given.value;
      await rememberSession(clouds.secrets, cloud, expiresAt);
      const token = JSON.stringify(processCredentials(cloud, expiresAt));
      return ok({ token, tokenType: 'N_A', issuedTokenType, expiresAt, cloud });
    },
    read({ cloud }) {
      if (cloud?.cloud !== 'aws') throw new Error('no credentials of AWS');
      const { principal, audience, subject } = cloud.session;
      return { principal, audience, subject };
    },
    expect(order) {
      const { principal, audience, subject } = sessionOf(order, parts, chosen);
      return { principal, audience, subject };
    },
  };
  return Object.freeze(issuer);
}
