// tls_client_auth (RFC 8705 §2.1): a certificate from the one authority that the client is registered with, with the one name that
// stands for it. No other authority counts, the system's least of all (MT-08).

import type { PresentedCertificates } from '../core/client.ts';
import type { ProvedPrincipal } from '../core/principal.ts';
import { type ClientRefusal, type CredentialRefusal, ok, type Result, refuse } from '../core/refusal.ts';
import type { Certificate } from '../x509/certificate.ts';
import { readChain } from '../x509/chain.ts';
import { findPath } from '../x509/path.ts';
import type { CertificateName, ClientMethodSettings } from './client-kind.ts';
import { clientPrincipal } from './client-secret.ts';
import { createKeptVerdicts } from './kept-verdicts.ts';
import { certificateRefusal } from './x509-svid.ts';

interface Presented {
  readonly id: string;
  readonly method: Extract<ClientMethodSettings, { by: 'certificate' }>;
  readonly certificates: PresentedCertificates;
  readonly nowSeconds: number;
}

/** Proves clients by the certificate of their connection; verdicts live as long as that does. */
export function createCertificateVerifier(ownIssuer: string) {
  const chains = new WeakMap<PresentedCertificates, ReturnType<typeof readChain>>();
  const judgeKept = createKeptVerdicts<ReturnType<typeof findPath>>();

  return ({
    id,
    method,
    certificates,
    nowSeconds,
  }: Presented): Result<ProvedPrincipal, ClientRefusal | CredentialRefusal> => {
    const read = chains.get(certificates) ?? readChain(certificates.ders);
    chains.set(certificates, read);
    if (!read.ok) return refuse(certificateRefusal(read.problem, 'client', 'clients'));
    const [leaf, ...others] = read.chain;
    const anchors = method.authorities;
    const verdict = judgeKept(certificates, anchors, nowSeconds, () =>
      findPath({ leaf, others, anchors, nowSeconds, purpose: 'client' }),
    );
    if (!verdict.ok) return refuse(certificateRefusal(verdict.problem, 'client', 'clients'));
    if (!bears(leaf, method.name))
      return refuse({ reason: 'client_credential_refused', method: 'certificate', problem: 'other_identity' });
    return ok(clientPrincipal(id, ownIssuer, { sha256: leaf.sha256, expiresAt: verdict.notAfterSeconds }));
  };
}

/** One exact name of the certificate; host names are compared without ASCII case, and their wildcards are no names of anybody. */
const bears = ({ uriNames, dnsNames }: Certificate, name: CertificateName): boolean =>
  'uri' in name ? uriNames.includes(name.uri) : dnsNames.some((dns) => dns.toLowerCase() === name.dns.toLowerCase());
