// The words of GetCallerIdentity: a request that was signed with credentials of AWS (Signature Version 4), read and not yet believed, and the
// session that it was signed for, as it is remembered from when it was issued.

import type { CloudSession } from './cloud.ts';
import type { CallerRequest } from './request.ts';

/** A signed request, as it came in. Nothing in it is proved but its form. */
export interface SignedRequest {
  readonly accessKeyId: string;
  readonly sessionToken: string;
  /** `x-amz-date`, in seconds since the epoch. */
  readonly signedAtSeconds: number;
  /** Of the credential's scope; its day is that of `x-amz-date`. */
  readonly region: string;
  /** Exactly the headers that the signature covers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Hex, in lower case. */
  readonly signature: string;
  readonly path: string;
  readonly body: Uint8Array;
}

export interface CallerIdentityRequest extends CallerRequest {
  readonly signed: SignedRequest;
}

/** A session that AWS gave through us. Secret, but for `session`. */
export interface RememberedSession {
  readonly session: CloudSession;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly assumedRoleId: string;
  /** Seconds since the epoch. */
  readonly expiresAt: number;
}
