// The environment of a program that gets its credentials from the local helper: what its SDKs read, and nothing of what they would rather
// read, for each cloud that is served. Looks the names up in the order of the SDKs' own chains (docs/local.md). Reads no value but those of
// proxies, and names variables only.

import { join } from 'node:path';
import type { LocalOrder } from './local-order.ts';
import type { Terminal } from './terminal.ts';

type Environment = Terminal['env'];

/** What wins over container credentials in the chains of AWS's SDKs, or changes who is asked for them. */
const AWS_REMOVED = [
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
  'AWS_SECURITY_TOKEN',
  'AWS_CREDENTIAL_EXPIRATION',
  'AWS_PROFILE',
  'AWS_DEFAULT_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_ROLE_ARN',
  'AWS_ROLE_SESSION_NAME',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN',
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CREDENTIAL_FILE',
  'BOTO_CONFIG',
];

/** Files whose profiles win as well: there is nothing in them. The region is AWS_REGION's to say. */
const AWS_FILES = { AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' };

/** What wins over the metadata server in Google's libraries and gcloud, or keeps them from looking for it. */
const GOOGLE_REMOVED = [
  'GOOGLE_APPLICATION_CREDENTIALS',
  'google_application_credentials',
  'GOOGLE_GHA_CREDS_PATH',
  'CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE',
  'CLOUDSDK_AUTH_ACCESS_TOKEN',
  'CLOUDSDK_AUTH_ACCESS_TOKEN_FILE',
  'METADATA_SERVER_DETECTION',
  'NO_GCE_CHECK',
  'GCE_METADATA_HOST',
  'GCE_METADATA_IP',
  'GCE_METADATA_ROOT',
];

/** What wins over a managed identity in DefaultAzureCredential, or makes another kind of identity of this endpoint. */
const AZURE_REMOVED = [
  'AZURE_CLIENT_ID',
  'AZURE_TENANT_ID',
  'AZURE_CLIENT_SECRET',
  'AZURE_CLIENT_CERTIFICATE_PATH',
  'AZURE_CLIENT_CERTIFICATE_PASSWORD',
  'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN',
  'AZURE_USERNAME',
  'AZURE_PASSWORD',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_POD_IDENTITY_AUTHORITY_HOST',
  'AZURE_TOKEN_CREDENTIALS',
  'IDENTITY_ENDPOINT',
  'IDENTITY_HEADER',
  'IDENTITY_SERVER_THUMBPRINT',
  'IMDS_ENDPOINT',
  'MSI_ENDPOINT',
  'MSI_SECRET',
];

const PROXIES = ['http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'];

export interface ChildEnvironment {
  readonly env: Readonly<Record<string, string>>;
  /** For people: what the program does not get to see. */
  readonly says: readonly string[];
}

/** What a program gets in place of this environment. */
export function environmentFor(
  own: Environment,
  order: LocalOrder,
  variables: Readonly<Record<string, string>>,
): ChildEnvironment {
  const removed = [
    ...(order.aws.length > 0 ? AWS_REMOVED : []),
    ...(order.google ? GOOGLE_REMOVED : []),
    ...(order.azure.length > 0 ? AZURE_REMOVED : []),
  ];
  const kept = Object.entries(own).flatMap(([name, value]) =>
    value === undefined || removed.includes(name) ? [] : [[name, value] as const],
  );
  const there = removed.filter((name) => own[name] !== undefined);
  const env = {
    ...Object.fromEntries(kept),
    ...(order.aws.length > 0 ? AWS_FILES : {}),
    ...noProxy(own),
    ...variables,
  };
  return { env, says: there.length === 0 ? [] : [`the program does not get ${there.join(', ')}: they would win`] };
}

/** A proxy is no way to this machine, and what goes to loopback has secrets in it. */
function noProxy(own: Environment): Readonly<Record<string, string>> {
  if (!PROXIES.some((name) => own[name])) return {};
  const before = own.no_proxy || own.NO_PROXY;
  const value = before ? `${before},127.0.0.1` : '127.0.0.1';
  return { no_proxy: value, NO_PROXY: value };
}

/**
 * A file that wins over the metadata server in all of Google's libraries and that no variable hides from all of them; undefined where
 * there is none.
 */
export function googleFile(own: Environment, exists: (path: string) => boolean): string | undefined {
  const folder = own.CLOUDSDK_CONFIG || (own.HOME ? join(own.HOME, '.config', 'gcloud') : undefined);
  if (folder === undefined) return undefined;
  const file = join(folder, 'application_default_credentials.json');
  return exists(file) ? file : undefined;
}
