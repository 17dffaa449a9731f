// The trust bundle behind one SPIFFE bundle endpoint (SPIFFE Federation §4 to §6): polled at its own hint within our limits
// (SF-01, F-16), kept while the endpoint is down (SF-10), and never replaced by an older one: a bundle with a lower sequence
// would bring back what was taken out of it (SF-03, A-95). A valid bundle that is empty counts at once (SB-03). The URL is
// the operator's for every fetch: no redirect is remembered, and no SVID names one (SF-05, SF-08).

import { createHash } from 'node:crypto';
import { BUNDLE_REFRESH_SECONDS_MIN, KEY_SET_BYTES_MAX } from '../core/limits-outside.ts';
import type { Outbound, OutboundAnswer, OutboundRequest, TlsIdentity } from '../core/outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import { decodeUtf8 } from '../parsing/json.ts';
import type { Certificate } from '../x509/certificate.ts';
import type { ReadKeys } from './held-keys.ts';
import { createKeyIndex } from './key-index.ts';
import { createPolledKeys, type PolledKeys } from './polled-keys.ts';
import type { KeysEvent } from './status.ts';
import { type BundleDemands, readTrustBundle } from './trust-bundles.ts';

export interface BundleEndpointParts extends BundleDemands {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  readonly url: string;
  readonly privateNetwork: boolean;
  /** How the server is proved; by its name and the system's authorities where this is empty. */
  readonly server: Pick<OutboundRequest, 'ca' | 'serverProblem'>;
  /** Asked for every fetch: it rotates. */
  readonly identity?: () => TlsIdentity | undefined;
  readonly staleSecondsMax?: number | undefined;
  /** Told of the authorities of each bundle that was taken, also of one that has since grown too old. Must not throw. */
  readonly onAuthorities?: (authorities: readonly Certificate[]) => void;
  readonly onEvent?: (event: KeysEvent) => void;
}

export function createBundleEndpoint(parts: BundleEndpointParts): PolledKeys {
  const request: OutboundRequest = {
    url: parts.url,
    bytesMax: KEY_SET_BYTES_MAX,
    accept: 'application/json',
    privateNetwork: parts.privateNetwork,
    ...parts.server,
  };
  // The highest there was. Beside the bundle that is held, which may grow too old and be forgotten; this must not be.
  let sequence: bigint | undefined;

  async function read(before: ReadKeys | undefined): Promise<ReadKeys | { readonly problem: string }> {
    const identity = parts.identity?.();
    const text = textOf(await parts.outbound.request(identity ? { ...request, identity } : request));
    if ('problem' in text) return text;
    const digest = createHash('sha256').update(text.text).digest('hex');
    if (before?.digest === digest) return before;
    const read = await readTrustBundle(text.text, parts);
    if (!read.ok) return { problem: `bundle: ${read.problem}` };
    const { bundle } = read;
    if (sequence !== undefined && bundle.sequence !== undefined && bundle.sequence < sequence)
      return { problem: 'bundle: has a lower spiffe_sequence than one before it' };
    sequence = bundle.sequence ?? sequence;
    const authorities = unchanged(before?.authorities, bundle.authorities);
    parts.onAuthorities?.(authorities);
    const { keys, ignored, refreshHintSeconds } = bundle;
    const hint = refreshHintSeconds === undefined ? {} : { refreshHintSeconds };
    return { index: createKeyIndex(keys), ignored, digest, authorities, ...hint };
  }

  return createPolledKeys({
    clock: parts.clock,
    randomBytes: parts.randomBytes,
    read,
    staleSecondsMax: parts.staleSecondsMax,
    retrySecondsMax: BUNDLE_REFRESH_SECONDS_MIN,
    onEvent: parts.onEvent,
  });
}

function textOf(answer: OutboundAnswer): { readonly text: string } | { readonly problem: string } {
  if (!answer.ok) return { problem: `bundle: ${answer.problem} (${answer.detail})` };
  const text = decodeUtf8(answer.body);
  return text === undefined ? { problem: 'bundle: not UTF-8' } : { text };
}

/** The array before, where it holds the same certificates: verdicts about chains are kept by it. */
const unchanged = (before: readonly Certificate[] | undefined, now: readonly Certificate[]): readonly Certificate[] =>
  before?.length === now.length && before.every(({ sha256 }, index) => sha256 === now[index]?.sha256) ? before : now;
