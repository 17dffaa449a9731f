// A token of Google once it is there: how it is remembered, so that whoever presents it at our own introspection is told whose it is. Found
// by the token alone; the token itself is not kept.

import { hash } from 'node:crypto';
import type { CloudSession } from '../core/cloud.ts';
import type { SecretMemory } from '../core/cloud-ports.ts';

/** What is remembered of one. */
export interface GoogleToken extends CloudSession {
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Keeps what it is until it ends. */
export const rememberGoogleToken = (secrets: SecretMemory, token: string, known: GoogleToken): Promise<void> =>
  secrets.set(googleTokenKey(token), JSON.stringify(known), known.expiresAt);

/** Where it is kept. */
export const googleTokenKey = (token: string): string => `google-token:${hash('sha256', token)}`;
