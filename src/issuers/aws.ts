// Issues credentials of AWS roles (CA rows): AssumeRoleWithWebIdentity with an assertion of ours, at the region's endpoint, by AWS's own
// client. What a role's trust policy pins is the target, by `sub` and `aud`; caller, person and agent stand in CloudTrail, as session
// name, session tags and source identity. The request is not signed: this broker has no credentials of its own in any cloud.

import type { CloudSession } from '../core/cloud.ts';
import type { CloudEndpoint } from '../core/cloud-trust.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { AWS_SESSION_SECONDS_MIN } from '../core/limits-cloud.ts';
import type { IssueOrder, Issuer } from '../core/ports.ts';
import { ok, refuse } from '../core/refusal.ts';
import { AWS_CREDENTIALS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { stsEndpoint } from '../parsing/sts-endpoint.ts';
import { assertionClaims, assertionEnd, readAssertion, signAssertion } from './assertion.ts';
import { pathsOf } from './aws-carry.ts';
import { processCredentials, rememberSession } from './aws-credentials.ts';
import { type AwsOptions, awsOptions } from './aws-options.ts';
import { type AwsSession, sessionOf } from './aws-session.ts';
import { type Assumed, createAssumeRole } from './aws-sts.ts';
import { awsTrust } from './aws-trust.ts';
import { fitting } from './cloud-issuer.ts';
import { audienceOf, cloudTerms, reachedBy } from './cloud-options.ts';
import type { CloudParts, IssuerParts, TargetKind } from './kind.ts';

/** The target kind `aws`. */
export const awsTarget: TargetKind<typeof awsOptions> = Object.freeze({
  kind: 'aws',
  options: awsOptions,
  address: ({ role }) => role,
  terms: (chosen) => ({ scopes: [], defaultScopes: [], ...cloudTerms(chosen, AWS_SESSION_SECONDS_MIN) }),
  signedFor: audienceOf,
  claims: ({ session }) => (session?.carry ?? []).flatMap((carried) => pathsOf(carried)),
  create: createAwsIssuer,
  cloud: {
    trust: (chosen, place, values) => awsTrust(place, chosen, values),
    endpoints: (chosen, files) => (chosen.deliver === 'assertion' ? [] : [endpointOf(chosen, files)]),
  },
} satisfies TargetKind<typeof awsOptions>);

const endpointOf = (chosen: AwsOptions, files: CloudParts['files']): CloudEndpoint => ({
  url: chosen.endpoint ?? `https://${stsEndpoint(chosen.region).host}`,
  ...reachedBy(chosen, files),
});

function createAwsIssuer(parts: IssuerParts, chosen: AwsOptions): Issuer {
  const { clouds, target } = parts;
  const delivers = chosen.deliver === 'assertion';
  const issuedTokenType = delivers ? JWT_TOKEN_TYPE : AWS_CREDENTIALS_TOKEN_TYPE;
  const { region } = stsEndpoint(chosen.region);
  const { url: endpoint, ...reached } = endpointOf(chosen, clouds.files);
  const assumeRole = createAssumeRole({ outbound: clouds.outbound, endpoint, region, ...reached });

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
      const found = sessionOf(order, parts, chosen);
      if (!found.ok) return found;
      const session = found.value;
      const assertion = await signAssertion(parts, order, session);
      if (delivers) {
        const cloud = { cloud: 'aws' as const, assertion, session: asserted(session) };
        return ok({ token: assertion, tokenType: 'N_A', issuedTokenType, expiresAt: assertionEnd(order), cloud });
      }
      const asked = { cloud: 'aws' as const, account: session.account, target };
      const given = await clouds.ask(asked, (deadlineMs) =>
        assumeRole({ session, assertion, seconds: order.expiresAt - order.issuedAt }, deadlineMs),
      );
      if (!given.ok) return given;
      const { credential: cloud, expiresAt } = given.value;
      const problem = otherThanAsked(given.value, session, order);
      if (problem) return refuse({ reason: 'cloud_refused', target, cloud: 'aws', problem });
      await rememberSession(clouds.secrets, cloud, expiresAt);
      const token = JSON.stringify(processCredentials(cloud, expiresAt));
      return ok({ token, tokenType: 'N_A', issuedTokenType, expiresAt, cloud });
    },
    read({ token, cloud, expiresAt }) {
      if (cloud?.cloud !== 'aws' || 'accessToken' in cloud) throw new Error('no credentials of AWS');
      if ('assertion' in cloud) return readAssertion(token);
      if (token !== JSON.stringify(processCredentials(cloud, expiresAt)))
        throw new Error('the credentials are not written as they were given');
      const { principal, audience, subject } = cloud.session;
      return { principal, audience, subject };
    },
    expect(order) {
      const session = fitting(sessionOf(order, parts, chosen));
      if (delivers) return assertionClaims(parts.issuer, order, session);
      const { principal, audience, subject } = session;
      return { principal, audience, subject };
    },
    terms(order) {
      const session = sessionOf(order, parts, chosen);
      return session.ok ? ok({ delivers, endpoint, region, session: session.value }) : session;
    },
  };
  return Object.freeze(issuer);
}

/** Whoever takes an assertion to AWS names the session. */
const asserted = ({ role, audience, subject }: AwsSession): CloudSession => ({ principal: role, audience, subject });

/** What is wrong with an answer that is a good one for somebody else: nobody gets it, and it is not remembered. */
function otherThanAsked(
  { credential: { session: given }, expiresAt }: Assumed,
  { principal, audience, subject }: AwsSession,
  order: Pick<IssueOrder, 'issuedAt' | 'expiresAt'>,
): 'ends_late' | 'ended' | 'another_session' | undefined {
  if (given.principal !== principal || given.audience !== audience || given.subject !== subject)
    return 'another_session';
  // Its clock runs from when it is asked, and may be a little ahead of ours.
  if (expiresAt > order.expiresAt + LEEWAY_SECONDS) return 'ends_late';
  return expiresAt <= order.issuedAt ? 'ended' : undefined;
}
