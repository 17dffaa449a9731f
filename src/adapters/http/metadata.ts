// What the world may read of us: authorization server metadata (RFC 8414, OpenID Connect Discovery 1.0) and the JWK Set.
// `issuer` is the configured text, byte for byte, whatever Host a request names (MD-02, A-179). Only what exists is published:
// no empty arrays (MD-05), no member of a feature that is not built (MD-10), no list of targets or scopes.

import { createHash } from 'node:crypto';
import type { ClientMethod } from '../../core/client.ts';
import type { JsonObject } from '../../core/json.ts';
import { METADATA_AGE_SECONDS } from '../../core/limits.ts';
import { GRANT_TYPES } from '../../core/request.ts';
import type { Answer } from './wire.ts';

/** Where everything stands, from the issuer alone. */
export interface Paths {
  readonly token: string;
  /** Beside the token endpoint, and in no metadata: it is no standard's. */
  readonly decide: string;
  readonly introspect: string;
  readonly revoke: string;
  readonly awsSts: string;
  readonly awsCredentials: string;
  readonly gcpToken: string;
  readonly gcpIntrospect: string;
  readonly jwks: string;
  /** Where nobody can sign in: it refuses whatever is asked there. */
  readonly authorize: string;
  /** Every address of the metadata: appended to the issuer's path and inserted before it, for both names: clients try all of them (MD-01). */
  readonly metadata: readonly string[];
}

/** Segments that no router, proxy or client spells in two ways. */
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/;

/** The paths under an issuer. Throws where the issuer's own path could be read in two ways. */
export function pathsOf(issuer: string): Paths {
  const base = new URL(issuer).pathname.replace(/\/$/, '');
  if (!PLAIN_PATH.test(base)) throw new Error('the path of the issuer may hold letters, digits and . _ ~ - only');
  const names = ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'];
  return {
    token: `${base}/token`,
    decide: `${base}/decide`,
    introspect: `${base}/introspect`,
    revoke: `${base}/revoke`,
    awsSts: `${base}/aws/sts`,
    awsCredentials: `${base}/aws/credentials`,
    gcpToken: `${base}/gcp/token`,
    gcpIntrospect: `${base}/gcp/introspect`,
    jwks: `${base}/.well-known/jwks.json`,
    authorize: `${base}/authorize`,
    metadata: [...new Set(names.flatMap((name) => [`${base}${name}`, `${name}${base}`]))],
  };
}

/**
 * The metadata document. `signingAlgorithms` are those of the keys that sign now, RS256 among them for the clouds (MD-08).
 *
 * `clientMethods` are those by which somebody can authenticate. Where there are none, `token_endpoint_auth_methods_supported` is absent:
 * workloads present themselves, which is no authentication method, MD-06 keeps `none` out of the list, and MD-05 forbids an
 * empty one. A client that reads the absence as the default (client_secret_basic) and tries it is told 401 invalid_client. Then nobody
 * can introspect or revoke either, and those endpoints are not named.
 */
export function metadataDocument(parts: {
  readonly issuer: string;
  readonly signingAlgorithms: readonly string[];
  readonly clientMethods: readonly ClientMethod[];
  /** What clients may sign their assertions with. */
  readonly assertionAlgorithms: readonly string[];
  /** What DPoP proofs may be signed with (RFC 9449 §5.1). */
  readonly proofAlgorithms: readonly string[];
}): JsonObject {
  const { origin } = new URL(parts.issuer);
  const paths = pathsOf(parts.issuer);
  return Object.freeze({
    issuer: parts.issuer,
    token_endpoint: `${origin}${paths.token}`,
    // OpenID Connect Discovery §3 requires it, and so do clients that never go there: the MCP SDKs refuse a document without it, for
    // `client_credentials` too. Whoever would go there finds no `code` among the response types, and no `code_challenge_methods_supported`.
    authorization_endpoint: `${origin}${paths.authorize}`,
    jwks_uri: `${origin}${paths.jwks}`,
    grant_types_supported: [...GRANT_TYPES],
    ...(parts.clientMethods.length > 0
      ? {
          introspection_endpoint: `${origin}${paths.introspect}`,
          revocation_endpoint: `${origin}${paths.revoke}`,
        }
      : {}),
    ...authenticationAt(['token', 'introspection', 'revocation'], parts),
    tls_client_certificate_bound_access_tokens: true,
    ...(parts.proofAlgorithms.length > 0 ? { dpop_signing_alg_values_supported: [...parts.proofAlgorithms] } : {}),
    // REQUIRED although nobody can be sent to the authorization endpoint; what other issuers that clouds trust publish (MD-03).
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    ...(parts.signingAlgorithms.length > 0
      ? { id_token_signing_alg_values_supported: [...parts.signingAlgorithms] }
      : {}),
    claims_supported: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope'],
  });
}

/** How clients authenticate at these endpoints: the same at all of them. */
function authenticationAt(
  endpoints: readonly string[],
  {
    clientMethods,
    assertionAlgorithms,
  }: Pick<Parameters<typeof metadataDocument>[0], 'clientMethods' | 'assertionAlgorithms'>,
): JsonObject {
  if (clientMethods.length === 0) return {};
  const signs = clientMethods.some((method) => method === 'private_key_jwt' || method === 'spiffe_jwt');
  return Object.fromEntries(
    endpoints.flatMap((endpoint) => [
      [`${endpoint}_endpoint_auth_methods_supported`, [...clientMethods]],
      ...(signs ? [[`${endpoint}_endpoint_auth_signing_alg_values_supported`, [...assertionAlgorithms]]] : []),
    ]),
  );
}

/** A public document with its validator, made again only when its source gives another object. */
export function createDocument(parts: {
  readonly read: () => object;
  readonly mediaType: string;
}): (ifNoneMatch: string | undefined) => Answer {
  let last: { readonly source: object; readonly answer: Answer; readonly etag: string } | undefined;

  return (ifNoneMatch) => {
    const source = parts.read();
    if (last?.source !== source) last = render(source, parts.mediaType);
    const { answer, etag } = last;
    const held = ifNoneMatch?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
    return held ? { status: 304, headers: answer.headers, body: '' } : answer;
  };
}

function render(source: object, mediaType: string): { source: object; answer: Answer; etag: string } {
  const body = JSON.stringify(source);
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`;
  const headers = {
    'content-type': mediaType,
    // Shorter than any `publishAhead`: a cloud that obeys it knows the next key long before it signs (MD-09).
    'cache-control': `public, max-age=${METADATA_AGE_SECONDS}`,
    etag,
  };
  return { source, answer: { status: 200, headers, body }, etag };
}
