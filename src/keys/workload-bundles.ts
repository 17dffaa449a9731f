// The trust bundle of one trust domain out of the streams of a Workload API (SPIFFE Workload API §5.2 and §6.2): authorities from
// the stream of X.509 bundles, keys from that of JWT bundles, each for its own use alone (SA-05). Every message is the whole
// state: a domain that is no longer in it has nothing (SA-03). What a stream said last goes on serving while the agent is away.

import type { KeySource, KeysFound, WorkloadApi } from '../core/ports.ts';
import type { Authorities } from '../x509/authorities.ts';
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
const UNKNOWN = Object.freeze({ found: 'unavailable', retryAfterSeconds: 1 });

export function createWorkloadBundle({ api, trustDomain, algorithms, onEvent }: WorkloadBundleParts): WorkloadBundle {
  let certificates: readonly Uint8Array[] | undefined;
  let authorities: readonly Certificate[] | undefined;
  let text: string | undefined;
  let index: KeyIndex | undefined;
  let reading: Promise<void> = Promise.resolve();
  let problem: string | undefined;
  let closed = false;

  function followX509(): void {
    const now = api.x509Bundles();
    if (!now) return;
    const own = now.get(trustDomain) ?? [];
    if (certificates && sameBytes(certificates, own)) return;
    certificates = own;
    const read = readAuthorityCertificates(own);
    authorities = read.authorities;
    onEvent?.({ kind: 'fetched', keys: index?.size ?? 0, ignored: read.ignored, changed: true });
  }

  function followJwt(): void {
    const now = api.jwtBundles();
    if (!now) return;
    const own = now.get(trustDomain);
    if (own === undefined) {
      // At once: what was taken back must not verify one token more.
      const changed = index !== NOTHING;
      [text, index, problem] = [undefined, NOTHING, undefined];
      if (changed) onEvent?.({ kind: 'fetched', keys: 0, ignored: [], changed });
    } else if (own !== text) {
      text = own;
      reading = take(own);
    }
  }

  async function take(read: string): Promise<void> {
    const set = await readKeySet(read, { use: 'jwt-bundle', algorithms });
    // A later message has overtaken this one.
    if (closed || text !== read) return;
    problem = set.ok ? undefined : `JWT bundle: ${set.problem}`;
    if (set.ok) index = createKeyIndex(set.keys);
    const keys = index?.size ?? 0;
    if (set.ok) onEvent?.({ kind: 'fetched', keys, ignored: set.ignored, changed: true });
    else onEvent?.({ kind: 'fetch_failed', problem: problem ?? '', failures: 1, keysKept: keys });
  }

  function follow(): void {
    followX509();
    followJwt();
  }

  async function find(header: KeyHeader): Promise<KeysFound> {
    await reading;
    if (index === undefined) return UNKNOWN;
    const found = index.find(header);
    return found.length > 0 ? { found } : { found: 'none' };
  }

  function status(): KeysStatus {
    const { state, updatedAtSeconds, failures, lastProblem } = api.status();
    const known = index !== undefined || authorities !== undefined;
    return Object.freeze({
      keys: index?.size ?? 0,
      authorities: authorities?.length ?? 0,
      fetchedAtSeconds: updatedAtSeconds,
      failures,
      lastProblem: lastProblem ?? problem,
      state: !known ? 'missing' : state === 'connected' && problem === undefined ? 'fresh' : 'stale',
    });
  }

  const stop = api.onChange(follow);
  follow();
  return Object.freeze({
    find,
    authorities: Object.freeze({ current: () => (authorities ? { found: authorities } : UNKNOWN) }),
    status,
    close() {
      closed = true;
      stop();
    },
  });
}

const sameBytes = (one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean =>
  one.length === other.length && one.every((bytes, at) => Buffer.compare(bytes, other[at] ?? new Uint8Array()) === 0);
