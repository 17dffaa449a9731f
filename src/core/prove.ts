// Phase "prove", behind the caller (caller.ts): whom the token is about, who acts, and that the keys which their credentials are bound to are
// the caller's; the first failure answers. Who may act is policy's business; what holds of actors whatever policy says is delegation.ts's.

import { isHeldBy, type ProvedKeys } from './caller.ts';
import type { ProvedClient } from './client.ts';
import type { Binding, Delegation } from './decision.ts';
import { type DelegationProblem, delegationOf } from './delegation.ts';
import { LINEAGE_MAX } from './limits-delegation.ts';
import { lineageOf } from './lineage.ts';
import type { Snapshot } from './ports.ts';
import type { Confirmation, ProvedPrincipal } from './principal.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';

/** The principals of one request. */
export interface ProvedParties {
  readonly subject: ProvedPrincipal;
  readonly client: ProvedClient | undefined;
  /** Proved by an actor token. */
  readonly actor: ProvedPrincipal | undefined;
}

/** Proves whom the token is about: the subject token, or the client itself where the grant says so. */
export async function proveSubject(
  { verifiers }: Snapshot,
  { subject }: TokenRequest,
  client: ProvedClient | undefined,
  nowSeconds: number,
): Promise<Result<ProvedPrincipal>> {
  if (subject) return verifiers.verify(subject, 'subject', nowSeconds);
  if (!client) throw new Error('a grant without a subject token needs a proved client');
  return ok(client.principal);
}

/** Proves who acts, where a token says it. One who is acted for does not act: whose word would it be? */
export async function proveActor(
  { verifiers }: Snapshot,
  { actor }: TokenRequest,
  nowSeconds: number,
): Promise<Result<ProvedPrincipal | undefined>> {
  return actor ? verifiers.verify(actor, 'actor', nowSeconds) : ok(undefined);
}

/**
 * Whether the credentials may be presented so: without client authentication only a workload's own self-authenticating one, as the
 * subject and for itself (TX-12); any other by a client that is registered for its `aud`. Asked after the proof, so that nobody unproved
 * learns which sources want a client, and that the record names whom it was about.
 */
export function presentable({ subject, actor, client }: ProvedParties): Result<undefined> {
  if (actor && !client) return refuse({ reason: 'client_required', source: actor.source });
  for (const principal of actor ? [subject, actor] : [subject]) {
    const { source, proof } = principal;
    if (proof.presenter === 'self' || client?.principal === principal) continue;
    if (!client) return refuse({ reason: 'client_required', source });
    if (!client.presents.includes(proof.audience)) return refuse({ reason: 'client_not_presenter', source });
  }
  return ok(undefined);
}

/** What the token can and must be bound to. A subject or actor that is bound is taken from the holder of its key only. */
export function proveBinding({ subject, actor, client }: ProvedParties, keys: ProvedKeys): Result<Binding> {
  for (const [role, principal] of [['subject', subject] as const, ['actor', actor] as const])
    if (principal && !isHeldBy(principal, keys))
      return refuse({ role, source: principal.source, reason: 'binding_mismatch' });
  const { dpop, certificates } = keys;
  const isBound = subject.proof.boundTo !== undefined || actor?.proof.boundTo !== undefined;
  const required = isBound || client?.proofRequired === true || dpop !== undefined;
  return ok({ key: keyOf(dpop?.jkt, certificates?.thumbprint), required });
}

const keyOf = (jkt: string | undefined, thumbprint: string | undefined): Confirmation | undefined => {
  if (jkt !== undefined) return { jkt };
  return thumbprint === undefined ? undefined : { 'x5t#S256': thumbprint };
};

/** Who acts, and who has acted before; or why nobody may act so, whatever policy says. */
export function proveDelegation({ verifiers }: Snapshot, parties: ProvedParties): Result<Delegation<ProvedPrincipal>> {
  const { subject, actor } = parties;
  const no = (reason: DelegationProblem) =>
    refuse({ role: actor ? 'actor' : 'subject', source: (actor ?? subject).source, reason });
  const delegation = delegationOf({ ...parties, carried: subject.proof.carried }, verifiers.whoIs);
  if (typeof delegation === 'string') return no(delegation);
  return lineageOf(subject, actor).length > LINEAGE_MAX ? no('chain_too_long') : ok(delegation);
}
