// Issues access tokens of Google Cloud (CG rows): an assertion of ours to Google's STS, and from there, where the target names one, the token
// of a service account. The provider pins the target, by the claim `target` and by `aud`; the caller is `google.subject`, and stands in
// the audit logs with who acts for it. No question bears a credential of ours.

import type { CloudAttempt } from '../core/cloud-ports.ts';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { GOOGLE_LIFETIME_SECONDS_MIN, GOOGLE_TOKEN_SECONDS } from '../core/limits-cloud.ts';
import type { IssueOrder, Issuer } from '../core/ports.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE, TOKEN_EXCHANGE_GRANT } from '../core/request.ts';
import { createTokenCloudIssuer, type GivenToken } from './cloud-issuer.ts';
import { askOnce, type CloudPlace, type Codes, secondsIn, textIn, UNREADABLE } from './cloud-json.ts';
import { audienceOf, cloudTerms } from './cloud-options.ts';
import { CLOUD_PLATFORM, type GcpOptions, gcpOptions } from './gcp-options.ts';
import { type GoogleIdentity, googleIdentity, projectOf } from './google-identity.ts';
import { rememberGoogleToken } from './google-session.ts';
import type { IssuerParts, TargetKind } from './kind.ts';

/** The target kind `gcp`. */
export const gcpTarget: TargetKind<typeof gcpOptions> = Object.freeze({
  kind: 'gcp',
  options: gcpOptions,
  address: ({ serviceAccount }, name) => serviceAccount ?? name,
  terms: (chosen) => ({
    scopes: Object.keys(chosen.scopes),
    defaultScopes: chosen.defaultScopes ?? Object.keys(chosen.scopes),
    ...cloudTerms(chosen, chosen.serviceAccount === undefined ? GOOGLE_TOKEN_SECONDS : GOOGLE_LIFETIME_SECONDS_MIN),
  }),
  signedFor: audienceOf,
  create: createGcpIssuer,
} satisfies TargetKind<typeof gcpOptions>);

const CODES: Codes = {
  busy: ['RESOURCE_EXHAUSTED', 'UNAVAILABLE', 'temporarily_unavailable'],
  again: ['INTERNAL', 'DEADLINE_EXCEEDED'],
};

function createGcpIssuer(parts: IssuerParts, chosen: GcpOptions): Issuer {
  const { clouds, target } = parts;
  const place: CloudPlace = {
    outbound: clouds.outbound,
    ca: chosen.ca === undefined ? undefined : clouds.files.get(chosen.ca),
    privateNetwork: chosen.privateNetwork ?? false,
  };
  return createTokenCloudIssuer(parts, {
    cloud: 'gcp',
    delivers: chosen.deliver === 'assertion',
    identityOf: (order) => googleIdentity(order.grant, parts, chosen),
    async obtain(order, identity, assertion) {
      const asked = { cloud: 'gcp' as const, account: projectOf(chosen), target };
      const given = await clouds.ask(asked, (deadlineMs) =>
        tokenFor({ place, chosen, identity, assertion, order }, deadlineMs),
      );
      if (!given.ok) return given;
      const { accessToken, expiresAt } = given.value;
      const { principal, audience, subject } = identity;
      await rememberGoogleToken(clouds.secrets, accessToken, { session: { principal, audience, subject }, expiresAt });
      return given;
    },
  });
}

interface Wanted {
  readonly place: CloudPlace;
  readonly chosen: GcpOptions;
  readonly identity: GoogleIdentity;
  readonly assertion: string;
  readonly order: IssueOrder;
}

/** One attempt, of one question or of two. */
async function tokenFor(wanted: Wanted, deadlineMs: number): Promise<CloudAttempt<GivenToken>> {
  const { serviceAccount } = wanted.identity;
  if (serviceAccount === undefined) return federate(wanted, deadlineMs);
  const federated = await federate(wanted, deadlineMs / 2);
  return federated.ok ? impersonate(wanted, serviceAccount, federated.value.accessToken, deadlineMs / 2) : federated;
}

/** RFC 8693 at Google's STS, without an Authorization header (CG-01). */
async function federate(
  { place, chosen, identity, assertion, order }: Wanted,
  deadlineMs: number,
): Promise<CloudAttempt<GivenToken>> {
  const impersonates = identity.serviceAccount !== undefined;
  const answer = await askOnce(
    place,
    {
      url: `${chosen.endpoints?.sts ?? 'https://sts.googleapis.com'}/v1/token`,
      body: {
        form: {
          grant_type: TOKEN_EXCHANGE_GRANT,
          audience: chosen.provider,
          scope: impersonates ? CLOUD_PLATFORM : order.grant.scopes.join(' '),
          requested_token_type: ACCESS_TOKEN_TYPE,
          subject_token: assertion,
          subject_token_type: JWT_TOKEN_TYPE,
        },
      },
    },
    CODES,
    deadlineMs,
  );
  if (!answer.ok) return answer;
  const accessToken = textIn(answer.value, 'access_token');
  const seconds = secondsIn(answer.value, 'expires_in');
  if (accessToken === undefined || seconds === undefined) return UNREADABLE;
  const expiresAt = order.issuedAt + seconds;
  return impersonates ? { ok: true, value: { accessToken, expiresAt } } : within(order, { accessToken, expiresAt });
}

/** `generateAccessToken` of the IAM Service Account Credentials API (CG-06). */
async function impersonate(
  { place, chosen, order }: Wanted,
  serviceAccount: string,
  bearer: string,
  deadlineMs: number,
): Promise<CloudAttempt<GivenToken>> {
  const base = chosen.endpoints?.iamcredentials ?? 'https://iamcredentials.googleapis.com';
  const answer = await askOnce(
    place,
    {
      url: `${base}/v1/projects/-/serviceAccounts/${encodeURIComponent(serviceAccount)}:generateAccessToken`,
      body: { json: { scope: [...order.grant.scopes], lifetime: `${order.expiresAt - order.issuedAt}s` } },
      bearer,
    },
    CODES,
    deadlineMs,
  );
  if (!answer.ok) return answer;
  const accessToken = textIn(answer.value, 'accessToken');
  const expiresAt = Math.floor(Date.parse(textIn(answer.value, 'expireTime') ?? '') / 1_000);
  if (accessToken === undefined || !Number.isFinite(expiresAt)) return UNREADABLE;
  return within(order, { accessToken, expiresAt });
}

/** Nothing that lives longer than it may is let out, whatever the cloud gave. */
const within = (order: IssueOrder, given: GivenToken): CloudAttempt<GivenToken> =>
  given.expiresAt <= order.expiresAt + LEEWAY_SECONDS
    ? { ok: true, value: given }
    : { ok: false, problem: 'lifetime', again: 'never' };
