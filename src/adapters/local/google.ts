// The metadata server of Google Cloud (docs/local.md), as far as Google's libraries ask it: where they are, which project this is, tokens of
// the one service account, identity tokens. Its protocol has no secret: `Metadata-Flavor: Google`, which no browser can be made to send, is
// demanded on every request and stands on every answer, and other users of the machine are refused where it tells them apart. Scopes are
// the target's, whatever is asked.

import { type Endpoint, json, type LocalAnswer, text, type Visit } from './answer.ts';
import type { BearerToken } from './credentials.ts';
import type { Fresh } from './fresh.ts';
import type { Served } from './held.ts';
import type { IsOwnUser } from './peer.ts';

export interface GoogleParts {
  readonly fresh: Fresh<BearerToken>;
  /** The name of the account, where one is given. */
  readonly email: string | undefined;
  readonly project: { readonly id?: string | undefined; readonly number?: string | undefined };
  /** Undefined: programs of every user are served. */
  readonly isOwnUser: IsOwnUser | undefined;
  /** A token of ours for this audience. */
  readonly identity: (audience: string) => Promise<Served<BearerToken>>;
}

const ROOT = '/computeMetadata';
const V1 = `${ROOT}/v1`;
const ACCOUNTS = 'instance/service-accounts';
const UNIVERSE = 'googleapis.com';
/** What every token has where the broker does not say: the target's own scopes decide. */
const SCOPES_DEFAULT = ['https://www.googleapis.com/auth/cloud-platform'];
const FLAVOR = { 'metadata-flavor': 'Google' };

export function createGoogleEndpoint(parts: GoogleParts): Endpoint {
  return Object.freeze({
    has: (path) => path === '/' || path === ROOT || path.startsWith(`${ROOT}/`),
    async answer(visit) {
      const answer = (await refusalOf(parts, visit)) ?? (await find(parts, visit));
      return { ...answer, headers: { ...answer.headers, ...FLAVOR } };
    },
  } satisfies Endpoint);
}

async function refusalOf({ isOwnUser }: GoogleParts, { headers, socket }: Visit): Promise<LocalAnswer | undefined> {
  if (headers['metadata-flavor'] !== 'Google')
    return text(403, 'Missing required header "Metadata-Flavor": "Google".\n');
  return (await isOwnUser?.(socket)) === false ? text(403, 'programs of other users are not served here\n') : undefined;
}

async function find(parts: GoogleParts, { path, query }: Visit): Promise<LocalAnswer> {
  if (query.get('wait_for_change') === 'true') return text(400, 'nothing is waited for here.\n');
  const folder = listings(parts).get(path.replace(/\/$/, ''));
  if (folder)
    return query.get('recursive') === 'true' ? recursive(parts, path) : plain(folder.map((one) => `${one}\n`).join(''));
  if (!path.startsWith(`${V1}/`)) return NOT_FOUND;
  const inside = path.slice(V1.length + 1);
  const [, account, leaf] = /^instance\/service-accounts\/([^/]+)\/([^/]+)$/.exec(inside) ?? [];
  if (account === undefined || leaf === undefined) return plainOr404(valuesOf(parts).get(inside));
  return names(parts).includes(account) ? await ofAccount(parts, leaf, query) : NOT_FOUND;
}

const names = ({ email }: GoogleParts): readonly string[] => (email === undefined ? ['default'] : ['default', email]);

/** Folders as they are listed, by path without the slash at its end. */
function listings(parts: GoogleParts): ReadonlyMap<string, readonly string[]> {
  const projects = [...valuesOf(parts).keys()].flatMap((one) => (one.startsWith('project/') ? [one.slice(8)] : []));
  return new Map<string, readonly string[]>([
    ['', ['computeMetadata/']],
    [ROOT, ['v1/']],
    [V1, ['instance/', 'project/', 'universe/']],
    [`${V1}/instance`, ['service-accounts/']],
    [`${V1}/project`, projects],
    [`${V1}/universe`, ['universe-domain']],
    [`${V1}/${ACCOUNTS}`, names(parts).map((one) => `${one}/`)],
    ...names(parts).map(
      (one) => [`${V1}/${ACCOUNTS}/${one}`, ['aliases', 'email', 'identity', 'scopes', 'token']] as const,
    ),
  ]);
}

function valuesOf({ project }: GoogleParts): ReadonlyMap<string, string> {
  return new Map([
    ...(project.id === undefined ? [] : [['project/project-id', project.id] as const]),
    ...(project.number === undefined ? [] : [['project/numeric-project-id', project.number] as const]),
    ['universe/universe-domain', UNIVERSE],
    // As some releases of Google's libraries spell it.
    ['universe/universe_domain', UNIVERSE],
  ]);
}

/** All of a folder at once, which libraries ask of accounts alone. */
async function recursive(parts: GoogleParts, path: string): Promise<LocalAnswer> {
  const inside = path.replace(/\/$/, '').slice(V1.length + 1);
  const served = await parts.fresh.current();
  const account = {
    aliases: ['default'],
    email: emailOf(parts),
    scopes: served.ok ? scopesOf(served.value) : SCOPES_DEFAULT,
  };
  if (inside === ACCOUNTS) return json(200, Object.fromEntries(names(parts).map((one) => [one, account])));
  return inside.startsWith(`${ACCOUNTS}/`)
    ? json(200, account)
    : text(404, 'only service-accounts/ are listed recursively here.\n');
}

async function ofAccount(parts: GoogleParts, leaf: string, query: URLSearchParams): Promise<LocalAnswer> {
  switch (leaf) {
    case 'aliases':
      return plain('default\n');
    case 'email':
      return plain(emailOf(parts));
    case 'scopes': {
      const served = await parts.fresh.current();
      return served.ok
        ? plain(
            scopesOf(served.value)
              .map((one) => `${one}\n`)
              .join(''),
          )
        : failure(served, 403);
    }
    case 'token': {
      const served = await parts.fresh.current();
      if (!served.ok) return failure(served, 403);
      return json(200, { access_token: served.value.token, expires_in: served.leftSeconds, token_type: 'Bearer' });
    }
    case 'identity': {
      const audiences = query.getAll('audience');
      const [audience] = audiences;
      if (!audience || audiences.length > 1) return text(400, 'non-empty audience parameter required\n');
      const served = await parts.identity(audience);
      return served.ok ? plain(served.value.token) : failure(served, 404);
    }
    default:
      return NOT_FOUND;
  }
}

/** Without a name the account is called by its alias, which every path takes. */
const emailOf = ({ email }: GoogleParts): string => email ?? 'default';

const scopesOf = ({ scopes }: BearerToken): readonly string[] => (scopes.length > 0 ? scopes : SCOPES_DEFAULT);

/** Google's libraries try again after 503 and not after 4xx, and show what the body says. */
const failure = (served: Extract<Served<BearerToken>, { ok: false }>, refused: number): LocalAnswer =>
  served.why === 'refused'
    ? text(refused, `${served.sentence}\n`)
    : text(503, `${served.sentence}\n`, { 'retry-after': String(served.retryAfterSeconds) });

/** The media type of Google's own. */
const plain = (body: string): LocalAnswer => ({ status: 200, headers: { 'content-type': 'application/text' }, body });
const plainOr404 = (value: string | undefined): LocalAnswer => (value === undefined ? NOT_FOUND : plain(value));
const NOT_FOUND = text(404, 'there is nothing here\n');
