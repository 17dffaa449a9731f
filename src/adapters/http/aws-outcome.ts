// What an exchange for credentials of AWS came to, as both endpoints of AWS tell it: the credentials themselves, and of a refused token
// whether it says itself that it has ended.

import type { CloudCredential } from '../../core/cloud.ts';
import { LEEWAY_SECONDS } from '../../core/limits.ts';
import type { Outcome } from '../../core/operation.ts';
import type { TokenRequest } from '../../core/request.ts';
import { parseJws } from '../../parsing/jws.ts';

export interface Given {
  readonly credential: Extract<CloudCredential, { secretAccessKey: string }>;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}

/** Throws where there are none: no issuer gives anything else for what was asked. */
export function awsCredentialOf(outcome: Exclude<Outcome, { kind: 'refused' | 'failed' }>): Given {
  const issued = outcome.kind === 'granted' ? outcome.issued : undefined;
  if (issued?.cloud === undefined || !('secretAccessKey' in issued.cloud)) throw new Error('no credentials of AWS');
  return { credential: issued.cloud, expiresAt: issued.expiresAt };
}

/** Whether the subject's token says itself that it has ended: by its bytes alone, whoever issued it, so that it tells nothing about us. */
export function hasEnded({ subject }: TokenRequest, nowSeconds: number): boolean {
  const parsed = subject && parseJws(subject.text);
  const exp = parsed?.ok ? parsed.jws.claims.exp : undefined;
  return typeof exp === 'number' && exp <= nowSeconds - LEEWAY_SECONDS;
}
