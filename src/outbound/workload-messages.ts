// What messages of the Workload API mean (SPIFFE Workload API §4.4, §5.2, §6.2): the first X.509-SVID as our identity, and bundles by
// trust domain. Everything is bounded and checked before it replaces what was there: what cannot be read changes nothing, for an
// identity or for the one trust domain whose bundle it is. Judges no path and no key of a bundle; who uses them does.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { isJsonObject } from '../core/json.ts';
import {
  KEY_SET_BYTES_MAX,
  WORKLOAD_BUNDLES_MAX,
  WORKLOAD_CERTIFICATES_MAX,
  WORKLOAD_CHAIN_MAX,
  WORKLOAD_SVIDS_MAX,
} from '../core/limits-outside.ts';
import type { WorkloadIdentity } from '../core/outside.ts';
import { splitSequences } from '../parsing/der.ts';
import { decodeUtf8, readJson } from '../parsing/json.ts';
import { parseSpiffeId, parseTrustDomain, type TrustDomain } from '../parsing/spiffe-id.ts';
import type { BundleMap, X509SvidMessage, X509SvidResponse } from './workload-rpc.ts';

export type X509Bundles = ReadonlyMap<string, readonly Uint8Array[]>;

export type IdentityRead =
  /** `undefined`: the message has no X.509-SVID, which takes the former one back (§4.4). */
  | { readonly identity: WorkloadIdentity | undefined }
  /** Nothing changes. Without a byte of the message. */
  | { readonly problem: string };

/** The default identity: the first (§5.3). Another would be somebody else, so where the first cannot be read none is taken. */
export function readIdentity({ svids }: X509SvidResponse, before: WorkloadIdentity | undefined): IdentityRead {
  if (svids.length > WORKLOAD_SVIDS_MAX) return { problem: `more than ${WORKLOAD_SVIDS_MAX} X.509-SVIDs` };
  const [first] = svids;
  if (!first) return { identity: undefined };
  const read = readSvid(first);
  return 'identity' in read && before && read.identity && isDeepStrictEqual(read.identity, before)
    ? { identity: before }
    : read;
}

function readSvid({ spiffe_id, x509_svid, x509_svid_key }: X509SvidMessage): IdentityRead {
  const id = parseSpiffeId(spiffe_id);
  if (!id || id.path === '') return { problem: 'an X.509-SVID without the SPIFFE ID of a workload' };
  const chain = readCertificates(x509_svid, WORKLOAD_CHAIN_MAX);
  const leaf = chain?.[0];
  if (!chain || !leaf) return { problem: 'an X.509-SVID whose chain cannot be read' };
  const key = readKey(x509_svid_key);
  if (!key) return { problem: 'an X.509-SVID whose private key cannot be read' };
  if (!leaf.checkPrivateKey(key)) return { problem: 'an X.509-SVID with the private key of another certificate' };
  if (!names(leaf, id.text)) return { problem: 'an X.509-SVID with the certificate of another SPIFFE ID' };
  return {
    identity: Object.freeze({
      spiffeId: id.text,
      tls: Object.freeze({
        certificate: chain.map((certificate) => certificate.toString()).join(''),
        key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
      }),
      // A chain is worth as long as the first of its certificates that ends.
      expiresAtSeconds: Math.min(...chain.map(({ validToDate }) => validToDate.getTime() / 1000)),
    }),
  };
}

function readCertificates(bytes: Uint8Array, countMax: number): readonly X509Certificate[] | undefined {
  try {
    return splitSequences(bytes, countMax)?.map((der) => new X509Certificate(der));
  } catch {
    return undefined;
  }
}

function readKey(der: Uint8Array): KeyObject | undefined {
  try {
    return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

/** Whether this is the one URI of the certificate (X509-SVID §2). OpenSSL puts names that hold separators in quotes. */
function names(leaf: X509Certificate, id: string): boolean {
  const uris = (leaf.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:'));
  return uris.length === 1 && uris[0] === `URI:${id}`;
}

export interface BundlesRead<T> {
  /** By trust domain; the very map that there was before, where nothing changed. */
  readonly bundles: ReadonlyMap<string, T>;
  readonly problems: readonly string[];
}

interface BundleFormat<T> {
  /** Undefined where the bytes are no bundle. */
  readonly read: (bytes: Uint8Array) => T | undefined;
  readonly equal: (a: T, b: T) => boolean;
}

/** The X.509 bundles of a message, in place of those that there were. A domain that has none any more has no entry. */
export function readX509Bundles(map: BundleMap, before: X509Bundles | undefined): BundlesRead<readonly Uint8Array[]> {
  let left = WORKLOAD_CERTIFICATES_MAX;
  return readBundles(map, before, {
    read(bytes) {
      const certificates = readCertificates(bytes, left);
      left -= certificates?.length ?? 0;
      return certificates && Object.freeze(certificates.map(({ raw }) => new Uint8Array(raw)));
    },
    equal: (a, b) => a.length === b.length && a.every((der, index) => Buffer.compare(der, b[index] ?? EMPTY) === 0),
  });
}

const EMPTY = new Uint8Array();

/** The bundles of a message with X.509-SVIDs: that of each SVID's own trust domain, and the federated ones (§5.2.1). */
export function bundlesOfSvids({ svids, federated_bundles }: X509SvidResponse): BundleMap {
  const own = svids.slice(0, WORKLOAD_SVIDS_MAX).flatMap(({ spiffe_id, bundle }) => {
    const domain = parseSpiffeId(spiffe_id)?.trustDomain;
    return domain === undefined ? [] : [[`spiffe://${domain}`, bundle] as const];
  });
  // Of several SVIDs of one domain the first says what its bundle is, and before anybody who federates.
  return { ...federated_bundles, ...Object.fromEntries(own.reverse()) };
}

/** The JWT bundles of a message: that each is a JSON object in UTF-8 is checked here, its keys where they are used. */
export const readJwtBundles = (map: BundleMap, before: ReadonlyMap<string, string> | undefined): BundlesRead<string> =>
  readBundles(map, before, {
    read(bytes) {
      const text = bytes.length > KEY_SET_BYTES_MAX ? undefined : decodeUtf8(bytes);
      const json = text === undefined ? undefined : readJson(text);
      return json?.ok && isJsonObject(json.value) ? text : undefined;
    },
    equal: (a, b) => a === b,
  });

function readBundles<T>(
  map: BundleMap,
  before: ReadonlyMap<string, T> | undefined,
  { read, equal }: BundleFormat<T>,
): BundlesRead<T> {
  const entries = Object.entries(map);
  if (entries.length > WORKLOAD_BUNDLES_MAX)
    return unchanged(before, `bundles of more than ${WORKLOAD_BUNDLES_MAX} trust domains`);
  const problems = new Set<string>();
  const bundles = new Map<string, T>();
  const named = new Map<TrustDomain, Uint8Array | undefined>();
  for (const [key, bytes] of entries) {
    const domain = domainOf(key);
    if (domain === undefined) problems.add('a bundle of something that is no trust domain');
    // Nobody can say which of the two spellings is meant.
    else named.set(domain, named.has(domain) ? undefined : bytes);
  }
  for (const [domain, bytes] of named) {
    const old = before?.get(domain);
    const bundle = bytes && (bytes.length === 0 ? NONE : read(bytes));
    if (bundle === NONE) continue;
    if (bundle === undefined) problems.add(bytes ? 'a bundle that cannot be read' : 'two bundles of one trust domain');
    const kept = bundle === undefined || (old !== undefined && equal(bundle, old)) ? old : bundle;
    if (kept !== undefined) bundles.set(domain, kept);
  }
  const changed =
    before?.size !== bundles.size || [...bundles].some(([domain, bundle]) => before.get(domain) !== bundle);
  return { bundles: changed ? bundles : before, problems: [...problems] };
}

/** An empty bundle: the domain has no authorities (§4.4). */
const NONE = Symbol('none');

const unchanged = <T>(before: ReadonlyMap<string, T> | undefined, problem: string): BundlesRead<T> => ({
  bundles: before ?? new Map(),
  problems: [problem],
});

/** The standard has the SPIFFE ID of the trust domain as the key; its older servers, and SPIRE's bundles by file, its bare name. */
function domainOf(key: string): TrustDomain | undefined {
  const id = parseSpiffeId(key);
  return id ? (id.path === '' ? id.trustDomain : undefined) : parseTrustDomain(key);
}
