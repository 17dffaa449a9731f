// What the demo compares before it prints. Every function here throws where anything came out otherwise, and `make demo` then ends with
// exit code 1.

import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose';
import type { Answer } from './client.ts';

/** The token that was granted. */
export function granted({ status, body }: Answer): string {
  if (status !== 200) throw new Error(`expected 200, got ${status} ${JSON.stringify(body)}`);
  return String(body.access_token);
}

/** The answer, which is this refusal. */
export function refused(answer: Answer, error: string): Answer {
  const { status, body } = answer;
  if (body.error !== error) throw new Error(`expected ${error}, got ${status} ${JSON.stringify(body)}`);
  return answer;
}

/** The claims of a token of the broker's. */
export async function verified(token: string, issuer: string, keys: JSONWebKeySet): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { issuer, typ: 'at+jwt' });
  return payload;
}

export function equal(said: unknown, expected: unknown): void {
  if (said !== expected) throw new Error(`expected ${String(expected)}, got ${String(said)}`);
}
