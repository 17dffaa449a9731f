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
  if (!subject.ok) return subject;

  // Without client authentication, only a workload's own self-authenticating credential may be presented (TX-12). This is
  // asked after the proof, so that nobody unproved learns which sources want a client.
  if (subject.value.proof.presenter !== 'self')
    return refuse({ reason: 'client_required', source: subject.value.source });
  return ok({ subject: subject.value });
}
