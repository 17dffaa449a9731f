// Phase "issue": what an issuer is told to make. Lifetime is a ceiling, never a demand: the shorter of rule and target, and
// never past the credentials that it is made from (RFC 8693 §2.2.1): the subject's, and the certificate that it is bound to.

import type { ProvedGrant } from './decision.ts';
import type { IssueOrder } from './ports.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { TokenRequest } from './request.ts';

/** The order for a grant, or a refusal where the credential leaves no whole second to issue for. */
export function issueOrder(
  grant: ProvedGrant,
  { issuedTokenType, client: { certificates } }: TokenRequest,
  id: string,
  nowSeconds: number,
): Result<IssueOrder> {
  const issuedAt = Math.floor(nowSeconds);
  const keyEnds = grant.boundTo === undefined ? Number.POSITIVE_INFINITY : (certificates?.notAfterSeconds ?? 0);
  const credentialsEnd = Math.floor(Math.min(grant.subject.proof.expiresAt, keyEnds));
  const expiresAt = Math.min(issuedAt + grant.lifetimeSeconds, credentialsEnd);
  if (expiresAt <= issuedAt) return refuse({ role: 'subject', source: grant.subject.source, reason: 'expired' });
  return ok({ id, grant, issuedTokenType, issuedAt, expiresAt });
}
