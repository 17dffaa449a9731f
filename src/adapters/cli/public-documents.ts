// The documents by which the world verifies our tokens, judged before they are published anywhere: the metadata of this very issuer, a JWK
// Set beside it, and in that only public members that clouds know (CA-01, CG-03, MD-02, MD-09). A private member is refused, whoever serves
// it. Gives nothing of a document in a problem but names of members.

import { isJsonObject, type Json, type JsonObject } from '../../core/json.ts';
import { CLOUD_KEYS_MAX } from '../../core/limits-cloud.ts';
import { readJson } from '../../parsing/json.ts';
import { shown } from './shown.ts';

/** Texts, byte for byte as the broker serves them. */
export interface PublicDocuments {
  readonly issuer: string;
  /** `/.well-known/openid-configuration` behind the issuer. */
  readonly metadata: string;
  /** What its `jwks_uri` gives. */
  readonly jwks: string;
}

export type JudgedDocuments =
  | {
      readonly ok: true;
      /** Below the issuer's URL, without the slash before it. */
      readonly jwksPath: string;
      readonly kids: readonly string[];
    }
  | { readonly ok: false; readonly problem: string };

export const METADATA_PATH = '.well-known/openid-configuration';

/** By key type: every member that Google takes in an uploaded set, and all that any cloud needs. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  RSA: ['kty', 'kid', 'use', 'alg', 'n', 'e'],
  EC: ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y'],
};
/** RFC 7518 §6: what only the owner of a key has, of whatever type. */
const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
/** What AWS, Google Cloud and Azure all verify. */
const ALGORITHM = 'RS256';

const no = (problem: string): JudgedDocuments => ({ ok: false, problem });

/** Whether these may be published. Never throws. */
export function judgeDocuments({ issuer, metadata, jwks }: PublicDocuments): JudgedDocuments {
  const [document, set] = [objectOf(metadata), objectOf(jwks)];
  if (!document) return no('the metadata is no JSON object');
  if (document.issuer !== issuer) return no(`the metadata is not that of ${issuer}`);
  const jwksPath = below(issuer, document.jwks_uri);
  if (jwksPath === undefined) return no(`jwks_uri is no plain address below ${issuer}`);
  const { id_token_signing_alg_values_supported: algorithms } = document;
  if (!(Array.isArray(algorithms) && algorithms.includes(ALGORITHM)))
    return no(`the metadata does not say that ${ALGORITHM} signs`);
  if (!set) return no('the key set is no JSON object');
  const { keys, ...others } = set;
  if (!Array.isArray(keys) || Object.keys(others).length > 0)
    return no('the key set has more in it than keys, or none');
  const problem = keys.map(keyProblem).find((one) => one !== undefined) ?? setProblem(keys.filter(isJsonObject));
  if (problem !== undefined) return no(problem);
  return { ok: true, jwksPath, kids: keys.filter(isJsonObject).map(({ kid }) => String(kid)) };
}

function keyProblem(key: Json, index: number): string | undefined {
  const where = `keys[${index}]`;
  if (!isJsonObject(key)) return `${where} is no object`;
  // First: whatever else is wrong with it.
  if (PRIVATE.some((member) => Object.hasOwn(key, member)))
    return `${where} has a private member; nothing is published`;
  const members = typeof key.kty === 'string' && Object.hasOwn(MEMBERS, key.kty) ? MEMBERS[key.kty] : undefined;
  if (!members) return `${where} is neither an RSA nor an EC key`;
  const unknown = Object.keys(key).find((member) => !members.includes(member));
  if (unknown !== undefined) return `${where} has a member that clouds may refuse: ${shown(unknown)}`;
  const missing = members.find((member) => typeof key[member] !== 'string');
  if (missing !== undefined) return `${where} has no ${missing}`;
  return key.use === 'sig' ? undefined : `${where} is not for signatures`;
}

function setProblem(keys: readonly JsonObject[]): string | undefined {
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) return 'two keys have one kid';
  if (!keys.some(({ alg }) => alg === ALGORITHM)) return `there is no ${ALGORITHM} key`;
  const full = Object.keys(MEMBERS).find((type) => keys.filter(({ kty }) => kty === type).length > CLOUD_KEYS_MAX);
  return full === undefined ? undefined : `there are more than ${CLOUD_KEYS_MAX} ${full} keys`;
}

/** The path from the issuer to an address; undefined where it is not below it, or could be read in two ways. */
function below(issuer: string, address: Json | undefined): string | undefined {
  const base = `${issuer.replace(/\/$/, '')}/`;
  if (typeof address !== 'string' || !address.startsWith(base)) return undefined;
  const path = address.slice(base.length);
  return path.split('/').every((segment) => /^[A-Za-z0-9._~-]+$/.test(segment) && !/^\.\.?$/.test(segment))
    ? path
    : undefined;
}

function objectOf(text: string): JsonObject | undefined {
  const read = readJson(text);
  return read.ok && isJsonObject(read.value) ? read.value : undefined;
}
