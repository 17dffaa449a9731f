// Phase "prove": turns the credentials of a request into proved principals, role by role; the first failure answers.
// Client authentication, DPoP and actor tokens are refused while the request is read, until they exist.

import type { Snapshot } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';

/** The principals of one request. */
export interface ProvedParties {
  readonly subject: ProvedPrincipal;
}

/** Proves every role of the request. Throws only for faults. */
export async function prove(
  snapshot: Snapshot,
  request: TokenRequest,
  nowSeconds: number,
): Promise<Result<ProvedParties>> {
  const subject = await snapshot.verifiers.verify(request.subject, 'subject', nowSeconds);
  return subject.ok ? ok({ subject: subject.value }) : subject;
}

/**
 * Whether those who were proved may be presented so: without client authentication, only a workload's own self-authenticating
 * credential (TX-12). Asked after the proof, so that nobody unproved learns which sources want a client, and that the record
 * names whom it was about.
 */
export const presentable = ({ subject }: ProvedParties): Result<undefined> =>
  subject.proof.presenter === 'self' ? ok(undefined) : refuse({ reason: 'client_required', source: subject.source });
