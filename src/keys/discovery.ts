// Where an issuer keeps its keys: its discovery document (OpenID Connect Discovery 1.0 §4, RFC 8414 §3.3), or a URL that the
// operator wrote. Refuses a document of another issuer, and a `jwks_uri` that leads elsewhere: the document's own
// origin and the issuer's are the operator's words, and a few platforms are known to keep keys on a second host of theirs.
// A bearer token is sent to the origin that the operator wrote, and nowhere that a document leads to (KB-08).

import { isJsonObject } from '../core/json.ts';
import { DISCOVERY_BYTES_MAX, KEY_SET_BYTES_MAX } from '../core/limits-outside.ts';
import type { Outbound, OutboundAnswer, OutboundRequest } from '../core/outside.ts';
import { readTokenFile } from '../files/token-file.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';

/** The issuer or base URL to discover from, and the issuer that the document must name; or the key set's own URL. */
export type KeysOrigin = { readonly discovery: string; readonly issuer: string } | { readonly url: string };

export interface FetchParts {
  readonly origin: KeysOrigin;
  readonly outbound: Outbound;
  readonly ca?: string;
  /** Holds a bearer token for the origin, read anew for every request. */
  readonly tokenFile?: string;
  readonly privateNetwork?: boolean;
}

export type Fetched<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: string };

const WELL_KNOWN = '/.well-known/openid-configuration';

/**
 * Issuers that serve their keys from another host, as their published documents say: Google, and Entra's version 1 issuers.
 * For any other, the operator writes the key set's URL. Reached as a public host, without the source's `ca` and `privateNetwork`.
 */
const KEYS_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['https://accounts.google.com', 'https://www.googleapis.com'],
  ['https://securetoken.google.com', 'https://www.googleapis.com'],
  ['https://sts.windows.net', 'https://login.microsoftonline.com'],
]);

/** The text of the origin's key set. Never throws; a problem never quotes what was answered. */
export async function fetchKeySet(parts: FetchParts): Promise<Fetched<string>> {
  const place = 'url' in parts.origin ? ok({ url: parts.origin.url, own: true }) : await discover(parts, parts.origin);
  if (!place.ok) return place;
  const { url, own } = place.value;
  const request = { url, bytesMax: KEY_SET_BYTES_MAX, accept: 'application/jwk-set+json, application/json' };
  return ask(parts, 'key set', own ? { ...request, ...network(parts) } : request);
}

interface Place {
  readonly url: string;
  /** Whether the operator named this origin. */
  readonly own: boolean;
}

type Discovery = Extract<KeysOrigin, { discovery: string }>;

async function discover(parts: FetchParts, origin: Discovery): Promise<Fetched<Place>> {
  const url = discoveryUrl(origin.discovery);
  const request = { url, bytesMax: DISCOVERY_BYTES_MAX, accept: 'application/json', ...network(parts) };
  const text = await ask(parts, 'discovery document', request);
  if (!text.ok) return text;
  const read = readJson(text.value);
  if (!read.ok) return failed(`discovery document: not acceptable JSON (${read.problem})`);
  if (!isJsonObject(read.value)) return failed('discovery document: not a JSON object');
  const { issuer, jwks_uri: jwksUri } = read.value;
  // Byte for byte: a slash more is another issuer.
  if (issuer !== origin.issuer) return failed('discovery document: issuer is not the configured one');
  if (typeof jwksUri !== 'string') return failed('discovery document: no jwks_uri');
  return judgePlace(jwksUri, origin);
}

/** One slash at the end is dropped before the path is appended (Discovery §4.1); the issuer itself keeps it. */
const discoveryUrl = (base: string): string =>
  base.endsWith(WELL_KNOWN) ? base : base.replace(/\/$/, '') + WELL_KNOWN;

function judgePlace(jwksUri: string, origin: Discovery): Fetched<Place> {
  const url = URL.parse(jwksUri);
  if (url?.protocol !== 'https:') return failed('discovery document: jwks_uri is not an https URL');
  const named = [origin.discovery, origin.issuer].map((text) => URL.parse(text)?.origin);
  if (named.includes(url.origin)) return ok({ url: jwksUri, own: true });
  if (named.some((from) => from !== undefined && KEYS_ELSEWHERE.get(from) === url.origin))
    return ok({ url: jwksUri, own: false });
  // An API server names the address that it advertises to its cluster.
  return failed(
    'discovery document: jwks_uri is on another origin; configure the URL of the key set, as it is reached from here, instead: `jwks: { url: ... }`',
  );
}

const network = (parts: FetchParts) => ({
  ...(parts.ca === undefined ? {} : { ca: parts.ca }),
  ...(parts.privateNetwork === undefined ? {} : { privateNetwork: parts.privateNetwork }),
});

async function ask(parts: FetchParts, what: string, request: OutboundRequest): Promise<Fetched<string>> {
  const written = 'url' in parts.origin ? parts.origin.url : parts.origin.discovery;
  if (parts.tokenFile === undefined || URL.parse(written)?.origin !== URL.parse(request.url)?.origin)
    return textOf(what, await parts.outbound.request(request));
  const read = await readTokenFile(parts.tokenFile);
  if (!read.ok) return failed(`${what}: ${read.problem}`);
  return textOf(what, await parts.outbound.request({ ...request, bearer: read.token }));
}

function textOf(what: string, answer: OutboundAnswer): Fetched<string> {
  if (!answer.ok) return failed(`${what}: ${answer.problem} (${answer.detail})`);
  const text = decodeUtf8(answer.body);
  return text === undefined ? failed(`${what}: not UTF-8`) : ok(text);
}

const ok = <Value>(value: Value): Fetched<Value> => ({ ok: true, value });
const failed = (problem: string): { readonly ok: false; readonly problem: string } => ({ ok: false, problem });
