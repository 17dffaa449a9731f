// The keys of every trust source, across reloads: one cache for each origin, kept by a digest of the origin and of what its
// files hold, so that a reload which does not touch a source keeps its keys and its cooldowns. Owns the caches' lifetime.

import { createHash } from 'node:crypto';
import type { KeyOrigin, KeySource } from '../core/outside.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { KeysOrigin } from './discovery.ts';
import { type IgnoredKey, readKeySet } from './jwk-set.ts';
import { type OpenBundleParts, type OpenWith, openBundle, voucherNeeded } from './open-bundle.ts';
import type { OwnKeys } from './own-keys.ts';
import { createPinnedKeys } from './pinned-keys.ts';
import { createRemoteKeys } from './remote-jwks.ts';
import type { KeysEvent, KeysStatus } from './status.ts';

/** A source's keys, and the digest that they are kept by. */
export interface CachedKeys {
  readonly digest: string;
  readonly keys: KeySource & { status(): KeysStatus };
  /** Empty for an origin that is no bundle. */
  readonly authorities: Authorities;
  /** Keys in a file that are not used, for the operator to see. */
  readonly ignored: readonly IgnoredKey[];
}

export interface KeyCaches {
  /** The keys of an origin. A problem where a file does not hold what it should, or nobody vouches for an endpoint. */
  open(origin: KeyOrigin, context: OpenWith): Promise<OpenedKeys>;
  /** Closes every cache but these. */
  retain(digests: ReadonlySet<string>): void;
}

export type OpenedKeys =
  | { readonly ok: true; readonly opened: CachedKeys }
  /** `at`: the option of the source that is wrong. */
  | { readonly ok: false; readonly problem: string; readonly at: readonly string[] };

export interface KeyCachesParts extends Omit<OpenBundleParts, 'onEvent'> {
  readonly ownKeys: OwnKeys;
  /** `digest` is that of the cache whose origin was asked. */
  readonly onEvent: (digest: string, event: KeysEvent) => void;
}

const NONE: Authorities = Object.freeze({ current: () => ({ found: [] }) });

type Held = CachedKeys & { readonly close: () => void };

export function createKeyCaches(parts: KeyCachesParts): KeyCaches {
  const caches = new Map<string, Held>();

  /** `above`: the trust domains whose endpoints wait for this bundle to vouch for them. */
  async function open(origin: KeyOrigin, context: OpenWith, above: readonly string[]): Promise<OpenedKeys> {
    const vouched = await vouch(origin, context, above);
    if (vouched && !vouched.ok) return vouched;
    const voucher = vouched?.opened;
    const digest = digestOf(origin, context, voucher?.digest);
    const known = caches.get(digest);
    if (known) return { ok: true, opened: known };
    const made = await make(parts, origin, { ...context, digest, voucher: voucher?.authorities });
    if (!made.ok) return made;
    caches.set(digest, made.held);
    return { ok: true, opened: made.held };
  }

  async function vouch(origin: KeyOrigin, context: OpenWith, above: readonly string[]) {
    const domain = voucherNeeded(origin);
    if (domain === undefined || origin.from !== 'bundle_endpoint') return undefined;
    const from = context.bundles.get(domain);
    if (!from) return unvouched(`no source has the trust domain ${domain}, whose bundle must prove the endpoint`);
    const waiting = [...above, origin.trustDomain];
    if (waiting.includes(domain)) return unvouched(`the endpoints of ${waiting.join(', ')} wait for each other`);
    const opened = await open(from, context, waiting);
    if (opened.ok) return opened;
    return unvouched(`the bundle of ${domain}, which must prove the endpoint, cannot be used: ${opened.problem}`);
  }

  return Object.freeze({
    open: (origin: KeyOrigin, context: OpenWith) => open(origin, context, []),
    retain(digests: ReadonlySet<string>) {
      for (const [digest, { close }] of caches) {
        if (digests.has(digest)) continue;
        close();
        caches.delete(digest);
      }
    },
  } satisfies KeyCaches);
}

const unvouched = (problem: string) => ({ ok: false, problem, at: ['bundle', 'endpointId'] }) as const;

function digestOf(origin: KeyOrigin, { algorithms, files }: OpenWith, voucher: string | undefined): string {
  const texts = namedFiles(origin).map((path) => files.get(path));
  return createHash('sha256')
    .update(JSON.stringify([origin, algorithms, texts, voucher]))
    .digest('hex');
}

/** The files whose text makes an origin what it is. */
function namedFiles(origin: KeyOrigin): readonly string[] {
  const bootstrap =
    origin.from === 'bundle_endpoint' && origin.profile.name === 'https_spiffe' ? origin.profile.bootstrap : undefined;
  const named = ['file' in origin ? origin.file : undefined, 'ca' in origin ? origin.ca : undefined, bootstrap];
  return named.filter((path) => path !== undefined);
}

type Made =
  | { readonly ok: true; readonly held: Held }
  | { readonly ok: false; readonly problem: string; readonly at: readonly string[] };

type MakeWith = OpenWith & { readonly digest: string; readonly voucher: Authorities | undefined };

async function make(parts: KeyCachesParts, origin: KeyOrigin, context: MakeWith): Promise<Made> {
  const { digest } = context;
  const onEvent = (event: KeysEvent) => parts.onEvent(digest, event);
  switch (origin.from) {
    case 'file':
      return pinned(origin.file, context);
    case 'discovery':
      return remote(parts, { discovery: origin.base ?? origin.issuer, issuer: origin.issuer }, origin, context);
    case 'url':
      return remote(parts, { url: origin.url }, origin, context);
    case 'none':
      return noKeys(digest);
    case 'own':
      return {
        ok: true,
        held: { digest, keys: parts.ownKeys, authorities: NONE, ignored: [], close: () => undefined },
      };
    case 'bundle':
    case 'bundle_endpoint':
    case 'workload_api': {
      const made = await openBundle({ ...parts, onEvent }, origin, context);
      if (!made.ok) return made;
      const { keys, ignored } = made.opened;
      return { ok: true, held: { digest, keys, authorities: keys.authorities, ignored, close: keys.close } };
    }
  }
}

/** Nothing is proved by keys here: whoever is asked about every token knows. */
function noKeys(digest: string): Made {
  const keys = createPinnedKeys([]);
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: [], close: keys.close } };
}

async function pinned(file: string, { algorithms, files, digest }: MakeWith): Promise<Made> {
  const text = files.get(file);
  if (text === undefined) return { ok: false, problem: 'the file was not read', at: ['jwks'] };
  const set = await readKeySet(text, { use: 'sig', algorithms });
  if (!set.ok) return { ...set, at: ['jwks'] };
  const keys = createPinnedKeys(set.keys, { path: file });
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: set.ignored, close: keys.close } };
}

function remote(
  parts: KeyCachesParts,
  place: KeysOrigin,
  origin: Extract<KeyOrigin, { from: 'discovery' | 'url' }>,
  { algorithms, files, digest }: MakeWith,
): Made {
  const ca = origin.ca === undefined ? undefined : files.get(origin.ca);
  const keys = createRemoteKeys({
    outbound: parts.outbound,
    clock: parts.clock,
    randomBytes: parts.randomBytes,
    origin: place,
    privateNetwork: origin.privateNetwork,
    ...(origin.tokenFile === undefined ? {} : { tokenFile: origin.tokenFile }),
    use: 'sig',
    algorithms,
    ...(ca === undefined ? {} : { ca }),
    onEvent: (event) => parts.onEvent(digest, event),
  });
  keys.start();
  return { ok: true, held: { digest, keys, authorities: NONE, ignored: [], close: keys.close } };
}
