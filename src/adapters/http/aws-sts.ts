// POST /aws/sts[/{target}]: the query API of AWS STS, as unmodified SDKs and tools speak it (facts of the wire: docs/clouds/aws.md).
// AssumeRoleWithWebIdentity is an exchange like any other: the caller's own words are its role, how long, and what narrows the
// session; RoleSessionName is not, since who stands in CloudTrail is proved.

import { NO_CLIENT } from '../../core/client.ts';
import type { Outcome } from '../../core/operation.ts';
import { ok, type Result, refuse } from '../../core/refusal.ts';
import {
  AWS_CREDENTIALS_TOKEN_TYPE,
  type Caller,
  JWT_TOKEN_TYPE,
  type Parameters,
  TOKEN_EXCHANGE_GRANT,
  type TokenRequest,
} from '../../core/request.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import { type Form, receiveForm } from './form-request.ts';
import { type Answer, KEPT_BY_NOBODY, wireRefusal } from './wire.ts';

export const awsSts = (path: string, { exchange, sentence }: EndpointParts): Endpoint => ({
  method: 'POST',
  path,
  targets: 'optional',
  serve: ({ message, arrived, target }, answer) =>
    exchange(
      receiveForm(message, arrived, { form: assumptionForm(target), htu: path, transport: 'aws-sts' }),
      (outcome) => answer(render(outcome, sentence)),
    ),
});

const assumptionForm = (target: string | undefined): Form<TokenRequest> => ({
  grantType: () => TOKEN_EXCHANGE_GRANT,
  read: (parameters, caller) => readAssumption(parameters, caller, target),
});

function readAssumption(
  parameters: Parameters,
  { certificates }: Caller,
  target: string | undefined,
): Result<TokenRequest> {
  const one = (name: string) => parameters.get(name)?.[0];
  const text = one('WebIdentityToken')?.trim();
  if (!text) return refuse({ reason: 'parameter_missing', parameter: 'WebIdentityToken' });
  const role = target ?? one('RoleArn');
  return ok({
    grantType: TOKEN_EXCHANGE_GRANT,
    client: { ...NO_CLIENT, certificates },
    proof: undefined,
    subject: { text, tokenType: JWT_TOKEN_TYPE },
    actor: undefined,
    requestedTokenType: AWS_CREDENTIALS_TOKEN_TYPE,
    ask: {
      targets: role === undefined ? [] : [role],
      scopes: undefined,
      lifetimeSeconds: Number(one('DurationSeconds') ?? 3_600),
    },
  });
}

const HEADERS = { 'content-type': 'text/xml', ...KEPT_BY_NOBODY };
const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

function render(outcome: Outcome, sentence: EndpointParts['sentence']): Answer {
  const headers = { ...HEADERS, 'x-amzn-requestid': outcome.decision };
  if (outcome.kind === 'granted') {
    const { cloud } = outcome.issued;
    if (cloud?.cloud !== 'aws' || !('secretAccessKey' in cloud)) throw new Error('no credentials of AWS');
    const { accessKeyId, secretAccessKey, sessionToken } = cloud;
    const expiration = new Date(outcome.issued.expiresAt * 1_000).toISOString().replace('.000Z', 'Z');
    const body = `<AssumeRoleWithWebIdentityResponse xmlns="${NAMESPACE}"><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>${escaped(cloud.session.principal)}</Arn><AssumedRoleId>${escaped(cloud.assumedRoleId)}</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>${escaped(accessKeyId)}</AccessKeyId><SecretAccessKey>${escaped(secretAccessKey)}</SecretAccessKey><SessionToken>${escaped(sessionToken)}</SessionToken><Expiration>${expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>${outcome.decision}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>`;
    return { status: 200, headers, body };
  }
  const refused = outcome.kind === 'refused' ? outcome : undefined;
  const wire = refused && wireRefusal(refused.refusal);
  const message = (refused && sentence(refused)) ?? wire?.description ?? 'the broker failed';
  const body = `<ErrorResponse xmlns="${NAMESPACE}"><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>${escaped(message)}</Message></Error><RequestId>${outcome.decision}</RequestId></ErrorResponse>`;
  return { status: 403, headers, body };
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
