// Google's STS (CG-01), and generateAccessToken where a service account is taken on (CG-06): a token of the first is used for the second
// and nothing else. Asked without an Authorization header, since this broker has no credentials of its own in any cloud.

import type { CloudAttempt } from '../core/cloud-ports.ts';
import { isJsonObject } from '../core/json.ts';
import type { IssueOrder } from '../core/ports.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT } from '../core/request.ts';
import type { GivenToken } from './cloud-issuer.ts';
import { askForJson, type CloudPlace, INCOMPLETE, isBearer, type Refusing, readBearer } from './cloud-json.ts';
import { CLOUD_PLATFORM } from './gcp-options.ts';
import type { GoogleIdentity } from './google-identity.ts';

/** Where Google is asked: URLs without a slash at their ends. */
export interface GooglePlace extends CloudPlace {
  readonly sts: string;
  readonly iamcredentials: string;
}

/** STS says `{ "error": "invalid_grant" }`, all other APIs `{ "error": { "status": "PERMISSION_DENIED" } }`, and STS too where it is busy. */
const REFUSING: Refusing = {
  codeOf({ error }) {
    if (error === undefined) return undefined;
    if (typeof error === 'string') return error;
    return isJsonObject(error) && typeof error.status === 'string' ? error.status : '';
  },
  busy: ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'temporarily_unavailable'],
  again: ['INTERNAL', 'DEADLINE_EXCEEDED', 'ABORTED', 'server_error'],
};

/** Attempts at one token. What STS gave is kept for the next attempt, so that only what failed is asked again (F-51). */
export function askingGoogle(
  place: GooglePlace,
  session: GoogleIdentity,
  assertion: string,
  { issuedAt }: Pick<IssueOrder, 'issuedAt'>,
): (deadlineMs: number) => Promise<CloudAttempt<GivenToken>> {
  const { serviceAccount } = session;
  let federated: GivenToken | undefined;
  return async (deadlineMs) => {
    if (serviceAccount === undefined) return exchange(place, { session, assertion, issuedAt, deadlineMs });
    // Each of the two questions has its half.
    const eachMs = federated ? deadlineMs : deadlineMs / 2;
    if (!federated) {
      const given = await exchange(place, { session, assertion, issuedAt, deadlineMs: eachMs });
      if (!given.ok) return given;
      federated = given.value;
    }
    const { accessToken: bearer } = federated;
    return impersonate(place, { ...session, serviceAccount, bearer, deadlineMs: eachMs });
  };
}

interface Exchange {
  readonly session: GoogleIdentity;
  readonly assertion: string;
  readonly issuedAt: number;
  readonly deadlineMs: number;
}

async function exchange(
  place: GooglePlace,
  { session: { provider, serviceAccount, scopes }, assertion, issuedAt, deadlineMs }: Exchange,
): Promise<CloudAttempt<GivenToken>> {
  const form = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE_GRANT,
    audience: provider,
    scope: serviceAccount === undefined ? scopes.join(' ') : CLOUD_PLATFORM,
    requested_token_type: ACCESS_TOKEN_TYPE,
    subject_token: assertion,
    subject_token_type: JWT_TOKEN_TYPE,
  });
  const body = { mediaType: 'application/x-www-form-urlencoded', text: form.toString() };
  const answer = await askForJson(place, { url: `${place.sts}/v1/token`, body, deadlineMs }, REFUSING);
  if (!answer.ok) return answer;
  const given = readBearer(answer.value);
  if (!given || answer.value.issued_token_type !== ACCESS_TOKEN_TYPE) return INCOMPLETE;
  return { ok: true, value: { accessToken: given.accessToken, expiresAt: issuedAt + given.seconds } };
}

interface Impersonation extends Pick<GoogleIdentity, 'scopes' | 'seconds'> {
  readonly serviceAccount: string;
  readonly bearer: string;
  readonly deadlineMs: number;
}

async function impersonate(
  place: GooglePlace,
  { serviceAccount, scopes, seconds, bearer, deadlineMs }: Impersonation,
): Promise<CloudAttempt<GivenToken>> {
  const url = `${place.iamcredentials}/v1/projects/-/serviceAccounts/${serviceAccount}:generateAccessToken`;
  const text = JSON.stringify({ scope: scopes, lifetime: `${seconds}s` });
  const body = { mediaType: 'application/json', text };
  const answer = await askForJson(place, { url, body, bearer, deadlineMs }, REFUSING);
  if (!answer.ok) return answer;
  const { accessToken, expireTime } = answer.value;
  const expiresAt = typeof expireTime === 'string' ? secondsOf(expireTime) : undefined;
  return isBearer(accessToken) && expiresAt !== undefined
    ? { ok: true, value: { accessToken, expiresAt } }
    : INCOMPLETE;
}

/** RFC 3339 in UTC, as Google writes it, in whole seconds since the epoch. */
function secondsOf(time: string): number | undefined {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(time) ? Date.parse(time) : Number.NaN;
  return Number.isFinite(ms) ? Math.floor(ms / 1_000) : undefined;
}
