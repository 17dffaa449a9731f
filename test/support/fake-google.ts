// Google as far as a broker and unmodified SDKs speak to it, over TLS: the token exchange of its STS for providers that trust our issuer by what
// it publishes, generateAccessToken, and one API that wants the token. It refuses as Google does (CG-01 to CG-07), and misbehaves where a
// test says so.

import { randomBytes } from 'node:crypto';
import { type Asked, bearerOf, type JsonCloud, openJsonCloud, Refused, type Reply } from './json-cloud.ts';
import type { TrustedIssuer } from './relying-cloud.ts';
import { judgeJwt, targetOf } from './relying-jwt.ts';

/** What a provider says of assertions; what it does not say is as the target of the assertion's own audience has it. */
export interface ProviderTrust {
  readonly issuer?: string;
  /** Allowed audiences. */
  readonly audiences?: readonly string[];
  /** The attribute condition. */
  readonly condition?: (assertion: Claims) => boolean;
  /** The mapping of `google.subject`. */
  readonly subject?: (assertion: Claims) => string;
}

/** Who may take on a service account, and for how long; anybody who comes through a provider, and an hour, unless said. */
export interface ServiceAccount {
  readonly members?: (principal: string, assertion: Claims) => boolean;
  /** Longer than an hour where a policy of the organisation permits it. */
  readonly secondsMax?: number;
}

type Claims = Readonly<Record<string, unknown>>;

/** A token that it gave. */
export interface GoogleToken {
  readonly token: string;
  /** `principal://...`, or the e-mail address of the service account. */
  readonly principal: string;
  /** The federated principal behind a service account. */
  readonly behind?: string;
  readonly assertion: Claims;
  readonly scopes: readonly string[];
  /** Seconds since the epoch. */
  readonly endsAt: number;
}

export interface FakeGoogle extends JsonCloud {
  /** What each endpoint was asked, in order; refused questions too. */
  readonly exchanges: URLSearchParams[];
  readonly impersonations: { readonly account: string; readonly body: Record<string, unknown> }[];
  readonly tokens: GoogleToken[];
  /** By resource name. */
  readonly providers: Map<string, ProviderTrust>;
  /** By e-mail address. */
  readonly accounts: Map<string, ServiceAccount>;
}

export interface FakeGoogleOptions {
  readonly issuers: () => readonly TrustedIssuer[];
  /** Its clock, in seconds since the epoch. */
  readonly now?: () => number;
}

/** RFC 7518 names of what providers take (CG-03). */
const ALGORITHMS = ['RS256', 'ES256'];
const PROVIDER =
  /^\/\/iam\.googleapis\.com\/(projects\/[0-9]+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32})\/providers\/[a-z0-9-]{4,32}$/;
const ACCOUNT = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/;
const CLOUD_PLATFORM = 'https://www.googleapis.com/auth/cloud-platform';
const STALE_SECONDS = 3_600;
const SUBJECT_BYTES_MAX = 127;

export async function openFakeGoogle({
  issuers,
  now = () => Date.now() / 1_000,
}: FakeGoogleOptions): Promise<FakeGoogle> {
  const served = await openJsonCloud('Google', { answer, refusal: { error: 'invalid_grant' } });

  async function answer(asked: Asked): Promise<Reply> {
    if (asked.path === '/v1/token') return exchange(asked);
    const account = ACCOUNT.exec(asked.path)?.[1];
    if (account !== undefined) return impersonate(asked, decodeURIComponent(account));
    if (asked.path === '/storage/v1/b') return listBuckets(asked);
    throw apiRefusal(404, 'NOT_FOUND');
  }

  async function exchange(asked: Asked): Promise<Reply> {
    const form = parametersOf(asked);
    google.exchanges.push(form);
    judgeQuestion(asked, form);
    const provider = form.get('audience') ?? '';
    const [, pool] = PROVIDER.exec(provider) ?? [];
    const trust = google.providers.get(provider) ?? {};
    // The one of an empty map trusts whom it was started for; else there are those that it has.
    if (pool === undefined || (google.providers.size > 0 && !google.providers.has(provider)))
      throw refusal('invalid_target');
    const assertion = await proved(form.get('subject_token') ?? '', trust);
    const subject = trust.subject ? trust.subject(assertion) : String(assertion.sub);
    if (Buffer.byteLength(subject) > SUBJECT_BYTES_MAX) throw refusal('invalid_grant');
    const token = give({
      principal: `principal://iam.googleapis.com/${pool}/subject/${subject}`,
      assertion,
      scopes: (form.get('scope') ?? '').split(' '),
      seconds: 3_600,
    });
    const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
    return {
      status: 200,
      body: { access_token: token.token, issued_token_type, token_type: 'Bearer', expires_in: 3_600 },
    };
  }

  async function proved(token: string, trust: ProviderTrust): Promise<Claims> {
    const trusted = issuers().map((one) => ({ ...one, issuer: trust.issuer ?? one.issuer }));
    const judged = await judgeJwt(token, { issuers: trusted, algorithms: ALGORITHMS });
    if ('problem' in judged) throw refusal('invalid_grant');
    const { claims } = judged;
    const { iat, exp, aud } = claims;
    const target = targetOf(claims);
    const audienceFits = trust.audiences ? trust.audiences.includes(String(aud)) : target !== undefined;
    if (!audienceFits || typeof aud !== 'string') throw refusal('invalid_grant');
    // "ID Token issued at X is stale to sign-in", whatever its `exp` says.
    if (exp <= now() || iat > now() + 60 || iat < now() - STALE_SECONDS || exp - iat > 86_400)
      throw refusal('invalid_grant');
    const pinned = claims.target === target || String(claims.target).startsWith(`${target}:`);
    if (!(trust.condition ? trust.condition(claims) : pinned)) throw refusal('unauthorized_client');
    return claims;
  }

  function impersonate(asked: Asked, account: string): Reply {
    const body: Record<string, unknown> = JSON.parse(asked.body);
    google.impersonations.push({ account, body });
    const bearer = holderOf(asked);
    const { members = () => true, secondsMax = 3_600 } = google.accounts.get(account) ?? {};
    const known = /^[^@]+@[^@]+\.gserviceaccount\.com$/.test(account);
    if (!known || !bearer.scopes.includes(CLOUD_PLATFORM) || !members(bearer.principal, bearer.assertion))
      throw apiRefusal(403, 'PERMISSION_DENIED');
    const { scope, lifetime = '3600s' } = body;
    const [, seconds] = /^([1-9][0-9]*)s$/.exec(String(lifetime)) ?? [];
    if (!Array.isArray(scope) || scope.length === 0 || Number(seconds ?? 0) < 1 || Number(seconds) > secondsMax)
      throw apiRefusal(400, 'INVALID_ARGUMENT');
    const { token, endsAt } = give({
      principal: account,
      behind: bearer.principal,
      assertion: bearer.assertion,
      scopes: scope.map(String),
      seconds: Number(seconds),
    });
    return { status: 200, body: { accessToken: token, expireTime: rfc3339(endsAt) } };
  }

  /** Whose buckets they are stands in the answer: real ones are told apart by what they hold. */
  function listBuckets(asked: Asked): Reply {
    const { principal, behind, scopes } = holderOf(asked);
    if (!scopes.some((scope) => scope === CLOUD_PLATFORM || scope.includes('/devstorage.')))
      throw apiRefusal(403, 'PERMISSION_DENIED');
    return { status: 200, body: { kind: 'storage#buckets', items: [], who: principal, behind } };
  }

  function holderOf(asked: Asked): GoogleToken {
    const found = google.tokens.find(({ token }) => token === bearerOf(asked));
    if (!found || found.endsAt <= now()) throw apiRefusal(401, 'UNAUTHENTICATED');
    return found;
  }

  function give({
    seconds,
    ...given
  }: Omit<GoogleToken, 'token' | 'endsAt'> & { readonly seconds: number }): GoogleToken {
    const token = `ya29.${randomBytes(64).toString('base64url')}`;
    const made = { ...given, token, endsAt: Math.floor(now()) + seconds };
    google.tokens.push(made);
    return made;
  }

  const google: FakeGoogle = Object.assign(served, {
    exchanges: [],
    impersonations: [],
    tokens: [],
    providers: new Map(),
    accounts: new Map(),
  });
  return google;
}

/** A form, or the JSON of its other clients. */
function parametersOf({ headers, body }: Asked): URLSearchParams {
  if (!String(headers['content-type']).startsWith('application/json')) return new URLSearchParams(body);
  const members: Record<string, string> = JSON.parse(body);
  return new URLSearchParams(
    Object.entries(members).map(([name, value]) => [
      name.replaceAll(/[A-Z]/g, (one) => `_${one.toLowerCase()}`),
      value,
    ]),
  );
}

function judgeQuestion({ method, headers }: Asked, form: URLSearchParams): void {
  if (headers.authorization !== undefined) throw refusal('invalid_client');
  const fits =
    method === 'POST' &&
    form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
    form.get('requested_token_type') === 'urn:ietf:params:oauth:token-type:access_token' &&
    /^urn:ietf:params:oauth:token-type:(?:jwt|id_token)$/.test(form.get('subject_token_type') ?? '') &&
    (form.get('scope') ?? '') !== '';
  if (!fits) throw refusal('invalid_request');
}

/** Of the STS. Its text quotes what was sent. */
const refusal = (error: string): Refused =>
  new Refused({ status: 400, body: { error, error_description: 'Refused by the fake, which quotes: eyJ0eXAi.' } });

/** Of every other API. */
const apiRefusal = (code: number, status: string): Refused =>
  new Refused({ status: code, body: { error: { code, status, message: 'Refused by the fake, which quotes: ya29.' } } });

const rfc3339 = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
