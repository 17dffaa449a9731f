// Phase "issue": what an issuer is told to make. Lifetime is a ceiling, never a demand: the shortest of what was asked, rule and target. A
// token never outlives the credentials that it is made from (RFC 8693 §2.2.1): the subject's, the actor's, and the certificate that it is
// bound to; a cloud's credential may, as far as the grant says. Where it comes from is copied, and what it was made of is added.

import type { ProvedGrant } from './decision.ts';
import { lineageOf } from './lineage.ts';
import type { IssueOrder, Issuer } from './ports.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';

interface OrderedBy extends Pick<IssueOrder, 'id' | 'standing'> {
  readonly issuer: Issuer;
  readonly nowSeconds: number;
}

/** The order for a grant, or a refusal where the target has no such thing, or the credentials leave no time to issue for. */
export function issueOrder(
  grant: ProvedGrant,
  request: TokenRequest,
  { id, issuer, nowSeconds, standing }: OrderedBy,
): Result<IssueOrder> {
  const issuedTokenType = issuer.typeFor(request);
  if (!issuedTokenType.ok) return issuedTokenType;
  const { subject, actor } = grant;
  const issuedAt = Math.floor(nowSeconds);
  const credentialsEnd = endOfCredentials(grant, request);
  if (credentialsEnd <= issuedAt) return refuse({ role: 'subject', source: subject.source, reason: 'expired' });
  const expiresAt = latestEnd(grant, issuedAt, credentialsEnd);
  if (!expiresAt.ok) return expiresAt;
  const { carried } = subject.proof;
  return ok({
    id,
    grant,
    issuedTokenType: issuedTokenType.value,
    session: request.ask.session,
    issuedAt,
    expiresAt: expiresAt.value,
    lineage: lineageOf(subject, actor),
    standing,
    origin: carried?.own?.origin ?? { iss: subject.issuer, sub: subject.subject },
    authentication: carried?.authentication,
  });
}

/** When the first of the credentials ends that a grant is made from, in whole seconds. */
export function endOfCredentials(
  { subject, actor, boundTo }: ProvedGrant,
  { client: { certificates } }: Pick<TokenRequest, 'client'>,
): number {
  const isCertificate = boundTo !== undefined && 'x5t#S256' in boundTo;
  const keyEnds = isCertificate ? (certificates?.notAfterSeconds ?? 0) : Number.POSITIVE_INFINITY;
  const actorEnds = actor?.proof.expiresAt ?? Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(subject.proof.expiresAt, actorEnds, keyEnds));
}

/** The latest that it may end. What ends before the cloud's floor cannot be had. */
function latestEnd(
  { outlive, lifetimeSeconds, target }: ProvedGrant,
  issuedAt: number,
  credentialsEnd: number,
): Result<number> {
  const granted = issuedAt + lifetimeSeconds;
  if (!outlive) return ok(Math.min(granted, credentialsEnd));
  const floor = issuedAt + outlive.floorSeconds;
  switch (outlive.upTo) {
    case 'lifetime':
      return ok(granted);
    case 'floor':
      return ok(Math.min(granted, Math.max(credentialsEnd, floor)));
    case 'nothing':
      return credentialsEnd < floor
        ? refuse({ reason: 'would_outlive', target, credentialEndsAt: credentialsEnd, earliestEndAt: floor })
        : ok(Math.min(granted, credentialsEnd));
  }
}
