// GetCallerIdentity for what we issued: whose the credentials are that signed this request. AWS cannot be asked, since `host` is signed and
// means us: the session is found by the presented session token, and counts only if its own secret made the signature. It tells an identity
// and gives nothing: whoever is blocked since is told too, as AWS would tell it, since the session lives until it ends.

import { type CallerIdentityRecord, noteIdentity, openCallerIdentityRecord } from './caller-identity-record.ts';
import type { CallerIdentityRequest, RememberedSession, SignedRequest } from './caller-identity-request.ts';
import { AWS_SIGNED_WINDOW_SECONDS } from './limits-cloud.ts';
import type { Operate, Operation } from './operation.ts';
import type { Clock } from './ports.ts';
import { type CredentialRefusal, ok, type Result, refuse } from './refusal.ts';
import type { Received } from './request.ts';
import { refuseUnavailable } from './unavailable.ts';

/**
 * The sessions that are remembered, here or in the store that replicas share. Undefined for what is not; throws StoreUnavailable where nobody
 * can know. Calls may overlap.
 */
export interface RememberedSessions {
  find(sessionToken: string): Promise<RememberedSession | undefined>;
}

/** Whether this secret made the request's signature, compared in constant time. Throws only for faults. Calls may overlap. */
export type SignedBy = (request: SignedRequest, secretAccessKey: string) => Promise<boolean>;

export interface CallerIdentityParts {
  readonly sessions: RememberedSessions;
  readonly signedBy: SignedBy;
  readonly clock: Clock;
  readonly operate: Operate;
}

/** What GetCallerIdentity comes to. */
export interface Identified {
  readonly kind: 'identified';
  readonly arn: string;
  readonly userId: string;
}

export const createCallerIdentity = (parts: CallerIdentityParts): Operation<CallerIdentityRequest, Identified> =>
  parts.operate({
    open: openCallerIdentityRecord,
    async path(
      { request }: Received<CallerIdentityRequest>,
      record: CallerIdentityRecord,
    ): Promise<Result<Identified>> {
      if (!request.ok) return request;
      const proved = await proveSession(parts, request.value.signed);
      if (!proved.ok) return proved;
      const { session, assumedRoleId } = proved.value;
      noteIdentity(record, session);
      return ok({ kind: 'identified', arn: session.principal, userId: assumedRoleId });
    },
  });

/** The session whose credentials signed it. What can be judged here comes before the store is asked. */
async function proveSession(
  { sessions, signedBy, clock }: CallerIdentityParts,
  signed: SignedRequest,
): Promise<Result<RememberedSession>> {
  if (Math.abs(clock.nowSeconds() - signed.signedAtSeconds) > AWS_SIGNED_WINDOW_SECONDS)
    return no({ role: 'subject', reason: 'credential_malformed', problem: 'request_time' });
  const found = await sessions.find(signed.sessionToken).then(ok<RememberedSession | undefined>, refuseUnavailable);
  if (!found.ok) return found;
  const session = found.value;
  if (session?.accessKeyId !== signed.accessKeyId) return no({ role: 'subject', reason: 'key_unknown' });
  if (!(await signedBy(signed, session.secretAccessKey))) return no({ role: 'subject', reason: 'signature_invalid' });
  // After the signature: a stranger learns nothing of the session. The store was waited for, so the clock is read again.
  return clock.nowSeconds() < session.expiresAt ? ok(session) : no({ role: 'subject', reason: 'expired' });
}

const no = (refusal: CredentialRefusal): Result<never> => refuse(refusal);
