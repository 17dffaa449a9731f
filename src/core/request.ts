// The words of one request, whatever transport brought it: what was asked, in what form, with which credentials.
// Nothing here is proved. RFC 8693 §2.1; RFC 7523 §2.1; RFC 6749 §4.4.2 and §3.2: a parameter without a value counts as omitted, and
// only `audience` and `resource` may repeat. A parameter whose meaning is not built is refused, never ignored.

import type { PresentedCertificates, PresentedClient } from './client.ts';
import type { SessionPolicies } from './cloud.ts';
import { CREDENTIAL_BYTES_MAX, PARAMETER_BYTES_MAX, SCOPES_MAX, TARGET_VALUES_MAX } from './limits.ts';
import type { PresentedProof } from './proof-of-possession.ts';
import { ok, type Result, refuse, type SyntaxRefusal } from './refusal.ts';

export const TOKEN_EXCHANGE_GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const CLIENT_CREDENTIALS_GRANT = 'client_credentials';
export const JWT_BEARER_GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
/** Every grant that there is. */
export const GRANT_TYPES = [TOKEN_EXCHANGE_GRANT, CLIENT_CREDENTIALS_GRANT, JWT_BEARER_GRANT] as const;
export type GrantType = (typeof GRANT_TYPES)[number];
const TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:';
export const ACCESS_TOKEN_TYPE = `${TOKEN_TYPE}access_token`;
export const ID_TOKEN_TYPE = `${TOKEN_TYPE}id_token`;
export const JWT_TOKEN_TYPE = `${TOKEN_TYPE}jwt`;

/** A presigned request to AWS STS, which is no token but proves who signed it. */
export const AWS_REQUEST_TOKEN_TYPE = 'urn:ietf:params:aws:token-type:aws4_request';

/** Every token type that a subject token may be sent as. It must be one that its source takes; between tokens it selects no source. */
const SUBJECT_TOKEN_TYPES = [ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE, AWS_REQUEST_TOKEN_TYPE] as const;
export type SubjectTokenType = (typeof SUBJECT_TOKEN_TYPES)[number];
/** What a token is sent as: of a type that is named, or as an assertion, which is a JWT and no access token (RFC 7523 §3). */
export type SentAs = SubjectTokenType | typeof JWT_BEARER_GRANT;

/** Credentials of AWS, as JSON in the shape of `credential_process`. */
export const AWS_CREDENTIALS_TOKEN_TYPE = 'urn:exchequer:params:oauth:token-type:aws-credentials';

/** The token types that can be asked for. */
const ISSUED_TOKEN_TYPES = [ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE, AWS_CREDENTIALS_TOKEN_TYPE] as const;
export type IssuedTokenType = (typeof ISSUED_TOKEN_TYPES)[number];

/** A credential as it came in, which nobody has proved. No function that expects proved data takes it. */
export type Credential = TokenCredential | { readonly certificates: PresentedCertificates };

export interface TokenCredential {
  readonly text: string;
  readonly tokenType: SentAs;
}

/** What a request asks for. Texts are the caller's own; policy compares them with what is configured. */
export interface Ask {
  /** `audience` and `resource` values, in the order sent; all must name the same target. */
  readonly targets: readonly string[];
  /** The scopes asked for; undefined where none were, which means the target's default. */
  readonly scopes: readonly string[] | undefined;
  /** How long it should be valid: a ceiling beside others; undefined: as long as may be. */
  readonly lifetimeSeconds?: number | undefined;
  /** What a session in a cloud is narrowed to, beyond what its target says. */
  readonly session?: SessionPolicies | undefined;
}

/** Who asks, whatever for. */
export interface CallerRequest {
  readonly client: PresentedClient;
  /** What the caller proves to have a key with; undefined where it sent none. */
  readonly proof: PresentedProof | undefined;
}

/** A well-formed request to the token endpoint. */
export interface TokenRequest extends CallerRequest {
  readonly grantType: GrantType;
  /** Undefined where the client itself is the subject (`client_credentials`), and only there. */
  readonly subject: TokenCredential | undefined;
  /** Who acts for the subject, where that is said by a token. */
  readonly actor: TokenCredential | undefined;
  /** Undefined: whatever the target has first. */
  readonly requestedTokenType: IssuedTokenType | undefined;
  readonly ask: Ask;
}

/** What a request spoke: OAuth, or a cloud's own protocol. */
export type Transport = 'oauth' | 'aws-sts' | 'aws-container' | 'gcp-sts';

/** Where a request came from and what it was, for its record. */
export interface Received<Request = TokenRequest> {
  readonly transport: Transport;
  /** The peer's address, from the socket. */
  readonly peer: string;
  /** W3C trace id, 32 hexadecimal digits, where the caller sent one. */
  readonly traceId: string | undefined;
  /** The grant type, where it is one that we know. */
  readonly grantType: GrantType | undefined;
  /** The thumbprint of the certificate that the peer presented. */
  readonly mtls: string | undefined;
  readonly request: Result<Request>;
}

/** The parameters of a form: each name with its values, in the order sent. Values are never empty, unless a form keeps them under that name. */
export type Parameters = ReadonlyMap<string, readonly string[]>;

/** Parameters that carry a meaning which is not built: refused, because ignoring them would widen what is issued. */
const UNSUPPORTED = ['authorization_details', 'request_context', 'request_details', 'requested_actor', 'req_cnf'];
/** Parameters of the other grants. */
const FOREIGN: Readonly<Record<GrantType, readonly string[]>> = {
  [TOKEN_EXCHANGE_GRANT]: ['assertion'],
  [CLIENT_CREDENTIALS_GRANT]: ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'assertion'],
  [JWT_BEARER_GRANT]: ['subject_token', 'subject_token_type', 'actor_token', 'actor_token_type'],
};
/** The only parameters that may be sent more than once (RFC 8693 §2.1, RFC 8707 §2). */
export const MAY_REPEAT: ReadonlySet<string> = new Set(['audience', 'resource']);
const CREDENTIALS = new Set(['subject_token', 'actor_token', 'assertion', 'client_assertion']);
/** Of our own, to be asked about: as long as any, and of whatever characters. One that is none is an answer, not an error. */
export const OWN_TOKEN = 'token';
/** Names of parties, in characters that a record, a header and another system all show as one thing (RFC 6749 Appendix A.1). */
const NAMES = new Set(['audience', 'client_id']);
const CREDENTIAL_TEXT = /^[\x21-\x7e]*$/;
const NAME_TEXT = /^[\x20-\x7e]*$/;
/** RFC 6749 §3.3: one scope token. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
/** RFC 3986 §4.3: an absolute URI has a scheme and no fragment. Spelling beyond that is compared, not judged. */
const ABSOLUTE_URI =
  /^[A-Za-z][A-Za-z0-9+.-]*:(?:[\x21\x24\x26-\x3b\x3d\x3f-\x5b\x5d\x5f\x61-\x7a\x7e]|%[0-9A-Fa-f]{2})+$/;

/** What a transport knows of the caller beside the parameters. */
export type Caller = Pick<PresentedClient, 'authorization' | 'attested' | 'certificates'> & Pick<TokenRequest, 'proof'>;

/** Reads the parameters of a request to the token endpoint, or says what is wrong with the first that is. */
export function readTokenRequest(parameters: Parameters, caller: Caller): Result<TokenRequest, SyntaxRefusal> {
  const misused = misusedParameter(parameters, MAY_REPEAT);
  if (misused) return refuse(misused);

  const one = (name: string): string | undefined => parameters.get(name)?.[0];
  const written = one('grant_type');
  if (written === undefined) return refuse({ reason: 'parameter_missing', parameter: 'grant_type' });
  const grantType = knownGrantType(written);
  if (!grantType) return refuse({ reason: 'grant_type_unsupported' });

  // A subject token beside another grant would be ignored, and the token be about somebody else.
  const unsupported = [...UNSUPPORTED, ...FOREIGN[grantType]].find((name) => parameters.has(name));
  if (unsupported) return refuse({ reason: 'parameter_unsupported', parameter: unsupported });

  const subject = readSubject(grantType, one);
  if (!subject.ok) return subject;
  const actor = readActor(one);
  if (!actor.ok) return actor;
  const wanted = one('requested_token_type');
  const requestedTokenType = ISSUED_TOKEN_TYPES.find((tokenType) => tokenType === wanted);
  if (wanted !== requestedTokenType)
    return refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' });

  const ask = readAsk(parameters);
  if (!ask.ok) return ask;
  const parties = { subject: subject.value, actor: actor.value, ...readCaller(one, caller) };
  return ok({ grantType, requestedTokenType, ask: ask.value, ...parties });
}

/** Who says to ask, in any request. */
export function readCaller(one: (name: string) => string | undefined, { proof, ...connection }: Caller): CallerRequest {
  return {
    client: {
      ...connection,
      id: one('client_id'),
      secret: one('client_secret'),
      assertion: one('client_assertion'),
      assertionType: one('client_assertion_type'),
    },
    proof,
  };
}

/** The grant type of this text, where there is one. */
export const knownGrantType = (text: string | undefined): GrantType | undefined =>
  GRANT_TYPES.find((grantType) => grantType === text);

function readSubject(
  grantType: GrantType,
  one: (name: string) => string | undefined,
): Result<TokenCredential | undefined, SyntaxRefusal> {
  if (grantType === CLIENT_CREDENTIALS_GRANT) return ok(undefined);
  const [name, typeName] = grantType === JWT_BEARER_GRANT ? ['assertion'] : ['subject_token', 'subject_token_type'];
  const text = one(name);
  if (text === undefined) return refuse({ reason: 'parameter_missing', parameter: name });
  return typeName === undefined ? ok({ text, tokenType: JWT_BEARER_GRANT }) : typed(text, typeName, one(typeName));
}

/** Both parameters, or neither (RFC 8693 §2.1, TX-03, A-143). */
function readActor(one: (name: string) => string | undefined): Result<TokenCredential | undefined, SyntaxRefusal> {
  const [text, tokenType] = [one('actor_token'), one('actor_token_type')];
  if (text !== undefined) return typed(text, 'actor_token_type', tokenType);
  return tokenType === undefined ? ok(undefined) : refuse({ reason: 'parameter_missing', parameter: 'actor_token' });
}

function typed(text: string, parameter: string, tokenType: string | undefined): Result<TokenCredential, SyntaxRefusal> {
  if (tokenType === undefined) return refuse({ reason: 'parameter_missing', parameter });
  return isSubjectTokenType(tokenType)
    ? ok({ text, tokenType })
    : refuse({ reason: 'token_type_unsupported', parameter });
}

/** Reads what is asked for: targets (RFC 8707 §2) and scopes (RFC 6749 §3.3). */
export function readAsk(parameters: Parameters): Result<Ask, SyntaxRefusal> {
  const audiences = parameters.get('audience') ?? [];
  const resources = parameters.get('resource') ?? [];
  if (!resources.every((resource) => ABSOLUTE_URI.test(resource))) return refuse({ reason: 'resource_malformed' });
  if (audiences.length + resources.length > TARGET_VALUES_MAX)
    return refuse({ reason: 'parameter_repeated', parameter: audiences.length > 1 ? 'audience' : 'resource' });

  const scope = parameters.get('scope')?.[0];
  const scopes = scope?.split(' ');
  if (scopes && (scopes.length > SCOPES_MAX || !scopes.every((token) => SCOPE_TOKEN.test(token))))
    return refuse({ reason: 'scope_malformed' });
  return ok({ targets: [...audiences, ...resources], scopes: scopes && [...new Set(scopes)] });
}

/** Repetition, size and characters. Too large is refused, never cut down or left out (TX-15, A-129). */
export function misusedParameter(
  parameters: Parameters,
  mayRepeat: ReadonlySet<string> = new Set(),
): SyntaxRefusal | undefined {
  for (const [parameter, values] of parameters) {
    if (values.length > 1 && !mayRepeat.has(parameter)) return { reason: 'parameter_repeated', parameter };
    const isCredential = CREDENTIALS.has(parameter);
    const bytesMax = isCredential || parameter === OWN_TOKEN ? CREDENTIAL_BYTES_MAX : PARAMETER_BYTES_MAX;
    if (values.some((value) => Buffer.byteLength(value) > bytesMax))
      return { reason: 'parameter_too_large', parameter, bytesMax };
    const allowed = isCredential ? CREDENTIAL_TEXT : NAMES.has(parameter) ? NAME_TEXT : undefined;
    if (allowed && !values.every((value) => allowed.test(value))) return { reason: 'parameter_malformed', parameter };
  }
  return undefined;
}

/** Size and characters of one credential, where it has another name, or none: in a header, or in another protocol. */
export function misusedCredential(parameter: string, text: string): SyntaxRefusal | undefined {
  if (Buffer.byteLength(text) > CREDENTIAL_BYTES_MAX)
    return { reason: 'parameter_too_large', parameter, bytesMax: CREDENTIAL_BYTES_MAX };
  return CREDENTIAL_TEXT.test(text) ? undefined : { reason: 'parameter_malformed', parameter };
}

const isSubjectTokenType = (text: string): text is SubjectTokenType =>
  SUBJECT_TOKEN_TYPES.some((tokenType) => tokenType === text);
