// Keys that the operator wrote down in a file (KB-13): immutable until the next reload, never fetched, never stale. What may
// be among them is decided where the file is read (jwk-set.ts, trust-bundles.ts).

import type { KeySource, VerificationKey } from '../core/ports.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { Certificate } from '../x509/certificate.ts';
import { createKeyIndex } from './key-index.ts';
import type { KeysStatus } from './status.ts';

/**
 * A source of exactly these keys, from this file, and for a bundle these authorities. An empty list is a set in which nothing can be
 * proved (SB-03).
 */
export function createPinnedKeys(
  keys: readonly VerificationKey[],
  { path, certificates = [] }: { readonly path?: string; readonly certificates?: readonly Certificate[] } = {},
): KeySource & { readonly authorities: Authorities; status(): KeysStatus; close(): void } {
  const index = createKeyIndex(keys);
  const status: KeysStatus = Object.freeze({
    keys: index.size,
    ...(certificates && { authorities: certificates.length }),
    fetchedAtSeconds: undefined,
    failures: 0,
    lastProblem: undefined,
    state: 'fresh',
  });
  const kids = [...new Set(keys.flatMap(({ kid }) => kid ?? []))];
  const none = Object.freeze({ found: 'none' as const, ...(path === undefined ? {} : { file: { path, kids } }) });
  const found = Object.freeze({ found: certificates });
  return Object.freeze({
    authorities: Object.freeze({ current: () => found }),
    async find(header: Parameters<KeySource['find']>[0]) {
      const found = index.find(header);
      return found.length > 0 ? { found } : none;
    },
    status: () => status,
    close: () => undefined,
  });
}
