// Whether Google's STS takes an assertion for a provider, and whether somebody may take on a service account: by what their issuer publishes,
// and by what provider and account say. The codes are those of Google (CG-01 to CG-07).

import { type Asked, Refused } from './json-cloud.ts';
import type { TrustedIssuer } from './relying-cloud.ts';
import { judgeJwt, targetOf } from './relying-jwt.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** What a provider says of assertions; what it does not say is as the target of the assertion's own audience has it. */
export interface ProviderTrust {
  readonly issuer?: string;
  /** Allowed audiences. */
  readonly audiences?: readonly string[];
  /** The attribute condition. */
  readonly condition?: (assertion: Claims) => boolean;
  /** The mapping of `google.subject`. */
  readonly subject?: (assertion: Claims) => string;
}

/** Who may take on a service account, and for how long; anybody who comes through a provider, and an hour, unless said. */
export interface ServiceAccount {
  readonly members?: (principal: string, assertion: Claims) => boolean;
  /** Longer than an hour where a policy of the organisation permits it. */
  readonly secondsMax?: number;
}

/** RFC 7518 names of what providers take (CG-03). */
const ALGORITHMS = ['RS256', 'ES256'];
const STALE_SECONDS = 3_600;
const SUBJECT_BYTES_MAX = 127;
export const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

/** A form, or the JSON of Google's other clients. Throws `Refused` for what is no question to STS. */
export function readQuestion({ method, headers, body }: Asked): URLSearchParams {
  if (headers.authorization !== undefined) throw refusal('invalid_client');
  const form = new URLSearchParams(
    String(headers['content-type']).startsWith('application/json') ? snakeCased(JSON.parse(body)) : body,
  );
  const fits =
    method === 'POST' &&
    form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
    form.get('requested_token_type') === 'urn:ietf:params:oauth:token-type:access_token' &&
    /^urn:ietf:params:oauth:token-type:(?:jwt|id_token)$/.test(form.get('subject_token_type') ?? '') &&
    (form.get('scope') ?? '') !== '';
  if (!fits) throw refusal('invalid_request');
  return form;
}

const snakeCased = (members: Readonly<Record<string, string>>): [string, string][] =>
  Object.entries(members).map(([name, value]) => [name.replaceAll(/[A-Z]/g, (one) => `_${one.toLowerCase()}`), value]);

export interface Judging {
  readonly issuers: readonly TrustedIssuer[];
  readonly now: number;
}

/** What an assertion says, and the `google.subject` that it is mapped to. */
export async function judgeAssertion(
  token: string,
  trust: ProviderTrust,
  { issuers, now }: Judging,
): Promise<{ readonly assertion: Claims; readonly subject: string }> {
  const trusted = issuers.map((one) => ({ ...one, issuer: trust.issuer ?? one.issuer }));
  const judged = await judgeJwt(token, { issuers: trusted, algorithms: ALGORITHMS });
  if ('problem' in judged) throw refusal('invalid_grant');
  const { claims } = judged;
  const { iat, exp, aud } = claims;
  const target = targetOf(claims);
  const audienceFits = trust.audiences ? trust.audiences.includes(String(aud)) : target !== undefined;
  if (!audienceFits || typeof aud !== 'string') throw refusal('invalid_grant');
  // "ID Token issued at X is stale to sign-in", whatever its `exp` says (CG-05).
  const isStale = iat < now - STALE_SECONDS || exp - iat > 86_400;
  if (isStale || exp <= now || iat > now + 60) throw refusal('invalid_grant');
  const isPinned = claims.target === target || String(claims.target).startsWith(`${target}:`);
  if (!(trust.condition ? trust.condition(claims) : isPinned)) throw refusal('unauthorized_client');
  const subject = trust.subject ? trust.subject(claims) : String(claims.sub);
  if (Buffer.byteLength(subject) > SUBJECT_BYTES_MAX) throw refusal('invalid_grant');
  return { assertion: claims, subject };
}

/** What a token of a service account is asked to be. */
export interface Impersonation {
  readonly account: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Scopes and seconds of the token. `holder`: who asks. */
export function judgeImpersonation(
  { account, body: { scope, lifetime = '3600s' } }: Impersonation,
  holder: { readonly principal: string; readonly assertion: Claims; readonly scopes: readonly string[] },
  { members = () => true, secondsMax = 3_600 }: ServiceAccount,
): { readonly scopes: readonly string[]; readonly seconds: number } {
  const isAccount = /^[^@]+@[^@]+\.gserviceaccount\.com$/.test(account);
  if (!isAccount || !holder.scopes.includes(CLOUD_PLATFORM) || !members(holder.principal, holder.assertion))
    throw apiRefusal(403, 'PERMISSION_DENIED');
  const seconds = Number(/^([1-9][0-9]*)s$/.exec(String(lifetime))?.[1] ?? 0);
  if (!Array.isArray(scope) || scope.length === 0 || seconds < 1 || seconds > secondsMax)
    throw apiRefusal(400, 'INVALID_ARGUMENT');
  return { scopes: scope.map(String), seconds };
}

/** Of the STS. Its text quotes what was sent. */
export const refusal = (error: string, status = 400): Refused =>
  new Refused({ status, body: { error, error_description: 'Refused by the fake, which quotes: eyJ0eXAi.' } });

/** Of every other API. */
export const apiRefusal = (code: number, status: string): Refused =>
  new Refused({ status: code, body: { error: { code, status, message: 'Refused by the fake, which quotes: ya29.' } } });
