// What is remembered of a token that Google gave: whose it is, and until when, found by whoever presents the token at our introspection
// endpoint (core/google-introspection.ts). Never the token itself, and nothing that opens anything.

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { SecretMemory } from '../core/cloud-ports.ts';
import type { GoogleSession, GoogleSessions } from '../core/google-introspection.ts';

/** Keeps it until the token ends. */
export const rememberGoogleToken = (secrets: SecretMemory, token: string, given: GoogleSession): Promise<void> =>
  secrets.set(googleTokenKey(token), JSON.stringify(given), given.expiresAt);

const REMEMBERED = z.object({
  session: z.object({
    principal: z.string(),
    id: z.string().exactOptional(),
    audience: z.string(),
    subject: z.string(),
  }),
  expiresAt: z.number(),
});

/** The tokens that are remembered. */
export const createGoogleSessions = (secrets: SecretMemory): GoogleSessions =>
  Object.freeze({
    async find(token: string): Promise<GoogleSession | undefined> {
      const text = await secrets.get(googleTokenKey(token));
      return text === undefined ? undefined : REMEMBERED.parse(JSON.parse(text));
    },
  });

/** Where one is kept: by a hash, since the store names its keys to whoever looks. */
export const googleTokenKey = (token: string): string => `google-token:${hash('sha256', token)}`;
