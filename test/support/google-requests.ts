// What Google's own clients send to a token endpoint: bytes as captured from google-auth-library for Node (10.9), gcloud (528.0, google-auth for
// Python 2.39) and google-github-actions/auth (v3), whose source says the rest.

import { hash } from 'node:crypto';

/** What an `external_account` file must say, whatever token_url it has. */
export const PROVIDER =
  '//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools/example/providers/exchequer';

export const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';

/** The parameters of an SDK, in its order. */
export const GOOGLE_FORM: Readonly<Record<string, string>> = {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
  audience: PROVIDER,
  scope: CLOUD_PLATFORM,
  requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  subject_token: 'a.b.c',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
};

/** The members that google-github-actions/auth sends, in its order. */
export const GITHUB_ACTION: Readonly<Record<string, string>> = {
  audience: PROVIDER,
  grantType: 'urn:ietf:params:oauth:grant-type:token-exchange',
  requestedTokenType: 'urn:ietf:params:oauth:token-type:access_token',
  scope: CLOUD_PLATFORM,
  subjectTokenType: 'urn:ietf:params:oauth:token-type:jwt',
  subjectToken: 'a.b.c',
};

/** The public client of gcloud, whose secret stands in every copy of it. */
export const GCLOUD_CLIENT = '32555940559.apps.googleusercontent.com';
export const GCLOUD_BASIC = `Basic ${Buffer.from(`${GCLOUD_CLIENT}:notasecret`).toString('base64')}`;
/** The scopes that it asks for, whatever it is used for. */
export const GCLOUD_SCOPES = [
  'openid',
  'https://www.googleapis.com/auth/userinfo.email',
  'https://www.googleapis.com/auth/cloud-platform',
  'https://www.googleapis.com/auth/appengine.admin',
  'https://www.googleapis.com/auth/sqlservice.login',
  'https://www.googleapis.com/auth/compute',
] as const;

/** The file of credentials that google-github-actions/auth writes, member by member. */
export function githubActionFile(parts: {
  readonly sts: string;
  readonly provider: string;
  readonly requestUrl: string;
  readonly requestToken: string;
  readonly audience: string;
}): object {
  const url = new URL(parts.requestUrl);
  url.searchParams.set('audience', parts.audience);
  return {
    type: 'external_account',
    audience: `//iam.googleapis.com/${parts.provider}`,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: `${parts.sts}/token`,
    credential_source: {
      url,
      headers: { Authorization: `Bearer ${parts.requestToken}` },
      format: { type: 'json', subject_token_field_name: 'value' },
    },
  };
}

/** Where a broker keeps what it remembers of a token: by its hash. */
export const googleTokenKey = (token: string): string => `google-token:${hash('sha256', token)}`;
