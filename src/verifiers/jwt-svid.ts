// SPIFFE JWT-SVIDs (SJ-01 to SJ-11): the keys are those of the trust domain in `sub`, and of no other; `iss` chooses nothing.
// Header members beyond alg, kid and typ are refused (JWT-SVID §2), and a workload's ID has a path (SJ-11).

import { z } from 'zod';
import { parseSpiffeId, parseTrustDomain } from '../parsing/spiffe-id.ts';
import { SPIFFE } from '../platforms/spiffe.ts';
import { bundleOptions, bundleOriginOf, bundleProblems } from './bundle-options.ts';
import { createJwtVerifier } from './jwt.ts';
import type { SourceKind } from './kind.ts';
import { createSvidVerifier } from './x509-svid.ts';

const options = z
  .object({
    trustDomain: z
      .string()
      .refine(
        (text) => parseTrustDomain(text) !== undefined,
        'must be a trust domain: lower-case letters, digits, `.`, `-`, `_`; no scheme',
      )
      .describe('the name of the trust domain, without `spiffe://`'),
    ...bundleOptions,
  })
  .superRefine((chosen, context) => {
    for (const [path, message] of bundleProblems(chosen)) context.addIssue({ code: 'custom', path, message });
  });

export const spiffe: SourceKind<typeof options> = Object.freeze({
  kind: SPIFFE.kind,
  table: SPIFFE,
  options,
  issuer: (chosen) => `spiffe://${chosen.trustDomain}`,
  subjects: () => 'workloads',
  pins: () => [],
  keyOrigin: bundleOriginOf,
  create: (settings, chosen, { keys, authorities }) => ({
    ...createJwtVerifier({
      settings,
      table: SPIFFE,
      keys,
      issuer: `spiffe://${chosen.trustDomain}`,
      audiences: (role) => [role === 'client' ? settings.ownIssuer : settings.audience],
      responsibility: { trustDomain: chosen.trustDomain },
      tokenTypes: SPIFFE.tokenTypes,
      tell: 'caller',
      presenter: 'self',
      headersAllowed: ['alg', 'kid', 'typ'],
      ownProblem(claims) {
        const id = parseSpiffeId(String(claims.sub));
        const fits = id !== undefined && id.path !== '' && id.trustDomain === chosen.trustDomain;
        return fits ? undefined : { reason: 'claim_invalid', claim: 'sub' };
      },
      ownName: (claims) => String(claims.sub),
    }),
    verifyCertificates: createSvidVerifier({
      settings,
      issuer: `spiffe://${chosen.trustDomain}`,
      authorities,
      tell: 'caller',
    }),
  }),
} satisfies SourceKind<typeof options>);
