// Platforms that run deployments, described by a table: HCP Terraform, Spacelift, Vercel and Fly.io. Spacelift and Vercel choose the
// audience of the token that a job finds: whoever sees it there can bring it here, and the other way round.

import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { FLY } from '../platforms/fly.ts';
import { HCP_TERRAFORM, HCP_TERRAFORM_ISSUER } from '../platforms/hcp-terraform.ts';
import { SPACELIFT } from '../platforms/spacelift.ts';
import { hostOf } from '../platforms/table.ts';
import { VERCEL } from '../platforms/vercel.ts';
import type { ClaimRefusal } from './claims.ts';
import { keyOptions, oneOrigin } from './key-options.ts';
import { issuedBy, issuedByDefault, platformIssuer, platformKind } from './platform-kind.ts';

export const hcpTerraform = platformKind({
  table: HCP_TERRAFORM,
  options: issuedByDefault(HCP_TERRAFORM),
  read: ({ issuer = HCP_TERRAFORM_ISSUER, ...keys }) => ({ issuer, keys }),
});

export const spacelift = platformKind({
  table: SPACELIFT,
  options: issuedBy(SPACELIFT),
  read: ({ issuer, ...keys }) => ({ issuer, audience: hostOf(issuer), keys }),
});

const VERCEL_GLOBAL = 'https://oidc.vercel.com';

const vercelOptions = z
  .object({
    issuer: platformIssuer(VERCEL),
    audience: z
      .string()
      .min(1, { error: 'must not be empty' })
      .optional()
      .describe('The one `aud` value that tokens must bear; https://vercel.com/TEAM unless written.'),
    ...keyOptions,
  })
  .superRefine((chosen, context) => {
    if (chosen.issuer === VERCEL_GLOBAL && chosen.audience === undefined)
      context.addIssue({
        code: 'custom',
        path: ['audience'],
        message: 'must be written beside the global issuer, which names no team: https://vercel.com/TEAM',
      });
    oneOrigin(chosen, context);
  });

export const vercel = platformKind({
  table: VERCEL,
  options: vercelOptions,
  read: ({ issuer, audience, ...keys }) => ({
    issuer,
    audience: audience ?? issuer.replace(VERCEL_GLOBAL, 'https://vercel.com'),
    keys,
  }),
});

export const fly = platformKind({
  table: FLY,
  options: issuedBy(FLY),
  read: ({ issuer, ...keys }) => ({ issuer, keys }),
  ownProblem: flyProblem,
  readClaims: withTextIds,
});

/** The three names of `sub` are those beside it, and the organization is the issuer's. */
function flyProblem({ sub, org_name, app_name, machine_name }: JsonObject, issuer: string): ClaimRefusal | undefined {
  if (issuer !== `https://oidc.fly.io/${org_name}`) return { reason: 'claim_invalid', claim: 'org_name' };
  return sub === `${org_name}:${app_name}:${machine_name}` ? undefined : { reason: 'claim_invalid', claim: 'sub' };
}

/** Fly writes ids as numbers in some tokens and as texts in others: rules and names know texts. */
function withTextIds(claims: JsonObject): JsonObject {
  const numeric = ['org_id', 'app_id'].filter((name) => Number.isSafeInteger(claims[name]));
  if (numeric.length === 0 || !isJsonObject(claims)) return claims;
  const read: Record<string, Json> = Object.assign(Object.create(null), claims);
  for (const name of numeric) read[name] = String(claims[name]);
  return read;
}
