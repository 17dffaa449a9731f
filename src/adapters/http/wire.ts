// How an outcome looks on the wire of POST /token and POST /decide, and how any refusal does: status, OAuth error, sentence, headers (RFC
// 6749 §5, RFC 8693 §2.2, RFC 9449 §5 and §8, RFC 9470 §3).
// Bodies of one code differ only in the decision id (TX-33), with two exceptions that tell a stranger nothing: a syntax
// refusal, which depends on the request's own bytes alone and names at most a parameter of the protocol, is described; and
// a caller whose source says `tell: caller` gets its sentence. Everything that credentials, clients or policy refuse gets
// the fixed sentence of its code.

import { SENTENCE_CHARACTERS_MAX } from '../../core/limits.ts';
import type { Outcome } from '../../core/operation.ts';
import type { BodyProblem, ClientRefusal, PolicyRefusal, Refusal, SyntaxRefusal } from '../../core/refusal.ts';
import { type GrantType, JWT_BEARER_GRANT } from '../../core/request.ts';

export type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'invalid_target'
  | 'invalid_scope'
  | 'unsupported_grant_type'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  | 'insufficient_user_authentication'
  | 'temporarily_unavailable'
  | 'server_error';

/** An answer, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type RefusedOutcome = Extract<Outcome, { kind: 'refused' }>;

/** What one refusal becomes, before the decision id is added. */
export interface WireRefusal {
  readonly status: number;
  readonly error: OAuthError;
  readonly description: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Members of the body beside the two that every refusal has. */
  readonly members?: Readonly<Record<string, string | number>>;
}

/** The one sentence of each code. */
const FIXED: Readonly<Record<OAuthError, string>> = {
  invalid_request: 'the request or its credential was refused; the operator finds out why under',
  invalid_grant: 'the assertion was refused; the operator finds out why under',
  invalid_client: 'client authentication failed, is required, or is not offered; decision',
  invalid_target: 'the target is unknown or not allowed; decision',
  invalid_scope: 'a scope is unknown or not allowed; decision',
  unsupported_grant_type: 'the grant type is not offered; decision',
  invalid_dpop_proof: 'the DPoP proof was refused; decision',
  use_dpop_nonce: 'the DPoP proof must have the nonce of the header DPoP-Nonce; decision',
  insufficient_user_authentication: 'the person must authenticate anew, or more strongly; decision',
  temporarily_unavailable: 'cannot be served now, try again; decision',
  server_error: 'the broker failed; decision',
};

/** Of a fault, in any protocol. */
export const FAULT_SENTENCE = FIXED.server_error;

const BODY_PROBLEMS: Readonly<Record<BodyProblem, string>> = {
  not_utf8: 'the body is not UTF-8',
  bad_percent_encoding: 'the body has a malformed percent-encoding',
  too_many_parameters: 'the body has too many parameters',
  bad_parameter_name: 'the body has a malformed parameter name',
  incomplete: 'the body ended early',
  encoded: 'the body must not be encoded or compressed',
  not_json: 'the body is no JSON object, or has a member twice',
};

/** Parameters that a sentence may name: the protocol's own. Any other name is the caller's text and is not repeated. */
const NAMEABLE = new Set([
  ...['grant_type', 'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type'],
  ...['audience', 'resource', 'scope', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type'],
  ...['authorization_details', 'request_context', 'request_details', 'requested_actor', 'DPoP'],
  ...['token', 'token_type_hint', 'options'],
  ...['Action', 'Version', 'RoleArn', 'RoleSessionName', 'WebIdentityToken', 'DurationSeconds', 'Policy', 'PolicyArns'],
  ...['ProviderId', 'Tags', 'Authorization', 'X-Amz-Security-Token'],
]);

const named = (parameter: string): string => (NAMEABLE.has(parameter) ? parameter : 'a parameter');

const syntax = (description: string, error: OAuthError = 'invalid_request', status = 400): WireRefusal => ({
  status,
  error,
  description: `${description}; decision`,
});
const fixed = (error: OAuthError, status = 400): WireRefusal => ({ status, error, description: FIXED[error] });
const unavailable = (retryAfterSeconds: number): WireRefusal => ({
  ...fixed('temporarily_unavailable', 503),
  headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
});

/**
 * The table of docs/errors.md. A credential that an assertion grant refuses is an invalid grant (RFC 7523 §3.1), and in a token exchange an
 * invalid request (RFC 8693 §2.2.2). No `default` in any of them: a new reason does not compile until it has a row here.
 */
export function wireRefusal(refusal: Refusal, grantType?: GrantType): WireRefusal {
  const credentialError = grantType === JWT_BEARER_GRANT ? 'invalid_grant' : 'invalid_request';
  // Whatever is wrong with it: a stranger is not told what.
  if ('role' in refusal) return fixed(refusal.role === 'client' ? 'invalid_client' : credentialError);
  switch (refusal.reason) {
    case 'method_not_allowed':
    case 'media_type_unsupported':
    case 'query_forbidden':
    case 'body_malformed':
    case 'body_too_large':
    case 'parameter_missing':
    case 'parameter_repeated':
    case 'parameter_too_large':
    case 'parameter_malformed':
    case 'parameter_unsupported':
    case 'token_type_unsupported':
    case 'grant_type_unsupported':
    case 'scope_malformed':
    case 'resource_malformed':
      return syntaxRefusal(refusal);
    case 'client_credential_refused':
    case 'client_required':
    case 'client_not_presenter':
      return clientRefusal(refusal);
    case 'dpop_proof_refused':
    case 'dpop_proof_replayed':
      return fixed('invalid_dpop_proof');
    case 'dpop_nonce_wanted':
      return { ...fixed('use_dpop_nonce'), headers: { [DPOP_NONCE]: refusal.nonce } };
    case 'no_rule':
      return fixed(credentialError);
    case 'target_unknown':
    case 'targets_differ':
    case 'target_ambiguous':
    case 'target_not_allowed':
    case 'target_denied':
    case 'target_requirement_unmet':
    case 'cloud_refused':
    case 'would_outlive':
      return fixed('invalid_target');
    case 'scope_not_allowed':
      return fixed('invalid_scope');
    case 'confirmation_wanted':
      return confirmationWanted(refusal);
    case 'keys_unavailable':
    case 'review_unavailable':
    case 'cloud_unavailable':
    case 'store_unavailable':
    case 'audit_unavailable':
    case 'overloaded':
      return unavailable(refusal.retryAfterSeconds);
  }
}

function syntaxRefusal(refusal: SyntaxRefusal): WireRefusal {
  switch (refusal.reason) {
    case 'method_not_allowed':
      return { ...syntax('only POST is allowed here', 'invalid_request', 405), headers: { allow: 'POST' } };
    case 'media_type_unsupported':
      return syntax('the body must be application/x-www-form-urlencoded in UTF-8', 'invalid_request', 415);
    case 'query_forbidden':
      return syntax('parameters belong in the body, never in the address');
    case 'body_malformed':
      return syntax(BODY_PROBLEMS[refusal.problem]);
    case 'body_too_large':
      return syntax(`the body has more than ${refusal.bytesMax} bytes`, 'invalid_request', 413);
    case 'parameter_missing':
      return syntax(`${named(refusal.parameter)} is missing`);
    case 'parameter_repeated':
      return syntax(`${named(refusal.parameter)} is repeated, or repeated too often`);
    case 'parameter_too_large':
      return syntax(`${named(refusal.parameter)} has more than ${refusal.bytesMax} bytes`);
    case 'parameter_malformed':
      return syntax(`${named(refusal.parameter)} is malformed`);
    case 'parameter_unsupported':
      return syntax(`${named(refusal.parameter)} is not supported`);
    case 'token_type_unsupported':
      return syntax(`${named(refusal.parameter)} names a token type that is not supported`);
    case 'grant_type_unsupported':
      return fixed('unsupported_grant_type');
    case 'scope_malformed':
      return syntax('scope is malformed', 'invalid_scope');
    case 'resource_malformed':
      return syntax('resource must be an absolute URI without a fragment', 'invalid_target');
  }
}

function clientRefusal(refusal: ClientRefusal): WireRefusal {
  switch (refusal.reason) {
    case 'client_credential_refused':
      return refusal.method === 'basic'
        ? { ...fixed('invalid_client', 401), headers: { 'www-authenticate': 'Basic realm="exchequer"' } }
        : fixed('invalid_client');
    case 'client_required':
    case 'client_not_presenter':
      return fixed('invalid_client');
  }
}

/** RFC 9470 §3: what the client asks the identity provider for next. */
const confirmationWanted = ({
  acrValues,
  maxAgeSeconds,
}: Extract<PolicyRefusal, { reason: 'confirmation_wanted' }>): WireRefusal => ({
  ...fixed('insufficient_user_authentication'),
  members: {
    ...(acrValues.length > 0 ? { acr_values: acrValues.join(' ') } : {}),
    ...(maxAgeSeconds === undefined ? {} : { max_age: maxAgeSeconds }),
  },
});

/** RFC 9449 §8.1. */
const DPOP_NONCE = 'dpop-nonce';

/** The same answer, with the newest nonce where it is a success: the next proof then needs no second attempt (RFC 9449 §8.2). */
export const withNonce = (answer: Answer, nonce: string): Answer =>
  answer.status === 200 ? { ...answer, headers: { ...answer.headers, [DPOP_NONCE]: nonce } } : answer;

/** RFC 6749 §5.1: whatever speaks of tokens is kept by nobody. */
export const KEPT_BY_NOBODY = { 'cache-control': 'no-store', pragma: 'no-cache' };
export const HEADERS = { 'content-type': 'application/json', ...KEPT_BY_NOBODY };

/** Renders an outcome. `sentence` gives the text for a caller who may know why, or undefined. */
export function renderOutcome(outcome: Outcome, sentence: (outcome: RefusedOutcome) => string | undefined): Answer {
  switch (outcome.kind) {
    case 'granted':
      return { status: 200, headers: HEADERS, body: JSON.stringify(successBody(outcome)) };
    case 'would_grant':
      return { status: 200, headers: HEADERS, body: JSON.stringify(wouldBody(outcome)) };
    case 'refused':
    case 'failed':
      return renderUnanswered(outcome, sentence);
  }
}

/** Renders why there is no answer, of any operation. */
export function renderUnanswered(
  outcome: Outcome<never>,
  sentence: (outcome: RefusedOutcome) => string | undefined = () => undefined,
): Answer {
  if (outcome.kind === 'failed')
    return { status: 500, headers: HEADERS, body: errorBody('server_error', FIXED.server_error, outcome.decision) };
  const { status, error, description, headers, members } = wireRefusal(outcome.refusal, outcome.grantType);
  const text = sentence(outcome) ?? description;
  return { status, headers: { ...HEADERS, ...headers }, body: errorBody(error, text, outcome.decision, members) };
}

/**
 * RFC 8693 §2.2.1. `scope` stands there whenever any was granted, so also where the target's default was (TX-23). A credential of a cloud
 * begins when the cloud makes it, by the cloud's clock: the seconds are its own, and never more than were granted.
 */
function successBody({ issued, order }: Extract<Outcome, { kind: 'granted' }>): Readonly<Record<string, unknown>> {
  const { scopes } = order.grant;
  return {
    access_token: issued.token,
    issued_token_type: issued.issuedTokenType,
    token_type: issued.tokenType,
    expires_in: Math.min(issued.expiresAt, order.expiresAt) - order.issuedAt,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
  };
}

/** What the token's answer would say, without a token; the target in the caller's own words, since its token would not name it either. */
function wouldBody({ decision, order, ask }: Extract<Outcome, { kind: 'would_grant' }>): object {
  const { scopes } = order.grant;
  return {
    decision,
    granted: true,
    target: ask.targets[0],
    issued_token_type: order.issuedTokenType,
    expires_in: order.expiresAt - order.issuedAt,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
  };
}

const errorBody = (error: OAuthError, text: string, decision: string, members?: WireRefusal['members']): string =>
  JSON.stringify({ error, error_description: describe(text, decision), ...members });

/** RFC 6749 §5.2 allows %x20-21 / %x23-5B / %x5D-7E: no quote, no backslash, no line break. Ends with the decision id. */
export function describe(text: string, decision: string): string {
  const own = text.endsWith(decision) ? text.slice(0, -decision.length).trimEnd() : text;
  const room = SENTENCE_CHARACTERS_MAX - decision.length - 1;
  const clean = own
    .slice(0, room)
    .replaceAll('"', "'")
    .replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/gu, '?');
  return `${clean} ${decision}`;
}
