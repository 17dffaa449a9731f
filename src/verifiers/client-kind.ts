// What is configured of one OAuth client, resolved: its id, its one method, and what it may present. Authenticates nobody:
// client-auth.ts does.

import type { KeySource } from '../core/outside.ts';
import { parseSpiffeId } from '../parsing/spiffe-id.ts';
import type { Certificate } from '../x509/certificate.ts';

export interface ClientSettings {
  readonly id: string;
  readonly presents: readonly string[];
  /** Names of the targets whose tokens it may introspect. */
  readonly introspects: readonly string[];
  /** Everything issued through it is bound to its certificate. */
  readonly proofRequired: boolean;
  readonly method: ClientMethodSettings;
}

export type ClientMethodSettings =
  /** A SPIFFE ID; its last segment may be `*`, or `**` for everything below. */
  | { readonly by: 'spiffe'; readonly pattern: string }
  | { readonly by: 'jwks'; readonly keys: KeySource; readonly tokenEndpointAudience: boolean }
  | { readonly by: 'certificate'; readonly authorities: readonly Certificate[]; readonly name: CertificateName }
  | { readonly by: 'secret'; readonly secrets: readonly ClientSecret[] };

/** The one name that stands for the client in its certificate (RFC 8705 §2.1.2). */
export type CertificateName = { readonly uri: string } | { readonly dns: string };

export interface ClientSecret {
  /** SHA-256 of the secret, hex. */
  readonly sha256: string;
  readonly untilSeconds: number | undefined;
}

const WILDCARD = /\/\*{1,2}$/;

/** Whether this text may register a client: a whole ID, or one whose last segment stands for others below an exact first one. */
export function isSpiffePattern(text: string): boolean {
  const id = parseSpiffeId(text.replace(WILDCARD, '/x'));
  return id !== undefined && id.segments.length >= (WILDCARD.test(text) ? 2 : 1);
}

/** Whether a SPIFFE ID is the one that a client is registered by. Whole segments only: `*` is one, `**` one or more (SC-05). */
export function matchesSpiffe(pattern: string, id: string): boolean {
  if (!WILDCARD.test(pattern)) return pattern === id;
  const head = pattern.slice(0, pattern.lastIndexOf('/') + 1);
  const rest = id.startsWith(head) && parseSpiffeId(id) ? id.slice(head.length) : '';
  return rest !== '' && (pattern.endsWith('/**') || !rest.includes('/'));
}
