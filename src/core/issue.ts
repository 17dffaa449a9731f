// Phase "issue": what an issuer is told to make. Lifetime is a ceiling, never a demand: the shorter of rule and target, and never past the
// credentials that it is made from (RFC 8693 §2.2.1): the subject's, the actor's, and the certificate that it is bound to. Where it
// comes from is copied, and what it was made of is added (`origin`, `lineage`).

import type { ProvedGrant } from './decision.ts';
import { LINEAGE_MAX } from './limits-delegation.ts';
import type { IssueOrder } from './ports.ts';
import type { ProvedPrincipal } from './principal.ts';
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
  const lineage = lineageOf(subject, actor);
  // What could not be read again is not issued.
  if (lineage.length > LINEAGE_MAX)
    return refuse({ role: 'subject', source: subject.source, reason: 'chain_too_long' });
  return ok({
    id,
    grant,
    issuedTokenType,
    issuedAt,
    expiresAt,
    lineage,
    origin: carried?.own?.origin ?? { iss: subject.issuer, sub: subject.subject },
    authentication: carried?.authentication,
  });
}

/** The tokens that it is made of, oldest first: those of the subject's, the subject's own, and an actor's that we issued. */
function lineageOf(subject: ProvedPrincipal, actor: ProvedPrincipal | undefined): readonly string[] {
  const ofActor = actor?.proof.carried?.own ? [...actor.proof.carried.own.lineage, actor.proof.handle] : [];
  const all = [...(subject.proof.carried?.own?.lineage ?? []), ...ofActor, subject.proof.handle];
  return [...new Set(all.filter((handle) => handle !== undefined))];
}
