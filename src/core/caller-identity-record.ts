// The record of a question whose a cloud's credential is, by whoever holds it: GetCallerIdentity at our STS endpoint, and POST /gcp/introspect.
// It says whose it was; why nobody's, where it did not prove to be one that was given here. Never the credential, its signature, or anything
// that the caller said of itself but a client id.

import type { CloudSession } from './cloud.ts';
import { openBase, type RecordBase } from './record.ts';
import type { Refusal } from './refusal.ts';
import type { CallerRequest, Received } from './request.ts';

export interface CallerIdentityRecord extends RecordBase {
  readonly event: 'caller_identity';
  outcome: 'answered' | 'refused' | 'failed';
  reason: Refusal['reason'] | 'fault' | undefined;
  /** Whose it is, as the record of the exchange that it came from has it. */
  session: CloudSession | undefined;
}

export const openCallerIdentityRecord = (
  received: Received<CallerRequest>,
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

/** Closes the record of a question that was answered with nobody, and why. */
export function noteNobody(record: CallerIdentityRecord, reason: 'key_unknown' | 'expired'): void {
  record.outcome = 'answered';
  record.reason = reason;
}
