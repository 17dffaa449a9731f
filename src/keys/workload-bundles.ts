// The trust bundle of one trust domain out of the streams of a Workload API (SPIFFE Workload API §5.2 and §6.2): authorities from
// the stream of X.509 bundles, keys from that of JWT bundles, each for its own use alone (SA-05). Every message is the whole
// state: a domain that is no longer in it has nothing (SA-03). What a stream said last goes on serving while the agent is away.

import { KEYS_RETRY_SECONDS_MIN } from '../core/limits-outside.ts';
import type { KeySource, KeysFound, WorkloadApi } from '../core/outside.ts';
import type { Authorities, AuthoritiesFound } from '../x509/authorities.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readAuthorityCertificates } from './bundle-authorities.ts';
import { readKeySet } from './jwk-set.ts';
import { createKeyIndex, type KeyHeader, type KeyIndex } from './key-index.ts';
import type { KeysEvent, KeysStatus } from './status.ts';
import type { BundleDemands } from './trust-bundles.ts';

export interface WorkloadBundleParts extends BundleDemands {
  readonly api: WorkloadApi;
  readonly onEvent?: (event: KeysEvent) => void;
}

export interface WorkloadBundle extends KeySource {
  readonly authorities: Authorities;
  status(): KeysStatus;
  /** Ends following; what is known goes on being answered to requests still in work. */
  close(): void;
}

/** A Workload API that says nothing, for whoever reaches nobody. */
export const SILENT_WORKLOAD_API: WorkloadApi = Object.freeze<WorkloadApi>({
  identity: () => undefined,
  x509Bundles: () => undefined,
  jwtBundles: () => undefined,
  onChange: () => () => undefined,
  status: () => ({ state: 'connecting', updatedAtSeconds: undefined, failures: 0, lastProblem: undefined }),
});

const NOTHING: KeyIndex = createKeyIndex([]);
/** The agent says when it has something new: asking again in a second is soon enough. */
const UNKNOWN = Object.freeze({ found: 'unavailable', retryAfterSeconds: KEYS_RETRY_SECONDS_MIN } as const);

export function createWorkloadBundle(parts: WorkloadBundleParts): WorkloadBundle {
  const jwt = createJwtHalf(parts);
  const x509 = createX509Half(parts, () => jwt.size() ?? 0);

  function follow(): void {
    x509.follow();
    jwt.follow();
  }

  function status(): KeysStatus {
    const { state, updatedAtSeconds, failures, lastProblem } = parts.api.status();
    const [keys, authorities] = [jwt.size(), x509.authorities()?.length];
    const good = state === 'connected' && jwt.problem() === undefined;
    return Object.freeze({
      keys: keys ?? 0,
      authorities: authorities ?? 0,
      fetchedAtSeconds: updatedAtSeconds,
      failures,
      lastProblem: lastProblem ?? jwt.problem(),
      state: keys === undefined && authorities === undefined ? 'missing' : good ? 'fresh' : 'stale',
    });
  }

  function current(): AuthoritiesFound {
    const found = x509.authorities();
    return found ? { found } : UNKNOWN;
  }

  const stop = parts.api.onChange(follow);
  follow();
  return Object.freeze({
    find: jwt.find,
    authorities: Object.freeze({ current }),
    status,
    close() {
      stop();
      jwt.close();
    },
  });
}

function createX509Half({ api, trustDomain, onEvent }: WorkloadBundleParts, keys: () => number) {
  let certificates: readonly Uint8Array[] | undefined;
  let authorities: readonly Certificate[] | undefined;

  function follow(): void {
    const bundles = api.x509Bundles();
    const own = bundles?.get(trustDomain) ?? [];
    if (!bundles || (certificates && sameBytes(certificates, own))) return;
    certificates = own;
    const read = readAuthorityCertificates(own);
    authorities = read.authorities;
    onEvent?.({ kind: 'fetched', keys: keys(), ignored: read.ignored, changed: true });
  }

  return { follow, authorities: () => authorities };
}

function createJwtHalf({ api, trustDomain, algorithms, onEvent }: WorkloadBundleParts) {
  let text: string | undefined;
  let index: KeyIndex | undefined;
  let reading: Promise<void> = Promise.resolve();
  let problem: string | undefined;
  let closed = false;

  function follow(): void {
    const bundles = api.jwtBundles();
    if (!bundles) return;
    const own = bundles.get(trustDomain);
    if (own === undefined) clear();
    else if (own !== text) {
      text = own;
      reading = take(own);
    }
  }

  /** At once: what was taken back must not verify one token more. */
  function clear(): void {
    const changed = index !== NOTHING;
    [text, index, problem] = [undefined, NOTHING, undefined];
    if (changed) onEvent?.({ kind: 'fetched', keys: 0, ignored: [], changed });
  }

  async function take(own: string): Promise<void> {
    const set = await readKeySet(own, { use: 'jwt-bundle', algorithms });
    // A later message has overtaken this one.
    if (closed || text !== own) return;
    problem = set.ok ? undefined : `JWT bundle: ${set.problem}`;
    if (set.ok) index = createKeyIndex(set.keys);
    const keys = index?.size ?? 0;
    if (set.ok) onEvent?.({ kind: 'fetched', keys, ignored: set.ignored, changed: true });
    else onEvent?.({ kind: 'fetch_failed', problem: `JWT bundle: ${set.problem}`, failures: 1, keysKept: keys });
  }

  async function find(header: KeyHeader): Promise<KeysFound> {
    await reading;
    if (index === undefined) return UNKNOWN;
    const found = index.find(header);
    return found.length > 0 ? { found } : { found: 'none' };
  }

  const close = () => {
    closed = true;
  };
  return { follow, find, size: () => index?.size, problem: () => problem, close };
}

const sameBytes = (one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean =>
  one.length === other.length && one.every((bytes, at) => Buffer.compare(bytes, other[at] ?? new Uint8Array()) === 0);
