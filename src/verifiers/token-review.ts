// One question to a cluster's API server about one token: TokenReview of authentication.k8s.io/v1 (KB-06, KB-07). It knows what no
// key tells: that a pod or a service account is gone. Asked after every local check, within a deadline, a rate and a number at once
// for each source; the answer is never kept. It vouches only where it says so for our audience and for the same user.

import { isJsonObject, type Json, type JsonObject, valueAt } from '../core/json.ts';
import {
  TOKEN_REVIEW_BYTES_MAX,
  TOKEN_REVIEW_MS,
  TOKEN_REVIEWS_AT_ONCE_MAX,
  TOKEN_REVIEWS_PER_SECOND_MAX,
} from '../core/limits-outside.ts';
import type { Outbound } from '../core/outside.ts';
import type { Clock } from '../core/ports.ts';
import type { ReviewProblem } from '../core/refusal.ts';
import { readTokenFile } from '../files/token-file.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';
import { createGate } from './gate.ts';
import type { Place } from './key-options.ts';

export type Reviewed =
  /** The claims, with what the API server knows beside them. */
  | { readonly reviewed: 'vouched'; readonly claims: JsonObject }
  | { readonly reviewed: 'refused'; readonly problem: ReviewProblem }
  /** It could not be asked, or said nothing that counts; `problem` quotes none of it. */
  | { readonly reviewed: 'unavailable'; readonly problem: string };

/** Asks about a token whose claims have passed every local check. Throws only for faults. Calls may overlap. */
export type TokenReview = (token: string, claims: JsonObject) => Promise<Reviewed>;

export interface TokenReviewParts {
  readonly place: Place;
  readonly audience: string;
  readonly privateNetwork: boolean;
  readonly outbound: Outbound;
  readonly clock: Clock;
  /** Texts of files by path; that of `place.ca` is among them. */
  readonly files: ReadonlyMap<string, string>;
}

const API_VERSION = 'authentication.k8s.io/v1';
const PATH = `/apis/${API_VERSION}/tokenreviews`;

export function createTokenReview(parts: TokenReviewParts): TokenReview {
  const admit = createGate({
    clock: parts.clock,
    perSecondMax: TOKEN_REVIEWS_PER_SECOND_MAX,
    atOnceMax: TOKEN_REVIEWS_AT_ONCE_MAX,
  });
  return async (token, claims) => {
    const leave = admit();
    if (!leave) return unavailable('more reviews than may be asked for');
    try {
      const answer = await ask(parts, token);
      return answer.ok ? judge(answer.text, parts.audience, claims) : unavailable(answer.problem);
    } finally {
      leave();
    }
  };
}

type Asked = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: string };

async function ask(
  { place, audience, privateNetwork, outbound, files }: TokenReviewParts,
  token: string,
): Promise<Asked> {
  const bearer = place.tokenFile === undefined ? undefined : await readTokenFile(place.tokenFile);
  if (bearer && !bearer.ok) return bearer;
  const question = { apiVersion: API_VERSION, kind: 'TokenReview', spec: { token, audiences: [audience] } };
  const answer = await outbound.request({
    url: place.url.replace(/\/$/, '') + PATH,
    bytesMax: TOKEN_REVIEW_BYTES_MAX,
    deadlineMs: TOKEN_REVIEW_MS,
    accept: 'application/json',
    body: { mediaType: 'application/json', text: JSON.stringify(question) },
    privateNetwork,
    ...(place.ca === undefined ? {} : { ca: caOf(place.ca, files) }),
    ...(bearer ? { bearer: bearer.token } : {}),
  });
  if (!answer.ok) return { ok: false, problem: `${answer.problem} (${answer.detail})` };
  const text = decodeUtf8(answer.body);
  return text === undefined ? { ok: false, problem: 'the answer is not UTF-8' } : { ok: true, text };
}

/** Without this text the system's authorities would vouch for a server that the operator meant to name. */
function caOf(path: string, files: ReadonlyMap<string, string>): string {
  const text = files.get(path);
  if (text === undefined) throw new Error('configuration let a file pass that was not read');
  return text;
}

function judge(text: string, audience: string, claims: JsonObject): Reviewed {
  const read = readJson(text);
  if (!read.ok || !isJsonObject(read.value)) return unavailable('the answer is no acceptable JSON object');
  const { apiVersion, kind, status } = read.value;
  if (apiVersion !== API_VERSION || kind !== 'TokenReview' || !isJsonObject(status))
    return unavailable('the answer is no TokenReview');
  if (status.authenticated !== true) return refused('not_authenticated');
  // Without audiences the server has not looked at ours: the token is for the server itself.
  if (!Array.isArray(status.audiences) || !status.audiences.includes(audience)) return refused('audience');
  const { user } = status;
  if (!isJsonObject(user) || user.username !== claims.sub || user.uid !== valueAt(claims, UID)) return refused('user');
  return join(claims, user.extra);
}

const UID = ['kubernetes.io', 'serviceaccount', 'uid'];

/** What the API server says of a user beside the name, and the claim of the token that says the same (KEP-4193, KEP-1205). */
const EXTRA: readonly (readonly [string, string, string])[] = [
  ['authentication.kubernetes.io/pod-name', 'pod', 'name'],
  ['authentication.kubernetes.io/pod-uid', 'pod', 'uid'],
  ['authentication.kubernetes.io/node-name', 'node', 'name'],
  ['authentication.kubernetes.io/node-uid', 'node', 'uid'],
];
const CREDENTIAL = 'authentication.kubernetes.io/credential-id';

/** The claims with what the review adds to them, so that one rule serves either way; what both say must agree. */
function join(claims: JsonObject, extra: Json | undefined): Reviewed {
  if (extra === undefined || extra === null) return { reviewed: 'vouched', claims };
  if (!isJsonObject(extra)) return refused('user');
  const joined: Record<string, Json> = copyOf(claims['kubernetes.io']);
  for (const [name, object, member] of EXTRA) {
    const said = only(extra[name]);
    if (said === undefined) continue;
    const known = valueAt(joined, [object, member]);
    if (known === undefined) joined[object] = Object.assign(copyOf(joined[object]), { [member]: said });
    else if (known !== said) return refused('user');
  }
  const credential = only(extra[CREDENTIAL]);
  const { jti } = claims;
  if (credential !== undefined && jti !== undefined && credential !== `JTI=${jti}`) return refused('user');
  return { reviewed: 'vouched', claims: Object.assign(copyOf(claims), { 'kubernetes.io': joined }) };
}

/** A copy to add to, without a prototype like all JSON here; empty where the value is no object. */
const copyOf = (value: Json | undefined): Record<string, Json> =>
  Object.assign(Object.create(null), isJsonObject(value) ? value : undefined);

/** The one value of an attribute: each is a list. Of several, none is the one. */
function only(values: Json | undefined): string | undefined {
  const [value, ...others] = Array.isArray(values) ? values : [];
  return typeof value === 'string' && others.length === 0 ? value : undefined;
}

const refused = (problem: ReviewProblem): Reviewed => ({ reviewed: 'refused', problem });
const unavailable = (problem: string): Reviewed => ({ reviewed: 'unavailable', problem });
