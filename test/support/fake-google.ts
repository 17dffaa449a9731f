// Google as far as a broker and unmodified SDKs speak to it, over TLS: the token exchange of its STS for providers that trust our issuer by what
// it publishes, generateAccessToken, and one API that wants the token. It refuses as Google does (fake-google-trust.ts), and misbehaves
// where a test says so.

import { randomBytes } from 'node:crypto';
import {
  apiRefusal,
  CLOUD_PLATFORM,
  type Claims,
  type Impersonation,
  judgeAssertion,
  judgeImpersonation,
  type ProviderTrust,
  readQuestion,
  refusal,
  type ServiceAccount,
} from './fake-google-trust.ts';
import { type Asked, bearerOf, type JsonCloud, openJsonCloud, type Reply } from './json-cloud.ts';
import type { TrustedIssuer } from './relying-cloud.ts';

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
  /** What its STS was asked, in order; refused questions too, but for what is none. */
  readonly exchanges: URLSearchParams[];
  readonly impersonations: Impersonation[];
  readonly tokens: GoogleToken[];
  /** By resource name; as long as there are none, every name is one that trusts whom the cloud was started for. */
  readonly providers: Map<string, ProviderTrust>;
  /** By e-mail address. */
  readonly accounts: Map<string, ServiceAccount>;
}

export interface FakeGoogleOptions {
  readonly issuers: () => readonly TrustedIssuer[];
  /** Its clock, in seconds since the epoch. */
  readonly now?: () => number;
}

const PROVIDER =
  /^\/\/iam\.googleapis\.com\/(projects\/[0-9]+\/locations\/global\/workloadIdentityPools\/[a-z0-9-]{4,32})\/providers\/[a-z0-9-]{4,32}$/;
const ACCOUNT = /^\/v1\/projects\/-\/serviceAccounts\/([^/:]+):generateAccessToken$/;

export async function openFakeGoogle(options: FakeGoogleOptions): Promise<FakeGoogle> {
  const answer = (asked: Asked) => answerAs(google, options, asked);
  const served = await openJsonCloud('Google', { answer, refusal: refusal('invalid_grant').reply.body });
  const google: FakeGoogle = Object.assign(served, {
    exchanges: [],
    impersonations: [],
    tokens: [],
    providers: new Map(),
    accounts: new Map(),
  });
  return google;
}

async function answerAs(google: FakeGoogle, options: FakeGoogleOptions, asked: Asked): Promise<Reply> {
  const now = options.now?.() ?? Date.now() / 1_000;
  if (asked.path === '/v1/token') return exchange(google, asked, { issuers: options.issuers(), now });
  const account = ACCOUNT.exec(asked.path)?.[1];
  if (account !== undefined) return impersonate(google, asked, { account: decodeURIComponent(account), now });
  if (asked.path === '/storage/v1/b') return listBuckets(holderOf(google, asked, now));
  throw apiRefusal(404, 'NOT_FOUND');
}

async function exchange(
  google: FakeGoogle,
  asked: Asked,
  judging: { readonly issuers: readonly TrustedIssuer[]; readonly now: number },
): Promise<Reply> {
  const form = readQuestion(asked);
  google.exchanges.push(form);
  const provider = form.get('audience') ?? '';
  const [, pool] = PROVIDER.exec(provider) ?? [];
  const trust = google.providers.size === 0 ? {} : google.providers.get(provider);
  if (pool === undefined || !trust) throw refusal('invalid_target');
  const { assertion, subject } = await judgeAssertion(form.get('subject_token') ?? '', trust, judging);
  const principal = `principal://iam.googleapis.com/${pool}/subject/${subject}`;
  const scopes = (form.get('scope') ?? '').split(' ');
  const { token } = give(google, { principal, assertion, scopes, endsAt: Math.floor(judging.now) + 3_600 });
  const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
  return { status: 200, body: { access_token: token, issued_token_type, token_type: 'Bearer', expires_in: 3_600 } };
}

function impersonate(
  google: FakeGoogle,
  asked: Asked,
  { account, now }: { readonly account: string; readonly now: number },
): Reply {
  const impersonation: Impersonation = { account, body: JSON.parse(asked.body) };
  google.impersonations.push(impersonation);
  const holder = holderOf(google, asked, now);
  const { scopes, seconds } = judgeImpersonation(impersonation, holder, google.accounts.get(account) ?? {});
  const { principal: behind, assertion } = holder;
  const endsAt = Math.floor(now) + seconds;
  const { token } = give(google, { principal: account, behind, assertion, scopes, endsAt });
  return { status: 200, body: { accessToken: token, expireTime: rfc3339(endsAt) } };
}

/** Whose buckets they are stands in the answer: real ones are told apart by what they hold. */
function listBuckets({ principal, behind, scopes }: GoogleToken): Reply {
  if (!scopes.some((scope) => scope === CLOUD_PLATFORM || scope.includes('/devstorage.')))
    throw apiRefusal(403, 'PERMISSION_DENIED');
  return { status: 200, body: { kind: 'storage#buckets', items: [], who: principal, behind } };
}

function holderOf(google: FakeGoogle, asked: Asked, now: number): GoogleToken {
  const found = google.tokens.find(({ token }) => token === bearerOf(asked));
  if (!found || found.endsAt <= now) throw apiRefusal(401, 'UNAUTHENTICATED');
  return found;
}

function give(google: FakeGoogle, given: Omit<GoogleToken, 'token'>): GoogleToken {
  const made = { ...given, token: `ya29.${randomBytes(64).toString('base64url')}` };
  google.tokens.push(made);
  return made;
}

const rfc3339 = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');
