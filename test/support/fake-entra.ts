// Entra as far as a broker and unmodified SDKs speak to it, over TLS: discovery, client credentials with a federated assertion that is judged by
// what its issuer publishes, and one API that wants the token. It refuses by the numbers of Entra (CZ-01 to CZ-04), and misbehaves where
// a test says so.

import { randomBytes } from 'node:crypto';
import { type Asked, bearerOf, type JsonCloud, openJsonCloud, Refused, type Reply } from './json-cloud.ts';
import type { TrustedIssuer } from './relying-cloud.ts';
import { judgeJwt, targetOf } from './relying-jwt.ts';

/** A federated credential: compared whole, with case (CZ-02). */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** A token that it gave. */
export interface EntraToken {
  readonly token: string;
  readonly tenant: string;
  readonly clientId: string;
  readonly resource: string;
  readonly subject: string;
  readonly audience: string;
  /** Seconds since the epoch. */
  readonly endsAt: number;
}

export interface EntraApplication {
  readonly tenant: string;
  readonly credentials: readonly FederatedCredential[];
}

export interface FakeEntra extends JsonCloud {
  /** What its token endpoint was asked, in order; refused questions too. */
  readonly asked: Readonly<Record<string, string>>[];
  readonly tokens: EntraToken[];
  /** By client id; as long as there are none, every id is one that trusts the target whose audience and subject it is shown. */
  readonly applications: Map<string, EntraApplication>;
  /** How long its tokens live: between 60 and 90 minutes, or what a policy of the tenant says. */
  seconds: number;
}

export interface FakeEntraOptions {
  readonly issuers: () => readonly TrustedIssuer[];
  /** Its clock, in seconds since the epoch. */
  readonly now?: () => number;
}

const TOKEN = /^\/([^/]+)\/oauth2\/v2\.0\/token$/;
const DISCOVERY = /^\/([^/]+)\/v2\.0\/\.well-known\/openid-configuration$/;
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const VAULT = 'https://vault.azure.net';
const SKEW_SECONDS = 300;

export async function openFakeEntra(options: FakeEntraOptions): Promise<FakeEntra> {
  const answer = (asked: Asked) => answerAs(entra, options, asked);
  const served = await openJsonCloud('Entra', { answer, refusal: entraRefusal('invalid_client', 50_027).reply.body });
  const entra: FakeEntra = Object.assign(served, { asked: [], tokens: [], applications: new Map(), seconds: 3_599 });
  return entra;
}

async function answerAs(entra: FakeEntra, options: FakeEntraOptions, asked: Asked): Promise<Reply> {
  const now = options.now?.() ?? Date.now() / 1_000;
  const tenant = TOKEN.exec(asked.path)?.[1];
  if (tenant !== undefined) return give(entra, asked, { tenant, issuers: options.issuers(), now });
  const described = DISCOVERY.exec(asked.path)?.[1];
  if (described !== undefined) return { status: 200, body: discovery(`${entra.url}${described}`) };
  if (asked.path.startsWith('/secrets/')) return secret(entra, asked, now);
  throw new Refused({ status: 404, body: {} });
}

/** What @azure/identity reads of an authority. */
const discovery = (authority: string): object => ({
  issuer: `${authority}/v2.0`,
  authorization_endpoint: `${authority}/oauth2/v2.0/authorize`,
  token_endpoint: `${authority}/oauth2/v2.0/token`,
  jwks_uri: `${authority}/discovery/v2.0/keys`,
  token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
  response_types_supported: ['code'],
  subject_types_supported: ['pairwise'],
  id_token_signing_alg_values_supported: ['RS256'],
});

interface Judging {
  readonly issuers: readonly TrustedIssuer[];
  readonly now: number;
}

async function give(
  entra: FakeEntra,
  { method, body }: Asked,
  { tenant, ...judging }: Judging & { readonly tenant: string },
): Promise<Reply> {
  const form = Object.fromEntries(new URLSearchParams(body));
  entra.asked.push({ ...form, tenant });
  const { client_id: clientId = '', scope = '' } = form;
  const isQuestion = method === 'POST' && form.grant_type === 'client_credentials';
  if (!isQuestion || form.client_assertion_type !== ASSERTION_TYPE) throw entraRefusal('invalid_request', 900_144);
  if (!/^[^ ]+\/\.default$/.test(scope)) throw entraRefusal('invalid_scope', 70_011);
  const application = entra.applications.get(clientId);
  const isKnown = application ? application.tenant === tenant : entra.applications.size === 0;
  if (!isKnown) throw entraRefusal('unauthorized_client', 700_016);
  const { subject, audience } = await judgeAssertion(form.client_assertion ?? '', application, judging);
  const token = `eyJ0eXAi.${randomBytes(96).toString('base64url')}.${randomBytes(64).toString('base64url')}`;
  const resource = scope.slice(0, -'/.default'.length);
  const endsAt = Math.floor(judging.now) + entra.seconds;
  entra.tokens.push({ token, tenant, clientId, resource, subject, audience, endsAt });
  const expires = { expires_in: entra.seconds, ext_expires_in: entra.seconds };
  return { status: 200, body: { token_type: 'Bearer', ...expires, access_token: token } };
}

/** By what is wrong with a JWT: its form, its issuer, its algorithm, its keys, its signature, its times. */
const PROBLEMS = {
  malformed: 50_027,
  issuer: 700_211,
  algorithm: 5_002_738,
  unreachable: 50_166,
  signature: 700_027,
  times: 50_027,
} as const;

async function judgeAssertion(
  token: string,
  application: EntraApplication | undefined,
  { issuers, now }: Judging,
): Promise<FederatedCredential> {
  const judged = await judgeJwt(token, { issuers, algorithms: ['RS256'] });
  if ('problem' in judged) throw entraRefusal('invalid_client', PROBLEMS[judged.problem]);
  const { iat, exp, nbf = iat, iss, sub, aud } = judged.claims;
  if (exp <= now || Number(nbf) > now + SKEW_SECONDS || iat > now + SKEW_SECONDS)
    throw entraRefusal('invalid_client', 700_024);
  const target = targetOf(judged.claims);
  const own = target === undefined ? [] : [{ issuer: String(iss), subject: target, audience: String(aud) }];
  // The first of the three that no credential has is what Entra says.
  const ofIssuer = (application?.credentials ?? own).filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) throw entraRefusal('invalid_client', 700_211);
  const ofSubject = ofIssuer.filter(({ subject }) => subject === sub);
  if (ofSubject.length === 0) throw entraRefusal('invalid_client', 700_213);
  const found = ofSubject.find(({ audience }) => audience === aud);
  if (!found) throw entraRefusal('invalid_client', 700_212);
  return found;
}

function secret(entra: FakeEntra, asked: Asked, now: number): Reply {
  const found = entra.tokens.find(({ token }) => token === bearerOf(asked));
  if (!found || found.endsAt <= now || found.resource !== VAULT)
    throw new Refused({
      status: 401,
      body: { error: { code: 'Unauthorized', message: 'AKV10022: Invalid audience.' } },
    });
  return { status: 200, body: { value: 'a secret of the vault', id: asked.path, who: found.clientId } };
}

/** Its text quotes what was sent. */
export const entraRefusal = (error: string, number: number, status?: number): Refused =>
  new Refused({
    status: status ?? (error === 'invalid_client' ? 401 : 400),
    body: {
      error,
      error_description: `AADSTS${number}: Refused by the fake, which quotes: eyJ0eXAi. Trace ID: 0 Correlation ID: 0`,
      error_codes: [number],
      timestamp: '2026-11-26 12:00:00Z',
      trace_id: '0',
      correlation_id: '0',
      error_uri: `https://login.microsoftonline.com/error?code=${number}`,
    },
  });
