// Issues RFC 9068 JWT access tokens (AT rows) for targets of kind `token`. Writes exactly what the order says: one audience in
// its registered spelling, the principal's name, the client, the scopes granted; and `origin`, the first proof byte for byte.
// Reads its own work back for the recheck, and refuses to read anything with a member more or less.

import { z } from 'zod';
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { TOKEN_LIFETIME_SECONDS_DEFAULT, TOKEN_LIFETIME_SECONDS_MAX } from '../core/limits.ts';
import type { Issued, IssuedFacts, IssueOrder, Issuer, Signer } from '../core/ports.ts';
import { durationSeconds } from '../parsing/duration.ts';
import type { TargetKind } from './kind.ts';

/** RFC 6749 §3.3. */
const scopeToken = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, {
  error: 'must be one scope: printable ASCII without spaces, quotes and backslashes',
});
const lifetime = durationSeconds.pipe(
  z.number().max(TOKEN_LIFETIME_SECONDS_MAX, { error: `must be at most ${TOKEN_LIFETIME_SECONDS_MAX} seconds` }),
);
/** A member whose meaning is not carried yet: ignoring it would promise what is not kept. */
const notBuilt = (what: string) => z.undefined({ error: `${what} is not built yet` }).optional();

const options = z.strictObject({
  audience: z.string().min(1).describe('The `aud` of the tokens, byte for byte: what the resource server compares.'),
  scopes: z
    .record(scopeToken, z.strictObject({ confirm: notBuilt('`confirm`') }))
    .default({})
    .describe('The scopes that the target has.'),
  defaultScopes: z.array(scopeToken).default([]).describe('Granted where none are asked for.'),
  lifetime: lifetime
    .default(TOKEN_LIFETIME_SECONDS_DEFAULT)
    .describe('The longest lifetime of a token; a rule may say less.'),
  algorithm: z.enum(['ES256', 'RS256']).default('ES256').describe('What the tokens are signed with.'),
  require: z
    .strictObject({
      sources: z.array(z.string()).min(1).optional().describe('The trust sources whose principals may have it.'),
      lifetimeMax: lifetime.optional().describe('No rule grants longer.'),
      actor: notBuilt('`actor`'),
      confirm: notBuilt('`confirm`'),
    })
    .optional()
    .describe('What holds for everyone; no rule loosens it.'),
  carry: notBuilt('`carry`'),
  proof: notBuilt('`proof`'),
  agentClaim: notBuilt('`agentClaim`'),
});

/** The target kind `token`. */
export const tokenTarget: TargetKind<typeof options> = Object.freeze({
  kind: 'token',
  options,
  address: (chosen) => chosen.audience,
  terms: ({ scopes, defaultScopes, lifetime, require }) => ({
    scopes: Object.keys(scopes),
    defaultScopes,
    lifetimeSecondsMax: lifetime,
    require: {
      ...(require?.sources ? { sources: require.sources } : {}),
      ...(require?.lifetimeMax === undefined ? {} : { lifetimeMaxSeconds: require.lifetimeMax }),
    },
  }),
  create: ({ issuer, signer }, { audience, algorithm }) =>
    createAccessTokenIssuer({ issuer, audience, algorithm, signer }),
} satisfies TargetKind<typeof options>);

export interface AccessTokenParts {
  /** Our own issuer, byte for byte as published. */
  readonly issuer: string;
  /** The target's audience in its registered spelling, whatever the caller wrote. */
  readonly audience: string;
  readonly algorithm: 'ES256' | 'RS256';
  readonly signer: Signer;
}

const TYP = 'at+jwt';
const MEMBERS = ['iss', 'aud', 'sub', 'client_id', 'iat', 'exp', 'jti', 'scope', 'origin'];

export function createAccessTokenIssuer(parts: AccessTokenParts): Issuer {
  const { issuer, audience, algorithm, signer } = parts;
  return Object.freeze({
    async issue(order: IssueOrder): Promise<Issued> {
      const token = await signer.sign(algorithm, TYP, claimsOf(order, parts));
      // It is an access token under either name that it can be asked for, so it is a bearer token under both (TX-21).
      return { token, tokenType: 'Bearer', issuedTokenType: order.issuedTokenType };
    },
    read: (issued: Issued) => readFacts(issued.token, algorithm),
    expect: (order: IssueOrder): IssuedFacts => ({
      id: order.id,
      issuer,
      audience,
      subject: order.grant.subject.name,
      clientId: order.grant.clientId,
      scopes: [...order.grant.scopes],
      issuedAt: order.issuedAt,
      expiresAt: order.expiresAt,
    }),
  });
}

function claimsOf(order: IssueOrder, { issuer, audience }: AccessTokenParts): JsonObject {
  const { subject, clientId, scopes } = order.grant;
  return {
    iss: issuer,
    aud: audience,
    sub: subject.name,
    client_id: clientId,
    iat: order.issuedAt,
    exp: order.expiresAt,
    jti: order.id,
    ...(scopes.length > 0 ? { scope: scopes.join(' ') } : {}),
    origin: { iss: subject.issuer, sub: subject.subject },
  };
}

/** The facts in the order of `expect`, so that their JSON can be compared. */
function readFacts(token: string, algorithm: string): IssuedFacts {
  const [header, claims, signature, ...more] = token.split('.');
  if (!header || !claims || !signature || more.length > 0) throw new Error('the issued token is not a compact JWS');
  const { alg, kid, typ, ...others } = readPart(header);
  if (alg !== algorithm || typ !== TYP || typeof kid !== 'string' || Object.keys(others).length > 0)
    throw new Error('the issued token has another header');

  const said = readPart(claims);
  const unknown = Object.keys(said).find((name) => !MEMBERS.includes(name));
  if (unknown !== undefined) throw new Error(`the issued token has the claim ${unknown}`);
  return {
    id: text(said.jti),
    issuer: text(said.iss),
    audience: text(said.aud),
    subject: text(said.sub),
    clientId: text(said.client_id),
    scopes: said.scope === undefined ? [] : text(said.scope).split(' '),
    issuedAt: instant(said.iat),
    expiresAt: instant(said.exp),
  };
}

function readPart(part: string): JsonObject {
  const value: Json = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  if (!isJsonObject(value)) throw new Error('a part of the issued token is not an object');
  return value;
}

function text(value: Json | undefined): string {
  if (typeof value !== 'string') throw new Error('a claim of the issued token is not text');
  return value;
}

function instant(value: Json | undefined): number {
  if (!Number.isSafeInteger(value) || typeof value !== 'number')
    throw new Error('a time of the issued token is not whole seconds');
  return value;
}
