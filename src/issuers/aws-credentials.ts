// Credentials of AWS once they are there: as `credential_process` and the clients of containers read them, and as they are remembered, so
// that whoever presents them at our STS endpoint is told who they are. What is remembered is secret, and found by the session token alone.

import { hash } from 'node:crypto';
import type { CloudCredential } from '../core/cloud.ts';
import type { SecretMemory } from '../core/cloud-ports.ts';

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

/** RFC 3339 in whole seconds, as AWS writes it. */
export const rfc3339 = (seconds: number): string => new Date(seconds * 1_000).toISOString().replace('.000Z', 'Z');

/** Of `arn:aws:sts::<account>:...`. */
export const accountOf = (arn: string): string => arn.split(':')[4] ?? '';

/** Keeps them until they end. */
export const rememberSession = (secrets: SecretMemory, credential: AwsCredential, expiresAt: number): Promise<void> =>
  secrets.set(sessionKey(credential.sessionToken), JSON.stringify(credential), expiresAt);

/** Where they are kept. */
export const sessionKey = (sessionToken: string): string => `aws-session:${hash('sha256', sessionToken)}`;
