// The keys of every trust source, across reloads: one cache for each origin, kept by a digest of the origin and of what its
// file holds, so that a reload which does not touch a source keeps its keys and its cooldowns. Owns the caches' lifetime.

import { createHash } from 'node:crypto';
import type { Clock, KeyOrigin, KeySource, Outbound, RandomBytes, SignatureAlgorithm } from '../core/ports.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { KeysOrigin } from './discovery.ts';
import { type KeySet, readKeySet } from './jwk-set.ts';
import { createPinnedKeys } from './pinned-keys.ts';
import { createRemoteKeys } from './remote-jwks.ts';
import type { KeysEvent, KeysStatus } from './status.ts';
import { readTrustBundle } from './trust-bundles.ts';

/** A source's keys, and the digest that they are kept by. */
export interface CachedKeys {
  readonly digest: string;
  readonly keys: KeySource & { status(): KeysStatus };
  /** Empty for an origin that is no bundle. */
  readonly authorities: Authorities;
  /** Keys in a file that are not used, for the operator to see. */
  readonly ignored: KeySet extends infer Set ? (Set extends { ignored: infer Ignored } ? Ignored : never) : never;
}

export interface KeyCaches {
  /** The keys of an origin; `files` holds the text of every file that configuration names. A problem where a file is no key set. */
  open(
    origin: KeyOrigin,
    algorithms: readonly SignatureAlgorithm[],
    files: ReadonlyMap<string, string>,
  ): Promise<OpenedKeys>;
  /** Closes every cache but these. */
  retain(digests: ReadonlySet<string>): void;
}

export type OpenedKeys =
  | { readonly ok: true; readonly opened: CachedKeys }
  | { readonly ok: false; readonly problem: string };

export interface KeyCachesParts {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** `digest` is that of the cache whose origin was asked. */
  readonly onEvent: (digest: string, event: KeysEvent) => void;
}

const NONE: Authorities = Object.freeze({ current: () => ({ found: [] }) });

type Held = CachedKeys & { readonly close: () => void };

export function createKeyCaches(parts: KeyCachesParts): KeyCaches {
  const caches = new Map<string, Held>();

  return Object.freeze({
    async open(origin, algorithms, files) {
      const text = 'file' in origin ? files.get(origin.file) : undefined;
      const ca = 'ca' in origin && origin.ca !== undefined ? files.get(origin.ca) : undefined;
      const digest = createHash('sha256')
        .update(JSON.stringify([origin, algorithms, text, ca]))
        .digest('hex');
      const known = caches.get(digest);
      if (known) return { ok: true, opened: known };

      const made =
        origin.from === 'none'
          ? noKeys(digest)
          : text === undefined
            ? remote(parts, origin, algorithms, ca, digest)
            : await pinned(origin, algorithms, text, digest);
      if (!made.ok) return made;
      caches.set(digest, made.held);
      return { ok: true, opened: made.held };
    },
    retain(digests) {
      for (const [digest, { close }] of caches) {
        if (digests.has(digest)) continue;
        close();
        caches.delete(digest);
      }
    },
  } satisfies KeyCaches);
}

type Made = { readonly ok: true; readonly held: Held } | { readonly ok: false; readonly problem: string };

/** Nothing is proved by keys here: whoever is asked about every token knows. */
function noKeys(digest: string): Made {
  const keys = createPinnedKeys([]);
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: [], close: keys.close } };
}

async function pinned(
  origin: KeyOrigin,
  algorithms: readonly SignatureAlgorithm[],
  text: string,
  digest: string,
): Promise<Made> {
  const set =
    origin.from === 'bundle'
      ? await readTrustBundle(text, algorithms)
      : await readKeySet(text, { use: 'sig', algorithms });
  if (!set.ok) return set;
  const keys = createPinnedKeys(set.keys, 'file' in origin ? origin.file : undefined);
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: set.ignored, close: keys.close } };
}

function remote(
  parts: KeyCachesParts,
  origin: KeyOrigin,
  algorithms: readonly SignatureAlgorithm[],
  ca: string | undefined,
  digest: string,
): Made {
  const place = placeOf(origin);
  if (!place) return { ok: false, problem: 'the file was not read' };
  const keys = createRemoteKeys({
    outbound: parts.outbound,
    clock: parts.clock,
    randomBytes: parts.randomBytes,
    ...place,
    use: 'sig',
    algorithms,
    ...(ca === undefined ? {} : { ca }),
    onEvent: (event) => parts.onEvent(digest, event),
  });
  keys.start();
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: [], close: keys.close } };
}

interface Place {
  readonly origin: KeysOrigin;
  readonly privateNetwork: boolean;
  readonly tokenFile?: string;
}

function placeOf(origin: KeyOrigin): Place | undefined {
  switch (origin.from) {
    case 'discovery':
      return place({ discovery: origin.base ?? origin.issuer, issuer: origin.issuer }, origin);
    case 'url':
      return place({ url: origin.url }, origin);
    case 'file':
    case 'none':
    case 'bundle':
    case 'bundle_endpoint':
    case 'workload_api':
      return undefined;
  }
}

const place = (
  origin: KeysOrigin,
  { privateNetwork, tokenFile }: Pick<Place, 'privateNetwork' | 'tokenFile'>,
): Place => ({
  origin,
  privateNetwork,
  ...(tokenFile === undefined ? {} : { tokenFile }),
});
