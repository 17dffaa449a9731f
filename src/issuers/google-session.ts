// What is remembered of a token that Google gave: whose it is, and until when, found by whoever presents the token at our introspection
// endpoint (core/google-introspection.ts). Never the token itself, and nothing that opens anything.

import { z } from 'zod';
import type { SecretMemory } from '../core/cloud-ports.ts';
import type { GoogleSession, GoogleSessions } from '../core/google-introspection.ts';
import { rememberedAs, SESSION } from './remembered.ts';

const REMEMBERED = z.object({ session: SESSION, expiresAt: z.number() });
const remembered = (secrets: SecretMemory) => rememberedAs<GoogleSession>('google-token', REMEMBERED, secrets);

/** Keeps it until the token ends. */
export const rememberGoogleToken = (secrets: SecretMemory, token: string, given: GoogleSession): Promise<void> =>
  remembered(secrets).keep(token, given, given.expiresAt);

/** The tokens that are remembered. */
export const createGoogleSessions = (secrets: SecretMemory): GoogleSessions => ({ find: remembered(secrets).find });
