// Plain OpenID Connect issuers. The operator says whether they speak of people or of workloads, and which tokens to take; a
// workload may present its own token only where `presenter: self` says so (TX-12).

import { z } from 'zod';
import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { OIDC } from '../platforms/oidc.ts';
import { createJwtVerifier } from './jwt.ts';
import { issuerUrl, keyOptions, keyOriginOf, keysArePrivate, oneOrigin } from './key-options.ts';
import type { SourceKind } from './kind.ts';

const TOKEN_TYPES = { access_token: ACCESS_TOKEN_TYPE, id_token: ID_TOKEN_TYPE, jwt: JWT_TOKEN_TYPE } as const;

const options = z
  .object({
    issuer: issuerUrl,
    subjects: z.enum(['people', 'workloads']).describe('whom the tokens are about'),
    tokens: z
      .array(z.enum(['access_token', 'id_token', 'jwt']))
      .min(1)
      .describe('which tokens are taken; `typ` must agree'),
    pins: z.array(z.string().min(1)).default([]).describe('claims that may pin a person, beside `sub`'),
    presenter: z.enum(['self', 'client']).default('client').describe('`self`: a workload may present its own token'),
    ...keyOptions,
  })
  .superRefine((chosen, context) => {
    oneOrigin(chosen, context);
    if (chosen.subjects === 'people' && chosen.presenter === 'self')
      context.addIssue({
        code: 'custom',
        path: ['presenter'],
        message: "people's tokens are presented by an authenticated client only",
      });
    if (chosen.subjects === 'workloads' && chosen.pins.length > 0)
      context.addIssue({ code: 'custom', path: ['pins'], message: 'is for people; a workload is pinned by its `sub`' });
  });

export const oidc: SourceKind<typeof options> = Object.freeze({
  kind: OIDC.kind,
  table: OIDC,
  options,
  issuer: (chosen) => chosen.issuer,
  subjects: (chosen) => chosen.subjects,
  pins: (chosen) => chosen.pins,
  keyOrigin: (chosen) => keyOriginOf(chosen.issuer, chosen),
  create: (settings, chosen, { keys }) =>
    createJwtVerifier({
      settings,
      table: OIDC,
      keys,
      issuer: chosen.issuer,
      responsibility: { issuer: chosen.issuer, audience: settings.audience },
      tokenTypes: chosen.tokens.map((token) => TOKEN_TYPES[token]),
      tell: keysArePrivate(chosen) || Object.keys(settings.require).length > 0 ? 'caller' : 'operator',
      presenter: chosen.presenter,
      delegates: true,
      people: chosen.subjects === 'people',
    }),
} satisfies SourceKind<typeof options>);
