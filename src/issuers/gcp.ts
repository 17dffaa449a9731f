// Issues access tokens of Google Cloud (CG rows): an assertion of ours is exchanged at Google's STS, and where the target names a service
// account, what that gives takes it on. What a provider pins is the target, by the claim `target` and `aud`; caller and agent stand in
// Google's log, as the subject behind the service account.

import type { CloudEndpoint } from '../core/cloud-trust.ts';
import { GOOGLE_LIFETIME_SECONDS_MIN, GOOGLE_TOKEN_SECONDS } from '../core/limits-cloud.ts';
import type { Issuer } from '../core/ports.ts';
import { createTokenCloudIssuer } from './cloud-issuer.ts';
import { audienceOf, cloudTerms, reachedBy } from './cloud-options.ts';
import { type GcpOptions, gcpOptions, scopesOf } from './gcp-options.ts';
import { askingGoogle, type GooglePlace } from './gcp-sts.ts';
import { gcpTrust } from './gcp-trust.ts';
import { type GoogleIdentity, googleIdentity } from './google-identity.ts';
import { rememberGoogleToken } from './google-session.ts';
import type { CloudParts, IssuerParts, TargetKind, TargetTerms } from './kind.ts';
import { scopeTerms } from './scopes.ts';

/** The target kind `gcp`. */
export const gcpTarget: TargetKind<typeof gcpOptions> = Object.freeze({
  kind: 'gcp',
  options: gcpOptions,
  address: ({ serviceAccount }, name) => serviceAccount ?? name,
  terms: termsOf,
  signedFor: audienceOf,
  create: createGcpIssuer,
  cloud: {
    trust: (chosen, place, values) => gcpTrust(place, chosen, values),
    endpoints: endpointsOf,
  },
} satisfies TargetKind<typeof gcpOptions>);

function termsOf(chosen: GcpOptions): TargetTerms {
  const terms = cloudTerms(
    chosen,
    chosen.serviceAccount === undefined ? GOOGLE_TOKEN_SECONDS : GOOGLE_LIFETIME_SECONDS_MIN,
  );
  if (chosen.deliver === 'assertion') return { scopes: [], defaultScopes: [], ...terms };
  const { scopes, defaultScopes } = scopesOf(chosen);
  return { ...scopeTerms(scopes, defaultScopes), ...terms };
}

const placesOf = ({ endpoints }: GcpOptions): Pick<GooglePlace, 'sts' | 'iamcredentials'> => ({
  sts: (endpoints?.sts ?? 'https://sts.googleapis.com').replace(/\/$/, ''),
  iamcredentials: (endpoints?.iamcredentials ?? 'https://iamcredentials.googleapis.com').replace(/\/$/, ''),
});

function endpointsOf(chosen: GcpOptions, files: CloudParts['files']): readonly CloudEndpoint[] {
  if (chosen.deliver === 'assertion') return [];
  const { sts, iamcredentials } = placesOf(chosen);
  return [sts, ...(chosen.serviceAccount === undefined ? [] : [iamcredentials])].map((url) => ({
    url,
    ...reachedBy(chosen, files),
  }));
}

function createGcpIssuer(parts: IssuerParts, chosen: GcpOptions): Issuer {
  const { outbound, files, secrets } = parts.clouds;
  const place: GooglePlace = { outbound, ...placesOf(chosen), ...reachedBy(chosen, files) };
  return createTokenCloudIssuer<GoogleIdentity>(parts, {
    cloud: 'gcp',
    delivers: chosen.deliver === 'assertion',
    asked: placesOf(chosen),
    sessionOf: (order) => googleIdentity(order, parts, chosen),
    asking: (session, assertion, order) => askingGoogle(place, session, assertion, order),
    given: (session, { accessToken, expiresAt }) => rememberGoogleToken(secrets, accessToken, { session, expiresAt }),
  });
}
