// Phase "issue": what an issuer is told to make. Lifetime is a ceiling, never a demand: the shorter of rule and target, and
// never past the credential that it is made from (RFC 8693 §2.2.1).

import type { ProvedGrant } from './decision.ts';
import type { IssueOrder } from './ports.ts';
import { ok, type Result, refuse } from './refusal.ts';
import type { IssuedTokenType } from './request.ts';

/** The order for a grant, or a refusal where the credential leaves no whole second to issue for. */
export function issueOrder(
  grant: ProvedGrant,
  issuedTokenType: IssuedTokenType,
  id: string,
  nowSeconds: number,
): Result<IssueOrder> {
  const issuedAt = Math.floor(nowSeconds);
  const expiresAt = Math.min(issuedAt + grant.lifetimeSeconds, Math.floor(grant.subject.proof.expiresAt));
  if (expiresAt <= issuedAt) return refuse({ role: 'subject', source: grant.subject.source, reason: 'expired' });
  return ok({ id, grant, issuedTokenType, issuedAt, expiresAt });
}
