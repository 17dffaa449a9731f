// A request signed with credentials of AWS (Signature Version 4, in the header `Authorization`), read by its bytes and strictly: every header
// that means something stands there once and is signed, and nothing is taken from an address (A-165, CVE-2020-16250, CVE-2022-2385). Proves
// nothing. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

import { hash } from 'node:crypto';
import type { SignedRequest } from '../core/caller-identity-request.ts';
import { CREDENTIAL_BYTES_MAX } from '../core/limits.ts';
import { AWS_AUTHORIZATION_BYTES_MAX, AWS_SIGNED_HEADERS_MAX } from '../core/limits-cloud.ts';
import { type CredentialProblem, ok, type Refusal, type Result, refuse } from '../core/refusal.ts';
import { awsDateSeconds } from './aws-text.ts';
import { headerValues } from './header-values.ts';

/** What came in. Headers are pairs as they were sent: names and values in turn. */
export interface SentRequest {
  readonly rawHeaders: readonly string[];
  readonly path: string;
  readonly body: Uint8Array;
}

/** Without these the signature would be as good anywhere, at any time, or with another session. */
const NEEDED = ['host', 'x-amz-date', 'x-amz-security-token'];
const BODY_HASH = 'x-amz-content-sha256';
/** They mean something here, so whoever sends them signs them. `content-type` has one value only, and some SDKs do not sign it. */
const MEANT = [...NEEDED, BODY_HASH];

const ALGORITHM = 'AWS4-HMAC-SHA256 ';
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]{1,128})\/([0-9]{8})\/([a-z0-9-]{1,64})\/sts\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;
const TOKEN = /^[\x21-\x7e]+$/;

/** Reads it, or says what is wrong first. `host` is whose requests we answer. */
export function readSignedRequest({ rawHeaders, path, body }: SentRequest, host: string): Result<SignedRequest> {
  const sent = (name: string) => headerValues(rawHeaders, name);
  const [authorization, another] = sent('authorization');
  if (authorization === undefined) return missing('Authorization');
  if (another !== undefined) return malformed('request_parameter');
  if (!authorization.startsWith(ALGORITHM)) return malformed('request_algorithm');
  if (authorization.length > AWS_AUTHORIZATION_BYTES_MAX) return malformed('too_large');
  const [, accessKeyId, day, region, signedHeaders = '', signature] = AUTHORIZATION.exec(authorization) ?? [];
  if (accessKeyId === undefined || day === undefined || region === undefined || signature === undefined)
    return malformed('request_credential');
  if (sent('x-amz-security-token').length === 0) return missing('X-Amz-Security-Token');

  const headers = readSigned(rawHeaders, signedHeaders.split(';'));
  if (!headers) return malformed('request_signed_headers');
  if (headers.host !== host) return malformed('request_host');
  const date = headers['x-amz-date'] ?? '';
  const signedAtSeconds = awsDateSeconds(date);
  if (signedAtSeconds === undefined) return malformed('request_time');
  if (!date.startsWith(`${day}T`)) return malformed('request_credential');
  // The signer would believe it: a body that it is not the hash of would be as good as the one that was signed.
  const bodyHash = headers[BODY_HASH];
  if (bodyHash !== undefined && bodyHash !== hash('sha256', body)) return malformed('request_body');
  const sessionToken = headers['x-amz-security-token'] ?? '';
  if (Buffer.byteLength(sessionToken) > CREDENTIAL_BYTES_MAX) return malformed('too_large');
  if (!TOKEN.test(sessionToken)) return malformed('request_parameter');
  return ok({ accessKeyId, sessionToken, signedAtSeconds, region, headers, signature, path, body });
}

/** The headers that are signed, each there once; undefined where one that means something is not signed, or the list is no such list. */
function readSigned(
  rawHeaders: readonly string[],
  names: readonly string[],
): Readonly<Record<string, string>> | undefined {
  if (
    names.length > AWS_SIGNED_HEADERS_MAX ||
    names.some((name, index) => index > 0 && name <= (names[index - 1] ?? ''))
  )
    return undefined;
  if (!NEEDED.every((name) => names.includes(name)) || names.includes('authorization')) return undefined;
  if (MEANT.some((name) => !names.includes(name) && headerValues(rawHeaders, name).length > 0)) return undefined;
  const headers: [string, string][] = [];
  for (const name of names) {
    const [value, another] = headerValues(rawHeaders, name);
    if (value === undefined || another !== undefined) return undefined;
    headers.push([name, value]);
  }
  return Object.fromEntries(headers);
}

const missing = (parameter: string): Result<never> => refuse({ reason: 'parameter_missing', parameter });
const malformed = (problem: CredentialProblem): Result<never> =>
  refuse({ role: 'subject', reason: 'credential_malformed', problem } satisfies Refusal);
