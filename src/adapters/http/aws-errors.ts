// How a refusal looks to AWS's own clients: which code, which status (docs/clouds/aws.md, "What each error means"). The code decides whether an
// SDK tries again, so 5xx stands for what may pass later and for nothing else. Whatever is wrong with a credential is the code of a
// policy's no: claims are judged before a signature can be, so codes of their own would tell a stranger which issuers are trusted. One
// exception tells nothing either: a token whose own `exp` has passed is said to have expired, whoever issued it. `InvalidIdentityToken` is
// not used: the SDK for Go repeats it.

import type { Outcome } from '../../core/operation.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { EndpointParts } from './endpoint.ts';
import { describe, FAULT_SENTENCE, wireRefusal } from './wire.ts';

export type AwsCode =
  | 'ValidationError'
  | 'InvalidAction'
  | 'MalformedPolicyDocument'
  | 'MissingAuthenticationToken'
  | 'IncompleteSignature'
  | 'InvalidClientTokenId'
  | 'SignatureDoesNotMatch'
  | 'RequestExpired'
  | 'ExpiredToken'
  | 'ExpiredTokenException'
  | 'AccessDenied'
  | 'IDPCommunicationError'
  | 'ServiceUnavailable'
  | 'InternalFailure';

/** An error, before it is written in the form of its endpoint. */
export interface AwsError {
  readonly status: number;
  readonly code: AwsCode;
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Coded {
  readonly code: AwsCode;
  /** Undefined: that of the same refusal at /token. */
  readonly status?: number;
}

/** Why there is no answer. `codeOf` is the table of the operation. */
export function awsErrorOf(
  outcome: Outcome<never>,
  sentence: EndpointParts['sentence'],
  codeOf: (refusal: Refusal) => Coded,
): AwsError {
  const { decision } = outcome;
  if (outcome.kind === 'failed')
    return { status: 500, code: 'InternalFailure', message: describe(FAULT_SENTENCE, decision), headers: {} };
  const { refusal } = outcome;
  const wire = wireRefusal(refusal, outcome.grantType);
  const { code, status = wire.status } = codeOf(refusal);
  const text = hintOf(refusal) ?? sentence(outcome) ?? wire.description;
  return { status, code, message: describe(text, decision), headers: wire.headers ?? {} };
}

const DENIED: Coded = { code: 'AccessDenied', status: 403 };
const EXPIRED: Coded = { code: 'ExpiredTokenException', status: 400 };

/** Of AssumeRoleWithWebIdentity, and of the endpoint for containers. `hasEnded`: whether the token says so itself. */
export function assumptionCode(refusal: Refusal, hasEnded: boolean): Coded {
  if ('role' in refusal) return hasEnded || refusal.reason === 'expired' ? EXPIRED : DENIED;
  switch (refusal.reason) {
    case 'parameter_missing':
    case 'parameter_repeated':
    case 'parameter_too_large':
    case 'parameter_malformed':
    case 'parameter_unsupported':
      return parameterCode(refusal);
    case 'method_not_allowed':
    case 'media_type_unsupported':
    case 'query_forbidden':
    case 'body_malformed':
    case 'body_too_large':
    case 'grant_type_unsupported':
    case 'token_type_unsupported':
    case 'scope_malformed':
    case 'resource_malformed':
      return { code: 'ValidationError' };
    case 'client_credential_refused':
    case 'client_required':
    case 'client_not_presenter':
    case 'dpop_proof_refused':
    case 'dpop_proof_replayed':
    case 'dpop_nonce_wanted':
    case 'no_rule':
    case 'target_unknown':
    case 'targets_differ':
    case 'target_ambiguous':
    case 'target_not_allowed':
    case 'target_denied':
    case 'target_requirement_unmet':
    case 'cloud_refused':
    case 'would_outlive':
    case 'scope_not_allowed':
    case 'confirmation_wanted':
      return DENIED;
    case 'keys_unavailable':
    case 'review_unavailable':
      return { code: 'IDPCommunicationError' };
    case 'cloud_unavailable':
    case 'store_unavailable':
    case 'audit_unavailable':
    case 'overloaded':
      return { code: 'ServiceUnavailable' };
  }
}

type ParameterRefusal = Extract<Refusal, { parameter: string }>;

function parameterCode({ reason, parameter }: ParameterRefusal): Coded {
  if (parameter === 'Action') return { code: 'InvalidAction' };
  if (reason === 'parameter_missing' && SIGNING.has(parameter))
    return { code: 'MissingAuthenticationToken', status: 403 };
  if (reason === 'parameter_malformed' && parameter === 'Policy') return { code: 'MalformedPolicyDocument' };
  return { code: 'ValidationError' };
}

/** What a request to be proved by a signature, or by a token in a header, cannot be without. */
const SIGNING = new Set(['Authorization', 'X-Amz-Security-Token']);

/** Of GetCallerIdentity: here it is the request's own signature that proves, and no issuer can be told by a code. */
export function identityCode(refusal: Refusal): Coded {
  if (!('role' in refusal)) return assumptionCode(refusal, false);
  switch (refusal.reason) {
    case 'key_unknown':
      return { code: 'InvalidClientTokenId', status: 403 };
    case 'expired':
      return { code: 'ExpiredToken', status: 403 };
    case 'credential_malformed':
      return malformedCode(refusal.problem);
    default:
      return { code: 'SignatureDoesNotMatch', status: 403 };
  }
}

function malformedCode(problem: string): Coded {
  if (problem === 'request_time') return { code: 'RequestExpired', status: 400 };
  // The signature was for another host, or for another body.
  if (problem === 'request_host' || problem === 'request_body') return { code: 'SignatureDoesNotMatch', status: 403 };
  return { code: 'IncompleteSignature', status: 400 };
}

/** What a value must be, where a caller can mend it. */
const HINTS: Readonly<Record<string, string>> = {
  Action: 'Action must be AssumeRoleWithWebIdentity or GetCallerIdentity; decision',
  Version: 'Version must be 2011-06-15; decision',
  DurationSeconds: 'DurationSeconds must be a whole number from 900 to 43200; decision',
  RoleSessionName: 'RoleSessionName must have 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -; decision',
  PolicyArns: 'PolicyArns.member.N.arn must be ARNs, numbered from 1 to at most 10; decision',
};

function hintOf(refusal: Refusal): string | undefined {
  if (refusal.reason === 'method_not_allowed') return 'another method is expected here; decision';
  const isValue = refusal.reason === 'parameter_malformed' || refusal.reason === 'parameter_unsupported';
  return isValue && Object.hasOwn(HINTS, refusal.parameter) ? HINTS[refusal.parameter] : undefined;
}
