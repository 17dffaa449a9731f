// POST /aws/sts[/{target}]: the query API of AWS STS, as unmodified SDKs and tools speak it (docs/clouds/aws.md). Two actions:
// AssumeRoleWithWebIdentity is an exchange like any other, GetCallerIdentity a question about what such an exchange gave. Everything else that is
// sent here is recorded as an exchange that was refused.

import type { IncomingMessage } from 'node:http';
import type { Identified } from '../../core/caller-identity.ts';
import type { CallerIdentityRequest } from '../../core/caller-identity-request.ts';
import { NO_CLIENT } from '../../core/client.ts';
import type { Outcome } from '../../core/operation.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import { type Parameters, type Received, TOKEN_EXCHANGE_GRANT, type TokenRequest } from '../../core/request.ts';
import { accountOf } from '../../parsing/aws-text.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { readSignedRequest } from '../../parsing/signed-request.ts';
import { ASSUME, AWS_VERSION, narrows, readAssumption } from './aws-assumption.ts';
import { assumptionCode, awsErrorOf, identityCode } from './aws-errors.ts';
import { awsCredentialOf, hasEnded } from './aws-outcome.ts';
import { awsAnswer, awsErrorAnswer } from './aws-xml.ts';
import type { Arrival, Endpoint, EndpointParts } from './endpoint.ts';
import { type Form, receiveForm } from './form-request.ts';
import type { Answer } from './wire.ts';

const IDENTITY = 'GetCallerIdentity';

export const awsSts = (path: string, parts: EndpointParts): Endpoint => ({
  method: 'POST',
  path,
  targets: 'optional',
  serve(arrival, answer) {
    const received = receiveForm(arrival.message, arrival.arrived, { form: FORM, htu: path, transport: 'aws-sts' });
    const parameters = received.request.ok ? received.request.value : undefined;
    if (parameters?.get('Action')?.[0] === IDENTITY)
      return parts.callerIdentity(identityOf(received, parameters, arrival, parts.issuer), (outcome) =>
        answer(renderIdentity(outcome)),
      );
    const assumption = assumptionOf(received, arrival);
    return parts.exchange(assumption, (outcome) => answer(renderAssumption(outcome, assumption, parts)));
  },
});

/** Which action it is stands in the form itself. */
const FORM: Form<Parameters> = { grantType: () => TOKEN_EXCHANGE_GRANT, read: ok, keepsEmpty: narrows };

function assumptionOf(
  { request, ...received }: Received<Parameters>,
  { message, arrived, target }: Arrival,
): Received<TokenRequest> {
  if (!request.ok) return { ...received, request };
  const parameters = request.value;
  const misused = actionProblem(parameters) ?? headerProblem(message);
  return { ...received, request: misused ? refuse(misused) : readAssumption(parameters, arrived.certificates, target) };
}

function actionProblem(parameters: Parameters): SyntaxRefusal | undefined {
  const action = parameters.get('Action')?.[0];
  if (action === undefined) return { reason: 'parameter_missing', parameter: 'Action' };
  if (action !== ASSUME && action !== IDENTITY) return { reason: 'parameter_unsupported', parameter: 'Action' };
  const version = parameters.get('Version')?.[0];
  if (version === undefined) return { reason: 'parameter_missing', parameter: 'Version' };
  return version === AWS_VERSION ? undefined : { reason: 'parameter_unsupported', parameter: 'Version' };
}

/** The token alone says who it is: of another credential, or of a proof, the meaning would be lost. */
function headerProblem({ headers }: IncomingMessage): SyntaxRefusal | undefined {
  const parameter = headers.authorization !== undefined ? 'Authorization' : headers.dpop !== undefined ? 'DPoP' : '';
  return parameter === '' ? undefined : { reason: 'parameter_unsupported', parameter };
}

function identityOf(
  { request: _, grantType: __, ...received }: Received<Parameters>,
  parameters: Parameters,
  arrival: Arrival,
  issuer: string,
): Received<CallerIdentityRequest> {
  return { ...received, grantType: undefined, request: readIdentity(parameters, arrival, new URL(issuer).host) };
}

function readIdentity(
  parameters: Parameters,
  { message, arrived: { body, certificates } }: Arrival,
  host: string,
): Result<CallerIdentityRequest> {
  const problem = actionProblem(parameters);
  if (problem) return refuse(problem);
  const other = [...parameters.keys()].find((name) => name !== 'Action' && name !== 'Version');
  if (other !== undefined) return refuse({ reason: 'parameter_unsupported', parameter: other });
  const sent = {
    rawHeaders: message.rawHeaders,
    path: message.url ?? '',
    body: body?.ok ? body.value : new Uint8Array(),
  };
  const signed = readSignedRequest(sent, host);
  return signed.ok ? ok({ client: { ...NO_CLIENT, certificates }, proof: undefined, signed: signed.value }) : signed;
}

function renderAssumption(
  outcome: Outcome,
  { request }: Received<TokenRequest>,
  { sentence, issuer, nowSeconds }: EndpointParts,
): Answer {
  const { decision } = outcome;
  if (outcome.kind === 'refused' || outcome.kind === 'failed') {
    const ended = request.ok && hasEnded(request.value, nowSeconds());
    return awsErrorAnswer(
      decision,
      awsErrorOf(outcome, sentence, (refusal) => assumptionCode(refusal, ended)),
    );
  }
  const { credential, expiresAt } = awsCredentialOf(outcome);
  const { session, packedPolicySize } = credential;
  return awsAnswer(decision, ASSUME, [
    ['SubjectFromWebIdentityToken', session.subject],
    ['Audience', session.audience],
    [
      'AssumedRoleUser',
      [
        ['Arn', session.principal],
        ['AssumedRoleId', credential.assumedRoleId],
      ],
    ],
    [
      'Credentials',
      [
        ['AccessKeyId', credential.accessKeyId],
        ['SecretAccessKey', credential.secretAccessKey],
        ['SessionToken', credential.sessionToken],
        ['Expiration', rfc3339(expiresAt)],
      ],
    ],
    ['Provider', issuer],
    ['PackedPolicySize', packedPolicySize === undefined ? undefined : String(packedPolicySize)],
  ]);
}

function renderIdentity(outcome: Outcome<Identified>): Answer {
  const { decision } = outcome;
  if (outcome.kind !== 'identified')
    return awsErrorAnswer(
      decision,
      awsErrorOf(outcome, () => undefined, identityCode),
    );
  return awsAnswer(decision, IDENTITY, [
    ['Arn', outcome.arn],
    ['UserId', outcome.userId],
    ['Account', accountOf(outcome.arn)],
  ]);
}
