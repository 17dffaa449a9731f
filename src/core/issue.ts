// Phase "issue": what an issuer is told to make. Lifetime is a ceiling, never a demand: the shorter of rule and target, and never past the
// credentials that it is made from (RFC 8693 §2.2.1): the subject's, the actor's, and the certificate that it is bound to. Where it
// comes from is copied, and what it was made of is added (`origin`, `lineage`).

import type { ProvedGrant } from './decision.ts';
import { lineageOf } from './lineage.ts';
import type { IssueOrder } from './ports.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';

/** The order for a grant, or a refusal where the credentials leave no whole second to issue for. */
export function issueOrder(
  grant: ProvedGrant,
  { issuedTokenType, client: { certificates } }: TokenRequest,
  id: string,
  nowSeconds: number,
): Result<IssueOrder> {
  const { subject, actor, boundTo } = grant;
  const issuedAt = Math.floor(nowSeconds);
  const isCertificate = boundTo !== undefined && 'x5t#S256' in boundTo;
  const keyEnds = isCertificate ? (certificates?.notAfterSeconds ?? 0) : Number.POSITIVE_INFINITY;
  const actorEnds = actor?.proof.expiresAt ?? Number.POSITIVE_INFINITY;
  const credentialsEnd = Math.floor(Math.min(subject.proof.expiresAt, actorEnds, keyEnds));
  const expiresAt = Math.min(issuedAt + grant.lifetimeSeconds, credentialsEnd);
  if (expiresAt <= issuedAt) return refuse({ role: 'subject', source: subject.source, reason: 'expired' });
  const { carried } = subject.proof;
  return ok({
    id,
    grant,
    issuedTokenType,
    issuedAt,
    expiresAt,
    lineage: lineageOf(subject, actor),
    origin: carried?.own?.origin ?? { iss: subject.issuer, sub: subject.subject },
    authentication: carried?.authentication,
  });
}
