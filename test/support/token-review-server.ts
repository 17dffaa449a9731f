// An API server as far as a broker asks one: TokenReview of authentication.k8s.io/v1, the discovery document and the keys, over TLS,
// for whoever bears its token. It judges tokens as a cluster does: signature, issuers, times, audiences, and whether the service
// account and the pod still are. A test deletes pods, and makes it slow, broken or wrong.

import { verify } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Forge, Json } from './forge.ts';
import { setOf } from './forge.ts';
import { openTlsServer, type TlsServer } from './tls-server.ts';

export interface ApiServer extends TlsServer {
  /** The base of its addresses. */
  readonly base: string;
  /** The bearer token that it takes now; undefined: anybody is let in. */
  bearer: string | undefined;
  /** Names of service accounts, and of pods, that are gone. */
  readonly deleted: Set<string>;
  /** What its discovery document says, beside what it would say. */
  document: Json;
  /** Instead of the answer to a review: nothing at all, a status, or a text with status 201. */
  failing: 'silent' | number | string | undefined;
  /** Changes what a review says. */
  twist: (status: Status) => unknown;
  /** The reviews that were asked for, as they were sent. */
  readonly reviews: Json[];
  /** How many reviews are being answered. */
  answering(): number;
}

export interface Status {
  readonly authenticated?: boolean;
  readonly audiences?: readonly string[];
  readonly user: {
    readonly username?: string;
    readonly uid?: string;
    readonly extra?: Readonly<Record<string, unknown>>;
  };
  readonly error?: string;
}

export interface ApiServerOptions {
  readonly cluster: Forge;
  /** The first signs, the others are accepted still (`--service-account-issuer`, repeated). */
  readonly issuers: readonly string[];
  readonly now: () => number;
  readonly bearer?: string;
}

const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews';
const API_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

export async function openApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const state = { answering: 0 };
  const server = await openTlsServer((request, response) => {
    void answer(request, response).catch(() => response.destroy());
  });
  const base = `https://localhost:${server.port}`;
  const api: ApiServer = {
    ...server,
    base,
    bearer: options.bearer,
    deleted: new Set(),
    document: {},
    failing: undefined,
    twist: (status) => status,
    reviews: [],
    answering: () => state.answering,
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const say = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (api.bearer !== undefined && request.headers.authorization !== `Bearer ${api.bearer}`)
      say(request.headers.authorization === undefined ? 403 : 401, { kind: 'Status', status: 'Failure' });
    else if (request.url === '/.well-known/openid-configuration') say(200, documentOf(options.issuers[0], api));
    else if (request.url === '/openid/v1/jwks') response.end(setOf(options.cluster.jwk));
    else if (request.url === REVIEWS && request.method === 'POST') await review(request, response, say);
    else say(404, { kind: 'Status', status: 'Failure' });
  }

  async function review(
    request: IncomingMessage,
    response: ServerResponse,
    say: (status: number, value: unknown) => void,
  ): Promise<void> {
    state.answering += 1;
    response.on('close', () => {
      state.answering -= 1;
    });
    const asked: Json = JSON.parse(Buffer.concat(await request.toArray()).toString());
    api.reviews.push(asked);
    const { failing } = api;
    if (failing === 'silent') return;
    if (typeof failing === 'number') say(failing, { kind: 'Status', status: 'Failure' });
    else if (typeof failing === 'string') response.writeHead(201).end(failing);
    else say(201, { ...asked, status: api.twist(judge(asked.spec as Asked, options, api.deleted)) });
  }

  return api;
}

/** What an API server says of itself: no whole OpenID document (KB-09). */
const documentOf = (issuer: string | undefined, { base, document }: ApiServer): Json => ({
  issuer,
  jwks_uri: `${base}/openid/v1/jwks`,
  response_types_supported: ['id_token'],
  subject_types_supported: ['public'],
  id_token_signing_alg_values_supported: ['RS256'],
  ...document,
});

interface Asked {
  readonly token: string;
  readonly audiences?: readonly string[];
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

interface Claims {
  readonly iss: string;
  readonly aud?: readonly string[];
  readonly exp?: number;
  readonly jti?: string;
  readonly 'kubernetes.io': {
    readonly namespace: string;
    readonly serviceaccount: Named;
    readonly pod?: Named;
    readonly node?: Named;
  };
}

function judge({ token, audiences }: Asked, options: ApiServerOptions, deleted: ReadonlySet<string>): Status {
  const no = (why: string): Status => ({ user: {}, error: `[invalid bearer token, ${why}]` });
  const [header = '', payload = '', signature = ''] = token.split('.');
  const input = Buffer.from(`${header}.${payload}`);
  const signed = verify('sha256', input, options.cluster.publicKey, Buffer.from(signature, 'base64url'));
  if (!signed) return no('the signature is invalid');
  const claims: Claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  if (!options.issuers.includes(claims.iss)) return no('the issuer is another');
  if ((claims.exp ?? 0) <= options.now()) return no('the token has expired');
  const wanted = audiences ?? [API_AUDIENCE];
  const shared = wanted.filter((audience) => claims.aud?.includes(audience));
  if (shared.length === 0) return no('the audiences differ');
  const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
  if (deleted.has(serviceaccount.name)) return no('the service account is deleted');
  if (pod && deleted.has(pod.name)) return no('the pod is deleted');
  return {
    authenticated: true,
    audiences: shared,
    user: {
      username: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
      uid: serviceaccount.uid,
      extra: {
        ...(claims.jti && { 'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`] }),
        ...(pod && named('pod', pod)),
        ...(node && named('node', node)),
      },
    },
  };
}

const named = (object: string, { name, uid }: Named) => ({
  [`authentication.kubernetes.io/${object}-name`]: [name],
  [`authentication.kubernetes.io/${object}-uid`]: [uid],
});
