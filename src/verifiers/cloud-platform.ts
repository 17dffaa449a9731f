// Workloads of clouds that have a JWT: Google service accounts, AWS roles by `sts:GetWebIdentityToken`, Entra managed identities.
// Their issuers sign for people too; what tells a workload from a person stands in the tables and here.

import { z } from 'zod';
import { type JsonObject, valueAt } from '../core/json.ts';
import { AWS, AWS_CLAIMS } from '../platforms/aws.ts';
import { ENTRA, ENTRA_AUDIENCES_OF_OTHERS } from '../platforms/entra.ts';
import { GOOGLE, GOOGLE_ISSUER } from '../platforms/google.ts';
import { fieldValue } from '../platforms/table.ts';
import type { ClaimRefusal } from './claims.ts';
import { keyOptions, oneOrigin } from './key-options.ts';
import { issuedBy, issuedByOne, platformIssuer, platformKind } from './platform-kind.ts';

export const google = platformKind({
  table: GOOGLE,
  options: issuedByOne,
  read: (keys) => ({ issuer: GOOGLE_ISSUER, keys }),
});

export const aws = platformKind({
  table: AWS,
  options: issuedBy(AWS),
  read: ({ issuer, ...keys }) => ({ issuer, keys }),
  ownProblem(claims) {
    // Roles that IAM Identity Center makes are people's.
    if (String(claims.sub).includes(':role/aws-reserved/sso.')) return { reason: 'claim_forbidden', claim: 'role' };
    // A session that Identity Center made somebody's, whatever its role is.
    if (valueAt(claims, [AWS_CLAIMS, 'identity_store_user_id']) !== undefined)
      return { reason: 'claim_forbidden', claim: 'identity_store_user_id' };
    const account = fieldValue(AWS, 'account', claims);
    const [, , , , ofRole] = String(claims.sub).split(':');
    return ofRole === account ? undefined : { reason: 'claim_invalid', claim: 'account' };
  },
});

const entraOptions = z
  .object({
    issuer: platformIssuer(ENTRA),
    audience: z
      .string()
      .min(1, { error: 'must not be empty' })
      .refine((audience) => !ENTRA_AUDIENCES_OF_OTHERS.includes(audience.replace(/\/$/, '')), {
        error: 'is the audience of a service that every tool has tokens for: register an application of your own',
      })
      .describe(
        'The one `aud` value: the App ID URI (version 1) or the client id (version 2) of your own application.',
      ),
    ...keyOptions,
  })
  .superRefine(oneOrigin);

export const entra = platformKind({
  table: ENTRA,
  options: entraOptions,
  read: ({ issuer, audience, ...keys }) => ({ issuer, audience, keys }),
  ownProblem: entraProblem,
});

/** The token is of the issuer's tenant and version, and of an application: a person's has another `sub`, and scopes. */
function entraProblem(claims: JsonObject, issuer: string): ClaimRefusal | undefined {
  const no = (claim: string): ClaimRefusal => ({ reason: 'claim_invalid', claim });
  if (!issuer.split('/').includes(String(claims.tid))) return no('tid');
  if (claims.ver !== (issuer.endsWith('/v2.0') ? '2.0' : '1.0')) return no('ver');
  if (claims.sub !== claims.oid) return no('sub');
  if (claims.idtyp !== undefined && claims.idtyp !== 'app') return { reason: 'claim_forbidden', claim: 'idtyp' };
  return claims.scp === undefined ? undefined : { reason: 'claim_forbidden', claim: 'scp' };
}
