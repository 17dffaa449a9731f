// A token of Google once it is there: how it is remembered, so that whoever presents it at our own introspection is told whose it is. Found
// by the token alone; the token itself is not kept.

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { CloudSession } from '../core/cloud.ts';
import type { SecretMemory } from '../core/cloud-ports.ts';
import type { GoogleSession, GoogleSessions } from '../core/google-introspection.ts';

/** What is remembered of one. */
export interface GoogleToken extends CloudSession {
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Keeps what it is until it ends. */
export const rememberGoogleToken = (secrets: SecretMemory, token: string, known: GoogleToken): Promise<void> =>
  secrets.set(googleTokenKey(token), JSON.stringify(known), known.expiresAt);

const REMEMBERED = z.object({
  principal: z.string(),
  audience: z.string(),
  subject: z.string(),
  expiresAt: z.number(),
});

/** The tokens that are remembered. */
export const createGoogleSessions = (secrets: SecretMemory): GoogleSessions =>
  Object.freeze({
    async find(token: string): Promise<GoogleSession | undefined> {
      const text = await secrets.get(googleTokenKey(token));
      if (text === undefined) return undefined;
      const { expiresAt, ...session } = REMEMBERED.parse(JSON.parse(text));
      return { session, expiresAt };
    },
  });

/** Where it is kept: by a hash, since the store names its keys to whoever looks. */
export const googleTokenKey = (token: string): string => `google-token:${hash('sha256', token)}`;
