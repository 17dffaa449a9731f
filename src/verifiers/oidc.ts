// Plain OpenID Connect issuers. The operator says whether they speak of people or of workloads, and which tokens to take; a
// workload may present its own token only where `presenter: self` says so (TX-12).

import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { ACCESS_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { OIDC } from '../platforms/oidc.ts';
import type { ClaimRefusal } from './claims.ts';
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
    accessTokenTyp: z
      .literal('optional')
      .optional()
      .describe('An access token may lack `typ: at+jwt`, as those of many identity providers do.'),
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
    const accessTokens = chosen.tokens.includes('access_token') && !chosen.tokens.includes('id_token');
    if (chosen.accessTokenTyp && !accessTokens)
      context.addIssue({
        code: 'custom',
        path: ['accessTokenTyp'],
        message: 'is for sources that take access tokens and no ID tokens: by nothing else could they be told apart',
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
      people: chosen.subjects === 'people',
      ...(chosen.accessTokenTyp ? { accessTypOptional: true, ownProblem: idTokenProblem } : {}),
    }),
} satisfies SourceKind<typeof options>);

/** Where no `typ` tells an ID token from an access token, the hashes do that only an ID token bears (OpenID Connect Core §3.3.2.11, RFC 8725 §3.12). */
const idTokenProblem = (claims: JsonObject): ClaimRefusal | undefined => {
  const claim = ['at_hash', 'c_hash', 's_hash'].find((hash) => Object.hasOwn(claims, hash));
  return claim === undefined ? undefined : { reason: 'claim_unsupported', claim };
};
