// The record of a GetCallerIdentity at our STS endpoint: whose session it was, where the signature proved it; why not, where it did not. Never
// the session token, the signature, or anything that the caller said of itself.

import type { CallerIdentityRequest } from './caller-identity-request.ts';
import type { CloudSession } from './cloud.ts';
import { openBase, type RecordBase } from './record.ts';
import type { Refusal } from './refusal.ts';
import type { Received } from './request.ts';

export interface CallerIdentityRecord extends RecordBase {
  readonly event: 'caller_identity';
  outcome: 'answered' | 'refused' | 'failed';
  reason: Refusal['reason'] | 'fault' | undefined;
  /** Whose session it is; its `id` is that of the exchange that it came from. */
  session: CloudSession | undefined;
}

export const openCallerIdentityRecord = (
  received: Received<CallerIdentityRequest>,
  decision: string,
  time: number,
): CallerIdentityRecord => ({
  ...openBase(received, decision, time),
  event: 'caller_identity',
  session: undefined,
});

/** Closes the record of an identity that was told. */
export function noteIdentity(record: CallerIdentityRecord, session: CloudSession): void {
  record.outcome = 'answered';
  record.reason = undefined;
  record.session = session;
}
