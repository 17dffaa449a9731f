// SPIFFE X.509-SVIDs (SX rows), presented over mutual TLS: the leaf's own trust domain chose this source, and only the authorities of
// its bundle count, never those of two domains together (SX-09, A-78). Judged for every request of a connection.

import type { CertificateProblem } from '../core/certificate-problem.ts';
import { asProved, type ProvedPrincipal, type Role, type Tell } from '../core/principal.ts';
import { type CredentialRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import { SPIFFE } from '../platforms/spiffe.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { Chain } from '../x509/chain.ts';
import { judgeSvid } from '../x509/svid.ts';
import { createKeptVerdicts } from './kept-verdicts.ts';
import type { SourceSettings, SourceVerifier } from './kind.ts';

export interface SvidSource {
  readonly settings: SourceSettings;
  /** `spiffe://<trust domain>`. */
  readonly issuer: string;
  readonly authorities: Authorities;
  readonly tell: Tell;
}

/** A verifier of the X.509-SVIDs of one trust domain. */
export function createSvidVerifier(source: SvidSource): NonNullable<SourceVerifier['verifyCertificates']> {
  const { settings, authorities } = source;
  const judgeKept = createKeptVerdicts<ReturnType<typeof judgeSvid>>();

  return (presented, chain, role, nowSeconds) => {
    const known = authorities.current();
    if (known.found === 'unavailable')
      return refuse({
        reason: 'keys_unavailable',
        source: settings.name,
        retryAfterSeconds: known.retryAfterSeconds,
      });
    const anchors = known.found;
    const verdict = judgeKept(presented, anchors, nowSeconds, () =>
      judgeSvid({ chain, anchors, nowSeconds, purpose: 'client' }),
    );
    if (!verdict.ok) return refuse(certificateRefusal(verdict.problem, role, settings.name));
    return proved(source, chain, verdict, role);
  };
}

/** A refusal of certificates, by their source where it is known. */
export function certificateRefusal(problem: CertificateProblem, role: Role, source?: string): CredentialRefusal {
  const whose = { role, ...(source === undefined ? {} : { source }) };
  return { ...whose, reason: 'certificate_refused', problem };
}

function proved(
  { settings, issuer, tell }: SvidSource,
  [leaf]: Chain,
  verdict: Extract<ReturnType<typeof judgeSvid>, { ok: true }>,
  role: Role,
): Result<ProvedPrincipal, CredentialRefusal> {
  const { text } = verdict.id;
  const claims = { sub: text };
  const claim = settings.unmetRequirement(claims);
  if (claim !== undefined) return refuse({ role, source: settings.name, reason: 'requirement_unmet', claim });
  const principal = { source: settings.name, kind: SPIFFE.kind, issuer, subject: text, name: text, claims };
  return ok(
    asProved(principal, {
      sha256: leaf.sha256,
      jti: undefined,
      expiresAt: verdict.notAfterSeconds,
      replay: 'reusable',
      tell: settings.tell ?? tell,
      presenter: 'self',
      audience: settings.ownIssuer,
      boundTo: undefined,
      issuedAt: leaf.notBeforeSeconds,
    }),
  );
}
