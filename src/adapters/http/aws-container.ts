// GET /aws/credentials/{target}: credentials for containers, as AWS's SDKs fetch them (AWS_CONTAINER_CREDENTIALS_FULL_URI). The header
// `Authorization` is the workload's own token, as it is: SDKs add no scheme, and none is taken. Nothing is taken from the address but the target.

import type { IncomingMessage } from 'node:http';
import type { Outcome } from '../../core/operation.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';
import {
  type Caller,
  misusedCredential,
  type Received,
  TOKEN_EXCHANGE_GRANT,
  type TokenRequest,
} from '../../core/request.ts';
import { accountOf } from '../../parsing/aws-text.ts';
import { headerValues } from '../../parsing/header-values.ts';
import { rfc3339 } from '../../parsing/instant.ts';
import { credentialsRequest } from './aws-assumption.ts';
import { assumptionCode, awsErrorOf } from './aws-errors.ts';
import { awsCredentialOf, hasEnded } from './aws-outcome.ts';
import type { Arrival, Endpoint, EndpointParts } from './endpoint.ts';
import { receiveBare } from './form-request.ts';
import { type Answer, HEADERS } from './wire.ts';

export const awsContainer = (path: string, parts: EndpointParts): Endpoint => ({
  method: 'GET',
  path,
  targets: 'required',
  serve(arrival, answer) {
    const received = receive(arrival);
    return parts.exchange(received, (outcome) => answer(render(outcome, received, parts)));
  },
});

function receive({ message, arrived, target = '' }: Arrival): Received<TokenRequest> {
  const bare = receiveBare(message, arrived, 'aws-container');
  return { ...bare, grantType: TOKEN_EXCHANGE_GRANT, request: read(message, arrived, target) };
}

function read(
  { method, url, headers, rawHeaders }: IncomingMessage,
  { certificates }: Pick<Caller, 'certificates'>,
  target: string,
): Result<TokenRequest, SyntaxRefusal> {
  if (method !== 'GET') return refuse({ reason: 'method_not_allowed' });
  if (url?.includes('?')) return refuse({ reason: 'query_forbidden' });
  if (headers.dpop !== undefined) return refuse({ reason: 'parameter_unsupported', parameter: 'DPoP' });
  if (headerValues(rawHeaders, 'authorization').length > 1)
    return refuse({ reason: 'parameter_repeated', parameter: HEADER });
  const text = headers.authorization ?? '';
  // A client that could not read its token's file may come without: it gets nothing then.
  if (text === '') return refuse({ reason: 'parameter_missing', parameter: HEADER });
  const unfit = misusedCredential(HEADER, text);
  return unfit ? refuse(unfit) : ok(credentialsRequest(text, certificates, { targets: [target] }));
}

const HEADER = 'Authorization';

function render(
  outcome: Outcome,
  { request }: Received<TokenRequest>,
  { sentence, nowSeconds }: EndpointParts,
): Answer {
  const own = { ...HEADERS, 'x-amzn-requestid': outcome.decision };
  if (outcome.kind === 'refused' || outcome.kind === 'failed') {
    const ended = request.ok && hasEnded(request.value, nowSeconds());
    const error = awsErrorOf(outcome, sentence, (refusal) => codeOf(refusal, ended));
    const allowed = error.status === 405 ? { allow: 'GET' } : {};
    const body = { Code: error.code, Message: error.message };
    return { status: error.status, headers: { ...own, ...error.headers, ...allowed }, body: JSON.stringify(body) };
  }
  const { credential, expiresAt } = awsCredentialOf(outcome);
  const body = {
    AccessKeyId: credential.accessKeyId,
    SecretAccessKey: credential.secretAccessKey,
    Token: credential.sessionToken,
    Expiration: rfc3339(expiresAt),
    AccountId: accountOf(credential.session.principal),
    RoleArn: credential.role,
  };
  return { status: 200, headers: own, body: JSON.stringify(body) };
}

/** As at the STS endpoint, but for whoever comes without a token. */
const codeOf: typeof assumptionCode = (refusal, ended) => {
  const coded = assumptionCode(refusal, ended);
  return coded.code === 'MissingAuthenticationToken' ? { ...coded, status: 401 } : coded;
};
