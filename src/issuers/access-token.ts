// Issues RFC 9068 JWT access tokens (AT rows) for targets of kind `token`. Writes exactly what the order says: one audience in
// its registered spelling, the principal's name, the client, the scopes granted, who acts (`act`, RFC 8693 §4.1), how a person was
// authenticated; `origin`, the first proof byte for byte, and `lineage`, the tokens that it was made of.
// Never widens anything: read-access-token.ts reads back what was made, and the recheck compares it with the order.

import { z } from 'zod';
import { actOf } from '../core/actor.ts';
import type { JsonObject } from '../core/json.ts';
import { TOKEN_LIFETIME_SECONDS_DEFAULT, TOKEN_LIFETIME_SECONDS_MAX } from '../core/limits.ts';
import type { Issued, IssueOrder, Issuer, Signer, SigningAlgorithm } from '../core/ports.ts';
import { ok, refuse } from '../core/refusal.ts';
import { ACCESS_TOKEN_TYPE, JWT_TOKEN_TYPE } from '../core/request.ts';
import { confirmSchema } from '../parsing/confirm.ts';
import { durationSeconds } from '../parsing/duration.ts';
import { render } from '../parsing/template.ts';
import type { TargetKind } from './kind.ts';
import { type IssuedFacts, readAccessToken } from './read-access-token.ts';
import { checkDefaultScopes, scopesSchema, scopeTerms } from './scopes.ts';

/** RFC 6749 §3.3. */
const scopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, {
  error: 'must be one scope: printable ASCII without spaces, quotes and backslashes',
});
const lifetime = durationSeconds.pipe(
  z.number().max(TOKEN_LIFETIME_SECONDS_MAX, { error: `must be at most ${TOKEN_LIFETIME_SECONDS_MAX} seconds` }),
);
/** A member whose meaning is not carried yet: ignoring it would promise what is not kept. */
const notBuilt = (what: string) =>
  z
    .never({ error: `${what} is not built yet` })
    .optional()
    .describe(`Reserved: ${what} is not built yet.`);

const options = z
  .strictObject({
    audience: z.string().min(1).describe('The `aud` of the tokens, byte for byte: what the resource server compares.'),
    scopes: scopesSchema(scopeToken).default({}).describe('The scopes that the target has.'),
    defaultScopes: z.array(scopeToken).default([]).describe('Granted where none are asked for.'),
    lifetime: lifetime
      .prefault(`${TOKEN_LIFETIME_SECONDS_DEFAULT}s`)
      .describe('The longest lifetime of a token; a rule may say less.'),
    algorithm: z.enum(['ES256', 'RS256']).default('ES256').describe('What the tokens are signed with.'),
    require: z
      .strictObject({
        sources: z.array(z.string()).min(1).optional().describe('The trust sources whose principals may have it.'),
        lifetimeMax: lifetime.optional().describe('No rule grants longer.'),
        actor: z.literal(true).optional().describe('Somebody acts for the subject, and is named.'),
        confirm: confirmSchema.optional(),
      })
      .optional()
      .describe('What holds for everyone; no rule loosens it.'),
    carry: notBuilt('`carry`'),
    proof: z
      .literal('required')
      .optional()
      .describe(
        'Tokens are bound to a key that the caller proves to have, by DPoP (RFC 9449) or its certificate (RFC 8705 §3).',
      ),
    agentClaim: notBuilt('`agentClaim`'),
  })
  .superRefine(checkDefaultScopes);

/** The target kind `token`. */
export const tokenTarget: TargetKind<typeof options> = Object.freeze({
  kind: 'token',
  options,
  address: (chosen) => chosen.audience,
  terms: ({ scopes, defaultScopes, lifetime, require, proof }) => ({
    ...scopeTerms(scopes, defaultScopes),
    lifetimeSecondsMax: lifetime,
    require: {
      proof: proof === 'required',
      actor: require?.actor === true,
      ...(require?.confirm ? { confirm: require.confirm } : {}),
      ...(require?.sources ? { sources: require.sources } : {}),
      ...(require?.lifetimeMax === undefined ? {} : { lifetimeMaxSeconds: require.lifetimeMax }),
    },
  }),
  signedFor: ({ audience }) => audience,
  create: ({ issuer, signer }, { audience, algorithm }) =>
    createAccessTokenIssuer({ issuer, audience, algorithm, signer }),
} satisfies TargetKind<typeof options>);

export interface AccessTokenParts {
  /** Our own issuer, byte for byte as published. */
  readonly issuer: string;
  /** The target's audience in its registered spelling, whatever the caller wrote; with its parameters as written. */
  readonly audience: string;
  readonly algorithm: SigningAlgorithm;
  readonly signer: Signer;
}

const TYP = 'at+jwt';

export function createAccessTokenIssuer(parts: AccessTokenParts): Issuer {
  const { issuer, audience, algorithm, signer } = parts;
  return Object.freeze({
    typeFor: ({ requestedTokenType = ACCESS_TOKEN_TYPE, ask }) =>
      ask.session || (requestedTokenType !== ACCESS_TOKEN_TYPE && requestedTokenType !== JWT_TOKEN_TYPE)
        ? refuse({ reason: 'token_type_unsupported', parameter: 'requested_token_type' })
        : ok(requestedTokenType),
    async issue(order: IssueOrder) {
      const token = await signer.sign(algorithm, TYP, claimsOf(order, parts));
      // It is an access token under either name that it can be asked for, so it is used as one under both (TX-21); one that is bound to a
      // key of DPoP is used with it (DP-07), and one bound to a certificate like any other (RFC 8705 §3).
      const { boundTo } = order.grant;
      const tokenType = boundTo && 'jkt' in boundTo ? 'DPoP' : 'Bearer';
      return ok({ token, tokenType, issuedTokenType: order.issuedTokenType, expiresAt: order.expiresAt });
    },
    read: (issued: Issued) => readAccessToken(issued.token, { algorithm, typ: TYP }),
    expect: (order: IssueOrder): IssuedFacts => ({
      id: order.id,
      issuer,
      audience: render(audience, order.grant.parameters),
      subject: order.grant.subject.name,
      clientId: order.grant.clientId,
      scopes: [...order.grant.scopes],
      issuedAt: order.issuedAt,
      expiresAt: order.expiresAt,
      boundTo: order.grant.boundTo ?? null,
      act: actOf(order.grant.actors) ?? null,
      lineage: order.lineage,
      origin: order.origin,
      authTime: order.authentication?.authTime ?? null,
      acr: order.authentication?.acr ?? null,
    }),
    terms: () => ok({ algorithm }),
  } satisfies Issuer);
}

function claimsOf(order: IssueOrder, { issuer, audience }: AccessTokenParts): JsonObject {
  const { subject, actors, clientId, scopes, boundTo, parameters } = order.grant;
  const act = actOf(actors);
  const { authTime, acr } = order.authentication ?? {};
  return {
    iss: issuer,
    aud: render(audience, parameters),
    sub: subject.name,
    client_id: clientId,
    iat: order.issuedAt,
    exp: order.expiresAt,
    jti: order.id,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
    ...(boundTo === undefined ? {} : { cnf: { ...boundTo } }),
    ...(act === undefined ? {} : { act }),
    ...(authTime === undefined ? {} : { auth_time: authTime }),
    ...(acr === undefined ? {} : { acr }),
    origin: { iss: order.origin.iss, sub: order.origin.sub },
    ...(order.lineage.length === 0 ? {} : { lineage: order.lineage }),
  };
}
