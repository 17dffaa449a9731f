// What `exchequer dev` signs, composed: a credential of one of its sources, somebody who acts by one of another, and what authenticates a
// registered client, all by keys and a secret that were made for this `dev` and are good nowhere else.

import type { BesideOrder, DevCommands, SignOrder } from './adapters/control/dev-commands.ts';
import type { Configuration, World } from './compose-configuration.ts';
import { tableOf } from './compose-kinds.ts';
import { claimKey } from './core/claim-path.ts';
import { DEV_SECRET_BYTES, DEV_TOKEN_SECONDS } from './core/limits.ts';
import { ACCESS_TOKEN_TYPE, AWS_REQUEST_TOKEN_TYPE, ID_TOKEN_TYPE, JWT_TOKEN_TYPE } from './core/request.ts';
import type { StandInSts } from './dev/caller-identity.ts';
import { assumedClaims } from './dev/claims.ts';
import { claimsOfRules, type Wanted } from './dev/rule-claims.ts';
import type { ThrowawayKeys } from './keys/throwaway-keys.ts';
import { ACCESS_TOKEN_TYPS } from './platforms/oidc.ts';
import { SELF } from './platforms/self.ts';
import { JWT_BEARER_ASSERTION, JWT_SPIFFE_ASSERTION } from './verifiers/client-auth.ts';

/** What signing is done with. */
export interface Signing {
  readonly world: World;
  readonly keys: ThrowawayKeys;
  readonly sts: StandInSts;
  /** The one secret of every client that has one. */
  readonly clientSecret: string;
}

/** A credential of a source. */
export const signWith = (
  signing: Signing,
  configuration: Configuration,
  { client, actor, ...order }: SignOrder,
): ReturnType<DevCommands['sign']> => signed(signing, configuration, { ...order, role: 'subject', client, actor });

/** The parameters of a request beside its subject token. */
export async function besideWith(
  signing: Signing,
  configuration: Configuration,
  { target, subject, client, actor }: BesideOrder,
): ReturnType<DevCommands['beside']> {
  const parameters: Record<string, string> = {};
  if (actor) {
    const token = await signed(signing, configuration, { ...actor, target, role: 'actor', client, subject });
    if (!token.ok) return token;
    Object.assign(parameters, { actor_token: token.token, actor_token_type: token.tokenType });
  }
  const authenticated = client === undefined ? {} : await clientParameters(signing, configuration, client);
  if (typeof authenticated === 'string') return { ok: false, problem: authenticated };
  return { ok: true, parameters: { ...parameters, ...authenticated } };
}

/** What authenticates a registered client; or why nothing here does. */
async function clientParameters(
  { world: { clock, randomBytes }, keys, clientSecret }: Signing,
  { clients, sources, config }: Configuration,
  id: string,
): Promise<Readonly<Record<string, string>> | string> {
  const found = clients.find(({ settings }) => settings.id === id);
  const names = clients.map(({ settings }) => settings.id).join(', ') || 'none';
  if (!found) return `there is no client ${JSON.stringify(id)}; there are ${names}`;
  const { method } = found.settings;
  const now = Math.floor(clock.nowSeconds());
  const jti = Buffer.from(randomBytes(DEV_SECRET_BYTES)).toString('base64url');
  const times = { aud: config.issuer, iat: now, exp: now + DEV_TOKEN_SECONDS, jti };
  switch (method.by) {
    case 'secret':
      return { client_id: id, client_secret: clientSecret };
    case 'jwks': {
      const assertion = await keys.sign(found.keys?.digest ?? '', { iss: id, sub: id, ...times }, undefined);
      return { client_id: id, client_assertion: assertion, client_assertion_type: JWT_BEARER_ASSERTION };
    }
    case 'spiffe': {
      const sub = method.pattern.replace(/\*+$/, 'example');
      const source = sources.find(({ config: { issuer } }) => sub.startsWith(`${issuer}/`));
      if (!source) return `no trust source has the trust domain of ${method.pattern}`;
      const assertion = await keys.sign(source.keys.digest, { sub, ...times }, 'JWT');
      return { client_id: id, client_assertion: assertion, client_assertion_type: JWT_SPIFFE_ASSERTION };
    }
    case 'certificate':
      return `${id} authenticates by its certificate, which dev has none of: try a client with another method`;
  }
}

type Order = Omit<SignOrder, 'actor'> & Pick<Wanted, 'role' | 'client' | 'subject' | 'actor'>;

const TOKEN_TYPES: Readonly<Record<string, string>> = {
  access_token: ACCESS_TOKEN_TYPE,
  id_token: ID_TOKEN_TYPE,
  jwt: JWT_TOKEN_TYPE,
};

const firstMember = (key: string): string => key.split(claimKey(['', '']), 1)[0] ?? key;

async function signed(
  { world: { clock, randomBytes }, keys, sts }: Signing,
  { sources, compiled: { rules, targets, sources: compiled } }: Configuration,
  { source: name, claims: given, target, role, client, subject, actor }: Order,
): ReturnType<DevCommands['sign']> {
  const source = sources.find(({ config }) => config.name === name);
  if (!source) {
    const names = sources.map(({ config }) => config.name).join(', ');
    return { ok: false, problem: `there is no trust source ${JSON.stringify(name)}; there are ${names}` };
  }
  if (source.config.kind === SELF.kind)
    return {
      ok: false,
      problem: 'our own tokens are issued and not made up: ask for one first, and use it with --from',
    };
  const table = tableOf(source.config.kind);
  const { issuer, audience, require, options, maxAgeSeconds = DEV_TOKEN_SECONDS } = source.config;
  const assumed = assumedClaims({
    table,
    issuer,
    audience,
    require,
    given,
    wanted: claimsOfRules({
      ...{ rules, targets, source: name, table, target, given },
      ...{ role: role ?? 'subject', client, subject, actor, nowSeconds: clock.nowSeconds() },
    }),
    named: (compiled.find((one) => one.name === name)?.claimsNamed ?? []).map(firstMember),
    nowSeconds: clock.nowSeconds(),
    lifetimeSeconds: Math.min(DEV_TOKEN_SECONDS, table.lifetimeSecondsMax, maxAgeSeconds),
    jti: Buffer.from(randomBytes(DEV_SECRET_BYTES)).toString('base64url'),
  });
  if (!assumed.ok) return assumed;
  if (table.tokenTypes.includes(AWS_REQUEST_TOKEN_TYPE)) {
    const [region] = Array.isArray(options.regions) ? options.regions : [];
    const token = sts.present(String(region), assumed.claims, clock.nowSeconds());
    return { ok: true, token, tokenType: AWS_REQUEST_TOKEN_TYPE };
  }
  const [taken] = Array.isArray(options.tokens) ? options.tokens : ['jwt'];
  const tokenType = TOKEN_TYPES[String(taken)] ?? JWT_TOKEN_TYPE;
  const typ = tokenType === ACCESS_TOKEN_TYPE ? ACCESS_TOKEN_TYPS[0] : table.typ.find((one) => one !== undefined);
  return { ok: true, token: await keys.sign(source.keys.digest, assumed.claims, typ), tokenType };
}
