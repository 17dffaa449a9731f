// Kubernetes projected service account tokens, verified offline by the cluster's keys (KB-01 to KB-05, KB-09). `sub` must agree
// with the claims that the API server puts beside it; legacy secret tokens, which never expire, are refused whatever signed them.
// Where the operator says so, the API server is asked about each token too, or instead of keys (token-review.ts).

import { z } from 'zod';
import { isJsonObject, type JsonObject, valueAt } from '../core/json.ts';
import { NUMERIC_DATE_MAX, OTHER_ISSUERS_MAX } from '../core/limits.ts';
import { KUBERNETES } from '../platforms/kubernetes.ts';
import type { ClaimRefusal } from './claims.ts';
import { createJwtVerifier } from './jwt.ts';
import { keyOriginOf, oneOrigin, reviewedKeyOptions } from './key-options.ts';
import type { SourceKind } from './kind.ts';
import { platformIssuer } from './platform-kind.ts';
import { createTokenReview } from './token-review.ts';

/** The issuer of every cluster that nobody configured: it names no cluster, so its keys must be written down. */
const DEFAULT_ISSUERS = ['https://kubernetes.default.svc', 'https://kubernetes.default.svc.cluster.local'];
const BOUND_OBJECTS = ['pod', 'node', 'secret'];

const clusterIssuer = platformIssuer(KUBERNETES);

/** `--service-account-issuer` may stand several times: the API server signs under the first and accepts them all (KB-10). */
const otherIssuers = z
  .array(clusterIssuer)
  .max(OTHER_ISSUERS_MAX)
  .default([])
  .describe('issuers under which the same cluster signed before, or will; their keys are those of `issuer`');

const options = z
  .object({ issuer: clusterIssuer, otherIssuers, ...reviewedKeyOptions })
  .superRefine((chosen, context) => {
    const no = (field: string, message: string) => context.addIssue({ code: 'custom', path: [field], message });
    if (DEFAULT_ISSUERS.includes(chosen.issuer) && chosen.jwks === undefined && chosen.discovery === undefined)
      no(
        'issuer',
        "is the same for every cluster and cannot be reached from outside it: give the cluster's keys with `jwks: { file: ... }`, or `discovery: { url: ... }` where the broker reaches its API server",
      );
    if (chosen.jwks === 'none' && chosen.tokenReview === undefined)
      no('jwks', '`none` needs `tokenReview`: somebody has to vouch for the tokens');
    if (new Set([chosen.issuer, ...chosen.otherIssuers]).size <= chosen.otherIssuers.length)
      no('otherIssuers', 'names an issuer twice');
    oneOrigin(chosen, context);
  });

export const kubernetes: SourceKind<typeof options> = Object.freeze({
  kind: KUBERNETES.kind,
  table: KUBERNETES,
  options,
  issuer: (chosen) => chosen.issuer,
  otherIssuers: (chosen) => chosen.otherIssuers,
  subjects: () => 'workloads',
  pins: () => [],
  keyOrigin: (chosen) => keyOriginOf(chosen.issuer, chosen),
  create: (settings, chosen, { keys, outbound, clock, files }) =>
    createJwtVerifier({
      settings,
      table: KUBERNETES,
      keys: chosen.jwks === 'none' ? undefined : keys,
      ...(chosen.tokenReview && {
        review: createTokenReview({
          place: chosen.tokenReview,
          audience: settings.audience,
          privateNetwork: chosen.privateNetwork,
          outbound,
          clock,
          files,
        }),
      }),
      issuer: chosen.issuer,
      otherIssuers: chosen.otherIssuers,
      responsibility: { issuer: chosen.issuer, otherIssuers: chosen.otherIssuers, audience: settings.audience },
      tokenTypes: KUBERNETES.tokenTypes,
      tell: 'caller',
      presenter: 'self',
      ownProblem,
      earlierExpiry: warnafter,
    }),
} satisfies SourceKind<typeof options>);

function ownProblem(claims: JsonObject): ClaimRefusal | undefined {
  const namespace = valueAt(claims, ['kubernetes.io', 'namespace']);
  const name = valueAt(claims, ['kubernetes.io', 'serviceaccount', 'name']);
  // Neither is a name with a colon (RFC 1123): two pairs of them would else share one `sub`, and one name here.
  if (`${namespace}${name}`.includes(':') || claims.sub !== `system:serviceaccount:${namespace}:${name}`)
    return { reason: 'claim_invalid', claim: 'sub' };
  // KB-05: a token that is bound to no object outlives whatever it was made for.
  if (!BOUND_OBJECTS.some((kind) => isJsonObject(valueAt(claims, ['kubernetes.io', kind]))))
    return { reason: 'claim_missing', claim: 'pod' };
  const limit = valueAt(claims, ['kubernetes.io', 'warnafter']);
  if (limit !== undefined && (typeof limit !== 'number' || limit < 0 || limit > NUMERIC_DATE_MAX))
    return { reason: 'claim_invalid', claim: 'warnafter' };
  return undefined;
}

/** KB-03: an extended token is meant to end at `warnafter`; its `exp` is a year away. */
function warnafter(claims: JsonObject): number | undefined {
  const limit = valueAt(claims, ['kubernetes.io', 'warnafter']);
  return typeof limit === 'number' ? limit : undefined;
}
