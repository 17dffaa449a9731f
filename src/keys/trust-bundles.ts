// The trust bundle of one SPIFFE trust domain (SPIFFE Trust Domain and Bundle §4 and §5): the keys of its JWT-SVIDs and the
// authorities of its X.509-SVIDs, each from entries of that use alone (SJ-10, SX-11). Anything unknown is left alone (SB-04),
// and no further member is demanded (SB-08). A bundle with nothing usable is one, and then nobody of the trust domain can
// prove anything (SB-03); a text that is no bundle is a problem. Bundles of two trust domains are never merged (SF-02).

import { isJsonObject, type Json, type JsonObject } from '../core/json.ts';
import { BUNDLE_REFRESH_SECONDS_MAX, BUNDLE_REFRESH_SECONDS_MIN, KEY_SET_BYTES_MAX } from '../core/limits-outside.ts';
import type { SignatureAlgorithm, VerificationKey } from '../core/outside.ts';
import { readPemCertificates } from '../parsing/pem.ts';
import type { Certificate } from '../x509/certificate.ts';
import { isX509Entry, readAuthorities, readAuthorityCertificates } from './bundle-authorities.ts';
import { type IgnoredKey, readKeySetObject, readKeys } from './jwk-set.ts';

export interface TrustBundle {
  readonly keys: readonly VerificationKey[];
  readonly authorities: readonly Certificate[];
  /** Entries of either use that are not used, and those of a use that nobody knows. */
  readonly ignored: readonly IgnoredKey[];
  /** `spiffe_sequence`, where it is there and is a count. */
  readonly sequence?: bigint;
  /** `spiffe_refresh_hint`, clamped. */
  readonly refreshHintSeconds?: number;
}

export type TrustBundleRead =
  | { readonly ok: true; readonly bundle: TrustBundle }
  | { readonly ok: false; readonly problem: string };

export interface BundleDemands {
  readonly trustDomain: string;
  readonly algorithms: readonly SignatureAlgorithm[];
}

const SEQUENCE = 'spiffe_sequence';
const SEQUENCE_MAX = 2n ** 64n - 1n;

/** Reads a bundle file: as JSON, or as PEM certificates, which are X.509 authorities and no keys of JWT-SVIDs. Never throws. */
export async function readBundleFile(text: string, demands: BundleDemands): Promise<TrustBundleRead> {
  if (!/^-----BEGIN /m.test(text) || /^\s*\{/.test(text)) return readTrustBundle(text, demands);
  if (text.length > KEY_SET_BYTES_MAX) return { ok: false, problem: `is larger than ${KEY_SET_BYTES_MAX} bytes` };
  const pem = readPemCertificates(text);
  return pem.ok ? { ok: true, bundle: { keys: [], ...readAuthorityCertificates(pem.ders) } } : pem;
}

/**
 * Reads a bundle in JSON, or the entry of the trust domain in a map of bundles (§5.1.1). Never throws; says what is wrong without
 * a byte of the text.
 */
export async function readTrustBundle(text: string, demands: BundleDemands): Promise<TrustBundleRead> {
  const root = readKeySetObject(text, { wide: SEQUENCE });
  if (!root.ok) return root;
  const { trust_domains: map } = root.value;
  if (map === undefined) return readBundle(root.value, demands);
  if (!isJsonObject(map)) return { ok: false, problem: 'has a `trust_domains` that is no object' };
  const own = Object.hasOwn(map, demands.trustDomain) ? map[demands.trustDomain] : undefined;
  if (!isJsonObject(own)) return { ok: false, problem: `has no bundle of ${demands.trustDomain}` };
  const read = await readBundle(own, demands);
  if (!read.ok) return read;
  // A bundle's own hint must not move how often its map is fetched (SB-06).
  const { refreshHintSeconds: _, ...bundle } = read.bundle;
  return { ok: true, bundle };
}

async function readBundle(root: JsonObject, { algorithms }: BundleDemands): Promise<TrustBundleRead> {
  const set = await readKeys(root, { use: 'jwt-svid', algorithms });
  if (!set.ok) return set;
  const elements: readonly Json[] = Array.isArray(root.keys) ? root.keys : [];
  const x509 = readAuthorities(elements);
  const others = set.ignored.filter(({ index }) => !isX509Entry(elements[index]));
  const ignored = [
    ...others.map((key) => (isForeign(elements[key.index]) ? { ...key, foreign: true as const } : key)),
    ...x509.ignored,
  ];
  const bundle: TrustBundle = {
    keys: set.keys,
    authorities: x509.authorities,
    ignored: Object.freeze(ignored.sort((one, other) => one.index - other.index)),
    ...sequenceOf(root[SEQUENCE]),
    ...refreshHintOf(root.spiffe_refresh_hint),
  };
  return { ok: true, bundle };
}

/** Neither without a use nor with one of ours in other letters: those are mistakes of whoever wrote them. */
const isForeign = (element: Json | undefined): boolean =>
  isJsonObject(element) && typeof element.use === 'string' && !/^(?:jwt|x509)-svid$/i.test(element.use);

const isCount = (value: Json | undefined): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/** SB-01: 64 bits. Beyond 2^53 it comes as text; as text it may also have been written (RFC 7493 §2.2). */
function sequenceOf(value: Json | undefined) {
  if (!isCount(value) && !(typeof value === 'string' && /^(?:0|[1-9][0-9]{0,19})$/.test(value))) return {};
  const sequence = BigInt(value);
  return sequence <= SEQUENCE_MAX ? { sequence } : {};
}

/** SB-02: only a hint, so nonsense is no hint, and an extreme one is brought within our limits. */
function refreshHintOf(value: Json | undefined) {
  if (!isCount(value) || value === 0) return {};
  const seconds = Math.min(Math.max(value, BUNDLE_REFRESH_SECONDS_MIN), BUNDLE_REFRESH_SECONDS_MAX);
  return { refreshHintSeconds: seconds };
}
