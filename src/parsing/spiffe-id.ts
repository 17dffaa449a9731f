// SPIFFE IDs and trust domain names (SPIFFE-ID §2, rows SI-01 to SI-06). A value of these types has no constructor but its
// parser, and a parsed ID is its own text: nothing is lower-cased, decoded or resolved, so no second spelling of an identity
// exists. No `new URL()`, which would do all three.

import { SPIFFE_ID_BYTES_MAX, TRUST_DOMAIN_BYTES_MAX } from '../core/limits.ts';

const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const ID = /^spiffe:\/\/([a-z0-9._-]+)((?:\/[A-Za-z0-9._-]+)*)$/;

declare const parsedTrustDomain: unique symbol;
declare const parsedId: unique symbol;

/** The name of a trust domain, without scheme: `prod.acme.example`. */
export type TrustDomain = string & { readonly [parsedTrustDomain]: true };

export interface SpiffeId {
  /** The whole ID, byte for byte. */
  readonly text: string;
  readonly trustDomain: TrustDomain;
  /** Begins with `/`, or is empty: callers that want a workload refuse an empty path. */
  readonly path: string;
  readonly segments: readonly string[];
  readonly [parsedId]: true;
}

/** The ID in this text, or undefined where it is not one. */
export function parseSpiffeId(text: string): SpiffeId | undefined {
  if (text.length > SPIFFE_ID_BYTES_MAX) return undefined;
  const [, name = '', path = ''] = ID.exec(text) ?? [];
  const trustDomain = parseTrustDomain(name);
  if (trustDomain === undefined) return undefined;
  const segments = path.split('/').slice(1);
  if (segments.some((segment) => segment === '.' || segment === '..')) return undefined;
  return Object.freeze({ text, trustDomain, path, segments: Object.freeze(segments) }) as SpiffeId;
}

/** The trust domain with this bare name, or undefined where it is none. */
export const parseTrustDomain = (text: string): TrustDomain | undefined =>
  text.length <= TRUST_DOMAIN_BYTES_MAX && TRUST_DOMAIN.test(text) ? (text as TrustDomain) : undefined;
