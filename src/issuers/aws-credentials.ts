// Credentials of AWS once they are there: as `credential_process` and the clients of containers read them, and as they are remembered, so
// that whoever presents them at our STS endpoint is told who they are. What is remembered is secret, and found by the session token alone.

import { hash } from 'node:crypto';
import { z } from 'zod';
import type { RememberedSessions } from '../core/caller-identity.ts';
import type { RememberedSession } from '../core/caller-identity-request.ts';
import type { CloudCredential } from '../core/cloud.ts';
import type { SecretMemory } from '../core/cloud-ports.ts';
import { AWS_SESSION_TOLD_SECONDS } from '../core/limits-cloud.ts';
import { accountOf, rfc3339 } from '../parsing/aws-text.ts';

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

/** Keeps what tells whose they are until they have ended, and then long enough to say that they have. */
export function rememberSession(
  secrets: SecretMemory,
  { session, accessKeyId, secretAccessKey, sessionToken, assumedRoleId }: AwsCredential,
  expiresAt: number,
): Promise<void> {
  const remembered: RememberedSession = { session, accessKeyId, secretAccessKey, assumedRoleId, expiresAt };
  return secrets.set(sessionKey(sessionToken), JSON.stringify(remembered), expiresAt + AWS_SESSION_TOLD_SECONDS);
}

const REMEMBERED = z.object({
  session: z.object({
    principal: z.string(),
    id: z.string().exactOptional(),
    audience: z.string(),
    subject: z.string(),
  }),
  accessKeyId: z.string(),
  secretAccessKey: z.string(),
  assumedRoleId: z.string(),
  expiresAt: z.number(),
});

/** The sessions that are remembered. */
export const createAwsSessions = (secrets: SecretMemory): RememberedSessions =>
  Object.freeze({
    async find(sessionToken: string): Promise<RememberedSession | undefined> {
      const text = await secrets.get(sessionKey(sessionToken));
      return text === undefined ? undefined : REMEMBERED.parse(JSON.parse(text));
    },
  });

/** Where one is kept: by a hash, since the store names its keys to whoever looks. */
const sessionKey = (sessionToken: string): string => `aws-session:${hash('sha256', sessionToken)}`;
