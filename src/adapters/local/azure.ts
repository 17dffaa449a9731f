// The managed identity endpoint of Azure App Service (docs/local.md): `GET /msi/token?api-version=2019-08-01&resource=...` with the secret in
// X-IDENTITY-HEADER. A resource has one target, and a token goes out only as one for its own resource; an identity that is asked for by name
// must be the one that the token is of.

import { isJsonObject } from '../../core/json.ts';
import { parseJws } from '../../parsing/jws.ts';
import { type Endpoint, isSecret, json, type LocalAnswer } from './answer.ts';
import type { BearerToken } from './credentials.ts';
import type { Fresh } from './fresh.ts';
import type { Served } from './held.ts';

export const AZURE_PATH = '/msi/token';
const API_VERSION = '2019-08-01';

export interface AzureTarget {
  readonly target: string;
  /** What its tokens are for, where the operator says it; else the token does. */
  readonly resource: string | undefined;
  readonly fresh: Fresh<BearerToken>;
}

export function createAzureEndpoint(targets: readonly AzureTarget[], secret: string): Endpoint {
  return Object.freeze({
    has: (path) => path === AZURE_PATH,
    async answer({ query, headers }) {
      if (!isSecret(headers['x-identity-header'], secret))
        return error(
          401,
          'unauthorized_client',
          'the X-IDENTITY-HEADER of this request is not the secret of this helper',
        );
      const asked = readQuery(query);
      if ('problem' in asked) return error(400, 'invalid_request', asked.problem);
      const states = await Promise.all(targets.map(stateOf));
      const found = states.find(({ resources }) => resources.some((one) => isSame(one, asked.resource)));
      if (!found) return unfound(states, asked.resource);
      return render(found.served, asked);
    },
  } satisfies Endpoint);
}

interface Query {
  readonly resource: string;
  readonly clientId: string | undefined;
}

/** Names of one identity among several that we cannot compare with a token. */
const OTHER_IDENTITIES = ['object_id', 'principal_id', 'mi_res_id', 'msi_res_id'];

function readQuery(query: URLSearchParams): Query | { readonly problem: string } {
  const twice = [...query.keys()].find((name) => query.getAll(name).length > 1);
  if (twice !== undefined) return { problem: 'a parameter stands twice' };
  if (query.get('api-version') !== API_VERSION) return { problem: `api-version must be ${API_VERSION}` };
  const resource = query.get('resource');
  if (!resource) return { problem: 'resource is missing' };
  const other = OTHER_IDENTITIES.find((name) => query.has(name));
  if (other !== undefined) return { problem: `${other} is not served here: leave it out, or use client_id` };
  return { resource, clientId: query.get('client_id') ?? undefined };
}

interface State {
  readonly target: string;
  readonly served: Served<BearerToken>;
  /** Empty where it is not known yet. */
  readonly resources: readonly string[];
}

async function stateOf({ target, resource, fresh }: AzureTarget): Promise<State> {
  const served = await fresh.current();
  if (resource !== undefined) return { target, served, resources: [resource] };
  return { target, served, resources: served.ok ? resourcesOf(served.value) : [] };
}

const DEFAULT_SCOPE = '/.default';

/** What the broker asked for; else whom the token is for. */
function resourcesOf(value: BearerToken): readonly string[] {
  const asked = value.scopes
    .filter((one) => one.endsWith(DEFAULT_SCOPE))
    .map((one) => one.slice(0, -DEFAULT_SCOPE.length));
  const { aud } = claimsOf(value) ?? {};
  return typeof aud === 'string' ? [...asked, aud] : asked;
}

/** Of a token that the broker gave over TLS: to compare with, never to decide who anybody is. */
function claimsOf({ token }: BearerToken) {
  const parsed = parseJws(token);
  return parsed.ok && isJsonObject(parsed.jws.claims) ? parsed.jws.claims : undefined;
}

/** Entra takes a resource with and without the slash at its end for one. */
const isSame = (one: string, other: string): boolean => one.replace(/\/$/, '') === other.replace(/\/$/, '');

function unfound(states: readonly State[], resource: string): LocalAnswer {
  // It may be the one whose resource nobody could say yet.
  const unknown = states.find(({ resources }) => resources.length === 0);
  if (unknown && !unknown.served.ok) return failure(unknown.served);
  const known = states.flatMap(({ target, resources }) => resources.map((one) => `${one} (${target})`)).join(', ');
  const hint = unknown
    ? `; what ${unknown.target} is for its token does not say: --azure ${unknown.target}=RESOURCE does`
    : '';
  return error(
    400,
    'invalid_resource',
    `no target here is for ${resource.slice(0, 200)}; there are: ${known || 'none'}${hint}`,
  );
}

function render(served: Served<BearerToken>, { resource, clientId }: Query): LocalAnswer {
  if (!served.ok) return failure(served);
  const { appid, azp } = claimsOf(served.value) ?? {};
  const client = typeof appid === 'string' ? appid : azp;
  if (clientId !== undefined && client !== clientId)
    return error(400, 'invalid_client', 'the target here is another identity than the client_id that is asked for');
  return json(200, {
    access_token: served.value.token,
    expires_on: String(Math.floor(served.endsAtSeconds)),
    resource,
    token_type: 'Bearer',
    ...(typeof client === 'string' ? { client_id: client } : {}),
  });
}

const failure = (served: Extract<Served<BearerToken>, { ok: false }>): LocalAnswer =>
  served.why === 'refused'
    ? error(403, 'access_denied', served.sentence)
    : error(503, 'temporarily_unavailable', served.sentence, { 'retry-after': String(served.retryAfterSeconds) });

/** MSAL reads `error` and `error_description`. */
const error = (status: number, code: string, description: string, headers: Readonly<Record<string, string>> = {}) =>
  json(status, { error: code, error_description: description }, headers);
