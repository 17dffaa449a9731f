// Phase "prove": turns the credentials of a request into proved principals, in the order client, subject, bindings; the first failure
// answers. DPoP and actor tokens are refused while the request is read, until they exist.

import type { PresentedClient, ProvedClient } from './client.ts';
import type { Binding } from './decision.ts';
import type { Clients, Snapshot, SpentStore } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';
import { claimOnce } from './spend.ts';

/** The principals of one request. */
export interface ProvedParties {
  readonly subject: ProvedPrincipal;
  readonly client: ProvedClient | undefined;
}

/**
 * Proves the client, where the request claims one, and spends its assertion: for good, since whoever shows an assertion again is
 * not the one who made it (JA-08). One that is bound to a key is taken, and spent, from the holder of that key only.
 */
export async function proveClient(
  clients: Clients,
  { client: presented, grantType }: TokenRequest,
  once: { readonly store: SpentStore; readonly decision: string },
  nowSeconds: number,
): Promise<Result<ProvedClient | undefined>> {
  const client = await clients.authenticate(presented, grantType, nowSeconds);
  if (!client.ok || !client.value) return client;
  const { id, principal, spends } = client.value;
  const { source } = principal;
  if (!isHeldBy(principal, presented)) return refuse({ role: 'client', source, reason: 'binding_mismatch' });
  if (!spends) return client;
  const spending = { purpose: 'client' as const, issuer: id, jti: spends.jti, target: undefined };
  const claimed = await claimOnce(once.store, spending, once.decision, spends.untilSeconds, source);
  return claimed.ok ? client : claimed;
}

/** Whether a credential is bound to no key, or to the one whose possession the connection proves (RFC 8705 §3, MT-05). */
const isHeldBy = ({ proof: { boundTo } }: ProvedPrincipal, { certificates }: PresentedClient): boolean =>
  boundTo === undefined || boundTo === certificates?.thumbprint;

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

/**
 * Whether the subject may be presented so: without client authentication only a workload's own self-authenticating credential (TX-12),
 * any other by a client that is registered for its `aud`. Asked after the proof, so that nobody unproved learns which sources want a
 * client, and that the record names whom it was about.
 */
export function presentable({ subject, client }: ProvedParties): Result<undefined> {
  const { source, proof } = subject;
  if (proof.presenter === 'self' || client?.principal === subject) return ok(undefined);
  if (!client) return refuse({ reason: 'client_required', source });
  return client.presents.includes(proof.audience) ? ok(undefined) : refuse({ reason: 'client_not_presenter', source });
}

/** What the token can and must be bound to. A subject that is bound is taken from the holder of its key only. */
export function proveBinding({ client: presented }: TokenRequest, { subject, client }: ProvedParties): Result<Binding> {
  if (!isHeldBy(subject, presented))
    return refuse({ role: 'subject', source: subject.source, reason: 'binding_mismatch' });
  const required = subject.proof.boundTo !== undefined || client?.proofRequired === true;
  return ok({ certificate: presented.certificates?.thumbprint, required });
}
