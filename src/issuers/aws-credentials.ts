// Credentials of AWS once they are there: as `credential_process` and the clients of containers read them, and as they are remembered, so
// that whoever presents them at our STS endpoint is told who they are. What is remembered is secret, and found by the session token alone.

import { z } from 'zod';
import type { RememberedSessions } from '../core/caller-identity.ts';
import type { RememberedSession } from '../core/caller-identity-request.ts';
import type { CloudCredential } from '../core/cloud.ts';
import type { SecretMemory } from '../core/cloud-ports.ts';
import { AWS_SESSION_TOLD_SECONDS } from '../core/limits-cloud.ts';
import { accountOf } from '../parsing/aws-text.ts';
import { rfc3339 } from '../parsing/instant.ts';
import { rememberedAs, SESSION } from './remembered.ts';

export type AwsCredential = Extract<CloudCredential, { secretAccessKey: string }>;

/** `credential_process`, version 1. */
export const processCredentials = (credential: AwsCredential, expiresAt: number): object => ({
  Version: 1,
  AccessKeyId: credential.accessKeyId,
  SecretAccessKey: credential.secretAccessKey,
  SessionToken: credential.sessionToken,
  Expiration: rfc3339(expiresAt),
  AccountId: accountOf(credential.session.principal),
});

const REMEMBERED = z.object({
  session: SESSION,
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  assumedRoleId: z.string(),
  expiresAt: z.number(),
});
const remembered = (secrets: SecretMemory) => rememberedAs<RememberedSession>('aws-session', REMEMBERED, secrets);

/** Keeps what tells whose they are until they have ended, and then long enough to say that they have. */
export const rememberSession = (
  secrets: SecretMemory,
  { session, accessKeyId, secretAccessKey, sessionToken, assumedRoleId }: AwsCredential,
  expiresAt: number,
): Promise<void> => {
  const kept = { session, accessKeyId, secretAccessKey, assumedRoleId, expiresAt };
  return remembered(secrets).keep(sessionToken, kept, expiresAt + AWS_SESSION_TOLD_SECONDS);
};

/** The sessions that are remembered. */
export const createAwsSessions = (secrets: SecretMemory): RememberedSessions => ({ find: remembered(secrets).find });
